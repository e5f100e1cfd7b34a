-- The tables of a store, in words that SQLite and PostgreSQL both take.
--
-- Whole numbers are BIGINT, instants are microseconds since the Unix epoch, documents are TEXT (a jsonb column
-- refuses strings that are valid JSON). Every table that belongs to shards has its shard; store_meta and cluster
-- belong to the store as a whole. Lists run by (commit_no, shard, seq), which no clock can turn round.

CREATE TABLE store_meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- The Kafka clusters this store has published to; the one with the highest use_no is the present one.
CREATE TABLE cluster (
    cluster_id    TEXT   NOT NULL PRIMARY KEY,
    embedded      BIGINT NOT NULL,
    first_used_at BIGINT NOT NULL,
    last_used_at  BIGINT NOT NULL,
    use_no        BIGINT NOT NULL
);

CREATE TABLE lease (
    shard          BIGINT NOT NULL PRIMARY KEY,
    epoch          BIGINT NOT NULL,
    commit_no      BIGINT NOT NULL,
    next_outbox_id BIGINT NOT NULL,
    -- Nobody after a clean exit.
    owner          TEXT,
    -- By the database's clock.
    heartbeat_at   BIGINT NOT NULL,
    -- Whether the owner holds the advisory lock as well (it may have taken over from a process that hangs).
    locked         BIGINT NOT NULL
);

CREATE TABLE outbox_mark (
    shard        BIGINT NOT NULL,
    cluster_id   TEXT   NOT NULL,
    published_id BIGINT NOT NULL,
    PRIMARY KEY (shard, cluster_id)
);

CREATE TABLE world (
    world_id          TEXT   NOT NULL PRIMARY KEY,
    shard             BIGINT NOT NULL,
    incarnation       UUID   NOT NULL,
    spec              TEXT   NOT NULL,
    spec_hash         BIGINT NOT NULL,
    status            TEXT   NOT NULL,
    registered_at     BIGINT NOT NULL,
    registered_commit BIGINT NOT NULL
);

CREATE TABLE journal (
    world_id           TEXT   NOT NULL,
    commit_no          BIGINT NOT NULL,
    shard              BIGINT NOT NULL,
    simulation_version TEXT   NOT NULL,
    inputs             TEXT   NOT NULL,
    state_hash         BIGINT NOT NULL,
    cost_micros        BIGINT NOT NULL,
    PRIMARY KEY (world_id, commit_no)
);

CREATE TABLE snapshot (
    world_id           TEXT   NOT NULL,
    commit_no          BIGINT NOT NULL,
    shard              BIGINT NOT NULL,
    incarnation        UUID   NOT NULL,
    simulation_version TEXT   NOT NULL,
    state_hash         BIGINT NOT NULL,
    bytes              BYTEA  NOT NULL,
    PRIMARY KEY (world_id, commit_no)
);

-- The id comes first in the key, so that "has any shard taken it" needs no further index.
CREATE TABLE tick (
    tick_id UUID   NOT NULL,
    shard   BIGINT NOT NULL,
    seen_at BIGINT NOT NULL,
    PRIMARY KEY (tick_id, shard)
);
CREATE INDEX tick_by_time ON tick (seen_at);

CREATE TABLE tick_history (
    commit_no       BIGINT NOT NULL,
    shard           BIGINT NOT NULL,
    seq             BIGINT NOT NULL,
    tick_id         UUID   NOT NULL,
    tick_type       TEXT   NOT NULL,
    world_id        TEXT,
    outcome         TEXT   NOT NULL,
    detail          TEXT,
    game_time       BIGINT,
    topic           TEXT,
    partition_no    BIGINT,
    record_offset   BIGINT,
    events          BIGINT NOT NULL,
    markets_cleared BIGINT NOT NULL,
    recorded_at     BIGINT NOT NULL,
    PRIMARY KEY (commit_no, shard, seq)
);
CREATE INDEX tick_history_by_world ON tick_history (world_id, commit_no, shard, seq);
CREATE INDEX tick_history_by_tick ON tick_history (tick_id);
CREATE INDEX tick_history_by_time ON tick_history (recorded_at);

CREATE TABLE market_state (
    commit_no     BIGINT NOT NULL,
    shard         BIGINT NOT NULL,
    seq           BIGINT NOT NULL,
    world_id      TEXT   NOT NULL,
    market_id     TEXT   NOT NULL,
    commodity     TEXT   NOT NULL,
    price         BIGINT,
    volume        BIGINT NOT NULL,
    asks_unfilled BIGINT NOT NULL,
    bids_unfilled BIGINT NOT NULL,
    tick_id       UUID   NOT NULL,
    game_time     BIGINT NOT NULL,
    recorded_at   BIGINT NOT NULL,
    measures      TEXT   NOT NULL,
    PRIMARY KEY (commit_no, shard, seq)
);
CREATE INDEX market_state_by_market ON market_state (world_id, market_id, commit_no, shard, seq);
CREATE INDEX market_state_by_time ON market_state (recorded_at);

CREATE TABLE dead_letter (
    commit_no     BIGINT NOT NULL,
    shard         BIGINT NOT NULL,
    seq           BIGINT NOT NULL,
    topic         TEXT   NOT NULL,
    partition_no  BIGINT NOT NULL,
    record_offset BIGINT NOT NULL,
    timestamp_ms  BIGINT,
    record_key    BYTEA,
    record_value  BYTEA,
    error_class   TEXT   NOT NULL,
    error_message TEXT   NOT NULL,
    recorded_at   BIGINT NOT NULL,
    PRIMARY KEY (commit_no, shard, seq)
);
CREATE INDEX dead_letter_by_time ON dead_letter (recorded_at);

CREATE TABLE input_position (
    shard        BIGINT NOT NULL,
    topic        TEXT   NOT NULL,
    partition_no BIGINT NOT NULL,
    next_offset  BIGINT NOT NULL,
    PRIMARY KEY (shard, topic, partition_no)
);

CREATE TABLE outbox (
    shard      BIGINT NOT NULL,
    id         BIGINT NOT NULL,
    event_id   UUID   NOT NULL UNIQUE,
    commit_no  BIGINT NOT NULL,
    topic      TEXT   NOT NULL,
    event_type TEXT   NOT NULL,
    world_id   TEXT,
    tick_id    UUID,
    -- 1 for a tick message: its row stays until the tick has come back.
    is_tick    BIGINT NOT NULL,
    record_key BYTEA,
    headers    BYTEA  NOT NULL,
    body       BYTEA,
    created_at BIGINT NOT NULL,
    PRIMARY KEY (shard, id)
);
CREATE INDEX outbox_by_commit ON outbox (commit_no, shard, id);
CREATE INDEX outbox_by_world ON outbox (world_id, commit_no, shard, id);
CREATE INDEX outbox_by_tick ON outbox (tick_id);
CREATE INDEX outbox_own_ticks ON outbox (shard, id) WHERE is_tick = 1;
