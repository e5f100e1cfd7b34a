//! The day's evaluation of every pair.
//!
//! Row by row of the triangle, in columns: first love and trust drift and scores are made, without a branch; then those
//! few pairs are looked at whose score is outside the band of their state.

// time: diplomacy: how long a state has lasted | world | `WorldClock`, shown as `Time<GameTime>` | each `DailyTick`

use bevy_ecs::error::Result;
use bevy_ecs::prelude::*;
use bevy_time::Time;

use super::books::{Books, Sides, terms};
use super::model::Diplomacy;
use super::score::{Feelings, ScoreModel, Side};
use crate::components::clock::GameTime;
use crate::components::faction::{Affairs, Faction, PairId, RelationState, Relations};
use crate::components::ids::StableId;
use crate::messages::diplomacy::DiplomacyUpdate;
use crate::systems::random::{Draws, SystemDraws};

/// Pairs that are looked through at once for one that leaves its state.
const LOOK: usize = 64;

/// Room for what is made in a day and needed by nobody afterwards.
#[derive(Default)]
pub struct Scratch {
    ids: Vec<StableId>,
    moods: Vec<f32>,
    restless: Vec<u32>,
}

/// Evaluates every pair. Runs in `Evaluate`.
pub fn evaluate_relations(
    (model, sides): (Res<Diplomacy>, Res<Sides>),
    time: Res<Time<GameTime>>,
    draws: Draws,
    factions: Query<(&StableId, &Faction)>,
    (mut relations, mut affairs): (ResMut<Relations>, ResMut<Affairs>),
    mut scratch: Local<Scratch>,
    mut events: MessageWriter<DiplomacyUpdate>,
) -> Result {
    let now = time.context().now.ok_or("a daily tick runs in a world whose time has begun")?;
    let Scratch { ids, moods, restless } = &mut *scratch;
    ids.clear();
    ids.resize(model.factions.len(), StableId(0));
    for (id, faction) in &factions {
        ids.get_mut(usize::from(faction.number)).into_iter().for_each(|place| *place = *id);
    }
    let draws = draws.of("diplomacy.mood");
    let relations = &mut *relations;
    relations.days += 1;
    restless.clear();
    evaluate_rows(&model.score, (&sides, relations), (&draws, ids), moods, restless);
    let mut updates = Vec::new();
    let mut books = Books { model: &model, sides: &sides, relations, affairs: &mut affairs, updates: &mut updates, now };
    for pair in restless.iter().map(|pair| PairId(*pair)) {
        settle(&mut books, pair, &draws, ids);
    }
    events.write_batch(updates);
    Ok(())
}

/// Lets love and trust of every pair drift by a day and scores it; notes the pairs that would leave their state.
pub fn evaluate_rows(
    model: &ScoreModel,
    (sides, relations): (&Sides, &mut Relations),
    (draws, ids): (&SystemDraws, &[StableId]),
    moods: &mut Vec<f32>,
    restless: &mut Vec<u32>,
) {
    let Relations { love, nature, trust, bonus, score, state, .. } = relations;
    let (mut love, mut trust, mut score) = (&mut *love.0, &mut *trust.0, &mut *score.0);
    let (mut nature, mut bonus, mut state) = (&*nature.0, &*bonus.0, &*state.0);
    let mut first = 0_u32;
    for (number, (one, id)) in sides.0.iter().zip(ids).enumerate() {
        let (Some(others), Some(other_ids)) = (sides.0.get(number + 1..), ids.get(number + 1..)) else { break };
        let len = others.len().min(love.len());
        moods.clear();
        if model.noise > 0.0 {
            let row = draws.row(*id);
            moods.extend(other_ids.iter().map(|id| mood(model, row.unit(*id))));
        } else {
            moods.resize(len, 0.0);
        }
        let mut row = Row {
            love: split_mut(&mut love, len),
            trust: split_mut(&mut trust, len),
            score: split_mut(&mut score, len),
            nature: split(&mut nature, len),
            bonus: split(&mut bonus, len),
            state: split(&mut state, len),
            moods,
        };
        row.evaluate(model, one, others);
        note_restless(model, (row.score, row.state), first, restless);
        first = first.saturating_add(u32::try_from(len).unwrap_or(u32::MAX));
    }
}

fn mood(model: &ScoreModel, unit: f32) -> f32 {
    model.noise * (unit * 2.0 - 1.0)
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

/// One row of the triangle: the pairs of a faction with those of higher numbers.
struct Row<'a> {
    love: &'a mut [f32],
    trust: &'a mut [f32],
    score: &'a mut [f32],
    nature: &'a [f32],
    bonus: &'a [f32],
    state: &'a [u8],
    moods: &'a [f32],
}

impl Row<'_> {
    fn evaluate(&mut self, model: &ScoreModel, one: &Side, others: &[Side]) {
        let feelings = self.love.iter_mut().zip(&mut *self.trust).zip(self.nature).zip(self.bonus);
        let rest = self.state.iter().zip(self.moods).zip(others).zip(&mut *self.score);
        for ((((love, trust), nature), bonus), (((state, mood), other), score)) in feelings.zip(rest) {
            let mut of = Feelings { love: *love, trust: *trust, bonus: *bonus };
            model.drift(&mut of, *nature, one.forgiveness + other.forgiveness, *state);
            *score = model.terms(of, (one, other), *state, *mood).sum();
            (*love, *trust) = (of.love, of.trust);
        }
    }
}

fn note_restless(model: &ScoreModel, (score, state): (&[f32], &[u8]), first: u32, restless: &mut Vec<u32>) {
    let parts = score.chunks(LOOK).zip(state.chunks(LOOK));
    for (start, (scores, states)) in (first..).step_by(LOOK).zip(parts) {
        let all = || scores.iter().zip(states);
        if all().fold(true, |stay, (score, state)| stay & model.stays(*state, *score)) {
            continue;
        }
        let left = (start..).zip(all()).filter(|(_, (score, state))| !model.stays(**state, **score));
        restless.extend(left.map(|(pair, _)| pair));
    }
}

/// Lets a pair leave its state, unless the state has to last longer or a truce holds.
fn settle(books: &mut Books<'_>, pair: PairId, draws: &SystemDraws, ids: &[StableId]) {
    let Some(view) = books.relations.view(pair) else { return };
    if books.hours_held(pair) > 0 {
        return;
    }
    let mut to = books.model.score.next_state(view.state, view.score);
    if to == RelationState::War && books.truce(pair).is_some() {
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
        (Some(a), Some(b)) if model.noise > 0.0 => mood(model, draws.row(a).unit(b)),
        _ => 0.0,
    }
}
