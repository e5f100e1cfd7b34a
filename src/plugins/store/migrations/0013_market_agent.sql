-- Agents that worlds begin with, imported from CSV. Read when a world is registered, or reset with a file, whose
-- population comes from here; the world keeps what it read, and nothing else reads the table.
--
-- NULL is drawn as the world file's population says. stocks and beliefs: JSON, numbers by commodity.
CREATE TABLE market_agent (
    world_id         TEXT   NOT NULL,
    -- From 1, in the order of the CSV file.
    number           BIGINT NOT NULL,
    role             TEXT   NOT NULL,
    money            BIGINT NOT NULL,
    capacity         BIGINT,
    skill            DOUBLE PRECISION,
    risk_tolerance   DOUBLE PRECISION,
    impatience       DOUBLE PRECISION,
    social_influence DOUBLE PRECISION,
    learning_rate    DOUBLE PRECISION,
    stocks           TEXT   NOT NULL,
    beliefs          TEXT   NOT NULL,
    imported_at      BIGINT NOT NULL,
    PRIMARY KEY (world_id, number)
);
