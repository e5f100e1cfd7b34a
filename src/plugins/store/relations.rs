//! How factions stand and what happened between them: the rows, and how they are read.

use uuid::Uuid;

use super::StoreError;
use super::pages::{Conditions, Listed, PAGE_ROWS_MAX, Page};
use super::query::cursor;
use super::rows::ShardId;
use super::store::Store;
use super::value::{Row, values};

const HISTORY_COLUMNS: &str = "commit_no, shard, seq, world_id, faction_a, faction_b, what, by_faction, from_state, \
                               to_state, love_change, trust_change, score_change, words, game_time, recorded_at, \
                               incarnation";

/// How two factions of a world stand, as it was told last.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RelationRow {
    /// The world.
    pub world_id: String,
    /// The shard.
    pub shard: ShardId,
    /// The faction whose id comes first.
    pub faction_a: String,
    /// The other.
    pub faction_b: String,
    /// `WAR`, `COLD_WAR`, `PEACE` or `ALLIANCE`.
    pub state: String,
    /// Game time in which the state began (microseconds).
    pub since: i64,
    /// Score of the last evaluation.
    pub score: f64,
    /// Love, -1 to 1.
    pub love: f64,
    /// Trust, -1 to 1.
    pub trust: f64,
    /// How much the first fears the other, 0 to 1.
    pub fear_a: f64,
    /// How much the other fears the first, 0 to 1.
    pub fear_b: f64,
    /// Game time of it (microseconds).
    pub game_time: i64,
    /// Wall time of the record (microseconds).
    pub recorded_at: i64,
    /// The commit that holds it.
    pub commit_no: i64,
}

/// Something that happened between two factions of a world.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RelationHistoryRow {
    /// The world.
    pub world_id: String,
    /// The incarnation of it to which it happened.
    pub incarnation: Uuid,
    /// The shard.
    pub shard: ShardId,
    /// The faction whose id comes first.
    pub faction_a: String,
    /// The other.
    pub faction_b: String,
    /// `state_changed`, `refused`, `treaty_ended`, or what was done.
    pub what: String,
    /// The faction that did it.
    pub by: Option<String>,
    /// For a change of state, the one that ended.
    pub from: Option<String>,
    /// For a change of state, the one that began.
    pub to: Option<String>,
    /// What it added to love.
    pub love_change: f64,
    /// What it added to trust.
    pub trust_change: f64,
    /// For a change of state, the change of the score since the state before began; otherwise 0.
    pub score_change: f64,
    /// In words.
    pub words: String,
    /// Game time of it (microseconds).
    pub game_time: i64,
    /// Wall time of the record (microseconds).
    pub recorded_at: i64,
    /// The commit that holds it.
    pub commit_no: i64,
}

impl Store {
    /// How the factions of a world stand in its present incarnation, by their ids: pairs after this one, a page at most.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn relations(
        &self,
        world_id: &str,
        (after_a, after_b): (&str, &str),
        limit: u32,
    ) -> Result<Vec<RelationRow>, StoreError> {
        let sql = "SELECT world_id, faction_a, faction_b, shard, commit_no, state, since, score, love, trust, fear_a, \
                   fear_b, game_time, recorded_at FROM relation WHERE world_id = $1 \
                   AND (faction_a > $2 OR (faction_a = $2 AND faction_b > $3)) \
                   ORDER BY faction_a, faction_b LIMIT $4";
        let mut session = self.reader("read relations").await?;
        let rows = session.fetch(sql, &values![world_id, after_a, after_b, limit.min(PAGE_ROWS_MAX)]).await;
        let rows = rows.map_err(|failure| failure.into_error("read relations", "relation"))?;
        rows.iter().map(relation_row).collect()
    }

    /// What happened between two factions (in the order of their ids), over all incarnations of their world.
    ///
    /// # Errors
    /// What can befall a query.
    pub async fn relation_history(
        &self,
        world_id: &str,
        (one, other): (&str, &str),
        page: Page,
        limit: u32,
    ) -> Result<Vec<Listed<RelationHistoryRow>>, StoreError> {
        let mut conditions = Conditions::new();
        conditions.equal("world_id", Some(world_id)).equal("faction_a", Some(one)).equal("faction_b", Some(other));
        let rows = self.list("relation_history", HISTORY_COLUMNS, "seq", conditions, page, limit).await?;
        rows.iter().map(history_row).collect()
    }
}

fn relation_row(row: &Row) -> Result<RelationRow, StoreError> {
    let mut columns = row.read("relation");
    Ok(RelationRow {
        world_id: columns.text()?,
        faction_a: columns.text()?,
        faction_b: columns.text()?,
        shard: columns.small()?,
        commit_no: columns.int()?,
        state: columns.text()?,
        since: columns.int()?,
        score: columns.real()?,
        love: columns.real()?,
        trust: columns.real()?,
        fear_a: columns.real()?,
        fear_b: columns.real()?,
        game_time: columns.int()?,
        recorded_at: columns.int()?,
    })
}

fn history_row(row: &Row) -> Result<Listed<RelationHistoryRow>, StoreError> {
    let mut columns = row.read("relation_history");
    let cursor = cursor(&mut columns)?;
    let row = RelationHistoryRow {
        shard: cursor.shard,
        commit_no: cursor.commit_no,
        world_id: columns.text()?,
        faction_a: columns.text()?,
        faction_b: columns.text()?,
        what: columns.text()?,
        by: columns.text_or_none()?,
        from: columns.text_or_none()?,
        to: columns.text_or_none()?,
        love_change: columns.real()?,
        trust_change: columns.real()?,
        score_change: columns.real()?,
        words: columns.text()?,
        game_time: columns.int()?,
        recorded_at: columns.int()?,
        incarnation: columns.id()?,
    };
    Ok(Listed { cursor, row })
}
