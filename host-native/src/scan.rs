//! Walking through a table page by page.

use std::collections::VecDeque;
use std::marker::PhantomData;
use std::ops::{Bound, RangeBounds};

use serde::de::DeserializeOwned;

use crate::raw::ScanRange;
use crate::{Database, Error, Key, cbor};

/// Documents of one page at the most; a page of large ones ends earlier.
const PAGE: u32 = 1_000;

/// The documents of a range of keys, read page by page. See [`Database::scan`].
pub struct Scan<'a, T> {
    database: &'a Database,
    table: String,
    /// What is still to be read; none when it is through.
    range: Option<ScanRange>,
    /// Bounds that a range of the contract can't express.
    after: Option<Key>,
    until: Option<Key>,
    rows: VecDeque<(Key, T)>,
    types: PhantomData<T>,
}

impl Database {
    /// The documents of a table whose keys lie in a range, in the order of their keys. `..` is the
    /// whole table.
    ///
    /// Pages are read as the iterator goes on, each in a transaction of its own: what others write
    /// meanwhile may show. The iterator ends with the first error.
    ///
    /// ```
    /// use cu_db::{Database, Key};
    ///
    /// let database = Database::in_memory()?;
    /// for number in 0..10 {
    ///     database.put("squares", number, &(number * number))?;
    /// }
    /// let some: Vec<(Key, i64)> =
    ///     database.scan("squares", Key::from(3)..Key::from(5)).collect::<Result<_, _>>()?;
    /// assert_eq!(some, [(Key::Integer(3), 9), (Key::Integer(4), 16)]);
    /// # Ok::<(), cu_db::Error>(())
    /// ```
    pub fn scan<T: DeserializeOwned>(
        &self,
        table: &str,
        range: impl RangeBounds<Key>,
    ) -> Scan<'_, T> {
        Scan::new(self, table, &range, false)
    }

    /// As [`scan`](Database::scan), from the last key to the first one.
    pub fn scan_backward<T: DeserializeOwned>(
        &self,
        table: &str,
        range: impl RangeBounds<Key>,
    ) -> Scan<'_, T> {
        Scan::new(self, table, &range, true)
    }
}

impl<'a, T: DeserializeOwned> Scan<'a, T> {
    fn new(
        database: &'a Database,
        table: &str,
        range: &impl RangeBounds<Key>,
        backward: bool,
    ) -> Self {
        let (start, after) = match range.start_bound() {
            Bound::Included(key) => (Some(key.clone()), None),
            Bound::Excluded(key) => (Some(key.clone()), Some(key.clone())),
            Bound::Unbounded => (None, None),
        };
        let (end, until) = match range.end_bound() {
            Bound::Included(Key::Integer(key)) if *key < i64::MAX => {
                (Some(Key::Integer(key + 1)), None)
            }
            Bound::Included(key) => (None, Some(key.clone())),
            Bound::Excluded(key) => (Some(key.clone()), None),
            Bound::Unbounded => (None, None),
        };
        let range = ScanRange {
            start: start.map(Into::into),
            end: end.map(Into::into),
            backward,
            limit: PAGE,
        };
        Self {
            database,
            table: table.to_owned(),
            range: Some(range),
            after,
            until,
            rows: VecDeque::new(),
            types: PhantomData,
        }
    }

    /// Reads the next page; false if there is none.
    fn turn(&mut self) -> Result<bool, Error> {
        let Some(mut range) = self.range.take() else {
            return Ok(false);
        };
        let page = self.database.raw().documents_scan(&self.table, &range)?;
        self.rows = cbor::decode(&page.rows)?;
        if page.next.is_some() {
            if range.backward {
                range.end = page.next;
            } else {
                range.start = page.next;
            }
            self.range = Some(range);
        }
        Ok(true)
    }

    /// Whether a key lies within the bounds that the range leaves out.
    fn wanted(&self, key: &Key) -> bool {
        self.after.as_ref() != Some(key) && self.until.as_ref().is_none_or(|until| key <= until)
    }
}

impl<T: DeserializeOwned> Iterator for Scan<'_, T> {
    type Item = Result<(Key, T), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            while let Some((key, value)) = self.rows.pop_front() {
                if self.wanted(&key) {
                    return Some(Ok((key, value)));
                }
                if self.range.as_ref().is_some_and(|range| !range.backward)
                    && self.until.as_ref().is_some_and(|until| key > *until)
                {
                    // Everything that follows lies beyond the end.
                    self.range = None;
                }
            }
            match self.turn() {
                Ok(true) => {}
                Ok(false) => return None,
                Err(error) => return Some(Err(error)),
            }
        }
    }
}
