//! The one error of this crate: a message for people and an exit code for programs.

use std::fmt;
use std::path::Path;

/// What everything here returns.
pub type Result<T> = std::result::Result<T, Error>;

/// A failure, in words that say what to do, with the exit code that belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Error {
    exit: u8,
    message: String,
}

impl Error {
    /// Something that should have worked did not (exit 1).
    pub fn failure(message: impl Into<String>) -> Self {
        Self { exit: 1, message: message.into() }
    }

    /// Something that is needed is not there: a program, a package, a download (exit 69).
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self { exit: 69, message: message.into() }
    }

    /// Reading or writing `path` failed (exit 74).
    pub fn io(doing: &str, path: &Path, error: &std::io::Error) -> Self {
        Self { exit: 74, message: format!("{doing} {}: {error}", path.display()) }
    }

    /// Ctrl-C or SIGTERM (exit 130).
    pub fn interrupted() -> Self {
        Self { exit: 130, message: "interrupted".to_owned() }
    }

    /// The exit code of the program that ends with this error.
    pub fn exit(&self) -> u8 {
        self.exit
    }

    /// Whether the user asked to stop.
    pub fn is_interruption(&self) -> bool {
        self.exit == 130
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Error {}
