//! `worldtick health`: whether a server is ready, for a container's health check.

use clap::Args;

use crate::cli::client::{Client, ClientArgs};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::print;

/// Arguments of `health`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick health
  worldtick health --server http://127.0.0.1:8081

Exits with 0 if the server is ready, with 1 if it is not or does not answer.")]
pub struct HealthArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
}

pub(in crate::cli) fn run(args: &HealthArgs) -> Result<(), CliError> {
    // Whoever checks health tells healthy from unhealthy and nothing else: every error is the same one.
    let unhealthy = |error: CliError| CliError { exit: Exit::Failure, ..error };
    let words = Client::new(&args.client).and_then(|client| client.probe("/readyz")).map_err(unhealthy)?;
    print(&format!("{}\n", words.trim_end()))
}
