-- Jobs of generation: where each stands, with what the edge needs to go on after a restart. Those of former incarnations
-- of a world stay until they are swept.
CREATE TABLE generation_job (
    world_id        TEXT   NOT NULL,
    incarnation     UUID   NOT NULL,
    job_id          BIGINT NOT NULL,
    shard           BIGINT NOT NULL,
    commit_no       BIGINT NOT NULL,
    state           TEXT   NOT NULL,
    -- Whether nothing can happen to it any more.
    is_over         BIGINT NOT NULL,
    -- 0: nothing for the edge to do; 1: it waits for the edge; 2: it is with the workers.
    stage           BIGINT NOT NULL,
    kind            TEXT   NOT NULL,
    user_name       TEXT   NOT NULL,
    session         TEXT,
    npc_id          BIGINT,
    chain           TEXT,
    step            TEXT,
    priority        BIGINT NOT NULL,
    attempt         BIGINT NOT NULL,
    timeout_seconds BIGINT NOT NULL,
    reason          TEXT,
    message         TEXT,
    reference       TEXT,
    again_for       BIGINT,
    -- Game time.
    asked_at        BIGINT NOT NULL,
    deadline        BIGINT NOT NULL,
    recorded_at     BIGINT NOT NULL,
    PRIMARY KEY (world_id, incarnation, job_id)
);
CREATE INDEX generation_job_open ON generation_job (is_over, stage, world_id, job_id);
CREATE INDEX generation_job_by_state ON generation_job (state, world_id, job_id);
CREATE INDEX generation_job_by_time ON generation_job (is_over, recorded_at);
