//! What became of commands, and what was changed in the configuration of worlds.

use std::collections::BTreeSet;

use sqlx::AssertSqlSafe;
use uuid::Uuid;

use super::StoreError;
use super::pages::{Conditions, Cursor, Listed, Page};
use super::query::cursor;
use super::rows::{CommandRow, ConfigChangeRow};
use super::store::Store;
use super::value::{Row, Value};

/// Sizes of the lists of ids that are asked for at once; a shorter list repeats its last id.
const ID_LISTS: [usize; 4] = [1, 8, 64, 512];
const COMMAND_COLUMNS: &str = "commit_no, shard, seq, command_id, world_id, command, issued_by, issued_at, source, \
                               outcome, answer, error, error_kind, game_time, recorded_at, fingerprint, incarnation";
const CHANGE_COLUMNS: &str =
    "commit_no, shard, seq, world_id, pointer, from_value, to_value, changed_by, command_id, recorded_at";

impl Store {
    /// Those of these commands, each by its world and its id, that are known.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn known_commands(&self, commands: &[(String, Uuid)]) -> Result<Vec<CommandRow>, StoreError> {
        const OPERATION: &str = "look up commands";
        let wanted: BTreeSet<(&str, Uuid)> = commands.iter().map(|(world, id)| (world.as_str(), *id)).collect();
        let ids: Vec<Uuid> = wanted.iter().map(|(_, id)| *id).collect::<BTreeSet<_>>().into_iter().collect();
        let mut known = Vec::new();
        if ids.is_empty() {
            return Ok(known);
        }
        let mut session = self.reader(OPERATION).await?;
        for some in ids.chunks(ID_LISTS[ID_LISTS.len() - 1]) {
            let size = ID_LISTS.into_iter().find(|size| *size >= some.len()).unwrap_or(some.len());
            let texts = &self.inner.texts;
            let sql = texts.get("known commands", size, || {
                let ids = texts.places(1, size);
                format!("SELECT {COMMAND_COLUMNS} FROM command WHERE command_id IN {ids}")
            });
            let mut values: Vec<Value<'_>> = some.iter().map(|id| Value::from(*id)).collect();
            while let (Some(last), true) = (some.last(), values.len() < size) {
                values.push(Value::from(*last));
            }
            let rows = session.fetch(AssertSqlSafe(sql), &values).await;
            for row in &rows.map_err(|failure| failure.into_error(OPERATION, "command"))? {
                let row = command_row(row)?.row;
                if wanted.contains(&(row.world_id.as_str(), row.command_id)) {
                    known.push(row);
                }
            }
        }
        Ok(known)
    }

    /// What became of commands, of one world or of all.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn commands(
        &self,
        world_id: Option<&str>,
        page: Page,
        limit: u32,
    ) -> Result<Vec<Listed<CommandRow>>, StoreError> {
        let mut conditions = Conditions::new();
        conditions.equal("world_id", world_id);
        let rows = self.list("command", COMMAND_COLUMNS, "seq", conditions, page, limit).await?;
        rows.iter().map(command_row).collect()
    }

    /// What was changed in the configuration of a world.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn config_changes(
        &self,
        world_id: &str,
        page: Page,
        limit: u32,
    ) -> Result<Vec<Listed<ConfigChangeRow>>, StoreError> {
        let mut conditions = Conditions::new();
        conditions.equal("world_id", Some(world_id));
        let rows = self.list("config_change", CHANGE_COLUMNS, "seq", conditions, page, limit).await?;
        rows.iter().map(change_row).collect()
    }
}

fn command_row(row: &Row) -> Result<Listed<CommandRow>, StoreError> {
    let mut columns = row.read("command");
    let cursor: Cursor = cursor(&mut columns)?;
    let row = CommandRow {
        commit_no: cursor.commit_no,
        shard: cursor.shard,
        command_id: columns.id()?,
        world_id: columns.text()?,
        command: columns.text()?,
        issued_by: columns.text()?,
        issued_at: columns.int()?,
        source: columns.text()?,
        outcome: columns.text()?,
        answer: columns.text_or_none()?,
        error: columns.text_or_none()?,
        error_kind: columns.text_or_none()?,
        game_time: columns.int_or_none()?,
        recorded_at: columns.int()?,
        fingerprint: columns.text_or_none()?,
        incarnation: columns.id_or_none()?,
    };
    Ok(Listed { cursor, row })
}

fn change_row(row: &Row) -> Result<Listed<ConfigChangeRow>, StoreError> {
    let mut columns = row.read("config_change");
    let cursor: Cursor = cursor(&mut columns)?;
    let row = ConfigChangeRow {
        commit_no: cursor.commit_no,
        shard: cursor.shard,
        world_id: columns.text()?,
        pointer: columns.text()?,
        from: columns.text_or_none()?,
        to: columns.text_or_none()?,
        changed_by: columns.text()?,
        command_id: columns.id_or_none()?,
        recorded_at: columns.int()?,
    };
    Ok(Listed { cursor, row })
}
