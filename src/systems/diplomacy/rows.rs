//! The arithmetic of a day over whole rows of pairs: the same as [`ScoreModel::terms`] and [`ScoreModel::drift`], to the bit,
//! in loops that a compiler turns into vectors.
//!
//! Each loop is a function of its own over plain slices: so it is known that none overlaps another. Parameters are taken
//! out of the model before a loop: a choice between two places in memory would keep it from being a vector.

use super::score::{Band, ScoreModel, Side, StateParameters, pick};
use crate::systems::random::{RowDraws, RowKey};

/// What all factions bring into their pairs, in columns.
#[derive(Debug, Clone, Default)]
pub(super) struct SideColumns {
    pub(super) power: Vec<f32>,
    pub(super) inverse: Vec<f32>,
    pub(super) caution: Vec<f32>,
    pub(super) exhaustion: Vec<f32>,
    pub(super) forgiveness: Vec<f32>,
}

impl SideColumns {
    /// Of these sides.
    pub(super) fn fill(&mut self, sides: &[Side]) {
        let columns = [
            (&mut self.power, (|side: &Side| side.power) as fn(&Side) -> f32),
            (&mut self.inverse, |side| side.inverse),
            (&mut self.caution, |side| side.caution),
            (&mut self.exhaustion, |side| side.exhaustion),
            (&mut self.forgiveness, |side| side.forgiveness),
        ];
        for (column, of) in columns {
            column.clear();
            column.extend(sides.iter().map(of));
        }
    }
}

/// Lets love and trust drift by a day; `lean` becomes what they come to with treaties, hatred counted heavier.
#[inline(never)]
pub(super) fn lean(
    model: &ScoreModel,
    own: f32,
    (love, trust, lean): (&mut [f32], &mut [f32], &mut [f32]),
    (nature, bonus): (&[f32], &[f32]),
    (state, forgiveness): (&[u8], &[f32]),
) {
    lean_row(model, own, love, trust, lean, nature, bonus, state, forgiveness);
}

#[inline(never)]
#[expect(clippy::too_many_arguments, reason = "slices that are arguments are known not to overlap")]
fn lean_row(
    model: &ScoreModel,
    own: f32,
    love: &mut [f32],
    trust: &mut [f32],
    lean: &mut [f32],
    nature: &[f32],
    bonus: &[f32],
    state: &[u8],
    forgiveness: &[f32],
) {
    let StateParameters { hostile: cold, peace, alliance, rise, fall } = model.trust_to;
    let (weight, hate, down) = (model.trust, model.hate, -fall);
    let columns = love.iter_mut().zip(trust).zip(lean).zip(nature).zip(bonus).zip(state).zip(forgiveness);
    for ((((((love, trust), lean), nature), bonus), state), forgiveness) in columns {
        let state = f32::from(*state);
        let hostile = state < 1.5;
        let to = pick(hostile, cold, pick(state < 2.5, peace, alliance));
        *love += (own + forgiveness) * (nature - *love);
        *trust += (to - *trust).max(pick(hostile, down, 0.0)).min(pick(hostile, 0.0, rise));
        let kept = (*love + weight * *trust + bonus).clamp(-1.0, 1.0);
        *lean = kept + hate * kept.min(0.0);
    }
}

/// What fear and weariness add.
#[inline(never)]
pub(super) fn dread(
    model: &ScoreModel,
    own: &Side,
    dread: &mut [f32],
    (power, inverse): (&[f32], &[f32]),
    (caution, exhaustion): (&[f32], &[f32]),
    state: &[u8],
) {
    let (fear, from, slope, weariness) = (model.fear, model.fear_from, model.fear_slope, model.weariness);
    let columns = dread.iter_mut().zip(power).zip(inverse).zip(caution).zip(exhaustion).zip(state);
    for (((((dread, power), inverse), caution), exhaustion), state) in columns {
        let (theirs, ours) = (power * own.inverse, own.power * inverse);
        let here = (slope * (theirs - 1.0) * own.caution).clamp(0.0, 1.0);
        let there = (slope * (ours - 1.0) * caution).clamp(0.0, 1.0);
        let both = pick(theirs > from, here, 0.0) + pick(ours > from, there, 0.0);
        let weary = pick(f32::from(*state) < 0.5, weariness, 0.0);
        *dread = fear * both + weary * (own.exhaustion + exhaustion);
    }
}

/// The day's moods.
#[inline(never)]
pub(super) fn moods(noise: f32, row: RowDraws, moods: &mut [f32], keys: &[RowKey]) {
    for (mood, key) in moods.iter_mut().zip(keys) {
        *mood = noise * (row.unit(*key) * 2.0 - 1.0);
    }
}

/// Scores.
#[inline(never)]
pub(super) fn sums(score: &mut [f32], lean: &[f32], dread: &[f32], moods: &[f32]) {
    for (((score, lean), dread), mood) in score.iter_mut().zip(lean).zip(dread).zip(moods) {
        *score = lean + dread + mood;
    }
}

/// Marks the pairs whose score is outside the band of their state with 1, all others with 0. Those in a cold war whose two
/// sides are too weary to go to war are not marked: nothing would come of it.
#[inline(never)]
pub(super) fn leaving(
    model: &ScoreModel,
    own: f32,
    marks: &mut [u8],
    (score, state, exhaustion): (&[f32], &[u8], &[f32]),
) {
    leaving_row(model, own, marks, score, state, exhaustion);
}

#[inline(never)]
fn leaving_row(model: &ScoreModel, own: f32, marks: &mut [u8], score: &[f32], state: &[u8], exhaustion: &[f32]) {
    let [Band { high: war_high, .. }, cold, peace, Band { low: alliance_low, .. }] = model.bands;
    let (cold_low, cold_high, peace_low, peace_high) = (cold.low, cold.high, peace.low, peace.high);
    let weariness = model.weariness;
    for (((mark, score), state), exhaustion) in marks.iter_mut().zip(score).zip(state).zip(exhaustion) {
        let state = f32::from(*state);
        let hostile = pick(state < 0.5, f32::NEG_INFINITY, cold_low);
        let low = pick(state < 1.5, hostile, pick(state < 2.5, peace_low, alliance_low));
        let hostile = pick(state < 0.5, war_high, cold_high);
        let high = pick(state < 1.5, hostile, pick(state < 2.5, peace_high, f32::INFINITY));
        let weary = pick(state < 1.5, weariness * (own + exhaustion), 0.0);
        *mark = u8::from(score + weary < low) | u8::from(*score > high);
    }
}

/// The places of the marks, counted from `first`, eight at a time.
pub(super) fn collect(marks: &[u8], first: u32, found: &mut Vec<u32>) {
    for (start, part) in (first..).step_by(8).zip(marks.chunks(8)) {
        let mut eight = [0; 8];
        eight.iter_mut().zip(part).for_each(|(place, mark)| *place = *mark);
        let mut word = u64::from_le_bytes(eight);
        while word != 0 {
            found.push(start + word.trailing_zeros() / 8);
            word &= word - 1;
        }
    }
}
