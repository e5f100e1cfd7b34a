//! What is kept of relations between factions, as rows.

use crate::components::faction::RelationState;
use crate::components::ids::WorldId;
use crate::messages::relation::{PairHappening, PairStanding};
use crate::plugins::store::{RelationHistoryRow, RelationRow, ShardId};

/// Of which world, and of which commit.
#[derive(Debug, Clone, Copy)]
pub(super) struct Of<'a> {
    pub(super) world: &'a WorldId,
    pub(super) shard: ShardId,
    pub(super) wall: i64,
    pub(super) commit_no: i64,
}

impl Of<'_> {
    pub(super) fn standing(&self, of: &PairStanding) -> RelationRow {
        let [fear_a, fear_b] = of.fear.map(f64::from);
        RelationRow {
            world_id: self.world.to_string(),
            shard: self.shard,
            faction_a: of.faction_a.clone(),
            faction_b: of.faction_b.clone(),
            state: of.state.as_str().to_owned(),
            since: of.since.as_micros(),
            score: of.score.into(),
            love: of.love.into(),
            trust: of.trust.into(),
            fear_a,
            fear_b,
            game_time: of.at.as_micros(),
            recorded_at: self.wall,
            commit_no: self.commit_no,
        }
    }

    pub(super) fn happening(&self, one: &PairHappening) -> RelationHistoryRow {
        let word = |state: RelationState| state.as_str().to_owned();
        RelationHistoryRow {
            world_id: self.world.to_string(),
            shard: self.shard,
            faction_a: one.faction_a.clone(),
            faction_b: one.faction_b.clone(),
            what: one.what.to_owned(),
            by: one.by.clone(),
            from: one.states.map(|(from, _)| word(from)),
            to: one.states.map(|(_, to)| word(to)),
            love_change: one.love.into(),
            trust_change: one.trust.into(),
            score_change: one.score.into(),
            words: super::assemble::clean(&one.words),
            game_time: one.at.as_micros(),
            recorded_at: self.wall,
            commit_no: self.commit_no,
        }
    }
}
