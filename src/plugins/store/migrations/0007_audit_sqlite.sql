-- Who changed, or tried to change, what through the admin API. The engines number rows in different words.
--
-- outcome: begun, done, refused, failed. A row that stays `begun` is of a server that ended before it had an answer.

CREATE TABLE audit (
    seq          INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at           BIGINT NOT NULL,
    who          TEXT   NOT NULL,
    token_id     TEXT,
    scope        TEXT   NOT NULL,
    source       TEXT   NOT NULL,
    method       TEXT   NOT NULL,
    route        TEXT   NOT NULL,
    world_id     TEXT,
    summary      TEXT   NOT NULL,
    outcome      TEXT   NOT NULL,
    status       BIGINT,
    completed_at BIGINT
);

CREATE INDEX audit_at ON audit (at);
CREATE INDEX audit_world ON audit (world_id, seq);
CREATE INDEX audit_who ON audit (who, seq);
