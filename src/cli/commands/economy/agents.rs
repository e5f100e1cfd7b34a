//! `economy import-agents`: agents from a CSV file into the database.

#![expect(clippy::disallowed_methods, reason = "when agents were imported is wall time")]

use std::path::Path;

use garde::Validate as _;
use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::ImportAgentsArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::files::readable;
use crate::cli::output::tell;
use crate::config::{ConfigError, Problem, SourceProblems, read_agents, read_world_of};
use crate::plugins::store::{AgentRow, Store, StoreConfig, StoreError};
use crate::systems::npc::extend::Extensions;
use crate::world::spec::{AgentSource, EconomySpec};

pub(super) fn run(args: &ImportAgentsArgs) -> Result<(), CliError> {
    let config = args.config.load()?.config;
    // What plugins add to the conditions of behaviour is nothing to an economy.
    let file = read_world_of(&config.worlds, &args.world, &Extensions::default())?;
    let missing = || CliError::new(Exit::BadData, format!("`worlds.dir` has no file of world `{}`", args.world));
    let spec = file.ok_or_else(missing)?.spec;
    let none = || CliError::new(Exit::BadData, format!("world `{}` has no economy", args.world));
    let mut economy = spec.economy.ok_or_else(none)?;
    readable(&args.file)?;
    let agents =
        read_agents(&args.file, &economy).map_err(|error| CliError { exit: Exit::BadData, ..CliError::from(error) })?;
    if economy.population.from != AgentSource::MarketAgent {
        let words =
            format!("world `{}` does not take its agents from the database and would never read these", args.world);
        let help = "write `from: market_agent` under `economy.population` of its file first";
        return Err(CliError::new(Exit::BadData, words).help(help));
    }
    economy.population.agents = agents;
    check(&economy, &args.file)?;
    let rows: Vec<AgentRow> = economy.population.agents.iter().map(AgentRow::from).collect();
    let url = config.store.url_in(&config.server.data_dir).to_secret_string();
    let store = StoreConfig {
        operation_timeout: config.store.operation_timeout_seconds.duration(),
        ..StoreConfig::new(url.expose_secret())
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::io("the runtime cannot be started", &error))?;
    // time: import-agents: when agents were imported | real | system clock | the CLI
    let now = Timestamp::now().as_microsecond();
    runtime.block_on(write(&store, args.world.as_str(), &rows, now)).map_err(|error| {
        let exit = if error.is_transient() { Exit::Unavailable } else { Exit::Failure };
        match error {
            // Agents belong into the store of that server and into no other.
            StoreError::InUse { what, owner, .. } => {
                let words = format!("{what} is in use by a worldtick server ({owner})");
                CliError::new(exit, words).help("stop it first; with a store in PostgreSQL it may go on running")
            }
            error => CliError::new(exit, error.to_string()),
        }
    })?;
    tell(&format!("imported {} agents of world `{}`", rows.len(), args.world));
    Ok(())
}

/// Whether the world could begin with these agents; what is against it is said of their file.
fn check(economy: &EconomySpec, file: &Path) -> Result<(), CliError> {
    let Err(report) = economy.validate() else { return Ok(()) };
    let problems = report.iter().map(|(_, error)| Problem::new(error.message().to_string())).collect();
    let sources = vec![SourceProblems { name: file.display().to_string(), text: None, problems }];
    Err(CliError { exit: Exit::BadData, ..ConfigError { sources }.into() })
}

/// Needs no lease: a world reads its agents when it is registered, and never again.
async fn write(config: &StoreConfig, world: &str, rows: &[AgentRow], now: i64) -> Result<(), StoreError> {
    // A server may run beside it, and of an older make: its tables are left as they are.
    let store = Store::open_as_it_is(config).await?;
    let written = store.replace_agents(world, rows, now).await;
    store.close().await;
    written
}
