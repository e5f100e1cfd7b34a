//! A step of one chunk of agents: what the vectors leave open is done here, agent by agent, for the few that it concerns.

use super::choose::{Hour, choose_city, choose_originals, draw_chunk, pick, pick_poor};
use super::desk::{Desk, Wish};
use super::draw::StepKeys;
use super::meet::{self, Meeting};
use super::params::{Params, high, low, neighbour, part};
use crate::components::crowd::{CHUNK_AGENTS, Chunk, Doing, Ground, Way};
use crate::world::spec::RulePreset;

/// One part in so many of what somebody has above a comfortable life is spent with a meal.
const LUXURY: u32 = 8;

/// What a step is to all chunks.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step<'a> {
    pub(super) ground: &'a Ground,
    pub(super) params: &'a Params,
    pub(super) keys: StepKeys,
    pub(super) hour: Hour,
    /// Which of the two favourite spots people go to.
    pub(super) favourite: usize,
    /// Least price of a meal, and how much more it may be.
    pub(super) price: (u32, u32),
    /// Whether vendors can be sold out.
    pub(super) limited: bool,
}

impl Step<'_> {
    /// What a meal costs and gives, by these bits.
    #[inline(always)]
    pub(super) fn meal(&self, bits: u32) -> (u32, i16) {
        let relief = self.params.meal_relief;
        (self.price.0 + scaled(low(bits), self.price.1), relief.0 + part(high(bits), relief.1))
    }

    /// What somebody with this money spends on a meal of this price: who has more than enough for a comfortable life
    /// leaves an eighth of what is above it. Otherwise those who work more hours than they need would gather all money
    /// that there is, and nobody could pay the others.
    #[inline(always)]
    pub(super) fn spends(&self, price: u32, money: u32) -> u32 {
        let rest = money.saturating_sub(price);
        price + rest.saturating_sub(self.params.comfort) / LUXURY
    }
}

/// Lives one step.
pub(super) fn live_chunk(chunk: &mut Chunk, step: &Step<'_>, desk: &mut Desk) {
    for (key, bits) in [(step.keys.needs, &mut desk.needs), (step.keys.choice, &mut desk.choice)] {
        draw_chunk(chunk.first, key, bits.get_mut(..chunk.len()).unwrap_or(&mut []));
    }
    match step.params.preset {
        RulePreset::Originals => {
            choose_originals(chunk, &desk.needs, &desk.choice, step.params, step.hour.last);
        }
        RulePreset::City => {
            let wages = choose_city(chunk, desk, step.params, &step.hour);
            desk.wages += wages;
            gather_company(chunk, step, desk);
            gather_traders(chunk, step, desk);
        }
    }
    seek_food(chunk, step, desk);
    post(chunk, step, desk);
    tally(chunk, step, desk);
    if step.params.preset == RulePreset::City {
        count_poor(chunk, step, desk);
    }
}

/// The agents that `list` names, by their places.
fn listed(list: &[u16; CHUNK_AGENTS], count: usize) -> impl Iterator<Item = usize> {
    list.iter().take(count).map(|place| usize::from(*place))
}

/// Counts who is hungry and cannot pay, where they are after the step.
fn count_poor(chunk: &mut Chunk, step: &Step<'_>, desk: &mut Desk) {
    let count = pick_poor(chunk, step.params.hungry_at, step.hour.meal, &mut desk.list);
    for at in listed(&desk.list, count) {
        let sector = chunk.sector.get(at).copied().unwrap_or(0);
        if let Some(without) = desk.without.get_mut(usize::from(sector)) {
            *without += 1;
        }
    }
}

/// Hungry agents go towards the nearest vendor; who is there buys, or walks on if the money is not enough.
fn seek_food(chunk: &mut Chunk, step: &Step<'_>, desk: &mut Desk) {
    let count = pick(&chunk.doing, Doing::Seek, &mut desk.list);
    let Chunk { first, x, y, hunger, money, doing, .. } = chunk;
    let (stride, (last_x, last_y)) = (step.params.stride, step.hour.last);
    // Looked up all together: where the map is larger than the caches, the look-ups wait for memory side by side.
    for (way, at) in desk.ways.iter_mut().zip(listed(&desk.list, count)) {
        *way = x.get(at).zip(y.get(at)).map_or([0, 0], |(x, y)| step.ground.way(*x, *y));
    }
    for (at, way) in listed(&desk.list, count).zip(desk.ways.iter()) {
        let (Some(x), Some(y)) = (x.get_mut(at), y.get_mut(at)) else { continue };
        let [east, south] = *way;
        if [east, south] != [0, 0] {
            *x += i16::from(east).clamp(-stride, stride);
            *y += i16::from(south).clamp(-stride, stride);
            continue;
        }
        let (Some(hunger), Some(money), Some(doing)) = (hunger.get_mut(at), money.get_mut(at), doing.get_mut(at))
        else {
            continue;
        };
        let agent = number(*first, at);
        let bits = step.keys.meal.bits(agent);
        let (price, relief) = step.meal(bits);
        if *money < price {
            let bits = desk.choice.get(at).copied().unwrap_or(0);
            let (east, south) = neighbour(*x, *y, last_x, last_y, high(bits));
            *x = (*x + east).clamp(0, last_x);
            *y = (*y + south).clamp(0, last_y);
            *doing = Doing::Broke.number();
        } else if step.limited {
            let vendor = step.ground.vendor_at(*x, *y).and_then(|vendor| u32::try_from(vendor).ok());
            desk.wishes.push(Wish { agent, vendor: vendor.unwrap_or(u32::MAX) });
        } else {
            let price = step.spends(price, *money);
            *money -= price;
            *hunger = (*hunger - relief).max(0);
            *doing = Doing::BuyFood.number();
            desk.meals += 1;
            if let Some(spent) = desk.spent.get_mut(usize::from(step.ground.sector(*x, *y))) {
                *spent += u64::from(price);
            }
        }
    }
}

/// Posting relieves the drive; the most influential of a sector is noted.
fn post(chunk: &mut Chunk, step: &Step<'_>, desk: &mut Desk) {
    let count = pick(&chunk.doing, Doing::Tweet, &mut desk.list);
    let Chunk { first, x, y, drive, influence, .. } = chunk;
    for place in 0..count {
        let at = usize::from(desk.list.get(place).copied().unwrap_or(0));
        let agent = number(*first, at);
        let relief = step.params.post_relief.0 + part(high(step.keys.post.bits(agent)), step.params.post_relief.1);
        if let (Some(drive), Some(influence), Some(x), Some(y)) =
            (drive.get_mut(at), influence.get(at), x.get(at), y.get(at))
        {
            *drive = (*drive - relief).max(0);
            desk.note_post(step.ground.sector(*x, *y), agent, *influence);
        }
    }
}

/// Who wants company goes to a favourite spot; who is there waits for another.
fn gather_company(chunk: &mut Chunk, step: &Step<'_>, desk: &mut Desk) {
    let count = pick(&chunk.doing, Doing::Socialize, &mut desk.list);
    let Chunk { first, x, y, doing, favourites, .. } = chunk;
    let stride = step.params.stride;
    for at in listed(&desk.list, count) {
        let (Some(x), Some(y), Some(doing), Some(favourites)) =
            (x.get_mut(at), y.get_mut(at), doing.get_mut(at), favourites.get(at))
        else {
            continue;
        };
        let favourite = favourites.get(step.favourite).copied().unwrap_or(0);
        let Some([spot_x, spot_y]) = step.ground.spots.get(usize::from(favourite)).copied() else { continue };
        if (*x, *y) == (spot_x, spot_y) {
            let agent = number(*first, at);
            desk.meets.push(meet::pack(Meeting::Company, step.ground.cell(*x, *y), step.keys.meet, agent));
        } else {
            *x += (spot_x - *x).clamp(-stride, stride);
            *y += (spot_y - *y).clamp(-stride, stride);
            *doing = Doing::Walk.number();
        }
    }
}

/// Cells along a side of the blocks within which people trade.
const TRADE_CELLS: i16 = 16;

/// Who wants to trade looks for another in the same block of cells.
fn gather_traders(chunk: &mut Chunk, step: &Step<'_>, desk: &mut Desk) {
    let count = pick(&chunk.doing, Doing::Trade, &mut desk.list);
    for at in listed(&desk.list, count) {
        if let (Some(x), Some(y)) = (chunk.x.get(at), chunk.y.get(at)) {
            let block = step.ground.cell(x - x % TRADE_CELLS, y - y % TRADE_CELLS);
            let agent = number(chunk.first, at);
            desk.meets.push(meet::pack(Meeting::Trade, block, step.keys.meet, agent));
        }
    }
}

/// Looks up where everybody is, counts who has come from elsewhere, and what all do.
fn tally(chunk: &mut Chunk, step: &Step<'_>, desk: &mut Desk) {
    look_up_sectors(chunk, step.ground, desk.sector.get_mut(..chunk.len()).unwrap_or_default());
    // Few cross a border: agents are compared many at a time.
    const TOGETHER: usize = 32;
    let now = desk.sector.chunks(TOGETHER);
    let before = chunk.sector.chunks_mut(TOGETHER);
    for ((now, before), doing) in now.zip(before).zip(chunk.doing.chunks(TOGETHER)) {
        let now = now.get(..before.len()).unwrap_or_default();
        if now == before {
            continue;
        }
        for ((now, before), doing) in now.iter().zip(before.iter_mut()).zip(doing) {
            if now == before {
                continue;
            }
            desk.flows.add(*before, *now, Way::of(Doing::from_number(*doing)));
            if let Some(left) = desk.left.get_mut(usize::from(*before)) {
                *left += 1;
            }
            if let Some(entered) = desk.entered.get_mut(usize::from(*now)) {
                *entered += 1;
            }
            *before = *now;
        }
    }
    desk.count(&chunk.doing);
}

/// The sector of each agent. Those of a chunk live near each other: mostly all are in the same one, or at least in the same
/// row of sectors, and that can be seen from how far they have spread.
fn look_up_sectors(chunk: &Chunk, ground: &Ground, sectors: &mut [u8]) {
    let ((west, east), (north, south)) = (bounds(&chunk.x), bounds(&chunk.y));
    let (Some(first), Some(last)) = (ground.row_of_sectors(north), ground.row_of_sectors(south)) else { return };
    if first != last {
        for ((x, y), sector) in chunk.x.iter().zip(&chunk.y).zip(sectors) {
            *sector = ground.sector(*x, *y);
        }
        return;
    }
    let columns = usize::from(west.cast_unsigned())..=usize::from(east.cast_unsigned());
    let bands = ground.band_x.get(columns).unwrap_or_default();
    let row = ground.table.get(first as usize..).unwrap_or_default();
    match (bands.first(), bands.last()) {
        (Some(one), Some(other)) if one == other => {
            sectors.fill(row.get(usize::from(*one)).copied().unwrap_or(0));
        }
        _ => {
            for (x, sector) in chunk.x.iter().zip(sectors) {
                let band = ground.band_x.get(usize::from(x.cast_unsigned())).copied().unwrap_or(0);
                *sector = row.get(usize::from(band)).copied().unwrap_or(0);
            }
        }
    }
}

/// The least and the largest of a column.
fn bounds(column: &[i16]) -> (i16, i16) {
    column.iter().fold((i16::MAX, i16::MIN), |(least, most), value| (least.min(*value), most.max(*value)))
}

#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "places within a chunk are small")]
const fn number(first: u32, at: usize) -> u32 {
    first.wrapping_add(at as u32)
}

/// Evenly 0 to `span`.
#[inline(always)]
#[expect(clippy::cast_possible_truncation, reason = "at most the span")]
const fn scaled(bits: u16, span: u32) -> u32 {
    ((bits as u64 * (span as u64 + 1)) >> 16) as u32
}
