//! What each sector saw in each step of a tick: what signals and events are made of.
//!
//! A [`Tallies`] is made anew by each tick that the crowd lives and holds until the next. It is derived: it is not
//! persisted, and whatever must outlive a restart is kept by whoever reads it, in the same tick.

use bevy_ecs::prelude::Resource;

use super::Doing;

/// The post of a step that came from the most influential agent of a sector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TopPost {
    /// Who posted; of several the lowest number.
    pub agent: u32,
    /// How influential that agent is, 0 to 100.
    pub influence: u8,
}

/// What one sector saw in one step.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct SectorTally {
    /// Agents there at the end of the step, by what they did: numbers of [`Doing`].
    pub by_doing: [u32; Doing::ALL.len()],
    /// Agents that came into it from another sector.
    pub entered: u32,
    /// Agents that left it for another.
    pub left: u32,
    /// Money spent on meals, in minor units.
    pub spent: u64,
    /// Agents that are hungry, cannot pay for a meal, and go on with their day.
    pub going_without: u32,
    /// Agents that found a vendor sold out.
    pub sold_out: u32,
    /// Trades between agents.
    pub trades: u32,
    /// Money that changed hands in them, in minor units.
    pub traded: u64,
    /// Pairs that spent time together.
    pub meetings: u32,
    /// The most influential post.
    pub top_post: Option<TopPost>,
}

impl SectorTally {
    /// Agents that did this.
    pub fn count(&self, doing: Doing) -> u32 {
        self.by_doing.get(usize::from(doing.number())).copied().unwrap_or(0)
    }

    /// Agents there at the end of the step.
    pub fn agents(&self) -> u32 {
        self.by_doing.iter().sum()
    }

    /// Agents that were hungry enough to go for food, whether they could and got any or not.
    pub fn hungry(&self) -> u32 {
        self.count(Doing::Seek) + self.count(Doing::BuyFood) + self.count(Doing::Broke) + self.going_without
    }

    /// Meals that were bought.
    pub fn bought(&self) -> u32 {
        self.count(Doing::BuyFood)
    }

    /// Agents that posted.
    pub fn posts(&self) -> u32 {
        self.count(Doing::Tweet)
    }

    /// Agents that walked, whatever for.
    pub fn walked(&self) -> u32 {
        Doing::ALL.into_iter().filter(|doing| doing.is_walking()).map(|doing| self.count(doing)).sum()
    }
}

/// Why agents go from one sector to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Home or to work.
    Commute,
    /// For food.
    Food,
    /// For company, or for no reason at all.
    Leisure,
}

impl Way {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Commute, Self::Food, Self::Leisure];

    /// That of who does this.
    pub const fn of(doing: Doing) -> Self {
        match doing {
            Doing::Commute => Self::Commute,
            Doing::Seek | Doing::BuyFood | Doing::Broke => Self::Food,
            _ => Self::Leisure,
        }
    }
}

/// How many agents went from one sector to another in a tick, all its steps together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Flows {
    sectors: usize,
    /// Row by row: from, to; by [`Way`].
    counts: Vec<[u32; Way::ALL.len()]>,
}

impl Flows {
    /// For so many sectors, all zero; room that is there is used again.
    pub fn clear(&mut self, sectors: usize) {
        self.sectors = sectors;
        self.counts.clear();
        self.counts.resize(sectors * sectors, [0; Way::ALL.len()]);
    }

    /// Agents that went from one sector to another in this way.
    pub fn between(&self, from: usize, to: usize, way: Way) -> u32 {
        let counts = self.counts.get(from * self.sectors + to);
        counts.and_then(|counts| counts.get(way as usize)).copied().unwrap_or(0)
    }

    /// All that there are: from, to, in which way, how many.
    pub fn all(&self) -> impl Iterator<Item = (usize, usize, Way, u32)> {
        let sectors = self.sectors.max(1);
        let pairs = self.counts.iter().enumerate();
        pairs.flat_map(move |(pair, counts)| {
            let ways = Way::ALL.into_iter().zip(counts).filter(|(_, count)| **count > 0);
            ways.map(move |(way, count)| (pair / sectors, pair % sectors, way, *count))
        })
    }

    /// Counts one agent.
    #[inline]
    pub fn add(&mut self, from: u8, to: u8, way: Way) {
        if let Some(count) = self.counts.get_mut(usize::from(from) * self.sectors + usize::from(to)) {
            count[way as usize] += 1;
        }
    }

    /// Adds those of another thread.
    pub fn add_all(&mut self, other: &Self) {
        for (count, more) in self.counts.iter_mut().zip(&other.counts) {
            count.iter_mut().zip(more).for_each(|(count, more)| *count += more);
        }
    }
}

/// What all sectors saw in the steps of the last tick that the crowd lived.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct Tallies {
    /// Step by step, and within a step sector by sector.
    pub rows: Vec<SectorTally>,
    /// Sectors.
    pub sectors: usize,
    /// Who went where.
    pub flows: Flows,
    /// The price of a meal, least and most, in minor units, in these steps.
    pub price: (u32, u32),
    /// Number of the first of these steps since the world began.
    pub first_step: u64,
    /// What a few agents did, drawn in each step.
    pub samples: Vec<ActionSample>,
}

/// What one agent did in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ActionSample {
    /// The step, counted from the tick's first.
    pub step: u32,
    /// The agent.
    pub agent: u32,
    /// What it did.
    pub doing: Doing,
    /// Column of the cell where it was then.
    pub x: i16,
    /// Row of that cell.
    pub y: i16,
    /// The sector of that cell.
    pub sector: u8,
}

impl Tallies {
    /// Begins a tick of so many steps; room that is there is used again.
    pub fn begin(&mut self, first_step: u64, steps: usize, sectors: usize) {
        self.sectors = sectors;
        self.first_step = first_step;
        self.rows.clear();
        self.rows.resize(steps * sectors, SectorTally::default());
        self.flows.clear(sectors);
        self.samples.clear();
    }

    /// How many steps there are.
    pub fn steps(&self) -> usize {
        self.rows.len().checked_div(self.sectors).unwrap_or(0)
    }

    /// The sectors of one step, by their numbers.
    pub fn step(&self, step: usize) -> &[SectorTally] {
        self.rows.get(step * self.sectors..(step + 1) * self.sectors).unwrap_or_default()
    }

    /// The same, to be written.
    pub fn step_mut(&mut self, step: usize) -> &mut [SectorTally] {
        self.rows.get_mut(step * self.sectors..(step + 1) * self.sectors).unwrap_or_default()
    }
}
