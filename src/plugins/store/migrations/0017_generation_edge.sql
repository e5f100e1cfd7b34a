-- The edge of generation: what was sent within the last hour, limits that were changed, and answers of workers whose worlds
-- could not hear them.
CREATE TABLE generation_attempt (
    world_id    TEXT   NOT NULL,
    incarnation UUID   NOT NULL,
    job_id      BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    shard       BIGINT NOT NULL,
    user_name   TEXT   NOT NULL,
    kind        TEXT   NOT NULL,
    -- Wall time of the commit that sent it.
    sent_at     BIGINT NOT NULL,
    PRIMARY KEY (world_id, incarnation, job_id, attempt)
);
CREATE INDEX generation_attempt_by_time ON generation_attempt (sent_at);

CREATE TABLE generation_limit (
    -- all, user, kind, shard or world.
    scope      TEXT   NOT NULL,
    -- Of whom it is; empty: of everybody of whom nothing is said by name.
    name       TEXT   NOT NULL,
    -- Nothing: as it would be without.
    concurrent BIGINT,
    per_hour   BIGINT,
    changed_by TEXT   NOT NULL,
    changed_at BIGINT NOT NULL,
    PRIMARY KEY (scope, name)
);

CREATE TABLE generation_answer (
    world_id    TEXT   NOT NULL,
    result_id   UUID   NOT NULL,
    incarnation UUID   NOT NULL,
    job_id      BIGINT NOT NULL,
    attempt     BIGINT NOT NULL,
    issued_by   TEXT   NOT NULL,
    issued_at   BIGINT NOT NULL,
    -- What the command would have been given.
    payload     TEXT   NOT NULL,
    recorded_at BIGINT NOT NULL,
    PRIMARY KEY (world_id, result_id)
);
