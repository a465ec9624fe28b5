//! How a command fails: what it prints, and its exit code.

use std::fmt;
use std::process::ExitCode;

use cu_db::Error;
use serde_json::json;

/// Why a command failed.
pub enum Failure {
    /// The database says no.
    Database(Error),
    /// What was asked for isn't there.
    Absent(String),
    /// A file or a value on the command line is at fault.
    Input(String),
    /// The command line can't be right, in a way that the parser doesn't see.
    Usage(String),
}

impl Failure {
    /// The documented exit code.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Database(error) if error.is_store() => 3,
            Self::Database(Error::Component(_) | Error::Trapped { .. }) => 4,
            Self::Database(_) | Self::Absent(_) | Self::Input(_) => 1,
        })
    }

    fn code(&self) -> &str {
        match self {
            Self::Database(error) => error.code(),
            Self::Absent(_) => "absent",
            Self::Input(_) => "input",
            Self::Usage(_) => "usage",
        }
    }

    /// Prints to standard error.
    pub fn print(&self, as_json: bool) {
        let (place, traceback) = match self {
            Self::Database(error) => (error.place(), error.traceback()),
            _ => (None, None),
        };
        if as_json {
            let mut error = json!({"code": self.code(), "message": self.to_string()});
            if let Some(place) = place {
                error["place"] = place.into();
            }
            if let Some(traceback) = traceback {
                error["traceback"] = traceback.into();
            }
            eprintln!("{}", json!({ "error": error }));
        } else {
            eprintln!("error: {self}");
            if let Some(traceback) = traceback {
                eprintln!("{traceback}");
            }
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => error.fmt(f),
            Self::Absent(what) | Self::Input(what) | Self::Usage(what) => what.fmt(f),
        }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Database(error)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::Input(error.to_string())
    }
}

impl From<serde_json::Error> for Failure {
    fn from(error: serde_json::Error) -> Self {
        Self::Input(error.to_string())
    }
}
