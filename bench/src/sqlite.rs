//! The same documents in SQLite: a blob under an integer key, two columns with an index each, WAL,
//! `synchronous = FULL`.

use std::path::Path;

use rusqlite::{Connection, params};

use crate::Outcome;
use crate::documents::{Person, cbor};

pub struct Sqlite(Connection);

impl Sqlite {
    pub fn open(path: &Path) -> Outcome<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "pragma journal_mode = wal; pragma synchronous = full; pragma cache_size = -262144;
             create table people (id integer primary key, team integer, score integer, document blob not null);
             create index team on people (team);
             create index score on people (score)",
        )?;
        Ok(Self(connection))
    }

    /// Puts documents in one transaction.
    pub fn put(&mut self, people: &[(u64, Person, Vec<u8>)]) -> Outcome<()> {
        let rows = people.iter();
        self.put_rows(rows.map(|(number, person, document)| (*number, person, &document[..])))
    }

    fn put_rows<'p>(
        &mut self,
        rows: impl Iterator<Item = (u64, &'p Person, &'p [u8])>,
    ) -> Outcome<()> {
        let transaction = self.0.transaction()?;
        {
            let mut put =
                transaction.prepare_cached("insert or replace into people values (?, ?, ?, ?)")?;
            for (number, person, document) in rows {
                put.execute(params![
                    number as i64,
                    person.team as i64,
                    person.score as i64,
                    document
                ])?;
            }
        }
        Ok(transaction.commit()?)
    }

    pub fn put_one(&mut self, number: u64, person: &Person) -> Outcome<()> {
        self.put_rows([(number, person, cbor(person).as_slice())].into_iter())
    }

    /// The documents of a team: how many, and their bytes.
    pub fn team(&self, team: u64) -> Outcome<(usize, Vec<u8>)> {
        let mut query = self
            .0
            .prepare_cached("select id, document from people where team = ? order by id")?;
        let mut rows = query.query(params![team as i64])?;
        let (mut count, mut bytes) = (0, Vec::new());
        while let Some(row) = rows.next()? {
            let _id: i64 = row.get(0)?;
            bytes.extend_from_slice(row.get_ref(1)?.as_blob()?);
            count += 1;
        }
        Ok((count, bytes))
    }

    pub fn count_scores(&self, low: u64, high: u64) -> Outcome<u64> {
        let mut query = self
            .0
            .prepare_cached("select count(*) from people where score between ? and ?")?;
        let count: i64 = query.query_row(params![low as i64, high as i64], |row| row.get(0))?;
        Ok(count as u64)
    }
}
