//! Brings the tables up to date.

#![expect(clippy::disallowed_methods, reason = "a migration has a limit in wall time")]

use std::borrow::Cow;
use std::time::Duration;

use sqlx::SqlSafeStr as _;
use sqlx::migrate::{MigrateError, Migration, MigrationType, Migrator};

use super::StoreError;
use super::engine::{Engine, EngineKind};
use super::error::{Failure, FailureKind};
use super::session::Link;

/// Longer than any single operation: a migration may rewrite a table.
const LIMIT: Duration = Duration::from_secs(600);

/// Version, name, text, and the engine that needs it where not both do. Never change one that was released.
const MIGRATIONS: &[(i64, &str, &str, Option<EngineKind>)] = &[
    (1, "tables", include_str!("migrations/0001_tables.sql"), None),
    (2, "postgres storage", include_str!("migrations/0002_postgres_storage.sql"), Some(EngineKind::Postgres)),
    (3, "commands", include_str!("migrations/0003_commands.sql"), None),
    (6, "token", include_str!("migrations/0006_token.sql"), None),
    (7, "audit", include_str!("migrations/0007_audit_sqlite.sql"), Some(EngineKind::Sqlite)),
    (7, "audit", include_str!("migrations/0007_audit_postgres.sql"), Some(EngineKind::Postgres)),
    (10, "metric snapshots", include_str!("migrations/0010_metric_snapshot.sql"), None),
    (12, "command identity", include_str!("migrations/0012_command_identity.sql"), None),
    (13, "agents", include_str!("migrations/0013_market_agent.sql"), None),
    (14, "agent place", include_str!("migrations/0014_agent_place.sql"), None),
    (15, "relations", include_str!("migrations/0015_relation.sql"), None),
    (16, "generation jobs", include_str!("migrations/0016_generation_job.sql"), None),
    (17, "the edge of generation", include_str!("migrations/0017_generation_edge.sql"), None),
];

/// Runs the migrations that the store has not seen.
///
/// # Errors
/// [`StoreError::Unavailable`] without a connection, [`StoreError::Migration`] where the tables were made by a
/// newer program or cannot be changed.
pub(super) async fn migrate(engine: &Engine) -> Result<(), StoreError> {
    let migrator = Migrator::with_migrations(
        MIGRATIONS
            .iter()
            .filter(|(.., only)| only.is_none_or(|only| only == engine.kind()))
            .map(|(version, name, sql, _)| {
                Migration::new(*version, Cow::Borrowed(*name), MigrationType::Simple, (*sql).into_sql_str(), false)
            })
            .collect(),
    );
    let link = engine.connect_patiently().await.map_err(|failure| failure.into_error("be opened", "store_meta"))?;
    let run = async {
        match link {
            Link::Sqlite(mut link) => migrator.run(&mut *link).await,
            Link::Postgres(mut link) => migrator.run(&mut *link).await,
        }
    };
    // time: store: limit of a migration | real | tokio timer | time-out
    match tokio::time::timeout(LIMIT, run).await {
        Ok(done) => done.map_err(explain),
        Err(_) => Err(StoreError::Migration { message: format!("not finished after {} s", LIMIT.as_secs()) }),
    }
}

/// Whether the store has seen every migration that this program knows, and no other. Runs none.
///
/// # Errors
/// [`StoreError::Unavailable`] without a connection, [`StoreError::Migration`] where the tables are of another version.
pub(super) async fn check_migrated(engine: &Engine) -> Result<(), StoreError> {
    let fail = |failure: Failure| failure.into_error("be opened", "store_meta");
    let known = MIGRATIONS.iter().map(|(version, ..)| *version).max().unwrap_or(0);
    let mut session = engine.writer().await.map_err(fail)?;
    let seen = "SELECT coalesce(max(version), 0) FROM _sqlx_migrations WHERE success";
    let seen = match session.fetch(seen, &[]).await {
        Ok(rows) => rows.first().map_or(Ok(0), |row| row.read("_sqlx_migrations").int())?,
        // There is no such table: nothing was ever made here.
        Err(failure) if failure.kind == FailureKind::Broken => 0,
        Err(failure) => return Err(fail(failure)),
    };
    if seen == known {
        return Ok(());
    }
    let message = if seen < known {
        format!(
            "they lack migration {known} (the last that ran is {seen}), and a server may be running on them: start a \
             server of this version, which runs it, and try again"
        )
    } else {
        format!("they are of version {seen}, which a newer worldtick has made: use that one")
    };
    Err(StoreError::Migration { message })
}

fn explain(error: MigrateError) -> StoreError {
    let message = match error {
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => {
            let failure = Failure::from(error);
            if failure.kind == FailureKind::Transient {
                return failure.into_error("be opened", "store_meta");
            }
            failure.message
        }
        MigrateError::VersionMissing(version) => {
            format!(
                "they are of version {version}, which a newer worldtick has made: run that one, or restore a back-up"
            )
        }
        MigrateError::VersionMismatch(version) => {
            format!("version {version} was made by a different build than this one")
        }
        other => other.to_string(),
    };
    StoreError::Migration { message }
}
