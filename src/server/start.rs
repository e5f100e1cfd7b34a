//! The steps of a start, in the order of the commit protocol.
//!
//! What needs only this machine and the store is done here, at once; an error ends the start. [`Ground`] then waits for
//! Kafka on a thread of its own, and the worlds begin to move when it is there.

#![expect(clippy::disallowed_methods, reason = "waits of a start are wall time")]

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;
use tokio_util::sync::CancellationToken;

use super::ServerError;
use super::chores::Chores;
use super::ground::Ground;
use super::links::Bridges;
use super::ready::{Phase, Sources};
use super::running::{Ending, Running};
use super::tasks::{Retentions, TaskParts};
use crate::components::ids::WorldId;
use crate::config::{ServerConfig, WorldFile, read_topics, read_world_of, read_worlds};
use crate::plugins::admin::{self, AdminLimits, AdminParts, ReadWorldFile};
use crate::plugins::bridge::EmbeddedBroker;
use crate::plugins::bridge::topics::TopicCatalogue;
use crate::plugins::extensions_of;
use crate::plugins::host::{BuildApp, HostView, Payloads, hash_as_written};
use crate::plugins::metrics::Recorder;
use crate::plugins::store::{Lease, Store, StoreConfig, StoreError};
use crate::systems::npc::extend::Extensions;
use crate::world::spec::WorldSpec;

/// The heartbeat of another owner may be this old before it counts as hanging.
const STALE_AFTER: Duration = Duration::from_secs(10);
/// Back-off while the database does not answer.
const STORE_RETRY_FIRST: Duration = Duration::from_millis(500);
const STORE_RETRY_MAX: Duration = Duration::from_secs(5);
/// Orders that may wait for the engine.
const ORDERS_MAX: usize = 256;

pub(super) fn start(config: ServerConfig, build: BuildApp, catalogue: Value) -> Result<Running, ServerError> {
    let recorder = Recorder::install()?;
    let extensions = extensions_of(&*build);
    let worlds = specs(&config, &extensions)?;
    let topics = read_topics(&config.kafka)?;
    let address = admin_address(&config)?;
    let token = config.admin.read_token()?;
    if token.is_none() && config.admin.open_on_loopback && !address.ip().is_loopback() {
        return Err(ServerError::OpenToAll(address));
    }
    let folder = config.server.data_dir.clone();
    make_folder(&folder)?;
    let runtime =
        Arc::new(tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("worldtick-io").build()?);
    let listener = runtime
        .block_on(TcpListener::bind(address))
        .map_err(|source| ServerError::Listen { listen: config.admin.listen.clone(), source })?;
    let (store, lease) = open_store(&config, &topics, &runtime)?;
    let embedded = match &config.kafka.bootstrap_servers {
        Some(_) => None,
        None => Some(EmbeddedBroker::start(config.kafka.embedded_port, &topics.topics)?),
    };
    let servers = match (&config.kafka.bootstrap_servers, &embedded) {
        (Some(servers), _) => servers.clone(),
        (None, Some(broker)) => broker.bootstrap_servers(),
        (None, None) => String::new(),
    };
    let settings = config.kafka.settings(&servers).map_err(|error| ServerError::Setting(error.to_string()))?;
    let (order_sender, orders) = bounded(ORDERS_MAX);
    let (view, bridges, phase, stop) = (HostView::default(), Bridges::default(), Phase::new(), bounded(1));
    let (stopping, retentions) = (CancellationToken::new(), Retentions::default());
    let (rendering, of_worlds) = (recorder.clone(), view.series().clone());
    let render: Arc<dyn Fn() -> String + Send + Sync> = Arc::new(move || rendering.render() + &of_worlds.render());
    let tasks = TaskParts {
        config: config.clone(),
        store: store.clone(),
        view: view.clone(),
        settings: settings.clone(),
        topics: topics.clone(),
        embedded: embedded.is_some(),
        retentions: retentions.clone(),
        render: render.clone(),
        stop: stopping.clone(),
    }
    .begin(runtime.handle());
    let sources = Sources {
        phase: phase.clone(),
        view: view.clone(),
        bridges: bridges.clone(),
        database: store.state(),
        lease: lease.state(),
        guarantee: if embedded.is_some() {
            "events are published at least once, with stable ids: the embedded broker has no transactions"
        } else {
            "events are published exactly once"
        },
    };
    let payloads = Arc::new(Payloads::of(&catalogue));
    let parts = AdminParts {
        view: view.clone(),
        orders: order_sender,
        store: store.clone(),
        metrics: render,
        readiness: sources.readiness(),
        schemas: schemas(),
        catalogue,
        read_world_file: world_file_reader(&config, extensions.clone()),
        extensions,
        token: token.map(|token| token.to_secret_string()),
        tasks: Arc::new(tasks),
        open_on_loopback: config.admin.open_on_loopback,
        limits: AdminLimits {
            body_bytes_max: usize::try_from(config.admin.body_bytes_max).unwrap_or(usize::MAX),
            request_timeout: config.admin.request_timeout_seconds.duration(),
            streams_max: config.admin.streams_max as usize,
            requests_max: config.admin.requests_max as usize,
        },
        stopping: stopping.clone(),
    };
    let listening = listener.local_addr()?;
    let server = runtime.spawn(async move {
        if let Err(error) = admin::serve(listener, parts).await {
            tracing::error!(%error, "the admin API has ended");
        }
    });
    let chores = Chores {
        store: store.clone(),
        view: view.clone(),
        bridges: bridges.clone(),
        settings: settings.clone(),
        lag: config.lag.clone(),
        world_labels_max: config.metrics.world_labels_max,
        recorder,
        stop: stopping.clone(),
    };
    chores.begin(runtime.handle());
    let shutdown_timeout = config.server.shutdown_timeout_seconds.duration();
    let store_location = store.location();
    let world_names: Vec<String> = worlds.iter().map(|(spec, _)| spec.id.to_string()).collect();
    let is_embedded = embedded.is_some();
    let stop_sender = stop.0.clone();
    let ground = Ground {
        payloads,
        config,
        topics,
        settings,
        embedded,
        store: store.clone(),
        lease: lease.clone(),
        view,
        bridges: bridges.clone(),
        phase: phase.clone(),
        orders,
        retentions,
        stop,
    };
    let (ended_sender, ended) = bounded(1);
    let engine_runtime = runtime.clone();
    let engine = std::thread::Builder::new().name("engine".into()).spawn(move || {
        let result = ground.run(&engine_runtime, &build, worlds);
        // Whoever waits may have gone.
        let _ = ended_sender.send(result);
    })?;
    Ok(Running::new(Ending {
        runtime,
        store,
        lease,
        bridges,
        phase,
        stopping,
        stop: stop_sender,
        ended,
        engine,
        server,
        shutdown_timeout,
        admin: listening,
        bootstrap_servers: servers,
        embedded: is_embedded,
        store_location,
        worlds: world_names,
        early: None,
    }))
}

fn specs(config: &ServerConfig, extensions: &Extensions) -> Result<Vec<(WorldSpec, i64)>, ServerError> {
    let files = read_worlds(&config.worlds, extensions)?;
    for warning in files.iter().flat_map(WorldFile::warnings) {
        tracing::warn!("{warning}");
    }
    files
        .into_iter()
        .map(|mut file| {
            config.crowd.put_into(&mut file.spec).map_err(ServerError::Setting)?;
            let hash = hash_as_written(&file.spec).map_err(ServerError::Setting)?;
            Ok((file.spec, hash))
        })
        .collect()
}

fn world_file_reader(config: &ServerConfig, extensions: Extensions) -> ReadWorldFile {
    let (section, crowd) = (config.worlds.clone(), config.crowd.clone());
    Arc::new(move |id: &WorldId| {
        let Some(mut file) = read_world_of(&section, id, &extensions).map_err(|error| error.render(false))? else {
            return Ok(None);
        };
        crowd.put_into(&mut file.spec)?;
        Ok(Some(file.spec))
    })
}

fn schemas() -> std::collections::BTreeMap<String, Value> {
    crate::schemas::all().into_iter().map(|(name, schema)| (name.to_owned(), schema.to_value())).collect()
}

fn admin_address(config: &ServerConfig) -> Result<SocketAddr, ServerError> {
    use std::net::ToSocketAddrs;
    let refuse =
        |error: String| ServerError::Setting(format!("admin.listen `{}` is no address: {error}", config.admin.listen));
    let mut found = config.admin.listen.to_socket_addrs().map_err(|error| refuse(error.to_string()))?;
    found.next().ok_or_else(|| refuse("it names nothing".into()))
}

fn make_folder(folder: &Path) -> Result<(), ServerError> {
    std::fs::create_dir_all(folder)
        .map_err(|source| ServerError::DataFolder { folder: folder.display().to_string(), source })
}

fn open_store(
    config: &ServerConfig,
    topics: &TopicCatalogue,
    runtime: &Runtime,
) -> Result<(Store, Lease), ServerError> {
    let section = &config.store;
    let store_config = StoreConfig {
        operation_timeout: section.operation_timeout_seconds.duration(),
        snapshot_timeout: section.snapshot_timeout_seconds.duration(),
        connections_max: section.connections_max,
        ..StoreConfig::new(section.url_in(&config.server.data_dir).to_secret_string().expose_secret())
    };
    let shards = topics.get("world.command").map_or(8, |topic| topic.partitions);
    let owner = format!("{} pid {}", hostname(), std::process::id());
    let open = async || {
        let store = Store::open(&store_config).await?;
        let lease = store.acquire(shards, &owner, STALE_AFTER).await?;
        Ok((store, lease))
    };
    runtime.block_on(async {
        let mut wait = STORE_RETRY_FIRST;
        loop {
            let error = match open().await {
                Err(error) if may_come(&error, &store_config.url) => error,
                opened => return opened.map_err(ServerError::Store),
            };
            let store = store_config.place();
            tracing::warn!(store, %error, retry_seconds = wait.as_secs_f64(), "the store is waited for");
            // time: start: the database is tried again | real | tokio timer | back-off, doubling
            tokio::time::sleep(wait).await;
            wait = (wait * 2).min(STORE_RETRY_MAX);
        }
    })
}

/// Whether waiting may help at a start: for a database server that is not there yet, for a file that is locked, for a
/// disk that is full. A file that cannot be opened, a password that is refused and a database that does not exist are
/// told at once, as other mistakes of a first start are; once a server runs, it waits for those too.
fn may_come(error: &StoreError, url: &SecretString) -> bool {
    const MISTAKES: [&str; 4] = ["(28P01)", "(28000)", "(3D000)", "(42501)"];
    let StoreError::Unavailable { message, .. } = error else { return false };
    if url.expose_secret().trim().starts_with("postgres") {
        return !MISTAKES.iter().any(|code| message.ends_with(code));
    }
    let code = message.rsplit_once('(').and_then(|(_, code)| code.strip_suffix(')')?.parse::<u32>().ok());
    // BUSY, LOCKED, IOERR, FULL: the low byte of SQLite's code.
    code.is_some_and(|code| matches!(code & 0xff, 5 | 6 | 10 | 13))
}

fn hostname() -> String {
    std::env::var("HOSTNAME").ok().filter(|name| !name.is_empty()).unwrap_or_else(|| "worldtick".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_start_waits_for_what_passes_and_tells_of_mistakes() {
        let waits = |url: &str, message: &str| {
            let error = StoreError::Unavailable { operation: "take the lease", message: message.to_owned() };
            may_come(&error, &SecretString::from(url.to_owned()))
        };
        for passing in ["database or disk is full (13)", "database is locked (5)", "disk I/O error (778)"] {
            assert!(waits("sqlite:w.db", passing), "{passing}");
        }
        assert!(!waits("sqlite:w.db", "unable to open database file (14)"));
        assert!(waits("postgres://db/w", "the database system is starting up (57P03)"));
        assert!(!waits("postgres://db/w", "password authentication failed (28P01)"));
    }
}
