//! What is kept of relations between factions, as rows of a commit.

use std::collections::BTreeMap;

use uuid::Uuid;

use crate::components::faction::RelationState;
use crate::components::ids::WorldId;
use crate::messages::relation::{PairHappening, PairStanding, RelationsTold};
use crate::plugins::store::{Commit, RelationHistoryRow, RelationRow, ShardId, WorldChange};

/// What the inputs of a commit have told of relations.
#[derive(Debug, Default)]
pub(super) struct KeptRelations {
    /// How pairs stand: a commit writes each once.
    standing: BTreeMap<(WorldId, String, String), RelationRow>,
    happened: Vec<RelationHistoryRow>,
}

impl KeptRelations {
    /// Takes what an input of a world has told, with the world's incarnation, the wall time and the number of the commit.
    pub(super) fn take(
        &mut self,
        (world, shard, incarnation): (&WorldId, ShardId, Uuid),
        told: &RelationsTold,
        (wall, no): (i64, i64),
    ) {
        for standing in &told.standing {
            let key = (world.clone(), standing.faction_a.clone(), standing.faction_b.clone());
            let row = RelationRow { shard, recorded_at: wall, commit_no: no, ..standing_row(world, standing) };
            self.standing.insert(key, row);
        }
        self.happened.extend(told.happened.iter().map(|one| {
            let row = happening_row(world, one);
            RelationHistoryRow { shard, incarnation, recorded_at: wall, commit_no: no, ..row }
        }));
    }

    /// A world that begins anew, or goes, has no standings from before; what happened did happen.
    pub(super) fn heed(&mut self, change: &WorldChange) {
        if matches!(change, WorldChange::Register(_) | WorldChange::Remove { .. }) {
            self.standing.retain(|(world, ..), _| world.as_str() != change.world_id());
        }
    }

    /// Puts all of it into the commit.
    pub(super) fn fill(self, commit: &mut Commit) {
        commit.relations = self.standing.into_values().collect();
        commit.relation_history = self.happened;
    }
}

fn standing_row(world: &WorldId, of: &PairStanding) -> RelationRow {
    let [fear_a, fear_b] = of.fear.map(f64::from);
    RelationRow {
        world_id: world.to_string(),
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
        ..RelationRow::default()
    }
}

fn happening_row(world: &WorldId, one: &PairHappening) -> RelationHistoryRow {
    let word = |state: RelationState| state.as_str().to_owned();
    RelationHistoryRow {
        world_id: world.to_string(),
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
        ..RelationHistoryRow::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::clock::GameInstant;

    #[test]
    fn a_pair_is_written_once_and_not_for_a_world_that_has_begun_anew() {
        let at = GameInstant::from_micros(0).expect("an instant");
        let of = |love: f32| {
            let (faction_a, faction_b) = ("a".to_owned(), "b".to_owned());
            let (state, fear) = (RelationState::Peace, [0.0, 0.5]);
            let one = PairStanding { faction_a, faction_b, state, since: at, score: 0.0, love, trust: 0.0, fear, at };
            RelationsTold { standing: vec![one], happened: Vec::new() }
        };
        let (here, there) = (WorldId::new("here").expect("an id"), WorldId::new("there").expect("an id"));
        let mut kept = KeptRelations::default();
        kept.take((&here, 1, Uuid::nil()), &of(0.25), (7, 3));
        kept.take((&there, 2, Uuid::nil()), &of(0.5), (7, 3));
        kept.heed(&WorldChange::Remove { world_id: "there".to_owned(), shard: 2, file_hash: 0, at: 0 });
        kept.take((&here, 1, Uuid::nil()), &of(-0.25), (7, 3));
        let mut commit = Commit::default();
        kept.fill(&mut commit);
        let rows: Vec<_> =
            commit.relations.iter().map(|row| (&*row.world_id, row.shard, row.love, row.fear_b)).collect();
        assert_eq!(rows, [("here", 1, -0.25, 0.5)]);
    }
}
