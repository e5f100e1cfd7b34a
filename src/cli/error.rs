//! How a command fails: words for people and an exit code for scripts.

use std::error::Error;
use std::fmt;
use std::process::ExitCode;

use crate::config::ConfigError;
use crate::plugins::bridge::KafkaUnavailable;
use crate::world::spec::is_control;

/// Exit codes of the programs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// Something failed.
    Failure = 1,
    /// The command line is wrong.
    Usage = 2,
    /// A check found something.
    CheckFailed = 3,
    /// Data is wrong.
    BadData = 65,
    /// Something that is needed cannot be reached.
    Unavailable = 69,
    /// Reading or writing failed.
    Io = 74,
    /// The configuration is wrong.
    Configuration = 78,
}

/// Why a command failed.
#[derive(Debug)]
pub struct CliError {
    /// What the program exits with.
    pub exit: Exit,
    /// What went wrong, in a sentence; empty if everything has been said.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
    /// For a broken configuration, all that is wrong.
    pub config: Option<ConfigError>,
}

impl CliError {
    /// An error with this exit code.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), help: None, config: None }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Exits with this code; everything has been said on the output.
    pub fn silent(exit: Exit) -> Self {
        Self::new(exit, "")
    }

    /// Reading or writing failed.
    pub fn io(what: impl fmt::Display, error: &std::io::Error) -> Self {
        Self::new(Exit::Io, format!("{what}: {error}"))
    }

    /// The exit code as the system takes it.
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.exit as u8)
    }

    /// What is written to standard error.
    pub fn render(&self, with_colour: bool) -> String {
        if let Some(config) = &self.config {
            let count = config.count();
            let things = if count == 1 { "1 error".to_owned() } else { format!("{count} errors") };
            let of = if self.exit == Exit::Configuration { " in the configuration" } else { "" };
            return format!("{}{things}{of}\n", config.render(with_colour));
        }
        if self.message.is_empty() {
            return String::new();
        }
        let help = self.help.as_ref().map(|help| format!("  help: {help}\n")).unwrap_or_default();
        // Whatever was typed or read: a terminal must not take it for an order.
        let is_plain = |letter: char| !is_control(letter) || letter == '\n';
        format!("error: {}\n{help}", self.message).chars().map(|c| if is_plain(c) { c } else { ' ' }).collect()
    }
}

impl fmt::Display for CliError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.config {
            Some(config) => config.fmt(f),
            None => f.write_str(&self.message),
        }
    }
}

impl Error for CliError {}

impl From<ConfigError> for CliError {
    fn from(config: ConfigError) -> Self {
        Self { config: Some(config), ..Self::silent(Exit::Configuration) }
    }
}

impl From<KafkaUnavailable> for CliError {
    fn from(error: KafkaUnavailable) -> Self {
        let exit = match &error {
            KafkaUnavailable::Settings(_) => Exit::Configuration,
            KafkaUnavailable::Authentication { .. }
            | KafkaUnavailable::Unreachable { .. }
            | KafkaUnavailable::Refused { .. } => Exit::Unavailable,
        };
        Self::new(exit, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_no_order_to_a_terminal() {
        let error = CliError::new(Exit::Failure, "there is no NPC `a\u{1b}[31mX`\n  /name: \r\u{9b}7m");
        assert_eq!(error.help("b\u{7}").render(false), "error: there is no NPC `a [31mX`\n  /name:   7m\n  help: b \n");
    }
}
