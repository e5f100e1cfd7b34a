//! The day's evaluation of every pair.
//!
//! Row by row of the triangle, in columns: first love and trust drift and scores are made, without a branch (`rows`); then
//! those few pairs are looked at whose score is outside the band of their state.

// time: diplomacy: how long a state has lasted | world | `WorldClock` | each `DailyTick`

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;

use super::books::{Books, Sides, terms};
use super::hear::day_of;
use super::model::Diplomacy;
use super::rows::{self, Row, SideColumns};
use super::score::{ScoreModel, Side};
use crate::components::clock::WorldClock;
use crate::components::faction::{Affairs, Faction, PairId, RelationState, Relations};
use crate::components::ids::StableId;
use crate::messages::diplomacy::DiplomacyUpdate;
use crate::messages::relation::RelationsTold;
use crate::systems::random::{RowKey, SystemDraws, WorldSeed};

/// Room for what is made in a day and needed by nobody afterwards.
#[derive(Default)]
pub struct Scratch {
    ids: Vec<StableId>,
    keys: Vec<RowKey>,
    sides: SideColumns,
    marks: Vec<u8>,
    restless: Vec<u32>,
}

/// Evaluates every pair. Runs in `Evaluate`.
pub fn evaluate_relations(
    (model, sides): (Res<Diplomacy>, Res<Sides>),
    clock: Res<WorldClock>,
    seed: Res<WorldSeed>,
    factions: Query<(&StableId, &Faction)>,
    (mut relations, mut affairs): (ResMut<Relations>, ResMut<Affairs>),
    mut scratch: Local<Scratch>,
    (mut events, mut told): (MessageWriter<DiplomacyUpdate>, ResMut<RelationsTold>),
) -> Result {
    let now = day_of(&clock, &affairs)?;
    let scratch = &mut *scratch;
    scratch.ids.clear();
    scratch.ids.resize(model.factions.len(), StableId(0));
    for (id, faction) in &factions {
        scratch.ids.get_mut(usize::from(faction.number)).into_iter().for_each(|place| *place = *id);
    }
    let relations = &mut *relations;
    relations.days += 1;
    // By the day and not by the run: days that come one after the other at the end of a long step are the same days.
    let draws = SystemDraws::new(seed.0, relations.days, "diplomacy.mood");
    evaluate_rows(&model.score, &sides.0, relations, &draws, scratch);
    let Scratch { ids, restless, .. } = scratch;
    let mut updates = Vec::new();
    let mut books = Books {
        model: &model,
        sides: &sides,
        relations,
        affairs: &mut affairs,
        updates: &mut updates,
        told: &mut told,
        now,
    };
    for pair in restless.iter().map(|pair| PairId(*pair)) {
        settle(&mut books, pair, &draws, ids);
    }
    events.write_batch(updates);
    Ok(())
}

/// Lets love and trust of every pair drift by a day and scores it; notes the pairs that would leave their state.
fn evaluate_rows(
    model: &ScoreModel,
    sides: &[Side],
    relations: &mut Relations,
    draws: &SystemDraws,
    scratch: &mut Scratch,
) {
    let Scratch { ids, keys, sides: columns, marks, restless } = scratch;
    restless.clear();
    columns.fill(sides);
    keys.clear();
    keys.extend(ids.iter().map(|id| RowKey::of(*id)));
    marks.clear();
    marks.resize(sides.len(), 0);
    let Relations { love, nature, trust, bonus, score, state, .. } = relations;
    let (mut love, mut trust, mut score) = (&mut **love, &mut **trust, &mut **score);
    let (mut nature, mut bonus, mut state) = (&**nature, &**bonus, &**state);
    let mut first = 0_u32;
    for (number, (one, id)) in sides.iter().zip(&*ids).enumerate() {
        let from = number + 1;
        let len = sides.len() - from;
        let row = Row {
            love: split_mut(&mut love, len),
            trust: split_mut(&mut trust, len),
            score: split_mut(&mut score, len),
            nature: split(&mut nature, len),
            bonus: split(&mut bonus, len),
            state: split(&mut state, len),
        };
        let marks = marks.split_at_mut(len).0;
        rows::live(model, one, draws.row(*id), row, marks, (columns, keys, from));
        rows::collect(marks, first, restless);
        first = first.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
    }
}

fn split_mut<'a, T>(rest: &mut &'a mut [T], len: usize) -> &'a mut [T] {
    let all = std::mem::take(rest);
    let (head, tail) = all.split_at_mut(len.min(all.len()));
    *rest = tail;
    head
}

fn split<'a, T>(rest: &mut &'a [T], len: usize) -> &'a [T] {
    let (head, tail) = rest.split_at(len.min(rest.len()));
    *rest = tail;
    head
}

/// Lets a pair leave its state, unless the state has to last longer or a truce holds.
fn settle(books: &mut Books<'_>, pair: PairId, draws: &SystemDraws, ids: &[StableId]) {
    if books.hours_held(pair) > 0 {
        return;
    }
    let Some(view) = books.relations.view(pair) else { return };
    let mut to = books.model.score.next_state(view.state, view.score);
    if to == RelationState::War && !books.may_go_to_war(pair, view.score) {
        to = RelationState::ColdWar;
    }
    if to == view.state {
        return;
    }
    let mood = mood_of(books, pair, draws, ids);
    let terms = terms(books.model, books.sides, books.relations, pair, mood);
    books.change(pair, to, &terms);
}

/// The day's mood between two.
fn mood_of(books: &Books<'_>, pair: PairId, draws: &SystemDraws, ids: &[StableId]) -> f32 {
    let model = &books.model.score;
    let Some((a, b)) = books.relations.pairs().sides(pair) else { return 0.0 };
    let of = |number: u16| ids.get(usize::from(number)).copied();
    match (of(a), of(b)) {
        (Some(a), Some(b)) => rows::mood(model.noise, draws.row(a), RowKey::of(b)),
        _ => 0.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::components::faction::RelationState;
    use crate::systems::diplomacy::score::Feelings;
    use crate::world::spec::DiplomacyRules;

    /// Rows do the same as one pair at a time, to the bit.
    #[test]
    fn rows_are_what_pairs_come_to_one_by_one() {
        let model = ScoreModel::new(&DiplomacyRules::default());
        let draws = SystemDraws::new(7, 3, "rows");
        for count in [2_u16, 7, 41] {
            let mut relations = Relations::new(count);
            let unit = |pair: usize, what: u64| {
                let id = StableId(u64::try_from(pair).expect("small") * 8 + what);
                crate::systems::diplomacy::score::single(draws.for_id(id).unit())
            };
            for pair in 0..relations.pairs().count() {
                for (what, column) in (0..).zip([&mut relations.love, &mut relations.trust, &mut relations.nature]) {
                    column[pair] = unit(pair, what) * 2.0 - 1.0;
                }
                relations.bonus[pair] = unit(pair, 4) * 0.6;
                relations.state[pair] =
                    if unit(pair, 5) < 0.5 { 0 } else { 1 } + if unit(pair, 7) < 0.5 { 0 } else { 2 };
            }
            let sides: Vec<Side> = (0..usize::from(count))
                .map(|number| {
                    let power = 0.5 + 20.0 * unit(number, 6);
                    let (caution, exhaustion) = (0.5 + unit(number, 7), unit(number, 6));
                    Side { power, inverse: 1.0 / power, caution, exhaustion, forgiveness: 0.01 * unit(number, 7) }
                })
                .collect();
            let before = relations.clone();
            let mut scratch = Scratch { ids: (1..=u64::from(count)).map(StableId).collect(), ..Scratch::default() };
            evaluate_rows(&model, &sides, &mut relations, &draws, &mut scratch);
            let mut restless = Vec::new();
            for pair in 0..before.pairs().count() {
                let id = PairId(u32::try_from(pair).expect("small"));
                let view = before.view(id).expect("a pair");
                let (a, b) = before.pairs().sides(id).expect("a pair");
                let (one, other) = (&sides[usize::from(a)], &sides[usize::from(b)]);
                let mut of = Feelings { love: view.love, trust: view.trust, bonus: view.bonus };
                model.drift(&mut of, view.nature, one.forgiveness + other.forgiveness, view.state);
                let row = draws.row(StableId(u64::from(a) + 1));
                let mood = model.noise * (row.unit(RowKey::of(StableId(u64::from(b) + 1))) * 2.0 - 1.0);
                let score = model.terms(of, (one, other), view.state, mood).score;
                let after = relations.view(id).expect("a pair");
                assert_eq!(
                    [after.love, after.trust, after.score].map(f32::to_bits),
                    [of.love, of.trust, score].map(f32::to_bits)
                );
                let state = RelationState::of_number(before.state[pair]);
                let would_not_fight = state == RelationState::ColdWar
                    && model.next_state(state, score) == RelationState::War
                    && model.is_weary(score, one, other);
                if !model.stays(state, score) && !would_not_fight {
                    restless.push(id.0);
                }
            }
            assert_eq!(scratch.restless, restless);
        }
    }
}
