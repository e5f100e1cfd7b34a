//! One module for each noun.

pub(super) mod audit;
pub(super) mod config;
pub(super) mod crowd;
pub(super) mod economy;
pub(super) mod events;
pub(super) mod factions;
pub(super) mod health;
pub(super) mod import;
pub(super) mod markets;
pub(super) mod npcs;
pub(super) mod outbox;
pub(super) mod schemas;
pub(super) mod serve;
pub(super) mod shocks;
pub(super) mod tasks;
pub(super) mod ticks;
pub(super) mod tokens;
pub(super) mod top;
pub(super) mod topics;
pub(super) mod validate;
pub(super) mod worlds;

use clap::CommandFactory;

use super::error::CliError;
use super::output::print;

/// Writes completions for a shell.
pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), CliError> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut super::Cli::command(), "worldtick", &mut script);
    print(&String::from_utf8_lossy(&script))
}
