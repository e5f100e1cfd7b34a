//! What the agents of a chunk do: needs, choice and walks, without a branch for each agent, so that it runs on vectors.

use super::draw::{Key, StepKeys};
use super::params::{CERTAIN, Params, high, low, neighbour, part};
use crate::components::crowd::{CHUNK_AGENTS, Chunk, Doing, FULL};

const _: () = assert!(CERTAIN == 0x7FFF);

/// Random bits of the agents of a chunk.
pub(super) type ChunkBits = [u32; CHUNK_AGENTS];

/// What a step is to a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hour {
    /// Hour of the day.
    pub(super) of_day: i16,
    /// Wage of the step.
    pub(super) wage: u32,
    /// Last column and row.
    pub(super) last: (i16, i16),
}

/// Money above which nobody is paid any more: no purse overflows.
pub(super) const MONEY_MAX: u32 = 4_000_000_000;

/// Fills in the draws of a chunk.
pub(super) fn draw_chunk(first: u32, key: Key, bits: &mut ChunkBits) {
    let mut agent = first;
    for bits in bits.iter_mut() {
        *bits = key.bits(agent);
        agent = agent.wrapping_add(1);
    }
}

/// The same for needs and choices.
pub(super) fn draw_step(first: u32, keys: &StepKeys, needs: &mut ChunkBits, choice: &mut ChunkBits) {
    draw_chunk(first, keys.needs, needs);
    draw_chunk(first, keys.choice, choice);
}

const fn code(doing: Doing) -> i16 {
    doing.number() as i16
}

/// A step by the rules of the originals. Hungry agents are left as [`Doing::Seek`], where they are.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are small")]
pub(super) fn choose_originals(
    chunk: &mut Chunk,
    needs: &ChunkBits,
    choice: &ChunkBits,
    params: &Params,
    last: (i16, i16),
) {
    let count = chunk.x.len();
    let Chunk { x, y, hunger, drive, doing, .. } = chunk;
    let (Some(y), Some(hunger), Some(drive), Some(doing), Some(needs), Some(choice)) = (
        y.get_mut(..count),
        hunger.get_mut(..count),
        drive.get_mut(..count),
        doing.get_mut(..count),
        needs.get(..count),
        choice.get(..count),
    ) else {
        return;
    };
    for agent in 0..count {
        let full = (hunger[agent] + params.hunger.0 + part(low(needs[agent]), params.hunger.1)).min(FULL);
        let moved = drive[agent] + params.drive.0 + part(high(needs[agent]), params.drive.1);
        let moved = moved.max(0).min(FULL);
        (hunger[agent], drive[agent]) = (full, moved);
        let chance = (low(choice[agent]) & 0x7FFF).cast_signed();
        let may_post = moved > params.post_at;
        let walks = chance < if may_post { params.post_or_walk } else { params.walk };
        let leisure = if walks { code(Doing::Walk) } else { code(Doing::Idle) };
        let posts = may_post & (chance < params.post);
        let leisure = if posts { code(Doing::Tweet) } else { leisure };
        let does = if full > params.hungry_at { code(Doing::Seek) } else { leisure };
        doing[agent] = does as u8;
        let (east, south) = neighbour(x[agent], y[agent], last.0, last.1, high(choice[agent]));
        let walks = -i16::from(does == code(Doing::Walk));
        x[agent] = (x[agent] + (east & walks)).max(0).min(last.0);
        y[agent] = (y[agent] + (south & walks)).max(0).min(last.1);
    }
}

/// A step by the rules of a city. Hungry agents are left as [`Doing::Seek`], those who want company as
/// [`Doing::Socialize`] and those who want to trade as [`Doing::Trade`], where they are. Gives the wages paid.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are small")]
pub(super) fn choose_city(
    chunk: &mut Chunk,
    needs: &ChunkBits,
    choice: &ChunkBits,
    params: &Params,
    hour: &Hour,
) -> u64 {
    let count = chunk.x.len();
    let Chunk { x, y, hunger, drive, energy, doing, home_x, home_y, work_x, work_y, shift, .. } = chunk;
    let (Some(y), Some(hunger), Some(drive), Some(energy), Some(doing), Some(needs), Some(choice)) = (
        y.get_mut(..count),
        hunger.get_mut(..count),
        drive.get_mut(..count),
        energy.get_mut(..count),
        doing.get_mut(..count),
        needs.get(..count),
        choice.get(..count),
    ) else {
        return 0;
    };
    let (Some(home_x), Some(home_y), Some(work_x), Some(work_y), Some(shift)) = (
        home_x.get(..count),
        home_y.get(..count),
        work_x.get(..count),
        work_y.get(..count),
        shift.get(..count),
    ) else {
        return 0;
    };
    for agent in 0..count {
        let full = (hunger[agent] + params.hunger.0 + part(low(needs[agent]), params.hunger.1)).min(FULL);
        let moved = drive[agent] + params.drive.0 + part(high(needs[agent]), params.drive.1);
        let moved = moved.max(0).min(FULL);
        (hunger[agent], drive[agent]) = (full, moved);
        // Hours since the working day began: work, then leisure, then eight hours of night.
        let since = hour.of_day - shift[agent];
        let since = if since < 0 { since + 24 } else { since };
        let works = since < params.work_hours;
        let sleeps = (since >= 16) | (energy[agent] <= params.tired_at);
        // Where to, and what there.
        let (goal_x, goal_y) = if sleeps { (home_x[agent], home_y[agent]) } else { (work_x[agent], work_y[agent]) };
        let there = (x[agent] == goal_x) & (y[agent] == goal_y);
        let duty = if sleeps { code(Doing::Rest) } else { code(Doing::Work) };
        let duty = if there { duty } else { code(Doing::Commute) };
        let chance = (low(choice[agent]) & 0x7FFF).cast_signed();
        let leisure = if chance < params.walk { code(Doing::Walk) } else { code(Doing::Idle) };
        let leisure = if chance < params.trade { code(Doing::Trade) } else { leisure };
        let leisure = if moved > params.social_at { code(Doing::Socialize) } else { leisure };
        let posts = (moved > params.post_at) & (chance < params.post);
        let leisure = if posts { code(Doing::Tweet) } else { leisure };
        let does = if sleeps | works { duty } else { leisure };
        let does = if full > params.hungry_at { code(Doing::Seek) } else { does };
        doing[agent] = does as u8;
        let change = if does == code(Doing::Rest) { params.energy_rise } else { -params.energy_fall };
        energy[agent] = (energy[agent] + change).max(0).min(FULL);
        let (east, south) = neighbour(x[agent], y[agent], last_x(hour), last_y(hour), high(choice[agent]));
        let walks = -i16::from(does == code(Doing::Walk));
        let commutes = -i16::from(does == code(Doing::Commute));
        let stride = params.stride;
        let to_x = (goal_x - x[agent]).max(-stride).min(stride);
        let to_y = (goal_y - y[agent]).max(-stride).min(stride);
        x[agent] = (x[agent] + (east & walks) + (to_x & commutes)).max(0).min(hour.last.0);
        y[agent] = (y[agent] + (south & walks) + (to_y & commutes)).max(0).min(hour.last.1);
    }
    pay_wages(&mut chunk.money, doing, hour.wage)
}

const fn last_x(hour: &Hour) -> i16 {
    hour.last.0
}

const fn last_y(hour: &Hour) -> i16 {
    hour.last.1
}

/// Pays who is at work. Gives what was paid.
fn pay_wages(money: &mut [u32], doing: &[u8], wage: u32) -> u64 {
    let mut paid = 0_u64;
    for (money, doing) in money.iter_mut().zip(doing) {
        let earned = if (*doing == Doing::Work.number()) & (*money < MONEY_MAX) { wage } else { 0 };
        *money += earned;
        paid += u64::from(earned);
    }
    paid
}

/// Writes the places of those who do this into `list` and gives how many there are.
pub(super) fn pick(doing: &[u8], wanted: Doing, list: &mut [u16; CHUNK_AGENTS]) -> usize {
    let (mut count, mut place) = (0, 0_u16);
    for doing in doing {
        // Written always and kept if it is one: no branch to be mispredicted.
        list[count % CHUNK_AGENTS] = place;
        count += usize::from(*doing == wanted.number());
        place = place.wrapping_add(1);
    }
    count
}
