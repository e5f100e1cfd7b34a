//! What the agents of a chunk do: needs, choice and walks, without a branch for each agent, so that it runs on vectors.

use super::desk::Desk;
use super::draw::Key;
use super::params::{CERTAIN, Params, high, low, neighbour, part};
use crate::components::crowd::{CHUNK_AGENTS, Chunk, Doing, FULL};

/// Random bits of the agents of a chunk.
pub(super) type ChunkBits = [u32; CHUNK_AGENTS];

/// What a step is to a chunk.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hour {
    /// Hour of the day.
    pub(super) of_day: i16,
    /// Wage of the step.
    pub(super) wage: u32,
    /// Money that is enough for any meal.
    pub(super) meal: u32,
    /// Last column and row.
    pub(super) last: (i16, i16),
}

/// Money above which nobody is paid any more: no purse overflows.
pub(super) const MONEY_MAX: u32 = 4_000_000_000;

/// Fills in the draws of the agents from `first` on.
pub(super) fn draw_chunk(first: u32, key: Key, bits: &mut [u32]) {
    let mut agent = first;
    for bits in bits {
        *bits = key.bits(agent);
        agent = agent.wrapping_add(1);
    }
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
        let full = hunger[agent].saturating_add(params.hunger.0 + part(low(needs[agent]), params.hunger.1)).min(FULL);
        let moved = drive[agent] + params.drive.0 + part(high(needs[agent]), params.drive.1);
        let moved = moved.clamp(0, FULL);
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

/// Where agents of a city may be bound for, and what they decide by: columns of equal length.
struct Minds<'a> {
    x: &'a [i16],
    y: &'a [i16],
    home: (&'a [i16], &'a [i16]),
    work: (&'a [i16], &'a [i16]),
    shift: &'a [i16],
    energy: &'a [i16],
    hunger: &'a [i16],
    drive: &'a [i16],
    money: &'a [u32],
    choice: &'a [u32],
}

/// A step by the rules of a city. Hungry agents who can pay are left as [`Doing::Seek`], those who want company as
/// [`Doing::Socialize`] and those who want to trade as [`Doing::Trade`], where they are. Gives the wages paid.
///
/// Each pass writes few columns that nothing else refers to: the compiler can tell, and works on vectors.
pub(super) fn choose_city(chunk: &mut Chunk, desk: &mut Desk, params: &Params, hour: &Hour) -> u64 {
    let count = chunk.len();
    let Desk { needs, choice, goal, .. } = desk;
    let (Some(needs), Some(choice)) = (needs.get(..count), choice.get(..count)) else { return 0 };
    let (Some(goal_x), Some(goal_y)) = (goal.0.get_mut(..count), goal.1.get_mut(..count)) else { return 0 };
    let Chunk { x, y, hunger, drive, energy, doing, .. } = chunk;
    raise_needs(hunger, drive, needs, params);
    let minds = Minds {
        x,
        y,
        home: (&chunk.home_x, &chunk.home_y),
        work: (&chunk.work_x, &chunk.work_y),
        shift: &chunk.shift,
        energy,
        hunger,
        drive,
        money: &chunk.money,
        choice,
    };
    decide(doing, goal_x, goal_y, &minds, params, hour);
    tire(energy, doing, params);
    walk(x, y, doing, (goal_x, goal_y), choice, params.stride, hour.last);
    pay_wages(&mut chunk.money, doing, hour.wage)
}

/// Hunger and social drive after the step.
#[inline(never)]
fn raise_needs(hunger: &mut [i16], drive: &mut [i16], needs: &[u32], params: &Params) {
    for ((hunger, drive), needs) in hunger.iter_mut().zip(drive).zip(needs) {
        *hunger = hunger.saturating_add(params.hunger.0 + part(low(*needs), params.hunger.1)).min(FULL);
        *drive = (*drive + params.drive.0 + part(high(*needs), params.drive.1)).clamp(0, FULL);
    }
}

/// What agents do, and where those are bound for who have to be somewhere.
#[inline(never)]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "codes are small")]
fn decide(doing: &mut [u8], goal_x: &mut [i16], goal_y: &mut [i16], minds: &Minds<'_>, params: &Params, hour: &Hour) {
    let count = doing.len();
    let (Some(goal_x), Some(goal_y)) = (goal_x.get_mut(..count), goal_y.get_mut(..count)) else { return };
    let (Some(x), Some(y), Some(energy), Some(shift)) =
        (minds.x.get(..count), minds.y.get(..count), minds.energy.get(..count), minds.shift.get(..count))
    else {
        return;
    };
    let (Some(home_x), Some(home_y), Some(work_x), Some(work_y)) =
        (minds.home.0.get(..count), minds.home.1.get(..count), minds.work.0.get(..count), minds.work.1.get(..count))
    else {
        return;
    };
    let (Some(hunger), Some(drive), Some(money), Some(choice)) =
        (minds.hunger.get(..count), minds.drive.get(..count), minds.money.get(..count), minds.choice.get(..count))
    else {
        return;
    };
    for agent in 0..count {
        // Hours since the working day began: work, then leisure, then eight hours of night.
        let since = hour.of_day - shift[agent];
        let since = if since < 0 { since + 24 } else { since };
        let works = since < params.work_hours;
        let sleeps = (since >= 16) | (energy[agent] <= params.tired_at);
        let (to_x, to_y) = if sleeps { (home_x[agent], home_y[agent]) } else { (work_x[agent], work_y[agent]) };
        (goal_x[agent], goal_y[agent]) = (to_x, to_y);
        let there = (x[agent] == to_x) & (y[agent] == to_y);
        let duty = if sleeps { code(Doing::Rest) } else { code(Doing::Work) };
        let duty = if there { duty } else { code(Doing::Commute) };
        let chance = (low(choice[agent]) & 0x7FFF).cast_signed();
        let does = if chance < params.walk { code(Doing::Walk) } else { code(Doing::Idle) };
        let does = if drive[agent] > params.social_at { code(Doing::Socialize) } else { does };
        let does = if chance > CERTAIN - params.trade { code(Doing::Trade) } else { does };
        let posts = (drive[agent] > params.post_at) & (chance < params.post);
        let does = if posts { code(Doing::Tweet) } else { does };
        let does = if sleeps | works { duty } else { does };
        // Who cannot pay for a meal goes on with the day: work is what helps.
        let eats = (hunger[agent] > params.hungry_at) & (money[agent] >= hour.meal);
        let does = if eats { code(Doing::Seek) } else { does };
        doing[agent] = does as u8;
    }
}

/// Energy after the step: rest gives it, everything else takes it.
#[inline(never)]
fn tire(energy: &mut [i16], doing: &[u8], params: &Params) {
    for (energy, doing) in energy.iter_mut().zip(doing) {
        let change = if *doing == Doing::Rest.number() { params.energy_rise } else { -params.energy_fall };
        *energy = (*energy + change).clamp(0, FULL);
    }
}

/// Who walks goes anywhere, who commutes towards the goal.
#[inline(never)]
fn walk(
    x: &mut [i16],
    y: &mut [i16],
    doing: &[u8],
    goal: (&[i16], &[i16]),
    choice: &[u32],
    stride: i16,
    last: (i16, i16),
) {
    let count = doing.len();
    let (Some(x), Some(y), Some(goal_x), Some(goal_y), Some(choice)) =
        (x.get_mut(..count), y.get_mut(..count), goal.0.get(..count), goal.1.get(..count), choice.get(..count))
    else {
        return;
    };
    for agent in 0..count {
        let (east, south) = neighbour(x[agent], y[agent], last.0, last.1, high(choice[agent]));
        let walks = -i16::from(doing[agent] == Doing::Walk.number());
        let commutes = -i16::from(doing[agent] == Doing::Commute.number());
        let to_x = (goal_x[agent] - x[agent]).max(-stride).min(stride);
        let to_y = (goal_y[agent] - y[agent]).max(-stride).min(stride);
        x[agent] = (x[agent] + (east & walks) + (to_x & commutes)).max(0).min(last.0);
        y[agent] = (y[agent] + (south & walks) + (to_y & commutes)).max(0).min(last.1);
    }
}

/// Pays who is at work. Gives what was paid.
#[inline(never)]
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

/// Writes the places of those into `list` who are hungry and have not the money for a meal, and gives how many there are.
pub(super) fn pick_poor(chunk: &Chunk, hungry_at: i16, meal: u32, list: &mut [u16; CHUNK_AGENTS]) -> usize {
    let (mut count, mut place) = (0, 0_u16);
    for (hunger, money) in chunk.hunger.iter().zip(&chunk.money) {
        list[count % CHUNK_AGENTS] = place;
        count += usize::from((*hunger > hungry_at) & (*money < meal));
        place = place.wrapping_add(1);
    }
    count
}
