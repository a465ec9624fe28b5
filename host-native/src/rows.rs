//! Rows of queries, page by page and in groups.

use std::collections::VecDeque;

use serde::de::DeserializeOwned;

use crate::{Database, Error, Key, Query, cbor};

/// Rows of one page of [`Database::rows`].
const PAGE: u64 = 1_000;

/// A part of a query's rows, and where the next one begins.
#[derive(Clone, Debug, PartialEq)]
pub struct Page<T> {
    /// Documents with their keys.
    pub rows: Vec<(Key, T)>,
    /// What [`Query::after`] takes; none if there are no more rows. It stays right while others write.
    pub next: Option<Vec<u8>>,
}

/// The rows of a query, read page by page. See [`Database::rows`].
pub struct Rows<'a, T> {
    database: &'a Database,
    /// The query for the next page; none when the rows are through.
    next: Option<Query>,
    /// How many rows are still wanted.
    left: Option<u64>,
    rows: VecDeque<(Key, T)>,
}

impl Database {
    /// The rows that a query asks for, with the place behind them. Its limit is that of the page.
    ///
    /// # Errors
    /// As [`query`](Database::query); [`Error::InvalidQuery`] for rows that are made of many documents.
    pub fn page<T: DeserializeOwned>(&self, query: &Query) -> Result<Page<T>, Error> {
        let page = self.raw().queries_page(&query.to_cbor()?)?;
        Ok(Page {
            rows: cbor::decode(&page.rows)?,
            next: page.next,
        })
    }

    /// All rows that a query asks for, read a thousand at a time as the iterator goes on, each page in a transaction of its own:
    /// what others write meanwhile shows behind the last row, and no row comes twice. The iterator ends with the first error.
    ///
    /// ```
    /// use cu_db::{Database, Query, field};
    ///
    /// let database = Database::in_memory()?;
    /// for number in 0..5_000 {
    ///     database.put("squares", number, &(number * number))?;
    /// }
    /// let all = Query::table("squares").offset(4_000);
    /// assert_eq!(database.rows::<i64>(&all).count(), 1_000);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn rows<T: DeserializeOwned>(&self, query: &Query) -> Rows<'_, T> {
        Rows {
            database: self,
            next: Some(query.clone()),
            left: query.limit_given(),
            rows: VecDeque::new(),
        }
    }

    /// The rows of a query that makes each of many documents, as maps.
    ///
    /// ```
    /// use std::collections::BTreeMap;
    /// use cu_db::{Aggregate, Database, Query};
    ///
    /// let database = Database::in_memory()?;
    /// for (key, country, people) in [(1, "NZ", 215), (2, "NZ", 400), (3, "WS", 37)] {
    ///     database.put("cities", key, &BTreeMap::from([("country", country.into()), ("people", cu_db::Value::from(people))]))?;
    /// }
    /// let query = Query::table("cities").group_by(["country"]).aggregate("n", Aggregate::count());
    /// let groups: Vec<(String, u64)> = database
    ///     .query_groups::<BTreeMap<String, cu_db::Value>>(&query)?
    ///     .into_iter()
    ///     .map(|mut group| (group.remove("country").unwrap().into_text().unwrap(), group["n"].deserialized().unwrap()))
    ///     .collect();
    /// assert_eq!(groups, [("NZ".to_owned(), 2), ("WS".to_owned(), 1)]);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`query`](Database::query).
    pub fn query_groups<T: DeserializeOwned>(&self, query: &Query) -> Result<Vec<T>, Error> {
        cbor::decode(&self.raw().queries_run(&query.to_cbor()?)?)
    }
}

impl<T: DeserializeOwned> Rows<'_, T> {
    /// Reads the next page.
    fn turn(&mut self) -> Result<(), Error> {
        let Some(query) = self.next.take() else {
            return Ok(());
        };
        let limit = self.left.map_or(PAGE, |left| left.min(PAGE));
        let page = self.database.page(&query.clone().limit(limit))?;
        self.left = self.left.map(|left| left - page.rows.len() as u64);
        self.next = page
            .next
            .filter(|_| self.left != Some(0))
            .map(|next| query.offset(0).after(next));
        self.rows = page.rows.into();
        Ok(())
    }
}

impl<T: DeserializeOwned> Iterator for Rows<'_, T> {
    type Item = Result<(Key, T), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rows.is_empty()
            && let Err(error) = self.turn()
        {
            return Some(Err(error));
        }
        self.rows.pop_front().map(Ok)
    }
}
