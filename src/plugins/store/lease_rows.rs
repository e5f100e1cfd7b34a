//! The lease rows: a row a shard with epoch, commit number, next outbox id, owner and heartbeat.

use std::time::Duration;

use sqlx::AssertSqlSafe;

use super::StoreError;
use super::engine::EngineKind;
use super::error::Failure;
use super::rows::LeaseRow;
use super::session::Session;
use super::statements::placeholders;
use super::value::{Row, Value, values};

/// An owner as the lease rows show it.
#[derive(Debug)]
pub(super) struct Seen {
    pub owner: String,
    pub age: Duration,
    pub locked: bool,
}

pub(super) fn seen(row: &Row) -> Result<Seen, StoreError> {
    let mut columns = row.read("lease");
    let owner = columns.text()?;
    // A heartbeat in the future (a clock set back) is as good as none older than now.
    let age = Duration::from_micros(u64::try_from(columns.int()?).unwrap_or(0));
    Ok(Seen { owner, age, locked: columns.int()? != 0 })
}

/// Reads `shard, epoch, commit_no, next_outbox_id`.
pub(super) fn lease_row(row: &Row) -> Result<LeaseRow, StoreError> {
    let mut columns = row.read("lease");
    Ok(LeaseRow {
        shard: columns.small()?,
        epoch: columns.int()?,
        commit_no: columns.int()?,
        next_outbox_id: columns.int()?,
    })
}

/// All rows with their owners, locked until the transaction ends.
pub(super) async fn lock_rows(
    session: &mut Session,
    kind: EngineKind,
) -> Result<Vec<(LeaseRow, Option<Seen>)>, StoreError> {
    let sql = format!(
        "SELECT shard, epoch, commit_no, next_outbox_id, owner, {} - heartbeat_at, locked FROM lease ORDER BY shard{}",
        kind.now(),
        kind.for_update()
    );
    let rows = session
        .fetch(AssertSqlSafe(sql), &[])
        .await
        .map_err(|failure| failure.into_error("take the lease", "lease"))?;
    rows.iter()
        .map(|row| {
            let lease = lease_row(row)?;
            let mut columns = row.read("lease");
            for _ in 0..4 {
                columns.int()?;
            }
            let owner = columns.text_or_none()?;
            let age = Duration::from_micros(u64::try_from(columns.int()?).unwrap_or(0));
            let locked = columns.int()? != 0;
            Ok((lease, owner.map(|owner| Seen { owner, age, locked })))
        })
        .collect()
}

/// The first rows of a new store.
pub(super) async fn make_rows(session: &mut Session, shards: i32) -> Result<(), Failure> {
    let count = usize::try_from(shards).unwrap_or(0);
    let rows: Vec<String> = (0..count).map(|row| placeholders(row * 6 + 1, 6)).collect();
    let values: Vec<Value<'_>> =
        (0..shards).flat_map(|shard| values![shard, 0_i64, 0_i64, 1_i64, 0_i64, 0_i64]).collect();
    if rows.is_empty() {
        return Ok(());
    }
    let sql = format!(
        "INSERT INTO lease (shard, epoch, commit_no, next_outbox_id, heartbeat_at, locked) VALUES {} \
         ON CONFLICT (shard) DO NOTHING",
        rows.join(", ")
    );
    session.execute(AssertSqlSafe(sql), &values).await.map(|_| ())
}
