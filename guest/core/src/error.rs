//! Every way a call can fail, as `wit/types.wit` documents them.

use std::fmt;

/// What was wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The argument, or the path inside it: `key`, `where.and[1].op`.
    pub place: String,
    /// A sentence for people.
    pub message: String,
}

/// A limit that a call can run into; units as in `wit/types.wit`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented in wit/types.wit")]
pub enum Limit {
    NameSize,
    KeySize,
    ValueSize,
    ValueDepth,
    BatchSize,
    FunctionSize,
    Instructions,
    Memory,
    CallDepth,
    ResultSize,
    OutputSize,
    TransactionSize,
    WallClock,
}

/// Which limit was exceeded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Excess {
    /// The limit.
    pub limit: Limit,
    /// Its value, in the limit's unit.
    pub maximum: u64,
    /// As in [`Problem`].
    pub place: String,
    /// As in [`Problem`].
    pub message: String,
}

/// A Lua error, or Lua source that does not compile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScriptFailure {
    /// The error as text.
    pub message: String,
    /// The Lua stack, innermost call first; empty for source that does not compile.
    pub traceback: String,
}

/// Why the host's store did not do what it was asked to.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented in wit/types.wit")]
pub enum StoreFailure {
    Conflict,
    ReadOnly,
    Full(String),
    Corrupt(String),
    Closed(String),
    Io(String),
}

/// Every way a call can fail. A call that fails has changed nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is documented in wit/types.wit")]
pub enum Error {
    InvalidArgument(Problem),
    InvalidValue(Problem),
    InvalidQuery(Problem),
    UnknownTable(String),
    UnknownIndex(Problem),
    UnknownFunction(Problem),
    AlreadyExists(Problem),
    PreconditionFailed(Problem),
    LimitExceeded(Excess),
    Syntax(ScriptFailure),
    Script(ScriptFailure),
    Unstorable(Problem),
    Store(StoreFailure),
    UnsupportedFormat(Problem),
    Corrupt(Problem),
    Incomplete(Problem),
    OutOfDate(Problem),
    Cancelled,
}

/// What most of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn problem(place: impl Into<String>, message: impl Into<String>) -> Problem {
    Problem {
        place: place.into(),
        message: message.into(),
    }
}

impl Error {
    /// An argument that can't be right, whatever the database holds.
    pub fn argument(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::InvalidArgument(problem(place, message))
    }

    /// Bytes that are no value.
    pub fn value(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::InvalidValue(problem(place, message))
    }

    /// A query that can't be right.
    pub fn query(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::InvalidQuery(problem(place, message))
    }

    /// Something else stands at this name, key or value already.
    pub fn already_exists(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::AlreadyExists(problem(place, message))
    }

    /// The document is not as the caller asked for.
    pub fn precondition(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::PreconditionFailed(problem(place, message))
    }

    /// A Lua value that can't be stored or returned.
    pub fn unstorable(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Unstorable(problem(place, message))
    }

    /// No function has this name in the table.
    pub fn unknown_function(table: &str, name: &str) -> Self {
        Error::UnknownFunction(problem(
            "name",
            format!("table '{table}' has no function '{name}'; list them, or persist one first"),
        ))
    }

    /// The store contradicts itself.
    pub fn corrupt(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::Corrupt(problem(place, message))
    }

    /// The change feed does not have what was asked for.
    pub fn out_of_date(place: impl Into<String>, message: impl Into<String>) -> Self {
        Error::OutOfDate(problem(place, message))
    }

    /// A limit was exceeded; `what` begins the sentence ("a document has").
    pub fn limit(
        limit: Limit,
        maximum: u64,
        place: impl Into<String>,
        message: impl Into<String>,
    ) -> Self {
        Error::LimitExceeded(Excess {
            limit,
            maximum,
            place: place.into(),
            message: message.into(),
        })
    }

    /// The call took longer than it may.
    #[must_use]
    pub fn time_is_over(milliseconds: u64) -> Self {
        Error::limit(
            Limit::WallClock,
            milliseconds,
            "",
            format!(
                "the call ran longer than {milliseconds} milliseconds; do less in one call, or allow more"
            ),
        )
    }

    /// The place that it leads to, empty if there is none, and what there is to say.
    #[must_use]
    pub fn into_parts(mut self) -> (String, String) {
        let place = self.place_mut().map(std::mem::take).unwrap_or_default();
        (place, self.to_string())
    }

    fn place_mut(&mut self) -> Option<&mut String> {
        match self {
            Error::InvalidArgument(p)
            | Error::InvalidValue(p)
            | Error::InvalidQuery(p)
            | Error::UnknownIndex(p)
            | Error::UnknownFunction(p)
            | Error::AlreadyExists(p)
            | Error::PreconditionFailed(p)
            | Error::Unstorable(p)
            | Error::UnsupportedFormat(p)
            | Error::Corrupt(p)
            | Error::Incomplete(p)
            | Error::OutOfDate(p) => Some(&mut p.place),
            Error::LimitExceeded(e) => Some(&mut e.place),
            _ => None,
        }
    }

    /// The same error, its place put behind `prefix` (`[17]` and `key` give `[17].key`).
    #[must_use]
    pub fn under(mut self, prefix: &str) -> Self {
        if let Some(place) = self.place_mut() {
            *place = match place.as_bytes().first() {
                None => prefix.to_string(),
                Some(b'[') => format!("{prefix}{place}"),
                Some(_) => format!("{prefix}.{place}"),
            };
        }
        self
    }

    /// The same error, with a place if it has none: for an argument whose insides are places themselves.
    #[must_use]
    pub fn at_least_in(mut self, argument: &str) -> Self {
        if let Some(place) = self.place_mut().filter(|place| place.is_empty()) {
            *place = argument.to_string();
        }
        self
    }

    /// The name of the case, as in `wit/types.wit`, with the store's own case behind `store-`.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Error::InvalidArgument(_) => "invalid-argument",
            Error::InvalidValue(_) => "invalid-value",
            Error::InvalidQuery(_) => "invalid-query",
            Error::UnknownTable(_) => "unknown-table",
            Error::UnknownIndex(_) => "unknown-index",
            Error::UnknownFunction(_) => "unknown-function",
            Error::AlreadyExists(_) => "already-exists",
            Error::PreconditionFailed(_) => "precondition-failed",
            Error::LimitExceeded(_) => "limit-exceeded",
            Error::Syntax(_) => "syntax",
            Error::Script(_) => "script",
            Error::Unstorable(_) => "unstorable",
            Error::Store(StoreFailure::Conflict) => "store-conflict",
            Error::Store(StoreFailure::ReadOnly) => "store-read-only",
            Error::Store(StoreFailure::Full(_)) => "store-full",
            Error::Store(StoreFailure::Corrupt(_)) => "store-corrupt",
            Error::Store(StoreFailure::Closed(_)) => "store-closed",
            Error::Store(StoreFailure::Io(_)) => "store-io",
            Error::UnsupportedFormat(_) => "unsupported-format",
            Error::Corrupt(_) => "corrupt",
            Error::Incomplete(_) => "incomplete",
            Error::OutOfDate(_) => "out-of-date",
            Error::Cancelled => "cancelled",
        }
    }
}

impl From<StoreFailure> for Error {
    fn from(failure: StoreFailure) -> Self {
        Error::Store(failure)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (place, message) = match self {
            Error::InvalidArgument(p)
            | Error::InvalidValue(p)
            | Error::InvalidQuery(p)
            | Error::UnknownIndex(p)
            | Error::UnknownFunction(p)
            | Error::AlreadyExists(p)
            | Error::PreconditionFailed(p)
            | Error::Unstorable(p)
            | Error::UnsupportedFormat(p)
            | Error::Corrupt(p)
            | Error::Incomplete(p)
            | Error::OutOfDate(p) => (p.place.as_str(), p.message.as_str()),
            Error::LimitExceeded(e) => (e.place.as_str(), e.message.as_str()),
            Error::Syntax(s) | Error::Script(s) => ("", s.message.as_str()),
            Error::Store(StoreFailure::Conflict) => (
                "",
                "another transaction changed what this one read; run it again",
            ),
            Error::Store(StoreFailure::ReadOnly) => ("", "the database was opened read-only"),
            Error::Store(
                StoreFailure::Full(m)
                | StoreFailure::Corrupt(m)
                | StoreFailure::Closed(m)
                | StoreFailure::Io(m),
            ) => ("", m.as_str()),
            Error::Cancelled => ("", "the call was cancelled"),
            Error::UnknownTable(name) => {
                return write!(
                    f,
                    "there is no table '{name}'; a table comes to be with its first document"
                );
            }
        };
        if place.is_empty() {
            f.write_str(message)
        } else if message.starts_with("is ") || message.starts_with("has ") {
            // The place is what the sentence is about.
            write!(f, "{place} {message}")
        } else {
            write!(f, "{place}: {message}")
        }
    }
}

impl std::error::Error for Error {}
