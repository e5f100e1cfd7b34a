//! `worldtick health`: whether a server is ready, for a container's health check.

use std::net::{Ipv4Addr, SocketAddr};

use clap::Args;

use crate::cli::client::{Client, ClientArgs, DEFAULT_SERVER};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::print;

/// Arguments of `health`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick health
  worldtick health --server http://127.0.0.1:8081

Without --server and WORLDTICK_SERVER it asks where WORLDTICK_ADMIN_LISTEN lets a server listen that
has the same environment, as in a container.

Exits with 0 if the server is ready, with 1 if it is not or does not answer.")]
pub struct HealthArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
}

pub(in crate::cli) fn run(args: &HealthArgs) -> Result<(), CliError> {
    // Whoever checks health tells healthy from unhealthy and nothing else: every error is the same one.
    let unhealthy = |error: CliError| CliError { exit: Exit::Failure, ..error };
    let mut client = args.client.clone();
    if client.server == DEFAULT_SERVER
        && let Some(address) = std::env::var("WORLDTICK_ADMIN_LISTEN").ok().and_then(|listen| beside(&listen))
    {
        client.server = format!("http://{address}");
    }
    let words = Client::new(&client).and_then(|client| client.probe("/readyz")).map_err(unhealthy)?;
    print(&format!("{}\n", words.trim_end()))
}

/// How to reach, from the same machine, a server that listens at this address.
fn beside(listen: &str) -> Option<SocketAddr> {
    let mut address: SocketAddr = listen.trim().parse().ok()?;
    if address.ip().is_unspecified() {
        address.set_ip(Ipv4Addr::LOCALHOST.into());
    }
    Some(address)
}
