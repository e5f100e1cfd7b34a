//! The statements of a commit, in their order: worlds, what they took in, what came of it, what is to be published.

use super::StoreError;
use super::config::StoreConfig;
use super::rows::{Commit, InputPosition, ShardId, WorldChange, WorldRow};
use super::statements::{Batch, Statement, check_text, refused};
use super::tables::{
    AUDIT, COMMAND, CONFIG_CHANGE, DEAD_LETTER, GENERATION_ANSWER, GENERATION_ATTEMPT, GENERATION_JOB, INPUT_POSITION,
    JOURNAL, MARKET_STATE, OUTBOX, OUTBOX_MARK, RELATION, RELATION_HISTORY, TICK, TICK_HISTORY, UNREGISTERED_WORLD,
    WORLD,
};
use super::value::{Value, values};

impl<'a> Batch<'a> {
    fn other<const COLUMNS: usize>(
        &mut self,
        table: &'static str,
        sql: &'static str,
        values: [Value<'a>; COLUMNS],
        row: usize,
        touches: Option<u64>,
    ) {
        self.statements.push(Statement { table, sql: sql.into(), values: values.into(), first_row: row, touches });
    }

    /// The changes to the registry, in order: they are rare, and one may undo another.
    fn worlds(&mut self, changes: &'a [WorldChange]) -> Result<(), StoreError> {
        for (index, change) in changes.iter().enumerate() {
            match change {
                WorldChange::Register(row) => {
                    self.forget(&row.world_id, index);
                    let sql = "DELETE FROM unregistered_world WHERE world_id = $1";
                    self.other("unregistered_world", sql, values![&row.world_id], index, None);
                    self.register(row, index)?;
                }
                WorldChange::Status { world_id, status } => {
                    let status = serde_json::to_string(status).map_err(|error| refused("world", index, error))?;
                    let sql = "UPDATE world SET status = $1 WHERE world_id = $2";
                    self.other("world", sql, values![status, world_id], index, Some(1));
                }
                WorldChange::Configure { world_id, simulation, spec } => {
                    let sql = "UPDATE world SET simulation = $1, spec = COALESCE($2, spec) WHERE world_id = $3";
                    let values = values![simulation, spec, world_id];
                    check_text(&WORLD, index, &values)?;
                    self.other("world", sql, values, index, Some(1));
                }
                WorldChange::Remove { world_id, shard, file_hash, at } => {
                    self.forget(world_id, index);
                    self.other("world", "DELETE FROM world WHERE world_id = $1", values![world_id], index, Some(1));
                    let sql = self.texts.insert(&UNREGISTERED_WORLD, 1);
                    self.statements.push(Statement {
                        table: "unregistered_world",
                        sql,
                        values: values![world_id, *shard, *file_hash, *at].into(),
                        first_row: index,
                        touches: Some(1),
                    });
                }
            }
        }
        Ok(())
    }

    fn forget(&mut self, world_id: &'a String, row: usize) {
        self.other("journal", "DELETE FROM journal WHERE world_id = $1", values![world_id], row, None);
        self.other("snapshot", "DELETE FROM snapshot WHERE world_id = $1", values![world_id], row, None);
        self.other("relation", "DELETE FROM relation WHERE world_id = $1", values![world_id], row, None);
        let sql = "DELETE FROM generation_answer WHERE world_id = $1";
        self.other("generation_answer", sql, values![world_id], row, None);
    }

    fn register(&mut self, row: &'a WorldRow, index: usize) -> Result<(), StoreError> {
        let status = serde_json::to_string(&row.status).map_err(|error| refused("world", index, error))?;
        let values = values![
            &row.world_id,
            row.shard,
            row.incarnation,
            &row.spec,
            row.spec_hash,
            status,
            row.registered_at,
            row.registered_commit,
            &row.simulation,
        ];
        check_text(&WORLD, index, &values)?;
        let sql = self.texts.insert(&WORLD, 1);
        self.statements.push(Statement {
            table: "world",
            sql,
            values: values.into(),
            first_row: index,
            touches: Some(1),
        });
        Ok(())
    }

    /// Everything of a commit but the fence.
    ///
    /// # Errors
    /// [`StoreError::Refused`] for what no engine would take.
    pub(super) fn commit(
        &mut self,
        commit: &'a Commit,
        positions: &'a [(ShardId, &'a InputPosition)],
        headers: &'a [Vec<u8>],
        config: &StoreConfig,
    ) -> Result<(), StoreError> {
        let no = commit.commit_no;
        self.worlds(&commit.worlds)?;
        self.rows(&JOURNAL, &commit.journal, |_, row| {
            values![&row.world_id, no, row.shard, &row.simulation_version, &row.inputs, row.state_hash, row.cost_micros]
        })?;
        self.rows(&TICK, &commit.ticks_seen, |_, row| values![row.tick_id, row.shard, row.seen_at])?;
        self.history(commit)?;
        self.relations(commit)?;
        self.jobs(commit)?;
        self.commands(commit)?;
        self.rows(&OUTBOX, &commit.outbox, |index, row| {
            let is_tick = config.tick_topics.contains(&row.topic);
            values![
                row.shard,
                row.id,
                row.event_id,
                no,
                &row.topic,
                &row.event_type,
                &row.world_id,
                row.tick_id,
                is_tick,
                &row.key,
                headers.get(index).map_or(&[][..], Vec::as_slice),
                &row.body,
                row.created_at,
            ]
        })?;
        self.rows(&INPUT_POSITION, positions, |_, (shard, row)| values![*shard, &row.topic, row.partition, row.next])?;
        self.rows(&OUTBOX_MARK, &commit.marks, |_, row| values![row.shard, &row.cluster_id, row.published_id])
    }

    fn commands(&mut self, commit: &'a Commit) -> Result<(), StoreError> {
        let no = commit.commit_no;
        self.rows(&COMMAND, &commit.commands, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                row.command_id,
                &row.world_id,
                &row.command,
                &row.issued_by,
                row.issued_at,
                &row.source,
                &row.outcome,
                &row.answer,
                &row.error,
                &row.error_kind,
                row.game_time,
                row.recorded_at,
                &row.fingerprint,
                row.incarnation,
            ]
        })?;
        // Those that came over HTTP have their rows from the API.
        for row in commit.commands.iter().filter(|row| row.source == "kafka") {
            let summary = serde_json::json!({ "command": row.command, "command_id": row.command_id }).to_string();
            self.rows(&AUDIT, std::slice::from_ref(row), |_, row| {
                values![
                    row.recorded_at,
                    &row.issued_by,
                    "-",
                    "kafka",
                    "MESSAGE",
                    "world.command",
                    &row.world_id,
                    summary.clone(),
                    &row.outcome,
                    row.recorded_at,
                ]
            })?;
        }
        self.rows(&CONFIG_CHANGE, &commit.config_changes, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                &row.world_id,
                &row.pointer,
                &row.from,
                &row.to,
                &row.changed_by,
                row.command_id,
                row.recorded_at,
            ]
        })
    }

    fn jobs(&mut self, commit: &'a Commit) -> Result<(), StoreError> {
        let no = commit.commit_no;
        self.rows(&GENERATION_JOB, &commit.jobs, |_, row| {
            values![
                &row.world_id,
                row.incarnation,
                row.job_id,
                row.shard,
                no,
                &row.state,
                i64::from(row.is_over),
                row.stage.number(),
                &row.kind,
                &row.user,
                &row.session,
                row.npc_id,
                &row.chain,
                &row.step,
                row.priority,
                row.attempt,
                row.timeout_seconds,
                &row.reason,
                &row.message,
                &row.reference,
                row.again_for,
                row.asked_at,
                row.deadline,
                row.recorded_at,
            ]
        })?;
        self.rows(&GENERATION_ATTEMPT, &commit.edge.attempts, |_, row| {
            values![
                &row.world_id,
                row.incarnation,
                row.job_id,
                row.attempt,
                row.shard,
                &row.user,
                &row.kind,
                row.sent_at,
            ]
        })?;
        self.rows(&GENERATION_ANSWER, &commit.edge.answers, |_, row| {
            values![
                &row.world_id,
                row.result_id,
                row.incarnation,
                row.job_id,
                row.attempt,
                &row.issued_by,
                row.issued_at,
                &row.payload,
                row.recorded_at,
            ]
        })?;
        for (index, (world_id, result_id)) in commit.edge.heard.iter().enumerate() {
            let sql = "DELETE FROM generation_answer WHERE world_id = $1 AND result_id = $2";
            self.other("generation_answer", sql, values![world_id, *result_id], index, None);
        }
        Ok(())
    }

    fn relations(&mut self, commit: &'a Commit) -> Result<(), StoreError> {
        let no = commit.commit_no;
        self.rows(&RELATION, &commit.relations, |_, row| {
            values![
                &row.world_id,
                &row.faction_a,
                &row.faction_b,
                row.shard,
                no,
                &row.state,
                row.since,
                row.score,
                row.love,
                row.trust,
                row.fear_a,
                row.fear_b,
                row.game_time,
                row.recorded_at,
            ]
        })?;
        self.rows(&RELATION_HISTORY, &commit.relation_history, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                &row.world_id,
                &row.faction_a,
                &row.faction_b,
                &row.what,
                &row.by,
                &row.from,
                &row.to,
                row.love_change,
                row.trust_change,
                row.score_change,
                &row.words,
                row.game_time,
                row.recorded_at,
                row.incarnation,
            ]
        })
    }

    fn history(&mut self, commit: &'a Commit) -> Result<(), StoreError> {
        let no = commit.commit_no;
        self.rows(&TICK_HISTORY, &commit.tick_history, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                row.tick_id,
                &row.tick_type,
                &row.world_id,
                &row.outcome,
                &row.detail,
                row.game_time,
                &row.topic,
                row.partition,
                row.offset,
                row.events,
                row.markets_cleared,
                row.recorded_at,
            ]
        })?;
        self.rows(&MARKET_STATE, &commit.market_states, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                &row.world_id,
                &row.market_id,
                &row.commodity,
                row.price,
                row.volume,
                row.asks_unfilled,
                row.bids_unfilled,
                row.tick_id,
                row.game_time,
                row.recorded_at,
                &row.measures,
            ]
        })?;
        self.rows(&DEAD_LETTER, &commit.dead_letters, |index, row| {
            values![
                no,
                row.shard,
                seq(index),
                &row.topic,
                row.partition,
                row.offset,
                row.timestamp_ms,
                &row.key,
                &row.value,
                &row.error_class,
                &row.error_message,
                row.recorded_at,
            ]
        })
    }
}

/// The order within a commit.
fn seq(index: usize) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}
