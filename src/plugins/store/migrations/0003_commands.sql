-- What became of commands, and what was changed while worlds lived.

-- A command is known by its id within its world: given again, it is answered from here and not run.
CREATE TABLE command (
    command_id  UUID   NOT NULL,
    world_id    TEXT   NOT NULL,
    commit_no   BIGINT NOT NULL,
    shard       BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    command     TEXT   NOT NULL,
    issued_by   TEXT   NOT NULL,
    issued_at   BIGINT NOT NULL,
    -- api or kafka.
    source      TEXT   NOT NULL,
    -- done or refused.
    outcome     TEXT   NOT NULL,
    -- The answer, or what is wrong place by place, as JSON.
    answer      TEXT,
    error       TEXT,
    -- A short word for the kind of refusal.
    error_kind  TEXT,
    game_time   BIGINT,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (command_id, world_id)
);
CREATE INDEX command_by_place ON command (commit_no, shard, seq);
CREATE INDEX command_by_world ON command (world_id, commit_no, shard, seq);
CREATE INDEX command_by_time ON command (recorded_at);

CREATE TABLE config_change (
    commit_no   BIGINT NOT NULL,
    shard       BIGINT NOT NULL,
    seq         BIGINT NOT NULL,
    world_id    TEXT   NOT NULL,
    -- A JSON pointer.
    pointer     TEXT   NOT NULL,
    -- Values as JSON; nothing where there was none.
    from_value  TEXT,
    to_value    TEXT,
    changed_by  TEXT   NOT NULL,
    command_id  UUID,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (commit_no, shard, seq)
);
CREATE INDEX config_change_by_world ON config_change (world_id, commit_no, shard, seq);
CREATE INDEX config_change_by_time ON config_change (recorded_at);

-- Worlds that were removed while a file describes them: the file must change, or somebody register them, before they
-- come back.
CREATE TABLE unregistered_world (
    world_id        TEXT   NOT NULL PRIMARY KEY,
    shard           BIGINT NOT NULL,
    file_hash       BIGINT NOT NULL,
    unregistered_at BIGINT NOT NULL
);

-- The simulation block as it is now, as JSON; nothing where it is as the world was registered with.
ALTER TABLE world ADD COLUMN simulation TEXT;
