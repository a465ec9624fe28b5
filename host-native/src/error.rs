//! Every way in which a call can fail.

use crate::host::wit;
pub use crate::host::wit::Limit;
use crate::store::{OpenError, StoreFailure};

/// What was wrong, and where.
#[derive(Debug, Clone)]
pub struct Problem {
    /// The argument, or the path inside it: `key`, `where.and[1].op`, `[17].value`.
    pub place: String,
    /// A sentence for people, which says what to do. Nothing may match on it.
    pub message: String,
}

/// Which limit was exceeded.
#[derive(Debug, Clone)]
pub struct Excess {
    /// The limit.
    pub limit: Limit,
    /// The limit in force, in the unit of the limit.
    pub maximum: u64,
    /// See [`Problem`].
    pub place: String,
    /// See [`Problem`].
    pub message: String,
}

/// A Lua error, or Lua source that does not compile.
#[derive(Debug, Clone)]
pub struct ScriptFailure {
    /// The error as text, with chunk name and line where Lua knows them.
    pub message: String,
    /// The Lua stack, innermost call first; empty for source that does not compile.
    pub traceback: String,
}

/// Every way in which a call can fail. A call that fails has changed nothing.
///
/// [`code`](Error::code) is what a program asks; the text is for people and says what to do.
///
/// ```
/// use cu_db::Database;
///
/// let database = Database::in_memory()?;
/// let error = database.scan::<u32>("nothing", ..).next().unwrap().unwrap_err();
/// assert_eq!(error.code(), "unknown-table");
/// # Ok::<(), cu_db::Error>(())
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A name, key, option or other argument can't be right, whatever the database holds.
    #[error("{}", at(.0))]
    InvalidArgument(Problem),
    /// Bytes that are no value: malformed CBOR, or a value outside of the data model.
    #[error("{}", at(.0))]
    InvalidValue(Problem),
    /// A query that can't be right: unknown member or operator, operand of the wrong type.
    #[error("{}", at(.0))]
    InvalidQuery(Problem),
    /// No table has this name.
    #[error(
        "there is no table {0:?}; `tables` lists those that exist, and the first document makes one"
    )]
    UnknownTable(String),
    /// No index has this name in the table.
    #[error("{}", at(.0))]
    UnknownIndex(Problem),
    /// No function has this name in the table.
    #[error("{}", at(.0))]
    UnknownFunction(Problem),
    /// Something else stands at this name, at this key, or with these values already.
    #[error("{}", at(.0))]
    AlreadyExists(Problem),
    /// A document is not as an operation of a batch asked for.
    #[error("{}", at(.0))]
    PreconditionFailed(Problem),
    /// A limit was exceeded.
    #[error("{}", excess(.0))]
    LimitExceeded(Excess),
    /// Lua source that does not compile.
    #[error("{}", .0.message)]
    Syntax(ScriptFailure),
    /// An error that Lua code raised and did not catch.
    #[error("{}", .0.message)]
    Script(ScriptFailure),
    /// A Lua value that can't be stored or returned.
    #[error("{}", at(.0))]
    Unstorable(Problem),
    /// The store failed.
    #[error("{0}")]
    Store(StoreFailure),
    /// The store's format is newer than the component, or the store is not Cu's.
    #[error("{}", at(.0))]
    UnsupportedFormat(Problem),
    /// The store contradicts itself. Nothing was written.
    #[error("{}", at(.0))]
    Corrupt(Problem),
    /// An import into the database was begun and is not finished; import the archive again.
    #[error("{}", at(.0))]
    Incomplete(Problem),
    /// The change feed has not, or no longer, what was asked for. Read the documents anew, and go on from there.
    #[error("{}", at(.0))]
    OutOfDate(Problem),
    /// The caller asked for the call to end.
    #[error("the call was cancelled; nothing was written")]
    Cancelled,

    /// The database can't be opened.
    #[error("{0}")]
    Open(OpenError),
    /// The component can't be used: it can't be read or compiled, or imports what this host does not have.
    #[error("the component can't be used: {0}")]
    Component(String),
    /// The component failed in a way of which it can tell nothing. Its instance was thrown
    /// away, with the globals that Lua kept; the next call gets a new one.
    #[error(
        "the component failed: {what}; {}", if *.committed {
            "what the call wrote was committed before"
        } else {
            "nothing was written, and the next call runs on a new instance"
        }
    )]
    Trapped {
        /// What the engine says.
        what: String,
        /// Whether the call had committed already.
        committed: bool,
    },
    /// The transaction was committed or rolled back before.
    #[error("the transaction has ended; begin another one")]
    Ended,
    /// An archive can't be read or written.
    #[error("the archive can't be read or written: {0}")]
    Archive(#[from] std::io::Error),
    /// A Rust value that has no CBOR form.
    #[error("the value can't be encoded: {0}")]
    Encode(String),
    /// CBOR that doesn't fit the Rust type which was asked for.
    #[error("the result doesn't fit the type that was asked for: {0}")]
    Decode(String),
}

impl Error {
    /// The stable name of the case, the same on every host.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::InvalidArgument(_) => "invalid-argument",
            Self::InvalidValue(_) => "invalid-value",
            Self::InvalidQuery(_) => "invalid-query",
            Self::UnknownTable(_) => "unknown-table",
            Self::UnknownIndex(_) => "unknown-index",
            Self::UnknownFunction(_) => "unknown-function",
            Self::AlreadyExists(_) => "already-exists",
            Self::PreconditionFailed(_) => "precondition-failed",
            Self::LimitExceeded(_) => "limit-exceeded",
            Self::Syntax(_) => "syntax",
            Self::Script(_) => "script",
            Self::Unstorable(_) => "unstorable",
            Self::Store(failure) => store_code(failure),
            Self::UnsupportedFormat(_) => "unsupported-format",
            Self::Corrupt(_) => "corrupt",
            Self::Incomplete(_) => "incomplete",
            Self::OutOfDate(_) => "out-of-date",
            Self::Cancelled => "cancelled",
            Self::Open(OpenError::NotFound(_) | OpenError::NoParent(_)) => "not-found",
            Self::Open(OpenError::Foreign(..)) => "foreign",
            Self::Open(OpenError::NewerFormat(..) | OpenError::OlderFormat(..)) => {
                "unsupported-format"
            }
            Self::Open(OpenError::InUse(_)) => "in-use",
            Self::Open(OpenError::Permission(..)) => "permission",
            Self::Open(OpenError::Store(_, failure)) => store_code(failure),
            Self::Component(_) => "component",
            Self::Trapped { .. } => "trapped",
            Self::Ended => "store-closed",
            Self::Archive(_) => "archive-io",
            Self::Encode(_) => "encode",
            Self::Decode(_) => "decode",
        }
    }

    /// The limit that was exceeded, by its name in `wit/types.wit`, and its value in the limit's unit.
    #[must_use]
    pub fn limit(&self) -> Option<(&'static str, u64)> {
        match self {
            Self::LimitExceeded(excess) => Some((limit_name(excess.limit), excess.maximum)),
            _ => None,
        }
    }

    /// The argument, or the path inside it, that the error is about.
    #[must_use]
    pub fn place(&self) -> Option<&str> {
        let place = match self {
            Self::InvalidArgument(problem)
            | Self::InvalidValue(problem)
            | Self::InvalidQuery(problem)
            | Self::UnknownIndex(problem)
            | Self::UnknownFunction(problem)
            | Self::AlreadyExists(problem)
            | Self::PreconditionFailed(problem)
            | Self::Unstorable(problem)
            | Self::UnsupportedFormat(problem)
            | Self::Corrupt(problem)
            | Self::Incomplete(problem)
            | Self::OutOfDate(problem) => &problem.place,
            Self::LimitExceeded(excess) => &excess.place,
            _ => return None,
        };
        Some(place)
            .filter(|place| !place.is_empty())
            .map(String::as_str)
    }

    /// The Lua stack of an error that Lua code raised, innermost call first.
    #[must_use]
    pub fn traceback(&self) -> Option<&str> {
        match self {
            Self::Script(failure) => Some(&failure.traceback)
                .filter(|text| !text.is_empty())
                .map(String::as_str),
            _ => None,
        }
    }

    /// Whether the store is at fault, and not what was asked of it.
    #[must_use]
    pub fn is_store(&self) -> bool {
        matches!(
            self,
            Self::Store(_)
                | Self::Open(_)
                | Self::UnsupportedFormat(_)
                | Self::Corrupt(_)
                | Self::Incomplete(_)
        )
    }
}

fn store_code(failure: &StoreFailure) -> &'static str {
    match failure {
        StoreFailure::Conflict => "store-conflict",
        StoreFailure::ReadOnly => "store-read-only",
        StoreFailure::Full(_) => "store-full",
        StoreFailure::Corrupt(_) => "store-corrupt",
        StoreFailure::Closed(_) => "store-closed",
        StoreFailure::Io(_) => "store-io",
    }
}

/// A problem's message, with the place where it isn't part of it.
fn at(problem: &Problem) -> String {
    located(&problem.place, &problem.message)
}

fn located(place: &str, message: &str) -> String {
    if place.is_empty() || message.contains(place) {
        message.to_owned()
    } else {
        // Some sentences are about what is at the place.
        let colon = if message.starts_with("is ") || message.starts_with("has ") {
            ""
        } else {
            ":"
        };
        format!("{place}{colon} {message}")
    }
}

fn excess(excess: &Excess) -> String {
    format!(
        "{} (limit {}: {})",
        located(&excess.place, &excess.message),
        limit_name(excess.limit),
        excess.maximum
    )
}

/// The name of a limit as `wit/types.wit` has it.
fn limit_name(limit: Limit) -> &'static str {
    match limit {
        Limit::NameSize => "name-size",
        Limit::KeySize => "key-size",
        Limit::ValueSize => "value-size",
        Limit::ValueDepth => "value-depth",
        Limit::BatchSize => "batch-size",
        Limit::FunctionSize => "function-size",
        Limit::Instructions => "instructions",
        Limit::Memory => "memory",
        Limit::CallDepth => "call-depth",
        Limit::ResultSize => "result-size",
        Limit::OutputSize => "output-size",
        Limit::TransactionSize => "transaction-size",
        Limit::WallClock => "wall-clock",
    }
}

impl From<wit::Error> for Error {
    fn from(error: wit::Error) -> Self {
        use wit::ErrorCode as Code;
        let wit::Error {
            code,
            place,
            message,
            traceback,
            excess,
        } = error;
        let problem = |place, message| Problem { place, message };
        match code {
            Code::InvalidArgument => Self::InvalidArgument(problem(place, message)),
            Code::InvalidValue => Self::InvalidValue(problem(place, message)),
            Code::InvalidQuery => Self::InvalidQuery(problem(place, message)),
            Code::UnknownTable => Self::UnknownTable(place),
            Code::UnknownIndex => Self::UnknownIndex(problem(place, message)),
            Code::UnknownFunction => Self::UnknownFunction(problem(place, message)),
            Code::AlreadyExists => Self::AlreadyExists(problem(place, message)),
            Code::PreconditionFailed => Self::PreconditionFailed(problem(place, message)),
            Code::LimitExceeded => match excess {
                Some(wit::Excess { limit, maximum }) => Self::LimitExceeded(Excess {
                    limit,
                    maximum,
                    place,
                    message,
                }),
                None => Self::Component("it exceeds a limit and does not say which".to_owned()),
            },
            Code::Syntax => Self::Syntax(ScriptFailure { message, traceback }),
            Code::Script => Self::Script(ScriptFailure { message, traceback }),
            Code::Unstorable => Self::Unstorable(problem(place, message)),
            Code::StoreConflict => Self::Store(StoreFailure::Conflict),
            Code::StoreReadOnly => Self::Store(StoreFailure::ReadOnly),
            Code::StoreFull => Self::Store(StoreFailure::Full(message)),
            Code::StoreCorrupt => Self::Store(StoreFailure::Corrupt(message)),
            Code::StoreClosed => Self::Store(StoreFailure::Closed(message)),
            Code::StoreIo => Self::Store(StoreFailure::Io(message)),
            Code::UnsupportedFormat => Self::UnsupportedFormat(problem(place, message)),
            Code::Corrupt => Self::Corrupt(problem(place, message)),
            Code::Incomplete => Self::Incomplete(problem(place, message)),
            Code::OutOfDate => Self::OutOfDate(problem(place, message)),
            Code::Cancelled => Self::Cancelled,
        }
    }
}

impl From<StoreFailure> for Error {
    fn from(failure: StoreFailure) -> Self {
        Self::Store(failure)
    }
}

impl From<OpenError> for Error {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}
