//! What the server can be told: every section, every key, its default and its bounds.
//!
//! The documentation of a key here is the one that `worldtick config show`, the example file and the JSON Schema show.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use super::crowd::CrowdSection;
pub use super::tasks::{TaskSection, TasksSection};
use super::value::{Seconds, Secret};
use crate::messages::Envelope;

/// The configuration of a server.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct ServerConfig {
    /// The process.
    pub server: ServerSection,
    /// Where the worlds come from.
    pub worlds: WorldsSection,
    /// Crowds: what stands above the `crowd` sections of the world files.
    pub crowd: CrowdSection,
    /// Kafka. Without `bootstrap_servers` the broker inside the process is used.
    pub kafka: KafkaSection,
    /// The database.
    pub store: StoreSection,
    /// The admin API.
    pub admin: AdminSection,
    /// How worlds are run.
    pub host: HostSection,
    /// What events look like.
    pub events: EventsSection,
    /// Consumer groups of others that are watched.
    pub lag: LagSection,
    /// Metrics.
    pub metrics: MetricsSection,
    /// Logs.
    pub log: LogSection,
    /// What is done every now and then, by wall time.
    pub tasks: TasksSection,
}

/// The process.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct ServerSection {
    /// Folder for everything that is kept, made if missing.
    #[schemars(length(min = 1))]
    pub data_dir: PathBuf,
    /// How long the server may take to finish what it has begun when it is told to stop.
    #[schemars(range(min = 1, max = 600))]
    pub shutdown_timeout_seconds: Seconds,
}

impl Default for ServerSection {
    fn default() -> Self {
        Self { data_dir: "./worldtick-data".into(), shutdown_timeout_seconds: Seconds::whole(25) }
    }
}

/// Where the worlds come from.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct WorldsSection {
    /// Folder of world files (`*.yaml`). If the default is missing, the world that is built in is used.
    #[schemars(length(min = 1))]
    pub dir: PathBuf,
}

impl WorldsSection {
    /// Where world files are looked for when nothing else is said.
    pub const DEFAULT_DIR: &'static str = "assets/config/worlds";
}

impl Default for WorldsSection {
    fn default() -> Self {
        Self { dir: Self::DEFAULT_DIR.into() }
    }
}

/// Where reading begins when the store knows no position.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum StartAt {
    /// With what arrives from now on.
    #[default]
    Latest,
    /// With the oldest record that is kept.
    Earliest,
}

/// Kafka.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct KafkaSection {
    /// Brokers as `host:port`, several with commas between them. Not set: the broker inside the process.
    pub bootstrap_servers: Option<String>,
    /// Port of the broker inside the process, on 127.0.0.1; 0 takes any that is free.
    #[schemars(range(min = 0, max = 65_535))]
    pub embedded_port: u16,
    /// PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL. Not set: PLAINTEXT, or SASL_PLAINTEXT with a user name.
    #[schemars(extend("enum" = [null, "PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"]))]
    pub security_protocol: Option<String>,
    /// PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512. Not set: SCRAM-SHA-512 with a user name.
    #[schemars(extend("enum" = [null, "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"]))]
    pub sasl_mechanism: Option<String>,
    /// User name.
    pub sasl_username: Option<String>,
    /// Password of the user.
    pub sasl_password: Option<Secret>,
    /// Name that the brokers see in logs and quotas.
    #[schemars(length(min = 1, max = 200))]
    pub client_id: String,
    /// A read that waits this long is counted.
    #[schemars(range(min = 1, max = 300))]
    pub read_timeout_seconds: Seconds,
    /// A write that is not acknowledged within this time has failed.
    #[schemars(range(min = 1, max = 300))]
    pub write_timeout_seconds: Seconds,
    /// The brokers abort a transaction that is open for longer; more than `write_timeout_seconds`.
    #[schemars(range(min = 2, max = 900))]
    pub transaction_timeout_seconds: Seconds,
    /// Group under which the position in `world.tick.hourly` is told to lag tools.
    #[schemars(length(min = 1, max = 255))]
    pub hourly_group: String,
    /// Group under which the position in `world.tick.daily` is told to lag tools.
    #[schemars(length(min = 1, max = 255))]
    pub daily_group: String,
    /// Group under which the position in `world.command` is told to lag tools.
    #[schemars(length(min = 1, max = 255))]
    pub command_group: String,
    /// Whether positions are told to lag tools; off when another service owns these groups.
    pub commit_group_offsets: bool,
    /// Where reading begins when the store knows no position: latest or earliest.
    pub start_at: StartAt,
    /// Whether a cluster other than the one that the store knows is taken as the new one.
    pub accept_new_cluster: bool,
    /// A partition of which nothing is heard for this long holds back no other.
    #[schemars(range(min = 0.05, max = 60))]
    pub merge_hold_max_seconds: Seconds,
    /// Catalogue of topics (YAML). Not set: the one that is built in.
    pub topics_file: Option<PathBuf>,
    /// Further properties of librdkafka, such as `"ssl.ca.location"`; what the other keys set is not for them.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaSection {
    fn default() -> Self {
        Self {
            bootstrap_servers: None,
            embedded_port: 9092,
            security_protocol: None,
            sasl_mechanism: None,
            sasl_username: None,
            sasl_password: None,
            client_id: "worldtick".into(),
            read_timeout_seconds: Seconds::whole(30),
            write_timeout_seconds: Seconds::whole(10),
            transaction_timeout_seconds: Seconds::whole(15),
            hourly_group: "economy-service-group".into(),
            daily_group: "world-simulation-group".into(),
            command_group: "worldtick-commands".into(),
            commit_group_offsets: true,
            start_at: StartAt::default(),
            accept_new_cluster: false,
            merge_hold_max_seconds: Seconds::whole(2),
            topics_file: None,
            properties: BTreeMap::new(),
        }
    }
}

/// The database.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct StoreSection {
    /// `postgres://user:password@host/database`, or `sqlite:<path>`. Not set: SQLite in the data folder.
    pub url: Option<Secret>,
    /// The longest that one operation may take.
    #[schemars(range(min = 0.1, max = 300))]
    pub operation_timeout_seconds: Seconds,
    /// The longest that writing one snapshot may take.
    #[schemars(range(min = 1, max = 3_600))]
    pub snapshot_timeout_seconds: Seconds,
    /// Connections for reading, besides the one that writes.
    #[schemars(range(min = 1, max = 200))]
    pub connections_max: u32,
    /// How long events that were published stay in the database.
    #[schemars(range(min = 1, max = 3_650))]
    pub outbox_retention_days: u32,
    /// How long ticks are remembered; longer than the tick topics keep them, or a repeated tick would run again.
    #[schemars(range(min = 8, max = 3_650))]
    pub tick_retention_days: u32,
    /// How long outcomes of commands are remembered; longer than the command topic keeps its messages, or a repeated
    /// command would run again.
    #[schemars(range(min = 8, max = 3_650))]
    pub command_retention_days: u32,
    /// How long messages that could not be used are kept.
    #[schemars(range(min = 1, max = 3_650))]
    pub dead_letter_retention_days: u32,
    /// How long the history of markets is kept.
    #[schemars(range(min = 1, max = 36_500))]
    pub market_retention_days: u32,
    /// How long the history of relations between factions is kept.
    #[schemars(range(min = 1, max = 36_500))]
    pub relation_retention_days: u32,
    /// How long the audit of changes, and tokens that were revoked, are kept.
    #[schemars(range(min = 1, max = 36_500))]
    pub audit_retention_days: u32,
    /// The most rows that the histories of ticks, markets and relations, the dead letters, the changes of configuration
    /// and the audit may each have.
    #[schemars(range(min = 1_000, max = 1_000_000_000))]
    pub history_rows_max: u32,
    /// The most events that stay in the database; those that are not published stay in any case.
    #[schemars(range(min = 1_000, max = 1_000_000_000))]
    pub outbox_history_rows_max: u32,
}

impl Default for StoreSection {
    fn default() -> Self {
        Self {
            url: None,
            operation_timeout_seconds: Seconds::whole(5),
            snapshot_timeout_seconds: Seconds::whole(60),
            connections_max: 8,
            outbox_retention_days: 7,
            tick_retention_days: 30,
            command_retention_days: 30,
            dead_letter_retention_days: 30,
            market_retention_days: 90,
            relation_retention_days: 90,
            audit_retention_days: 365,
            history_rows_max: 1_000_000,
            outbox_history_rows_max: 10_000_000,
        }
    }
}

/// The admin API.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct AdminSection {
    /// Address and port of the admin API. Beyond loopback it needs a token.
    #[schemars(length(min = 1))]
    pub listen: String,
    /// Token that callers must send as `Authorization: Bearer …`.
    pub token: Option<Secret>,
    /// File that holds the token.
    pub token_file: Option<PathBuf>,
    /// Whether this machine needs no token where none is configured. Off: everybody needs one, and those that `worldtick
    /// tokens create` has made are enough, wherever the API listens.
    pub open_on_loopback: bool,
    /// The largest body of a request.
    #[schemars(range(min = 1_024, max = 104_857_600))]
    pub body_bytes_max: u64,
    /// The longest that a request may take.
    #[schemars(range(min = 0.1, max = 600))]
    pub request_timeout_seconds: Seconds,
    /// Requests that are served at a time; one more is turned away.
    #[schemars(range(min = 1, max = 100_000))]
    pub requests_max: u32,
    /// Followers of the stream of events at a time.
    #[schemars(range(min = 1, max = 10_000))]
    pub streams_max: u32,
}

impl Default for AdminSection {
    fn default() -> Self {
        Self {
            listen: "127.0.0.1:8080".into(),
            token: None,
            token_file: None,
            open_on_loopback: true,
            body_bytes_max: 1_048_576,
            request_timeout_seconds: Seconds::whole(30),
            requests_max: 256,
            streams_max: 64,
        }
    }
}

/// How worlds are run.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct HostSection {
    /// Worlds that this server holds; one more is not registered.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub worlds_max: u32,
    /// Threads that run worlds; 0 takes one for each processor.
    #[schemars(range(min = 0, max = 1_024))]
    pub worker_threads: u32,
    /// Messages that wait to be run; when so many do, no more are read.
    #[schemars(range(min = 1, max = 100_000))]
    pub inbox_messages_max: u32,
    /// Inputs that go into one commit.
    #[schemars(range(min = 1, max = 10_000))]
    pub inputs_per_commit_max: u32,
    /// A live world waits while more of its own ticks than this are on their way.
    #[schemars(range(min = 1, max = 1_000))]
    pub outstanding_ticks_max: u32,
    /// Events that wait to be published; when so many do, the worlds stand still.
    #[schemars(range(min = 100, max = 100_000_000))]
    pub outbox_rows_max: u64,
    /// Snapshots are written so often that a start needs to run no more than this again.
    #[schemars(range(min = 0.1, max = 3_600))]
    pub recovery_seconds_max: Seconds,
    /// How long input positions and publishing marks may wait for a commit that has more to say.
    #[schemars(range(min = 0.05, max = 60))]
    pub idle_commit_interval_seconds: Seconds,
    /// Steps of a world that the API shows; fewer of each where there are very many worlds.
    #[schemars(range(min = 0, max = 10_000))]
    pub steps_kept: u32,
}

impl Default for HostSection {
    fn default() -> Self {
        Self {
            worlds_max: 10_000,
            worker_threads: 0,
            inbox_messages_max: 1_024,
            inputs_per_commit_max: 256,
            outstanding_ticks_max: 4,
            outbox_rows_max: 100_000,
            recovery_seconds_max: Seconds::whole(10),
            idle_commit_interval_seconds: Seconds::whole(1),
            steps_kept: 100,
        }
    }
}

/// What events look like.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct EventsSection {
    /// Where the payload stands: flat (at top level) or data (under `data`).
    #[schemars(extend("enum" = ["flat", "data"]), with = "String")]
    pub envelope: Envelope,
}

/// Consumer groups of others that are watched.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct LagSection {
    /// Groups whose lag on `simulation.event` is measured.
    #[schemars(length(max = 50))]
    pub groups: Vec<String>,
    /// Time between two measurements.
    #[schemars(range(min = 1, max = 3_600))]
    pub interval_seconds: Seconds,
}

impl Default for LagSection {
    fn default() -> Self {
        Self { groups: Vec::new(), interval_seconds: Seconds::whole(15) }
    }
}

/// Metrics.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct MetricsSection {
    /// Worlds, the first by name, that have series of their own (time, lag, prices); further ones have none.
    #[schemars(range(min = 0, max = 1_000))]
    pub world_labels_max: u32,
    /// How long the metrics that a task writes to the database stay there.
    #[schemars(range(min = 1, max = 3_650))]
    pub history_days: u32,
    /// The most rows that they may have.
    #[schemars(range(min = 1_000, max = 1_000_000_000))]
    pub history_rows_max: u32,
}

impl Default for MetricsSection {
    fn default() -> Self {
        Self { world_labels_max: 20, history_days: 7, history_rows_max: 2_000_000 }
    }
}

/// What log lines look like.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum LogFormat {
    /// Text on a terminal, JSON lines otherwise.
    #[default]
    Auto,
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

/// Logs.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct LogSection {
    /// error, warn, info, debug or trace; also by part, such as `info,worldtick::plugins::bridge=debug`.
    #[schemars(length(min = 1, max = 1_000))]
    pub level: String,
    /// auto (text on a terminal, JSON lines otherwise), text or json.
    pub format: LogFormat,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { level: "info".into(), format: LogFormat::default() }
    }
}
