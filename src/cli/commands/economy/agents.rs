//! `economy import-agents`: agents from a CSV file into the database.

#![expect(clippy::disallowed_methods, reason = "when agents were imported is wall time")]

use jiff::Timestamp;
use secrecy::ExposeSecret as _;

use super::ImportAgentsArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::tell;
use crate::config::{read_agents, read_world_of};
use crate::plugins::store::{AgentRow, Store, StoreConfig, StoreError};
use crate::systems::npc::extend::Extensions;
use crate::world::spec::AgentSource;

pub(super) fn run(args: &ImportAgentsArgs) -> Result<(), CliError> {
    let config = args.config.load()?.config;
    // What plugins add to the conditions of behaviour is nothing to an economy.
    let file = read_world_of(&config.worlds, &args.world, &Extensions::default())?;
    let missing = || CliError::new(Exit::BadData, format!("`worlds.dir` has no file of world `{}`", args.world));
    let spec = file.ok_or_else(missing)?.spec;
    let none = || CliError::new(Exit::BadData, format!("world `{}` has no economy", args.world));
    let mut economy = spec.economy.ok_or_else(none)?;
    let agents =
        read_agents(&args.file, &economy).map_err(|error| CliError { exit: Exit::BadData, ..CliError::from(error) })?;
    if economy.population.from != AgentSource::MarketAgent {
        let words =
            format!("world `{}` does not take its agents from the database and would never read these", args.world);
        let help = "write `from: market_agent` under `economy.population` of its file first";
        return Err(CliError::new(Exit::BadData, words).help(help));
    }
    economy.population.agents = agents;
    garde::Validate::validate(&economy).map_err(|report| CliError::new(Exit::BadData, report.to_string()))?;
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
        let in_use = matches!(error, StoreError::InUse { .. });
        let error = CliError::new(exit, error.to_string());
        if in_use { error.help("stop the server first, or keep the store in PostgreSQL") } else { error }
    })?;
    tell(&format!("imported {} agents of world `{}`", rows.len(), args.world));
    Ok(())
}

/// Needs no lease: a world reads its agents when it is registered, and never again.
async fn write(config: &StoreConfig, world: &str, rows: &[AgentRow], now: i64) -> Result<(), StoreError> {
    // A server may run beside it, and of an older make: its tables are left as they are.
    let store = Store::open_as_it_is(config).await?;
    let written = store.replace_agents(world, rows, now).await;
    store.close().await;
    written
}
