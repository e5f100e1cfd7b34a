//! The arithmetic of a day over whole rows of pairs: the same as [`ScoreModel::terms`] and [`ScoreModel::drift`], to the bit,
//! in a loop that a compiler turns into vectors.
//!
//! All of it is one loop: a pair is read and written once, and what is reckoned hides how long memory takes. It is a
//! function over plain slices, each an argument of its own: so it is known that none overlaps another. Parameters are taken
//! out of the model before the loop: a choice between two places in memory would keep it from being a vector.
//!
//! It is compiled for several kinds of processors, one of which is chosen at run time: those with AVX2 do eight pairs at a
//! time and multiply whole numbers in one step. No sums are fused nor ordered otherwise: the bits are the same.

use std::sync::OnceLock;

use fearless_simd::{Level, Simd, dispatch};

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

/// The pairs of one faction with all of higher numbers, in columns.
pub(super) struct Row<'a> {
    pub(super) love: &'a mut [f32],
    pub(super) trust: &'a mut [f32],
    pub(super) score: &'a mut [f32],
    pub(super) nature: &'a [f32],
    pub(super) bonus: &'a [f32],
    pub(super) state: &'a [u8],
}

/// Lets love and trust of a row drift by a day and scores it, with the day's moods. Marks the pairs whose score is outside
/// the band of their state with 1, all others with 0. Those in a cold war whose two sides are too weary to go to war are not
/// marked: nothing would come of it.
///
/// `own` is the side of the row; `sides` and `keys` are those of all factions, of which `from` is the first in it.
pub(super) fn live(
    model: &ScoreModel,
    own: &Side,
    draws: RowDraws,
    row: Row<'_>,
    marks: &mut [u8],
    (sides, keys, from): (&SideColumns, &[RowKey], usize),
) {
    let Row { love, trust, score, nature, bonus, state } = row;
    let (power, inverse) = (tail(&sides.power, from), tail(&sides.inverse, from));
    let (caution, exhaustion) = (tail(&sides.caution, from), tail(&sides.exhaustion, from));
    let (forgiveness, keys) = (tail(&sides.forgiveness, from), tail(keys, from));
    static LEVEL: OnceLock<Level> = OnceLock::new();
    let level = *LEVEL.get_or_init(Level::new);
    dispatch!(level, simd => live_row(
        simd,
        model,
        own,
        draws,
        love,
        trust,
        score,
        marks,
        nature,
        bonus,
        state,
        power,
        inverse,
        caution,
        exhaustion,
        forgiveness,
        keys,
    ));
}

fn tail<T>(all: &[T], from: usize) -> &[T] {
    all.get(from..).unwrap_or_default()
}

#[inline(always)]
#[expect(clippy::too_many_arguments, reason = "slices that are arguments are known not to overlap")]
fn live_row<S: Simd>(
    _kind: S,
    model: &ScoreModel,
    own: &Side,
    draws: RowDraws,
    love: &mut [f32],
    trust: &mut [f32],
    score: &mut [f32],
    marks: &mut [u8],
    nature: &[f32],
    bonus: &[f32],
    state: &[u8],
    power: &[f32],
    inverse: &[f32],
    caution: &[f32],
    exhaustion: &[f32],
    forgiveness: &[f32],
    keys: &[RowKey],
) {
    let own = *own;
    let StateParameters { hostile: cold, peace, alliance, rise, fall } = model.trust_to;
    let (weight, hate, down) = (model.trust, model.hate, -fall);
    let (fear, fear_from, slope) = (model.fear, model.fear_from, model.fear_slope);
    let (weariness, noise) = (model.weariness, model.noise);
    let [Band { high: war_high, .. }, in_cold_war, at_peace, Band { low: alliance_low, .. }] = model.bands;
    let (cold_low, cold_high, peace_low, peace_high) = (in_cold_war.low, in_cold_war.high, at_peace.low, at_peace.high);
    let written = love.iter_mut().zip(trust).zip(score).zip(marks);
    let pairs = written.zip(nature).zip(bonus).zip(state);
    let columns = pairs.zip(power).zip(inverse).zip(caution).zip(exhaustion).zip(forgiveness).zip(keys);
    for ((((((pair, power), inverse), caution), exhaustion), forgiveness), key) in columns {
        let ((((((love, trust), score), mark), nature), bonus), state) = pair;
        let state = f32::from(*state);
        let (is_war, is_hostile, is_no_alliance) = (state < 0.5, state < 1.5, state < 2.5);
        // Drift.
        let to = pick(is_hostile, cold, pick(is_no_alliance, peace, alliance));
        *love += (own.forgiveness + forgiveness) * (nature - *love);
        *trust += (to - *trust).max(pick(is_hostile, down, 0.0)).min(pick(is_hostile, 0.0, rise));
        let kept = (*love + weight * *trust + bonus).clamp(-1.0, 1.0);
        let lean = kept + hate * kept.min(0.0);
        // Fear and weariness.
        let (theirs, ours) = (power * own.inverse, own.power * inverse);
        let here = (slope * (theirs - 1.0) * own.caution).clamp(0.0, 1.0);
        let there = (slope * (ours - 1.0) * caution).clamp(0.0, 1.0);
        let both = pick(theirs > fear_from, here, 0.0) + pick(ours > fear_from, there, 0.0);
        let worn = own.exhaustion + exhaustion;
        let dread = fear * both + pick(is_war, weariness, 0.0) * worn;
        // The score, and whether the state is kept with it.
        let now = lean + dread + mood(noise, draws, *key);
        *score = now;
        let low = pick(is_war, f32::NEG_INFINITY, cold_low);
        let low = pick(is_hostile, low, pick(is_no_alliance, peace_low, alliance_low));
        let high = pick(is_war, war_high, cold_high);
        let high = pick(is_hostile, high, pick(is_no_alliance, peace_high, f32::INFINITY));
        let weary = pick(is_hostile, weariness * worn, 0.0);
        *mark = u8::from(now + weary < low) | u8::from(now > high);
    }
}

/// The day's mood between two.
#[inline(always)]
pub(super) fn mood(noise: f32, draws: RowDraws, key: RowKey) -> f32 {
    noise * (draws.unit(key) * 2.0 - 1.0)
}

/// The places of the marks, counted from `first`: nothing is looked at closely where there are none.
pub(super) fn collect(marks: &[u8], first: u32, found: &mut Vec<u32>) {
    for (start, part) in (first..).step_by(64).zip(marks.chunks(64)) {
        if part.iter().fold(0, |any, mark| any | mark) == 0 {
            continue;
        }
        for (start, part) in (start..).step_by(8).zip(part.chunks(8)) {
            let mut eight = [0; 8];
            eight.iter_mut().zip(part).for_each(|(place, mark)| *place = *mark);
            let mut word = u64::from_le_bytes(eight);
            while word != 0 {
                found.push(start + word.trailing_zeros() / 8);
                word &= word - 1;
            }
        }
    }
}
