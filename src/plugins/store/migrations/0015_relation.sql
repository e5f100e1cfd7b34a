-- How the factions of worlds stand to each other: of each pair what was told last. A world that is registered or reset
-- begins with none.
CREATE TABLE relation (
    world_id    TEXT             NOT NULL,
    -- In the order of their ids.
    faction_a   TEXT             NOT NULL,
    faction_b   TEXT             NOT NULL,
    shard       BIGINT           NOT NULL,
    commit_no   BIGINT           NOT NULL,
    state       TEXT             NOT NULL,
    -- Game time in which the state began.
    since       BIGINT           NOT NULL,
    score       DOUBLE PRECISION NOT NULL,
    love        DOUBLE PRECISION NOT NULL,
    trust       DOUBLE PRECISION NOT NULL,
    -- How much the first fears the second, and the second the first.
    fear_a      DOUBLE PRECISION NOT NULL,
    fear_b      DOUBLE PRECISION NOT NULL,
    game_time   BIGINT           NOT NULL,
    recorded_at BIGINT           NOT NULL,
    PRIMARY KEY (world_id, faction_a, faction_b)
);

-- What happened between them, over all incarnations of a world.
CREATE TABLE relation_history (
    commit_no    BIGINT           NOT NULL,
    shard        BIGINT           NOT NULL,
    seq          BIGINT           NOT NULL,
    world_id     TEXT             NOT NULL,
    faction_a    TEXT             NOT NULL,
    faction_b    TEXT             NOT NULL,
    what         TEXT             NOT NULL,
    -- The faction that did it.
    by_faction   TEXT,
    -- For a change of state.
    from_state   TEXT,
    to_state     TEXT,
    love_change  DOUBLE PRECISION NOT NULL,
    trust_change DOUBLE PRECISION NOT NULL,
    score_change DOUBLE PRECISION NOT NULL,
    words        TEXT             NOT NULL,
    game_time    BIGINT           NOT NULL,
    recorded_at  BIGINT           NOT NULL,
    incarnation  UUID             NOT NULL,
    PRIMARY KEY (commit_no, shard, seq)
);
CREATE INDEX relation_history_by_pair ON relation_history (world_id, faction_a, faction_b, commit_no, shard, seq);
CREATE INDEX relation_history_by_time ON relation_history (recorded_at);
