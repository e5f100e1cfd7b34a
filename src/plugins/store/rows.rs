//! What a commit writes and a start reads: plain rows, the same for both engines.
//!
//! Instants are wall time in microseconds since the Unix epoch unless a field says game time.

use uuid::Uuid;

use super::edge::EdgeRows;
use super::jobs::JobRow;
use super::relations::{RelationHistoryRow, RelationRow};

/// Number of a shard, below the partition count of `world.command`.
pub type ShardId = i32;

/// Everything that one commit makes durable, in one database transaction.
///
/// The store applies it whole or not at all, and only if this process still owns its shards:
/// the lease rows must carry `epoch` and `commit_no - 1`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Commit {
    /// The lease epoch under which this process runs.
    pub epoch: i64,
    /// The number of this commit; the lease rows hold `commit_no - 1` before it.
    pub commit_no: i64,
    /// Worlds that are registered, changed or removed.
    pub worlds: Vec<WorldChange>,
    /// What became of commands.
    pub commands: Vec<CommandRow>,
    /// What was changed in the configuration of worlds.
    pub config_changes: Vec<ConfigChangeRow>,
    /// What each world took in.
    pub journal: Vec<JournalRow>,
    /// Tick ids that are now known, so that a repetition is recognised.
    pub ticks_seen: Vec<TickSeenRow>,
    /// What became of each tick, world by world.
    pub tick_history: Vec<TickHistoryRow>,
    /// Market results.
    pub market_states: Vec<MarketStateRow>,
    /// How pairs of factions stand; each pair once.
    pub relations: Vec<RelationRow>,
    /// What happened between factions.
    pub relation_history: Vec<RelationHistoryRow>,
    /// Jobs of generation, as they stand now; each job once.
    pub jobs: Vec<JobRow>,
    /// What the edge of generation keeps beside them.
    pub edge: EdgeRows,
    /// Messages that could not be used.
    pub dead_letters: Vec<DeadLetterRow>,
    /// Messages to publish; ids are assigned by the engine from the lease rows.
    pub outbox: Vec<OutboxRow>,
    /// The next outbox id of each shard after this commit.
    pub next_outbox_ids: Vec<(ShardId, i64)>,
    /// Input positions after this commit; each holds for every shard of this process.
    pub positions: Vec<InputPosition>,
    /// How far the outbox is known to be published on the present cluster.
    pub marks: Vec<OutboxMark>,
}

impl Commit {
    /// Whether it would write nothing but its own number.
    pub fn is_silent(&self) -> bool {
        self.worlds.is_empty()
            && self.commands.is_empty()
            && self.config_changes.is_empty()
            && self.journal.is_empty()
            && self.ticks_seen.is_empty()
            && self.tick_history.is_empty()
            && self.market_states.is_empty()
            && self.relations.is_empty()
            && self.relation_history.is_empty()
            && self.jobs.is_empty()
            && self.edge == EdgeRows::default()
            && self.dead_letters.is_empty()
            && self.outbox.is_empty()
            && self.positions.is_empty()
            && self.marks.is_empty()
    }
}

/// The next record to take from one partition.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct InputPosition {
    /// Topic name.
    pub topic: String,
    /// Partition number.
    pub partition: i32,
    /// Offset of the next record to take.
    pub next: i64,
}

/// Rows up to `published_id` of a shard are on the cluster `cluster_id`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OutboxMark {
    /// Shard whose outbox is meant.
    pub shard: ShardId,
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// The last outbox id that is published there.
    pub published_id: i64,
}

/// A Kafka cluster that this store has published to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRow {
    /// Kafka's cluster id.
    pub cluster_id: String,
    /// Whether it was the embedded broker, which is new at every start.
    pub embedded: bool,
    /// When it was first used (wall time, microseconds).
    pub first_used_at: i64,
    /// When it was last made the present one (wall time, microseconds).
    pub last_used_at: i64,
}

/// A change to the registry of worlds.
#[derive(Debug, Clone, PartialEq)]
pub enum WorldChange {
    /// Register a world, or replace the row of one that is reset (new incarnation; its journal,
    /// snapshots and fault are removed).
    Register(WorldRow),
    /// Set the status of a world.
    Status {
        /// The world.
        world_id: String,
        /// Its new status.
        status: WorldStatus,
    },
    /// Change what is said of a world while it lives.
    Configure {
        /// The world.
        world_id: String,
        /// Its simulation block from now on, as JSON.
        simulation: String,
        /// Its file with what else may change in place, as JSON, if something did.
        spec: Option<String>,
    },
    /// Remove a world with its journal and snapshots. Its history stays.
    Remove {
        /// The world.
        world_id: String,
        /// Its shard.
        shard: ShardId,
        /// XXH3 of the file that describes it, which must not bring it back.
        file_hash: i64,
        /// When it was removed (wall time, microseconds).
        at: i64,
    },
}

impl WorldChange {
    /// The world that changes.
    pub fn world_id(&self) -> &str {
        match self {
            Self::Register(row) => &row.world_id,
            Self::Status { world_id, .. } | Self::Configure { world_id, .. } | Self::Remove { world_id, .. } => {
                world_id
            }
        }
    }
}

/// What became of a command.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommandRow {
    /// Id of the command; known within its world.
    pub command_id: Uuid,
    /// Its world, which need not exist.
    pub world_id: String,
    /// The world's shard.
    pub shard: ShardId,
    /// Name of the command.
    pub command: String,
    /// Who gave it.
    pub issued_by: String,
    /// When it was given (wall time, microseconds).
    pub issued_at: i64,
    /// `api` or `kafka`.
    pub source: String,
    /// `done` or `refused`.
    pub outcome: String,
    /// The answer as JSON; of a refusal what is wrong place by place, if that was said.
    pub answer: Option<String>,
    /// Why it was refused.
    pub error: Option<String>,
    /// A short word for the kind of refusal.
    pub error_kind: Option<String>,
    /// The world's time afterwards (game time, microseconds).
    pub game_time: Option<i64>,
    /// When the outcome was decided (wall time, microseconds).
    pub recorded_at: i64,
    /// What it asked for, in a form that tells it from another; nothing in rows of before that was kept.
    pub fingerprint: Option<String>,
    /// The incarnation of its world that took it; nothing where there was no such world.
    pub incarnation: Option<Uuid>,
    /// The commit that holds it.
    pub commit_no: i64,
}

/// A value in the configuration of a world that was changed while it lived.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ConfigChangeRow {
    /// The world.
    pub world_id: String,
    /// Its shard.
    pub shard: ShardId,
    /// Where: a JSON pointer.
    pub pointer: String,
    /// What it was, as JSON.
    pub from: Option<String>,
    /// What it is, as JSON.
    pub to: Option<String>,
    /// Who changed it.
    pub changed_by: String,
    /// The command that did.
    pub command_id: Option<Uuid>,
    /// When (wall time, microseconds).
    pub recorded_at: i64,
    /// The commit that holds it.
    pub commit_no: i64,
}

/// A world that was removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnregisteredWorld {
    /// The world.
    pub world_id: String,
    /// XXH3 of the file that described it then.
    pub file_hash: i64,
}

/// A registered world.
#[derive(Debug, Clone, PartialEq)]
pub struct WorldRow {
    /// Name of the world.
    pub world_id: String,
    /// The shard it was given when it was registered; never computed again.
    pub shard: ShardId,
    /// Made anew whenever the world is registered or reset.
    pub incarnation: Uuid,
    /// The world file as it was when the world was registered, as JSON.
    pub spec: String,
    /// XXH3 of the file's bytes, to report a file that has changed since.
    pub spec_hash: i64,
    /// Whether it runs.
    pub status: WorldStatus,
    /// When it was registered (wall time, microseconds).
    pub registered_at: i64,
    /// The last commit before it was registered: whatever is of this incarnation is of a later one.
    pub registered_commit: i64,
    /// The simulation block as it is now, as JSON; nothing where it is still that of `spec`.
    pub simulation: Option<String>,
}

/// Whether a world runs, and why not.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum WorldStatus {
    /// It takes inputs.
    #[default]
    Running,
    /// Time stands still until somebody resumes it.
    Paused {
        /// Why, in the words of who paused it.
        reason: String,
        /// Who paused it.
        by: String,
        /// Since when (wall time, microseconds).
        since: i64,
        /// Until when, if it resumes by itself (wall time, microseconds).
        until: Option<i64>,
    },
    /// An input failed inside the world; its last commit stands.
    Faulted {
        /// What went wrong.
        error: String,
        /// The input that failed, as it would have been journaled.
        input: Option<String>,
        /// Since when (wall time, microseconds).
        since: i64,
    },
}

/// What a world took in within one commit.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalRow {
    /// The world.
    pub world_id: String,
    /// Its shard.
    pub shard: ShardId,
    /// The commit.
    pub commit_no: i64,
    /// Version of the program that ran the inputs.
    pub simulation_version: String,
    /// The inputs, as a JSON array.
    pub inputs: String,
    /// The world's state hash after the last of them.
    pub state_hash: i64,
    /// Wall time that stepping took, in microseconds: what replay will cost.
    pub cost_micros: i64,
}

/// A snapshot of a world.
#[derive(Debug, Clone, PartialEq)]
pub struct SnapshotRow {
    /// The world.
    pub world_id: String,
    /// Its shard.
    pub shard: ShardId,
    /// The commit after which this is the world's state.
    pub commit_no: i64,
    /// The incarnation it belongs to.
    pub incarnation: Uuid,
    /// Version of the program that wrote it.
    pub simulation_version: String,
    /// The state hash.
    pub state_hash: i64,
    /// The snapshot file's bytes.
    pub bytes: Vec<u8>,
}

/// A tick id that has been taken in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TickSeenRow {
    /// The shard that took it.
    pub shard: ShardId,
    /// The tick.
    pub tick_id: Uuid,
    /// When (wall time, microseconds).
    pub seen_at: i64,
}

/// What became of a tick.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct TickHistoryRow {
    /// The tick; nil for a gap in the log.
    pub tick_id: Uuid,
    /// `hourly` or `daily`.
    pub tick_type: String,
    /// The world, or nothing where it concerned none.
    pub world_id: Option<String>,
    /// The shard that recorded it.
    pub shard: ShardId,
    /// `applied`, `duplicate`, `late`, `paused`, `faulted`, `skipped`, `rejected`, `unknown_world`, `no_world`,
    /// `foreign_incarnation`, `gap`.
    pub outcome: String,
    /// A sentence for people, where there is something to say.
    pub detail: Option<String>,
    /// The tick's game time (microseconds since the epoch of the calendar).
    pub game_time: Option<i64>,
    /// Where it came from.
    pub topic: Option<String>,
    /// Partition of that topic.
    pub partition: Option<i32>,
    /// Offset in that partition.
    pub offset: Option<i64>,
    /// Events that it caused.
    pub events: i64,
    /// Markets that it cleared.
    pub markets_cleared: i64,
    /// When the outcome was decided (wall time, microseconds).
    pub recorded_at: i64,
    /// The commit that holds it.
    pub commit_no: i64,
}

/// One market after one clearing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct MarketStateRow {
    /// The world.
    pub world_id: String,
    /// The shard.
    pub shard: ShardId,
    /// `market-<commodity>`.
    pub market_id: String,
    /// The commodity.
    pub commodity: String,
    /// Clearing price in minor units of money, nothing where nothing was ever traded.
    pub price: Option<i64>,
    /// Units traded.
    pub volume: i64,
    /// Units offered and not sold.
    pub asks_unfilled: i64,
    /// Units wanted and not bought.
    pub bids_unfilled: i64,
    /// The tick that cleared it.
    pub tick_id: Uuid,
    /// Game time of the clearing (microseconds).
    pub game_time: i64,
    /// Wall time of the record (microseconds).
    pub recorded_at: i64,
    /// Further measures, as a JSON object.
    pub measures: String,
    /// The commit that holds it.
    pub commit_no: i64,
}

/// A message that could not be used, with its bytes unchanged.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct DeadLetterRow {
    /// The shard that handled it.
    pub shard: ShardId,
    /// Where it came from.
    pub topic: String,
    /// Partition of that topic.
    pub partition: i32,
    /// Offset in that partition.
    pub offset: i64,
    /// Kafka's timestamp of the record in milliseconds, where it has one.
    pub timestamp_ms: Option<i64>,
    /// The key as received.
    pub key: Option<Vec<u8>>,
    /// The value as received; nothing for a tombstone.
    pub value: Option<Vec<u8>>,
    /// Class of the error, a short word for metrics (`not_json`, `schema`, …).
    pub error_class: String,
    /// What is wrong, where, and what to do.
    pub error_message: String,
    /// When it was found (wall time, microseconds).
    pub recorded_at: i64,
    /// The commit that holds it.
    pub commit_no: i64,
}

/// A message to publish.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct OutboxRow {
    /// The shard whose position covers it.
    pub shard: ShardId,
    /// Position in that shard's outbox, from 1, without gaps.
    pub id: i64,
    /// Unique id of the event.
    pub event_id: Uuid,
    /// Topic to publish to.
    pub topic: String,
    /// Event type, for lists and metrics.
    pub event_type: String,
    /// The world it comes from, if any.
    pub world_id: Option<String>,
    /// The tick that caused it, if any; for a tick message its own id.
    pub tick_id: Option<Uuid>,
    /// Kafka key.
    pub key: Option<Vec<u8>>,
    /// Kafka headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Kafka value.
    pub body: Option<Vec<u8>>,
    /// When it was made (wall time, microseconds).
    pub created_at: i64,
}

/// The lease of one shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LeaseRow {
    /// The shard.
    pub shard: ShardId,
    /// Raised by whoever takes the shard over.
    pub epoch: i64,
    /// Number of the last commit.
    pub commit_no: i64,
    /// The next outbox id.
    pub next_outbox_id: i64,
}
