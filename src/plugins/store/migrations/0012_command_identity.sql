-- What a command asked for, so that another one under its id is told from its repetition; rows from before have none and
-- are compared by their names.
ALTER TABLE command ADD COLUMN fingerprint TEXT;
-- The incarnation of its world that took it; nothing where there was no such world.
ALTER TABLE command ADD COLUMN incarnation UUID;
