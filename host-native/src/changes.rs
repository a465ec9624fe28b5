//! The change feed, typed: its settings, its pages, and places in it.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, DeserializeOwned, Deserializer, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use crate::query::Condition;
use crate::{Database, Error, Key, Value, cbor};

/// The settings of the change feed: which tables it follows, and how much of it is kept.
///
/// ```
/// use cu_db::{Database, Feed};
///
/// let database = Database::in_memory()?;
/// database.configure_feed(&Feed::of(["users", "orders"]).changes(10_000))?;
/// assert_eq!(database.feed()?.unwrap().settings.changes, Some(10_000));
/// # Ok::<(), cu_db::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Feed {
    /// The tables that are followed; none for all.
    pub tables: Option<Vec<String>>,
    /// How many of the newest changes are kept at least.
    pub changes: Option<u64>,
    /// How many bytes they may take.
    pub bytes: Option<u64>,
}

impl Feed {
    /// All tables, and those to come.
    #[must_use]
    pub fn all() -> Self {
        Self::default()
    }

    /// The tables of these names, whether they exist or not.
    pub fn of<N: Into<String>>(tables: impl IntoIterator<Item = N>) -> Self {
        Self {
            tables: Some(tables.into_iter().map(Into::into).collect()),
            ..Self::default()
        }
    }

    /// How many of the newest changes are kept at least. Default: 100,000.
    #[must_use]
    pub fn changes(mut self, changes: u64) -> Self {
        self.changes = Some(changes);
        self
    }

    /// How many bytes the changes may take. Default: 64 MiB.
    #[must_use]
    pub fn bytes(mut self, bytes: u64) -> Self {
        self.bytes = Some(bytes);
        self
    }
}

/// The feed as it is now. See [`Database::feed`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FeedInfo {
    /// Its settings, defaults filled in.
    pub settings: Feed,
    /// The number of the newest commit.
    pub newest: u64,
    /// The number of the first commit behind which all changes are there.
    pub oldest: u64,
    /// Where it goes on with the next commit.
    pub position: Position,
}

/// A place in the change feed, to go on from.
///
/// It is a place of this feed and no other: in a database that was restored, or whose feed was switched off since, it is
/// [`Error::OutOfDate`]. The number of a commit is a place as well, but can't tell that. As text
/// ([`Display`](fmt::Display), [`FromStr`]) it is hexadecimal digits, a commit's number decimal ones.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Position(Place);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Place {
    Commit(u64),
    Cursor(Vec<u8>),
}

impl Position {
    /// The place behind a commit, by its number.
    #[must_use]
    pub fn commit(number: u64) -> Self {
        Self(Place::Commit(number))
    }
}

impl From<u64> for Position {
    fn from(number: u64) -> Self {
        Self::commit(number)
    }
}

impl Serialize for Position {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Place::Commit(number) => serializer.serialize_u64(*number),
            Place::Cursor(_) if serializer.is_human_readable() => serializer.collect_str(self),
            Place::Cursor(cursor) => serializer.serialize_bytes(cursor),
        }
    }
}

impl<'de> Deserialize<'de> for Position {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct PositionVisitor;

        impl Visitor<'_> for PositionVisitor {
            type Value = Position;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a place in the change feed")
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Position, E> {
                Ok(Position::commit(number))
            }

            fn visit_bytes<E: de::Error>(self, cursor: &[u8]) -> Result<Position, E> {
                Ok(Position(Place::Cursor(cursor.to_vec())))
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Position, E> {
                text.parse().map_err(E::custom)
            }
        }

        deserializer.deserialize_any(PositionVisitor)
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Place::Commit(number) => number.fmt(f),
            Place::Cursor(cursor) => cursor.iter().try_for_each(|byte| write!(f, "{byte:02x}")),
        }
    }
}

/// A text that is no [`Position`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "'{0}' is no place in the change feed; use the number of a commit, or a place as it was shown"
)]
pub struct ParsePositionError(String);

impl FromStr for Position {
    type Err = ParsePositionError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        /// Digits of the shortest cursor; no number of 64 bits has so many.
        const CURSOR: usize = 32;
        let wrong = || ParsePositionError(text.to_owned());
        if !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(wrong());
        }
        if text.len() < CURSOR {
            return text.parse().map(Self::commit).map_err(|_| wrong());
        }
        let bytes = text.as_bytes().chunks(2).map(|pair| match pair {
            [_, _] => u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok(),
            _ => None,
        });
        let cursor: Option<Vec<u8>> = bytes.collect();
        cursor
            .map(|cursor| Self(Place::Cursor(cursor)))
            .ok_or_else(wrong)
    }
}

/// One document that a commit has changed, or a table that it has dropped.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
#[non_exhaustive]
pub struct Change<T = Value> {
    /// The number of the commit.
    pub sequence: u64,
    /// The place behind this change.
    #[serde(rename = "cursor")]
    pub position: Position,
    /// The table's name.
    pub table: String,
    /// The document's key; none if the table was dropped with all that it held.
    pub key: Option<Key>,
    /// The document before the transaction; none if there was none.
    pub before: Option<T>,
    /// The document after it; none if it was deleted.
    pub after: Option<T>,
}

/// Changes of one or more commits. See [`Database::changes`].
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(bound = "T: DeserializeOwned")]
#[non_exhaustive]
pub struct ChangePage<T = Value> {
    /// The changes, oldest first.
    pub changes: Vec<Change<T>>,
    /// The place behind them, also if there are none.
    pub next: Position,
    /// Whether there may be more behind them already.
    pub more: bool,
    /// The number of the newest commit that was seen.
    pub newest: u64,
    /// The number of the first commit behind which all changes are there.
    pub oldest: u64,
}

/// Which changes are wanted.
///
/// ```
/// use cu_db::{Changes, Position, field};
///
/// let large = Changes::of(["orders"]).filter(field("amount").gt(100)).after(Position::commit(17));
/// ```
#[derive(Clone, Debug, Default, Serialize)]
#[must_use]
pub struct Changes {
    #[serde(skip_serializing_if = "Option::is_none")]
    tables: Option<Vec<String>>,
    #[serde(rename = "where", skip_serializing_if = "Option::is_none")]
    condition: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) after: Option<Position>,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<u64>,
    cursors: bool,
}

impl Changes {
    /// Those in all tables that the feed follows.
    pub fn all() -> Self {
        Self {
            cursors: true,
            ..Self::default()
        }
    }

    /// Those in some tables.
    pub fn of<N: Into<String>>(tables: impl IntoIterator<Item = N>) -> Self {
        Self {
            tables: Some(tables.into_iter().map(Into::into).collect()),
            ..Self::all()
        }
    }

    /// Only those of documents that meet a condition before the change or after it.
    pub fn filter(mut self, condition: Condition) -> Self {
        self.condition = Some(condition.0);
        self
    }

    /// Only those behind a place. Without, those from now on.
    pub fn after(mut self, position: impl Into<Position>) -> Self {
        self.after = Some(position.into());
        self
    }

    /// At most so many in one page. Default: 1,000.
    pub fn limit(mut self, limit: u64) -> Self {
        self.limit = Some(limit);
        self
    }
}

impl Database {
    /// Switches the change feed on, or changes its settings, all of them. It is off by default, since it makes each write
    /// larger, and stays on also when the database is opened anew. It has the changes from this call on; those of
    /// tables that were followed before stay.
    ///
    /// # Errors
    /// [`Error::InvalidArgument`] for a name that can't be one, and a number out of its range.
    pub fn configure_feed(&self, feed: &Feed) -> Result<(), Error> {
        self.raw().changes_configure(Some(&cbor::encode(feed)?))
    }

    /// Switches the change feed off, and deletes it.
    ///
    /// # Errors
    /// Only the store's.
    pub fn drop_feed(&self) -> Result<(), Error> {
        self.raw().changes_configure(None)
    }

    /// The change feed as it is now; none if it is off.
    ///
    /// # Errors
    /// Only the store's.
    pub fn feed(&self) -> Result<Option<FeedInfo>, Error> {
        #[derive(Deserialize)]
        struct Now {
            settings: Feed,
            newest: u64,
            oldest: u64,
            next: Position,
        }
        match self.raw().changes_read(&cbor::encode(&Changes::all())?) {
            Ok(page) => {
                let now: Now = cbor::decode(&page)?;
                Ok(Some(FeedInfo {
                    settings: now.settings,
                    newest: now.newest,
                    oldest: now.oldest,
                    position: now.next,
                }))
            }
            Err(Error::OutOfDate(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// A page of the changes, oldest first.
    ///
    /// # Errors
    /// [`Error::OutOfDate`] if the feed has not, or no longer, all changes that are wanted: read the documents
    /// anew, and go on from a position that was taken before that.
    pub fn changes<T: DeserializeOwned>(&self, changes: &Changes) -> Result<ChangePage<T>, Error> {
        cbor::decode(&self.raw().changes_read(&cbor::encode(changes)?)?)
    }
}
