//! `worldtick outbox`: mends what a restored back-up leaves behind.

use std::time::Duration;

use clap::{Args, Subcommand};
use secrecy::ExposeSecret;

use crate::cli::{CliError, ConfigArgs, Exit, output};
use crate::plugins::store::{Store, StoreConfig, StoreError};

/// Mend the outbox of a store while no server runs on it.
#[derive(Debug, Args)]
pub struct OutboxArgs {
    /// What to do.
    #[command(subcommand)]
    pub command: OutboxCommand,
}

/// What can be done.
#[derive(Debug, Subcommand)]
pub enum OutboxCommand {
    /// Let a shard's outbox ids go on behind a position that Kafka knows already
    ///
    /// For a database that was restored from a back-up: what was published since the back-up is on the topic, and what
    /// follows must not bear the same ids.
    SkipTo {
        /// The last outbox id that is on Kafka, as the server's error named it
        #[arg(value_parser = clap::value_parser!(i64).range(1..))]
        id: i64,
        /// The shard, as the server's error named it
        #[arg(long)]
        shard: i32,
        /// Where the configuration comes from: that of the server.
        #[command(flatten)]
        config: ConfigArgs,
    },
}

/// Runs the command.
///
/// # Errors
/// When the store is in use or cannot be reached, or has no such shard.
pub(in crate::cli) fn run(args: &OutboxArgs) -> Result<(), CliError> {
    let OutboxCommand::SkipTo { id, shard, config } = &args.command;
    let (id, shard, config) = (*id, *shard, config.load()?.config);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::io("the runtime cannot be started", &error))?;
    let url = config.store.url_in(&config.server.data_dir).to_secret_string();
    let store_config = StoreConfig {
        operation_timeout: config.store.operation_timeout_seconds.duration(),
        ..StoreConfig::new(url.expose_secret())
    };
    let next = runtime.block_on(skip(&store_config, shard, id)).map_err(|error| {
        let exit = if error.is_transient() { Exit::Unavailable } else { Exit::Failure };
        CliError::new(exit, error.to_string())
    })?;
    match next {
        Some(next) => output::tell(&format!("shard {shard}: the next outbox id is {next}")),
        None => {
            let words = format!("the store has no shard {shard}: is it the one that the server runs on?");
            return Err(CliError::new(Exit::Failure, words));
        }
    }
    Ok(())
}

async fn skip(config: &StoreConfig, shard: i32, id: i64) -> Result<Option<i64>, StoreError> {
    let store = Store::open(config).await?;
    // A store that no server has run on has none: to make some would settle how many it has.
    let shards = i32::try_from(store.lease_rows().await?.len()).unwrap_or(i32::MAX);
    if shards == 0 {
        store.close().await;
        return Ok(None);
    }
    let lease = store.acquire(shards, "worldtick outbox skip-to", Duration::from_secs(10)).await?;
    let done = store.advance_outbox_ids(&lease, &[(shard, id + 1)]).await;
    let rows = store.lease_rows().await;
    store.release(&lease).await?;
    store.close().await;
    done?;
    Ok(rows?.into_iter().find(|row| row.shard == shard).map(|row| row.next_outbox_id))
}
