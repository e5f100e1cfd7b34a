//! The tables as commits write them: columns in the order of their values.

/// A table as a commit writes it.
#[derive(Debug)]
pub(super) struct Table {
    pub name: &'static str,
    pub columns: &'static [&'static str],
    /// What follows the rows.
    pub suffix: &'static str,
}

pub(super) const WORLD: Table = Table {
    name: "world",
    columns: &[
        "world_id",
        "shard",
        "incarnation",
        "spec",
        "spec_hash",
        "status",
        "registered_at",
        "registered_commit",
        "simulation",
    ],
    suffix: " ON CONFLICT (world_id) DO UPDATE SET shard = excluded.shard, incarnation = excluded.incarnation, \
             spec = excluded.spec, spec_hash = excluded.spec_hash, status = excluded.status, \
             registered_at = excluded.registered_at, registered_commit = excluded.registered_commit, \
             simulation = excluded.simulation",
};

pub(super) const JOURNAL: Table = Table {
    name: "journal",
    columns: &["world_id", "commit_no", "shard", "simulation_version", "inputs", "state_hash", "cost_micros"],
    suffix: "",
};

pub(super) const TICK: Table = Table { name: "tick", columns: &["tick_id", "shard", "seen_at"], suffix: "" };

pub(super) const TICK_HISTORY: Table = Table {
    name: "tick_history",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "tick_id",
        "tick_type",
        "world_id",
        "outcome",
        "detail",
        "game_time",
        "topic",
        "partition_no",
        "record_offset",
        "events",
        "markets_cleared",
        "recorded_at",
    ],
    suffix: "",
};

pub(super) const MARKET_STATE: Table = Table {
    name: "market_state",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "world_id",
        "market_id",
        "commodity",
        "price",
        "volume",
        "asks_unfilled",
        "bids_unfilled",
        "tick_id",
        "game_time",
        "recorded_at",
        "measures",
    ],
    suffix: "",
};

pub(super) const RELATION: Table = Table {
    name: "relation",
    columns: &[
        "world_id",
        "faction_a",
        "faction_b",
        "shard",
        "commit_no",
        "state",
        "since",
        "score",
        "love",
        "trust",
        "fear_a",
        "fear_b",
        "game_time",
        "recorded_at",
    ],
    suffix: " ON CONFLICT (world_id, faction_a, faction_b) DO UPDATE SET shard = excluded.shard, \
             commit_no = excluded.commit_no, state = excluded.state, since = excluded.since, score = excluded.score, \
             love = excluded.love, trust = excluded.trust, fear_a = excluded.fear_a, fear_b = excluded.fear_b, \
             game_time = excluded.game_time, recorded_at = excluded.recorded_at",
};

pub(super) const RELATION_HISTORY: Table = Table {
    name: "relation_history",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "world_id",
        "faction_a",
        "faction_b",
        "what",
        "by_faction",
        "from_state",
        "to_state",
        "love_change",
        "trust_change",
        "score_change",
        "words",
        "game_time",
        "recorded_at",
        "incarnation",
    ],
    suffix: "",
};

pub(super) const GENERATION_JOB: Table = Table {
    name: "generation_job",
    columns: &[
        "world_id",
        "incarnation",
        "job_id",
        "shard",
        "commit_no",
        "state",
        "is_over",
        "stage",
        "kind",
        "user_name",
        "session",
        "npc_id",
        "chain",
        "step",
        "priority",
        "attempt",
        "timeout_seconds",
        "reason",
        "message",
        "reference",
        "again_for",
        "asked_at",
        "deadline",
        "recorded_at",
    ],
    suffix: " ON CONFLICT (world_id, incarnation, job_id) DO UPDATE SET shard = excluded.shard, \
             commit_no = excluded.commit_no, state = excluded.state, is_over = excluded.is_over, \
             stage = excluded.stage, session = excluded.session, npc_id = excluded.npc_id, chain = excluded.chain, \
             step = excluded.step, attempt = excluded.attempt, timeout_seconds = CASE \
             WHEN excluded.timeout_seconds > 0 THEN excluded.timeout_seconds ELSE generation_job.timeout_seconds END, \
             reason = excluded.reason, message = excluded.message, reference = excluded.reference, \
             recorded_at = excluded.recorded_at",
};

/// One that is sent again by another try of its commit is the same.
pub(super) const GENERATION_ATTEMPT: Table = Table {
    name: "generation_attempt",
    columns: &["world_id", "incarnation", "job_id", "attempt", "shard", "user_name", "kind", "sent_at"],
    suffix: " ON CONFLICT DO NOTHING",
};

pub(super) const GENERATION_ANSWER: Table = Table {
    name: "generation_answer",
    columns: &[
        "world_id",
        "result_id",
        "incarnation",
        "job_id",
        "attempt",
        "issued_by",
        "issued_at",
        "payload",
        "recorded_at",
    ],
    suffix: " ON CONFLICT DO NOTHING",
};

pub(super) const COMMAND: Table = Table {
    name: "command",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "command_id",
        "world_id",
        "command",
        "issued_by",
        "issued_at",
        "source",
        "outcome",
        "answer",
        "error",
        "error_kind",
        "game_time",
        "recorded_at",
        "fingerprint",
        "incarnation",
    ],
    suffix: "",
};

pub(super) const AUDIT: Table = Table {
    name: "audit",
    columns: &["at", "who", "scope", "source", "method", "route", "world_id", "summary", "outcome", "completed_at"],
    suffix: "",
};

pub(super) const CONFIG_CHANGE: Table = Table {
    name: "config_change",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "world_id",
        "pointer",
        "from_value",
        "to_value",
        "changed_by",
        "command_id",
        "recorded_at",
    ],
    suffix: "",
};

pub(super) const UNREGISTERED_WORLD: Table = Table {
    name: "unregistered_world",
    columns: &["world_id", "shard", "file_hash", "unregistered_at"],
    suffix: " ON CONFLICT (world_id) DO UPDATE SET shard = excluded.shard, file_hash = excluded.file_hash, \
             unregistered_at = excluded.unregistered_at",
};

pub(super) const DEAD_LETTER: Table = Table {
    name: "dead_letter",
    columns: &[
        "commit_no",
        "shard",
        "seq",
        "topic",
        "partition_no",
        "record_offset",
        "timestamp_ms",
        "record_key",
        "record_value",
        "error_class",
        "error_message",
        "recorded_at",
    ],
    suffix: "",
};

pub(super) const OUTBOX: Table = Table {
    name: "outbox",
    columns: &[
        "shard",
        "id",
        "event_id",
        "commit_no",
        "topic",
        "event_type",
        "world_id",
        "tick_id",
        "is_tick",
        "record_key",
        "headers",
        "body",
        "created_at",
    ],
    suffix: "",
};

pub(super) const INPUT_POSITION: Table = Table {
    name: "input_position",
    columns: &["shard", "topic", "partition_no", "next_offset"],
    suffix: " ON CONFLICT (shard, topic, partition_no) DO UPDATE SET next_offset = excluded.next_offset",
};

/// A mark never goes back: what is published stays published.
pub(super) const OUTBOX_MARK: Table = Table {
    name: "outbox_mark",
    columns: &["shard", "cluster_id", "published_id"],
    suffix: " ON CONFLICT (shard, cluster_id) DO UPDATE SET published_id = excluded.published_id \
             WHERE excluded.published_id > outbox_mark.published_id",
};
