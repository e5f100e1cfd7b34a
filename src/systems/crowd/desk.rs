//! The buffers of one thread, and what it counts in a step. They grow once and are used again.

use super::choose::ChunkBits;
use crate::components::crowd::{CHUNK_AGENTS, Doing, Flows, SectorTally, TopPost};

/// Counts of one sector, by the numbers of [`Doing`].
type Counts = [u32; Doing::KINDS];

/// A meal that somebody wants of a vendor that may be sold out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wish {
    pub(super) agent: u32,
    pub(super) vendor: u32,
}

/// The buffers of one thread.
#[derive(Debug, Clone)]
pub(super) struct Desk {
    pub(super) needs: Box<ChunkBits>,
    pub(super) choice: Box<ChunkBits>,
    /// Where agents of a city are bound for.
    pub(super) goal: (Box<[i16; CHUNK_AGENTS]>, Box<[i16; CHUNK_AGENTS]>),
    pub(super) list: Box<[u16; CHUNK_AGENTS]>,
    /// Ways to the nearest vendor of those in the list.
    pub(super) ways: Box<[[i8; 2]; CHUNK_AGENTS]>,
    pub(super) sector: Box<[u8; CHUNK_AGENTS]>,
    /// Four tables of counts that agents use in turn: a count does not have to wait for the one before it.
    counts: [Vec<Counts>; 4],
    pub(super) spent: Vec<u64>,
    /// Hungry agents that cannot pay for a meal and go on with their day.
    pub(super) without: Vec<u32>,
    /// Influence above, and below it the agent's number turned round: the largest is the top.
    top: Vec<u64>,
    pub(super) entered: Vec<u32>,
    pub(super) left: Vec<u32>,
    pub(super) flows: Flows,
    pub(super) wishes: Vec<Wish>,
    /// Who wants to meet whom: see [`super::meet`].
    pub(super) meets: Vec<u64>,
    /// Wages paid.
    pub(super) wages: u64,
    /// Meals sold here and now.
    pub(super) meals: u64,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            needs: Box::new([0; CHUNK_AGENTS]),
            choice: Box::new([0; CHUNK_AGENTS]),
            goal: (Box::new([0; CHUNK_AGENTS]), Box::new([0; CHUNK_AGENTS])),
            list: Box::new([0; CHUNK_AGENTS]),
            ways: Box::new([[0; 2]; CHUNK_AGENTS]),
            without: Vec::new(),
            sector: Box::new([0; CHUNK_AGENTS]),
            counts: [const { Vec::new() }; 4],
            spent: Vec::new(),
            top: Vec::new(),
            entered: Vec::new(),
            left: Vec::new(),
            flows: Flows::default(),
            wishes: Vec::new(),
            meets: Vec::new(),
            wages: 0,
            meals: 0,
        }
    }
}

impl Desk {
    /// Begins a tick: nobody has gone anywhere. There is room for so many wishes and meetings, all that can be.
    pub(super) fn begin_tick(&mut self, sectors: usize, wishes: usize, meets: usize) {
        self.flows.clear(sectors);
        self.wishes.clear();
        self.wishes.reserve_exact(wishes);
        self.meets.clear();
        self.meets.reserve_exact(meets);
    }

    /// Begins a step.
    pub(super) fn begin(&mut self, sectors: usize) {
        for counts in &mut self.counts {
            counts.clear();
            counts.resize(sectors, [0; Doing::KINDS]);
        }
        self.spent.clear();
        self.spent.resize(sectors, 0);
        self.without.clear();
        self.without.resize(sectors, 0);
        self.top.clear();
        self.top.resize(sectors, 0);
        self.entered.clear();
        self.entered.resize(sectors, 0);
        self.left.clear();
        self.left.resize(sectors, 0);
        self.wishes.clear();
        self.meets.clear();
        self.wages = 0;
        self.meals = 0;
    }

    /// Counts what the agents of a chunk do, by the sectors that stand in `self.sector`.
    pub(super) fn count(&mut self, doing: &[u8]) {
        let [one, two, three, four] = &mut self.counts;
        let add = |counts: &mut Vec<Counts>, sector: u8, doing: u8| {
            if let Some(counts) = counts.get_mut(usize::from(sector)) {
                counts[usize::from(doing) % Doing::KINDS] += 1;
            }
        };
        let sectors = self.sector.get(..doing.len()).unwrap_or_default();
        let (sectors, doing) = (sectors.chunks_exact(4), doing.chunks_exact(4));
        for (sector, doing) in sectors.remainder().iter().zip(doing.remainder()) {
            add(one, *sector, *doing);
        }
        for (sector, doing) in sectors.zip(doing) {
            if let ([a, b, c, d], [e, f, g, h]) = (sector, doing) {
                add(one, *a, *e);
                add(two, *b, *f);
                add(three, *c, *g);
                add(four, *d, *h);
            }
        }
    }

    /// Notes a post.
    pub(super) fn note_post(&mut self, sector: u8, agent: u32, influence: u8) {
        if let Some(top) = self.top.get_mut(usize::from(sector)) {
            *top = (*top).max((u64::from(influence) + 1) << 32 | u64::from(!agent));
        }
    }

    /// Adds what was counted to the tally of the step.
    pub(super) fn add_to(&self, tallies: &mut [SectorTally]) {
        for (sector, tally) in tallies.iter_mut().enumerate() {
            for counts in self.counts.iter().filter_map(|counts| counts.get(sector)) {
                for (sum, count) in tally.by_doing.iter_mut().zip(counts) {
                    *sum += count;
                }
            }
            tally.spent += self.spent.get(sector).copied().unwrap_or(0);
            tally.going_without += self.without.get(sector).copied().unwrap_or(0);
            tally.entered += self.entered.get(sector).copied().unwrap_or(0);
            tally.left += self.left.get(sector).copied().unwrap_or(0);
            let top = self.top.get(sector).copied().unwrap_or(0);
            tally.top_post = larger(tally.top_post, unpack(top));
        }
    }

    /// Bytes that it takes.
    pub(super) fn bytes(&self) -> usize {
        CHUNK_AGENTS * 17 + self.wishes.capacity() * size_of::<Wish>() + self.meets.capacity() * 8
    }
}

#[expect(clippy::cast_possible_truncation, reason = "it was packed from these")]
fn unpack(top: u64) -> Option<TopPost> {
    (top != 0).then(|| TopPost { agent: !(top as u32), influence: ((top >> 32) - 1) as u8 })
}

fn larger(one: Option<TopPost>, other: Option<TopPost>) -> Option<TopPost> {
    let rank = |post: &TopPost| (post.influence, !post.agent);
    one.into_iter().chain(other).max_by_key(rank)
}
