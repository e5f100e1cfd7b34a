//! What can go wrong, sorted by what helps: waiting, another input, or a person.

use sqlx::error::DatabaseError;

use super::rows::ShardId;

/// Why an operation of the store failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StoreError {
    /// The configuration names no store.
    #[error("the store's URL cannot be used: {message}")]
    Config {
        /// What is wrong with it.
        message: String,
    },
    /// Another server owns the store.
    #[error("{what} is in use by another worldtick server ({owner}): stop it, or name another store with {setting}")]
    InUse {
        /// The data folder or the database.
        what: String,
        /// What is known of the other server.
        owner: String,
        /// The setting that names the store.
        setting: &'static str,
    },
    /// The store was made for another number of shards.
    #[error(
        "the store was made for {stored} shards, but {asked} are configured: the partition count of world.command must not change"
    )]
    ShardCount {
        /// Shards that the store has.
        stored: i32,
        /// Shards that were asked for.
        asked: i32,
    },
    /// The database cannot be reached or cannot work at the moment; trying again may help.
    #[error("the store cannot {operation} at the moment: {message}")]
    Unavailable {
        /// What was to be done.
        operation: &'static str,
        /// What the database or the network said.
        message: String,
    },
    /// A value that no repetition will make acceptable. Nothing of the commit was written.
    #[error("table `{table}` refuses {}: {message}", refused_row(*.row, .world_id.as_deref()))]
    Refused {
        /// The table that refused it.
        table: &'static str,
        /// Index of the row among those of its table in the commit.
        row: Option<usize>,
        /// The world that the row belongs to, if any.
        world_id: Option<String>,
        /// What is wrong with it.
        message: String,
    },
    /// The lease rows are neither before nor after the commit: the database was replaced underneath.
    #[error(
        "the store was changed underneath this server: {found}, expected commit {expected} or the one before; was it restored from a back-up? Restart the server"
    )]
    Diverged {
        /// The commit that was to be written.
        expected: i64,
        /// What the lease rows say.
        found: String,
    },
    /// The outbox position that Kafka knows lies beyond everything this database ever published.
    #[error(
        "shard {shard}: Kafka knows outbox rows up to {position}, but the store has assigned only {last_assigned}: the database was restored from an older back-up"
    )]
    PositionBeyondOutbox {
        /// The shard.
        shard: ShardId,
        /// The position that Kafka knows.
        position: i64,
        /// The last outbox id that this store has assigned.
        last_assigned: i64,
    },
    /// The lease is lost: another server has taken over.
    #[error("this server no longer owns the store: {reason}")]
    LeaseLost {
        /// How it was noticed.
        reason: String,
    },
    /// The tables do not fit this program.
    #[error("the store's tables cannot be brought up to date: {message}")]
    Migration {
        /// What happened.
        message: String,
    },
    /// A stored row cannot be read.
    #[error("table `{table}` holds a row that cannot be read: {message}")]
    Unreadable {
        /// The table.
        table: &'static str,
        /// What is wrong.
        message: String,
    },
    /// The database refuses the statement itself: neither waiting nor another input helps.
    #[error("the store cannot {operation}: {message}")]
    Broken {
        /// What was to be done.
        operation: &'static str,
        /// What the database said.
        message: String,
    },
}

impl StoreError {
    /// Whether trying again later may help.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }
}

fn refused_row(row: Option<usize>, world_id: Option<&str>) -> String {
    let row = row.map_or_else(|| "a row".to_owned(), |row| format!("row {row} of the commit"));
    world_id.map_or_else(|| row.clone(), |world| format!("{row} (world `{world}`)"))
}

/// What to do about a failed statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FailureKind {
    /// Try again, on a new connection.
    Transient,
    /// SQLite ended the statement at a limit that we had set: try again, and the connection is as good as it was.
    Ended,
    /// The value is at fault.
    Refused,
    /// The statement or the schema is at fault.
    Broken,
}

/// A failed statement.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub kind: FailureKind,
    pub message: String,
}

impl Failure {
    pub(super) fn transient(message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Transient, message: message.into() }
    }

    /// As an error of `operation`, at `table` where the value was refused.
    pub(super) fn into_error(self, operation: &'static str, table: &'static str) -> StoreError {
        let message = self.message;
        match self.kind {
            FailureKind::Transient | FailureKind::Ended => StoreError::Unavailable { operation, message },
            FailureKind::Refused => StoreError::Refused { table, row: None, world_id: None, message },
            FailureKind::Broken => StoreError::Broken { operation, message },
        }
    }
}

impl From<sqlx::Error> for Failure {
    fn from(error: sqlx::Error) -> Self {
        let kind = match &error {
            sqlx::Error::Database(database) => database_kind(database.as_ref()),
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolTimedOut
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed
            | sqlx::Error::BeginFailed => FailureKind::Transient,
            sqlx::Error::Encode(_) => FailureKind::Refused,
            _ => FailureKind::Broken,
        };
        Self { kind, message: describe(&error) }
    }
}

/// The error and its causes on one line.
fn describe(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::Database(database) => match database.code() {
            Some(code) => format!("{} ({code})", database.message()),
            None => database.message().to_owned(),
        },
        sqlx::Error::PoolTimedOut => "no connection became free in time".to_owned(),
        other => other.to_string(),
    }
}

fn database_kind(error: &dyn DatabaseError) -> FailureKind {
    let Some(code) = error.code() else { return FailureKind::Broken };
    // SQLSTATEs have five characters and SQLite's extended codes at most four.
    if code.len() == 5 {
        return postgres_kind(&code);
    }
    code.parse::<i64>().map_or(FailureKind::Broken, sqlite_kind)
}

/// By SQLSTATE (PostgreSQL's appendix A).
fn postgres_kind(code: &str) -> FailureKind {
    match code {
        // No permission, a read-only replica, no such database: a person mends these while we wait.
        "42501" | "25006" | "25P03" | "55P03" | "55006" | "3D000" => FailureKind::Transient,
        // Connection, authorization, rollback (serialization, deadlock), resources (disk full), operator
        // intervention (shutdown, statement time-out), system error.
        _ => match code.get(..2) {
            Some("08" | "28" | "40" | "53" | "57" | "58") => FailureKind::Transient,
            // Data exception, constraint, program limit.
            Some("22" | "23" | "54") => FailureKind::Refused,
            _ => FailureKind::Broken,
        },
    }
}

/// By primary result code, the low byte of the extended one.
fn sqlite_kind(code: i64) -> FailureKind {
    match code & 0xff {
        // INTERRUPT.
        9 => FailureKind::Ended,
        // TOOBIG, CONSTRAINT, MISMATCH, RANGE.
        18 | 19 | 20 | 25 => FailureKind::Refused,
        // ERROR, INTERNAL, CORRUPT, NOTADB, MISUSE.
        1 | 2 | 11 | 21 | 26 => FailureKind::Broken,
        // BUSY, LOCKED, FULL, IOERR, CANTOPEN, READONLY, NOMEM and the like.
        _ => FailureKind::Transient,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waiting_mends_is_transient() {
        for code in ["57P01", "57014", "53100", "40001", "40P01", "08006", "25P03", "57P03"] {
            assert_eq!(postgres_kind(code), FailureKind::Transient, "{code}");
        }
        for code in [5, 261, 6, 13, 10, 778, 14] {
            assert_eq!(sqlite_kind(code), FailureKind::Transient, "{code}");
        }
    }

    #[test]
    fn what_a_value_causes_is_refused_and_a_missing_table_is_neither() {
        for code in ["22021", "22P05", "23505", "54000"] {
            assert_eq!(postgres_kind(code), FailureKind::Refused, "{code}");
        }
        assert_eq!(sqlite_kind(9), FailureKind::Ended);
        assert_eq!(sqlite_kind(1555), FailureKind::Refused);
        assert_eq!(postgres_kind("42P01"), FailureKind::Broken);
        assert_eq!(sqlite_kind(1), FailureKind::Broken);
    }

    #[test]
    fn a_refusal_names_table_row_and_world() {
        let error = StoreError::Refused {
            table: "journal",
            row: Some(3),
            world_id: Some("demo".to_owned()),
            message: "a NUL character".to_owned(),
        };
        assert_eq!(error.to_string(), "table `journal` refuses row 3 of the commit (world `demo`): a NUL character");
    }
}
