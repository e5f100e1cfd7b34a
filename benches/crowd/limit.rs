//! The limit: the rules of the originals on plain arrays, written by hand, one loop over all agents. It keeps no sectors,
//! no counts by sector and no books; it draws the same bits and walks the same ways.

use worldtick::components::crowd::{Chunk, FULL, Ground};
use worldtick::systems::crowd::StepKeys;

/// Agents in plain arrays.
pub(crate) struct Limit {
    x: Vec<i16>,
    y: Vec<i16>,
    hunger: Vec<i16>,
    drive: Vec<i16>,
    money: Vec<u32>,
    /// Meals and posts so far: what was done must not be optimised away.
    pub(crate) done: [u64; 2],
}

/// Points of a need.
const POINT: i16 = 256;

fn part(bits: u32, span: i16) -> i16 {
    (((bits & 0xFFFF) * u32::from(span.unsigned_abs())) >> 16) as i16
}

fn neighbour(x: i16, y: i16, last: (i16, i16), bits: u32) -> (i16, i16) {
    let (west, north) = (i16::from(x > 0), i16::from(y > 0));
    let columns = 1 + west + i16::from(x < last.0);
    let rows = 1 + north + i16::from(y < last.1);
    let index = part(bits, columns * rows - 1);
    let index = index + i16::from(index >= north * columns + west);
    (x + index % columns - west, y + index / columns - north)
}

impl Limit {
    /// The agents of these chunks.
    pub(crate) fn new(chunks: &[Chunk]) -> Self {
        let mut limit = Self { x: vec![], y: vec![], hunger: vec![], drive: vec![], money: vec![], done: [0; 2] };
        for chunk in chunks {
            limit.x.extend(&chunk.x);
            limit.y.extend(&chunk.y);
            limit.hunger.extend(&chunk.hunger);
            limit.drive.extend(&chunk.drive);
            limit.money.extend(&chunk.money);
        }
        limit
    }

    /// One step of all agents.
    pub(crate) fn step(&mut self, keys: &StepKeys, ground: &Ground) {
        let agents = self.x.len();
        let (x, y) = (&mut self.x[..agents], &mut self.y[..agents]);
        let (hunger, drive) = (&mut self.hunger[..agents], &mut self.drive[..agents]);
        let money = &mut self.money[..agents];
        let last = (ground.width - 1, ground.height - 1);
        let (mut meals, mut posts) = (0_u64, 0_u64);
        for agent in 0..agents {
            let number = agent as u32;
            let (needs, choice) = (keys.needs.bits(number), keys.choice.bits(number));
            let full = (hunger[agent] + POINT + part(needs, 2 * POINT)).min(FULL);
            let mut urge = (drive[agent] - 5 * POINT + part(needs >> 16, 10 * POINT)).clamp(0, FULL);
            hunger[agent] = full;
            let chance = choice & 0x7FFF;
            if full > 80 * POINT {
                let [east, south] = ground.ways[ground.cell(x[agent], y[agent])];
                if (east, south) != (0, 0) {
                    x[agent] += i16::from(east.signum());
                    y[agent] += i16::from(south.signum());
                } else {
                    let bits = keys.meal.bits(number);
                    let price = 1_000 + (((bits & 0xFFFF) * 2_001) >> 16);
                    if money[agent] >= price {
                        money[agent] -= price;
                        hunger[agent] = (full - 40 * POINT - part(bits >> 16, 20 * POINT)).max(0);
                        meals += 1;
                    } else {
                        (x[agent], y[agent]) = neighbour(x[agent], y[agent], last, choice >> 16);
                    }
                }
            } else if urge > 70 * POINT && chance < 9_830 {
                let bits = keys.post.bits(number);
                urge = (urge - 20 * POINT - part(bits >> 16, 20 * POINT)).max(0);
                posts += 1;
            } else if chance < if urge > 70 * POINT { 23_593 } else { 19_661 } {
                (x[agent], y[agent]) = neighbour(x[agent], y[agent], last, choice >> 16);
            }
            drive[agent] = urge;
        }
        self.done[0] += meals;
        self.done[1] += posts;
    }
}
