-- Tokens of the admin API. The secret itself is nowhere: only its SHA-256, in hexadecimal digits.
--
-- scopes: words with a space between. A name belongs to one token at a time; a revoked one has given it up.

CREATE TABLE token (
    token_id     TEXT   NOT NULL PRIMARY KEY,
    name         TEXT   NOT NULL,
    scopes       TEXT   NOT NULL,
    hash         TEXT   NOT NULL,
    created_at   BIGINT NOT NULL,
    created_by   TEXT   NOT NULL,
    expires_at   BIGINT,
    revoked_at   BIGINT,
    revoked_by   TEXT,
    last_used_at BIGINT
);

CREATE UNIQUE INDEX token_name ON token (name) WHERE revoked_at IS NULL;
