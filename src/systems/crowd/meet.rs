//! What agents do with each other: who stands in the same place (a cell, or for trades a block of cells) and wants the
//! same is paired, and what comes of it is
//! settled one pair after the other. No agent is compared with more than its neighbour in the list.

use super::choose::MONEY_MAX;
use super::draw::Key;
use super::params::Params;
use crate::components::crowd::{Chunk, Crowd, CrowdBooks, CrowdFlow, Doing, SectorTally};

/// What two agents meet for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meeting {
    Company,
    Trade,
}

const AGENT_BITS: u32 = 26;
const CHANCE_BITS: u32 = 7;
const CELL_BITS: u32 = 30;

/// A wish to meet as a number that sorts by what for, where, then by chance, and tells the agent.
pub(super) fn pack(meeting: Meeting, cell: usize, key: Key, agent: u32) -> u64 {
    let chance = u64::from(key.bits(agent) >> (32 - CHANCE_BITS));
    let what = u64::from(meeting == Meeting::Trade) << CELL_BITS;
    ((what | cell as u64) << (CHANCE_BITS + AGENT_BITS)) | chance << AGENT_BITS | u64::from(agent)
}

fn agent_of(meet: u64) -> u32 {
    (meet & ((1 << AGENT_BITS) - 1)) as u32
}

fn place_of(meet: u64) -> u64 {
    meet >> (CHANCE_BITS + AGENT_BITS)
}

/// Pairs all who want to meet, and settles. Who finds nobody is left with nothing to do.
pub(super) fn settle_meetings(
    meets: &mut [u64],
    crowd: &mut Crowd,
    params: &Params,
    tallies: &mut [SectorTally],
    books: &mut CrowdBooks,
) {
    meets.sort_unstable();
    let mut rest = &*meets;
    while let Some((one, others)) = rest.split_first() {
        rest = others;
        let partner = others.first().filter(|other| place_of(**other) == place_of(*one));
        let Some(other) = partner else {
            leave_alone(crowd, agent_of(*one), tallies);
            continue;
        };
        rest = others.get(1..).unwrap_or_default();
        let (one_agent, other_agent) = (agent_of(*one), agent_of(*other));
        if place_of(*one) >> CELL_BITS == 0 {
            keep_company(crowd, [one_agent, other_agent], params, tallies);
        } else if !trade(crowd, one_agent, other_agent, params, tallies, books) {
            leave_alone(crowd, one_agent, tallies);
            leave_alone(crowd, other_agent, tallies);
        }
    }
}

/// The chunk of an agent, and its place there.
pub(super) fn of_agent(crowd: &mut Crowd, agent: u32) -> Option<(&mut Chunk, usize)> {
    let (chunk, at) = Crowd::place(agent);
    crowd.chunks.get_mut(chunk).map(|chunk| (chunk, at))
}

/// Lets an agent do something else than what was counted.
pub(super) fn change_doing(chunk: &mut Chunk, at: usize, now: Doing, tallies: &mut [SectorTally]) {
    let (Some(doing), Some(sector)) = (chunk.doing.get_mut(at), chunk.sector.get(at)) else { return };
    if let Some(tally) = tallies.get_mut(usize::from(*sector)) {
        if let Some(count) = tally.by_doing.get_mut(usize::from(*doing)) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = tally.by_doing.get_mut(usize::from(now.number())) {
            *count += 1;
        }
    }
    *doing = now.number();
}

fn tally_of<'a>(chunk: &Chunk, at: usize, tallies: &'a mut [SectorTally]) -> Option<&'a mut SectorTally> {
    tallies.get_mut(usize::from(*chunk.sector.get(at)?))
}

fn leave_alone(crowd: &mut Crowd, agent: u32, tallies: &mut [SectorTally]) {
    if let Some((chunk, at)) = of_agent(crowd, agent) {
        change_doing(chunk, at, Doing::Idle, tallies);
    }
}

fn keep_company(crowd: &mut Crowd, both: [u32; 2], params: &Params, tallies: &mut [SectorTally]) {
    for agent in both {
        if let Some((chunk, at)) = of_agent(crowd, agent)
            && let Some(drive) = chunk.drive.get_mut(at)
        {
            *drive = (*drive - params.social_relief).max(0);
        }
    }
    if let Some((chunk, at)) = of_agent(crowd, both[0])
        && let Some(tally) = tally_of(chunk, at, tallies)
    {
        tally.meetings += 1;
    }
}

/// Who has more things sells one to the other, who must be able to pay. Whether they traded.
fn trade(
    crowd: &mut Crowd,
    one: u32,
    other: u32,
    params: &Params,
    tallies: &mut [SectorTally],
    books: &mut CrowdBooks,
) -> bool {
    let price = params.trade_price;
    let mut has = |agent: u32| {
        of_agent(crowd, agent)
            .and_then(|(chunk, at)| Some((*chunk.things.get(at)?, *chunk.money.get(at)?)))
            .unwrap_or((0, 0))
    };
    let (first, second) = (has(one), has(other));
    let (seller, buyer, selling, buying) =
        if first.0 >= second.0 { (one, other, first, second) } else { (other, one, second, first) };
    if selling.0 == 0 || buying.0 == u8::MAX || buying.1 < price || selling.1 >= MONEY_MAX {
        return false;
    }
    give(crowd, seller, buyer, price);
    books.note(CrowdFlow::Things, u64::from(price));
    if let Some((chunk, at)) = of_agent(crowd, seller)
        && let Some(tally) = tally_of(chunk, at, tallies)
    {
        tally.trades += 1;
        tally.traded += u64::from(price);
    }
    true
}

/// One thing for its price. That both have what they give has been seen to.
fn give(crowd: &mut Crowd, seller: u32, buyer: u32, price: u32) {
    if let Some((chunk, at)) = of_agent(crowd, seller)
        && let (Some(things), Some(money)) = (chunk.things.get_mut(at), chunk.money.get_mut(at))
    {
        *things -= 1;
        *money += price;
    }
    if let Some((chunk, at)) = of_agent(crowd, buyer)
        && let (Some(things), Some(money)) = (chunk.things.get_mut(at), chunk.money.get_mut(at))
    {
        *things += 1;
        *money -= price;
    }
}
