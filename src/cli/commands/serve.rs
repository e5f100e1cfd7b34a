//! `worldtick serve`: runs a server until it is told to stop.

use std::io::IsTerminal;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

use crate::cli::output;
use crate::cli::{CliError, Exit};
use crate::config::Loaded;
use crate::config::model::{LogFormat, LogSection};
use crate::server::{Server, ServerError};

/// Runs a server with this configuration.
///
/// # Errors
/// With exit code 78 where the configuration is to blame, otherwise 1.
pub(in crate::cli) fn run(loaded: Loaded) -> Result<(), CliError> {
    begin_logging(&loaded.config.log)?;
    let running = Server::builder(loaded.config).start_process().map_err(explain)?;
    output::tell(&running.banner());
    running.wait_for_signal().map_err(explain)
}

fn explain(error: ServerError) -> CliError {
    match error {
        ServerError::Config(error) => error.into(),
        error => {
            let exit = if error.is_configuration() { Exit::Configuration } else { Exit::Failure };
            CliError::new(exit, error.to_string())
        }
    }
}

/// Text on a terminal, JSON lines otherwise, to standard error.
fn begin_logging(log: &LogSection) -> Result<(), CliError> {
    let filter = EnvFilter::try_new(log.filter())
        .map_err(|error| CliError::new(Exit::Configuration, format!("log.level `{}`: {error}", log.level)))?;
    let text = match log.format {
        LogFormat::Auto => std::io::stderr().is_terminal(),
        LogFormat::Text => true,
        LogFormat::Json => false,
    };
    let registry = tracing_subscriber::registry().with(filter);
    let begun = if text {
        let colours = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        registry.with(tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_ansi(colours)).try_init()
    } else {
        let layer = tracing_subscriber::fmt::layer().json().flatten_event(true).with_writer(std::io::stderr);
        registry.with(layer).try_init()
    };
    begun.map_err(|error| CliError::new(Exit::Failure, format!("logging cannot begin: {error}")))
}
