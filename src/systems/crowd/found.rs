//! How a crowd begins: the ground that it lives on, its agents, its books. All of it follows from the world file and the
//! seed.

use super::draw::{below, bits, mix};
use super::layout::{Layout, Quarter};
use super::near::Near;
use super::ways::find_ways;
use crate::components::crowd::{CHUNK_AGENTS, Chunk, Crowd, CrowdBooks, FULL, Friendships, Ground};
use crate::world::spec::{CrowdSpec, GridSpec, RulePreset, Rules};

/// Purposes of draws.
const HOME: u64 = 1;
const WORK: u64 = 2;
const VENDOR: u64 = 3;
const SPOT: u64 = 4;
const FAVOURITE: u64 = 5;
const SHIFT: u64 = 6;
const STATE: u64 = 7;
const INFLUENCE: u64 = 8;
const FRIENDS: u64 = 9;
const WORKPLACE: u64 = 10;

/// Cells along a side of the tiles by which homes are put into order: agents of a tile are neighbours in memory.
const TILE: u32 = 32;
/// Cells to a workplace.
const WORKPLACE_CELLS: u64 = 100;
/// Days for which employers can pay everybody in the beginning.
const FUNDED_DAYS: u64 = 2;

fn key(seed: u64, purpose: u64) -> u64 {
    mix(seed ^ mix(purpose ^ 0x6372_6f77_6400))
}

/// The ground of a crowd.
pub fn found_ground(spec: &CrowdSpec, seed: u64) -> Ground {
    let grid = &spec.grid;
    let layout = Layout::new(spec, seed);
    let (width, height) = (grid.width as usize, grid.height as usize);
    let vendors = scatter(&layout.vendors, grid, grid.vendor_count(), key(seed, VENDOR));
    let row = |cell: &u32| *cell as usize / width.max(1);
    let vendor_rows =
        (0..=height).map(|row_at| vendors.partition_point(|cell| row(cell) < row_at)).map(small).collect();
    let spots = scatter(&layout.social, grid, grid.spot_count(), key(seed, SPOT));
    let mut ground = Ground {
        width: i16::try_from(grid.width).unwrap_or(i16::MAX),
        height: i16::try_from(grid.height).unwrap_or(i16::MAX),
        ways: find_ways(width, height, &vendors),
        vendor_rows,
        vendors,
        spots: spots.iter().map(|cell| [column(cell % grid.width), column(cell / grid.width)]).collect(),
        friends: friendships(spec.agents, key(seed, FRIENDS)),
        ..Ground::default()
    };
    name_sectors(grid, &mut ground);
    ground
}

fn small(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

fn column(value: u32) -> i16 {
    i16::try_from(value).unwrap_or(0)
}

/// So many different cells of a quarter, in rising order; all of them where it has no more.
fn scatter(quarter: &Quarter, grid: &GridSpec, count: u32, key: u64) -> Vec<u32> {
    let cell = |(x, y): (u32, u32)| y * grid.width + x;
    let count = count as usize;
    let mut cells: Vec<u32> = Vec::with_capacity(count);
    let mut drawn = 0_u64;
    // Cells that are drawn twice are drawn again; where nearly all are wanted, those that are left follow in order.
    for _ in 0..32 {
        let missing = count.saturating_sub(cells.len()) as u64;
        cells.extend((drawn..drawn + missing).map(|number| cell(quarter.cell(bits(key, number)))));
        drawn += missing;
        cells.sort_unstable();
        cells.dedup();
    }
    if cells.len() < count {
        let mut all: Vec<u32> = (0..quarter.cells()).map(|number| cell(quarter.nth(number))).collect();
        all.sort_unstable();
        all.dedup();
        all.retain(|cell| cells.binary_search(cell).is_err());
        all.truncate(count - cells.len());
        cells.extend(all);
        cells.sort_unstable();
    }
    cells
}

/// Cuts the grid into bands along the edges of its sectors, so that a cell's sector is found by two look-ups and a third.
fn name_sectors(grid: &GridSpec, ground: &mut Ground) {
    let sectors = grid.all_sectors();
    let edges = |edge: fn(&crate::world::spec::SectorSpec) -> u32| {
        let mut edges: Vec<u32> = sectors.iter().map(edge).collect();
        edges.sort_unstable();
        edges.dedup();
        edges
    };
    let (columns, rows) = (edges(|sector| sector.x), edges(|sector| sector.y));
    let band = |edges: &[u32], at: u32| edges.partition_point(|edge| *edge <= at).saturating_sub(1);
    ground.table = vec![0; columns.len() * rows.len()];
    for (number, sector) in sectors.iter().enumerate() {
        let (area, number) = (sector.area(), u8::try_from(number).unwrap_or(u8::MAX));
        for row in band(&rows, area.y)..=band(&rows, area.y + area.height.saturating_sub(1)) {
            for column in band(&columns, area.x)..=band(&columns, area.x + area.width.saturating_sub(1)) {
                if let Some(cell) = ground.table.get_mut(row * columns.len() + column) {
                    *cell = number;
                }
            }
        }
    }
    ground.band_x = (0..grid.width).map(|x| u16::try_from(band(&columns, x)).unwrap_or(0)).collect();
    ground.band_y = (0..grid.height).map(|y| small(band(&rows, y) * columns.len())).collect();
    ground.sectors = sectors.into_iter().map(|sector| sector.name).collect();
}

fn friendships(agents: u32, key: u64) -> Friendships {
    let draw = |number: u64, end: u64| u32::try_from(below(bits(key, number), end)).unwrap_or(0);
    let mirror = |number| draw(number, u64::from(agents.max(1)));
    Friendships { agents, mirrors: [mirror(0), mirror(1)], masks: [draw(2, 63) + 1, draw(3, 63) + 1] }
}

/// The agents of a crowd as they begin, at home.
pub fn found_crowd(spec: &CrowdSpec, seed: u64, ground: &Ground) -> Crowd {
    let layout = Layout::new(spec, seed);
    let founding = Founding::new(spec, &layout, seed, ground);
    let homes = place_homes(&layout.homes, spec.agents, key(seed, HOME));
    let mut chunks = Vec::with_capacity(homes.len().div_ceil(CHUNK_AGENTS));
    let mut first = 0_u32;
    for homes in homes.chunks(CHUNK_AGENTS) {
        let agents = first..first.saturating_add(small(homes.len()));
        first = agents.end;
        chunks.push(founding.chunk(agents, homes));
    }
    let stock = spec.grid.vendors.stock.and_then(|stock| u16::try_from(stock).ok());
    Crowd { chunks, stock: stock.map_or(Vec::new(), |stock| vec![stock; ground.vendors.len()]) }
}

/// Homes by tiles: whoever lives near has a number that is near.
fn place_homes(quarter: &Quarter, agents: u32, key: u64) -> Vec<[i16; 2]> {
    let mut homes: Vec<u64> = (0..u64::from(agents))
        .map(|agent| {
            let (x, y) = quarter.cell(bits(key, agent));
            // Tile row, tile column, row, column: 10, 10, 5 and 5 bits.
            let tile = u64::from(y / TILE) << 20 | u64::from(x / TILE) << 10;
            tile | u64::from(y % TILE) << 5 | u64::from(x % TILE)
        })
        .collect();
    homes.sort_unstable();
    let part = |home: u64, shift: u32, bits: u32| u32::try_from(home >> shift & ((1 << bits) - 1)).unwrap_or(0);
    let place = |home: u64| {
        let (x, y) = (part(home, 10, 10) * TILE + part(home, 0, 5), part(home, 20, 10) * TILE + part(home, 5, 5));
        [column(x), column(y)]
    };
    homes.into_iter().map(place).collect()
}

/// What the agents of a crowd are made from.
struct Founding<'a> {
    seed: u64,
    rules: Rules,
    ground: &'a Ground,
    work: Near,
    spots: Near,
}

impl<'a> Founding<'a> {
    fn new(spec: &CrowdSpec, layout: &Layout, seed: u64, ground: &'a Ground) -> Self {
        let rules = spec.rules.values();
        let grid = &spec.grid;
        let places = u32::try_from(layout.work.cells() / WORKPLACE_CELLS).unwrap_or(u32::MAX).max(1);
        let work = scatter(&layout.work, grid, places, key(seed, WORKPLACE));
        let work: Vec<[i16; 2]> =
            work.iter().map(|cell| [column(cell % grid.width), column(cell / grid.width)]).collect();
        // Neighbouring tiles are within two strides.
        let side = i16::from(rules.stride).max(8);
        let size = (ground.width, ground.height);
        Self { work: Near::new(&work, size, side), spots: Near::new(&ground.spots, size, side), seed, rules, ground }
    }

    fn chunk(&self, agents: std::ops::Range<u32>, homes: &[[i16; 2]]) -> Chunk {
        let drawn = |purpose: u64| {
            let key = key(self.seed, purpose);
            agents.clone().map(move |agent| bits(key, u64::from(agent)))
        };
        let state = |part: u64| drawn(STATE).map(move |state| bits(state, part));
        let x: Vec<i16> = homes.iter().map(|[x, _]| *x).collect();
        let y: Vec<i16> = homes.iter().map(|[_, y]| *y).collect();
        let near = |near: &Near, bits: u64, home: &[i16; 2]| near.draw(*home, bits).unwrap_or((*home, 0));
        let work: Vec<[i16; 2]> = drawn(WORK).zip(homes).map(|(bits, home)| near(&self.work, bits, home).0).collect();
        let spot = |bits: u64, home: &[i16; 2]| u16::try_from(near(&self.spots, bits, home).1).unwrap_or(0);
        let favourites = |(drawn, home)| [spot(bits(drawn, 1), home), spot(bits(drawn, 2), home)];
        let money = self.rules.money;
        Chunk {
            first: agents.start,
            sector: homes.iter().map(|[x, y]| self.ground.sector(*x, *y)).collect(),
            hunger: state(1).map(need).collect(),
            drive: state(2).map(need).collect(),
            energy: state(3).map(|bits| FULL / 2 + need(bits) / 2).collect(),
            money: state(4).map(|bits| amount(bits, money.min, money.max)).collect(),
            things: state(5).map(|bits| self.things(bits)).collect(),
            doing: vec![0; homes.len()],
            work_x: work.iter().map(|[x, _]| *x).collect(),
            work_y: work.iter().map(|[_, y]| *y).collect(),
            shift: drawn(SHIFT).map(shift).collect(),
            favourites: drawn(FAVOURITE).zip(homes).map(favourites).collect(),
            influence: drawn(INFLUENCE).map(|bits| u8::try_from(below(bits, 101)).unwrap_or(0)).collect(),
            home_x: x.clone(),
            home_y: y.clone(),
            x,
            y,
        }
    }

    /// Things that somebody begins with: in a city up to four.
    fn things(&self, bits: u64) -> u8 {
        let most = if self.rules.preset == RulePreset::City { 5 } else { 1 };
        u8::try_from(below(bits, most)).unwrap_or(0)
    }
}

fn need(bits: u64) -> i16 {
    i16::try_from(below(bits, u64::from(FULL.unsigned_abs()) + 1)).unwrap_or(0)
}

fn amount(bits: u64, least: i64, most: i64) -> u32 {
    let span = u64::try_from(most - least + 1).unwrap_or(0);
    u32::try_from(below(bits, span)).unwrap_or(0) + u32::try_from(least).unwrap_or(0)
}

/// When work begins: at six to ten in the morning, and for one in eight at six to ten in the evening.
fn shift(drawn: u64) -> i16 {
    let early = i16::try_from(below(bits(drawn, 1), 5)).unwrap_or(0) + 6;
    if below(bits(drawn, 2), 8) == 0 { early + 12 } else { early }
}

/// The books of a crowd that begins.
pub fn found_books(spec: &CrowdSpec, crowd: &Crowd) -> CrowdBooks {
    let rules = spec.rules.values();
    let wages = u64::from(rules.wage) * u64::from(rules.work_hours);
    let employers = wages * FUNDED_DAYS * u64::from(spec.agents);
    CrowdBooks { employers, founded_with: employers + crowd.money(), ..CrowdBooks::default() }
}
