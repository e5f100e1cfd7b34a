-- Metrics as they were at an instant, for those who have no Prometheus beside the server.
CREATE TABLE metric_snapshot (
    at     BIGINT           NOT NULL,
    name   TEXT             NOT NULL,
    labels TEXT             NOT NULL,
    value  DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (at, name, labels)
);
CREATE INDEX metric_snapshot_by_name ON metric_snapshot (name, at, labels);
