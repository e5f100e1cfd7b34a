//! Which part of the grid is for what: as the world file says, or laid out by the seed.

use super::draw::{below, bits};
use crate::world::spec::{Area, CrowdSpec, DistrictKind, RulePreset};

/// Areas by which a guess may be off.
const GUESS_OFF: usize = 8;

/// The areas of one kind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quarter {
    /// Each with the cells of those before it.
    areas: Vec<(u64, Area)>,
    cells: u64,
}

impl Quarter {
    fn new(areas: Vec<Area>, grid: Area) -> Self {
        let areas = if areas.is_empty() { vec![grid] } else { areas };
        let mut cells = 0;
        let with_sum = |area: Area| {
            cells += area.cells();
            (cells - area.cells(), area)
        };
        Self { areas: areas.into_iter().map(with_sum).collect(), cells }
    }

    /// One of its cells, evenly, from 64 bits: column and row.
    pub(super) fn cell(&self, bits: u64) -> (u32, u32) {
        self.nth(below(bits, self.cells))
    }

    /// Its cells.
    pub(super) fn cells(&self) -> u64 {
        self.cells
    }

    /// The area of a cell by its number. Most are as large as all others: it is looked for where it would be then.
    fn area_of(&self, number: u64) -> usize {
        let guess = usize::try_from(number.saturating_mul(self.areas.len() as u64) / self.cells.max(1)).unwrap_or(0);
        let from = guess.saturating_sub(GUESS_OFF);
        let until = (guess + GUESS_OFF).min(self.areas.len());
        let begins = |at: usize| self.areas.get(at).map(|(before, _)| *before);
        let is_there =
            begins(from).is_some_and(|begin| begin <= number) && begins(until).is_none_or(|end| number < end);
        let (from, areas) = match self.areas.get(from..until) {
            Some(near) if is_there => (from, near),
            _ => (0, &*self.areas),
        };
        (from + areas.partition_point(|(before, _)| *before <= number)).saturating_sub(1)
    }

    /// A cell by its number among all of them.
    pub(super) fn nth(&self, number: u64) -> (u32, u32) {
        let Some((before, area)) = self.areas.get(self.area_of(number)) else { return (0, 0) };
        let (rest, width) = (number.saturating_sub(*before), u64::from(area.width.max(1)));
        let within = |at: u64| u32::try_from(at).unwrap_or(0);
        (area.x + within(rest % width), area.y + within(rest / width))
    }
}

/// Where people live, work, buy and meet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) homes: Quarter,
    pub(super) work: Quarter,
    pub(super) vendors: Quarter,
    pub(super) social: Quarter,
}

/// How generated blocks get their kinds, over and over, in an order that the seed shuffles.
const PATTERN: [DistrictKind; 8] = [
    DistrictKind::Homes,
    DistrictKind::Work,
    DistrictKind::Vendors,
    DistrictKind::Homes,
    DistrictKind::Social,
    DistrictKind::Work,
    DistrictKind::Homes,
    DistrictKind::Streets,
];

impl Layout {
    /// Of a crowd's grid. What no district is for is found anywhere.
    pub(super) fn new(spec: &CrowdSpec, seed: u64) -> Self {
        let grid = Area { x: 0, y: 0, width: spec.grid.width, height: spec.grid.height };
        let districts: Vec<(DistrictKind, Area)> = if !spec.grid.districts.is_empty() {
            spec.grid.districts.iter().map(|district| (district.kind, district.area())).collect()
        } else {
            match spec.rules.preset {
                RulePreset::Originals => vec![(DistrictKind::Homes, lowest_quarter(grid))],
                RulePreset::City => city(grid, seed),
            }
        };
        let of = |kind: DistrictKind| {
            let areas = districts.iter().filter(|(other, _)| *other == kind).map(|(_, area)| *area).collect();
            Quarter::new(areas, grid)
        };
        Self {
            homes: of(DistrictKind::Homes),
            work: of(DistrictKind::Work),
            vendors: vendors(spec, &districts, grid),
            social: of(DistrictKind::Social),
        }
    }
}

/// Vendors stand in their districts where the file names any, and everywhere in a city that is laid out by the seed:
/// people eat where they live and work, too.
fn vendors(spec: &CrowdSpec, districts: &[(DistrictKind, Area)], grid: Area) -> Quarter {
    let listed = districts.iter().filter(|(kind, _)| *kind == DistrictKind::Vendors).map(|(_, area)| *area);
    let areas = if spec.grid.districts.is_empty() { Vec::new() } else { listed.collect() };
    Quarter::new(areas, grid)
}

fn lowest_quarter(grid: Area) -> Area {
    Area { width: (grid.width / 4).max(1), height: (grid.height / 4).max(1), ..grid }
}

/// Blocks of up to 25 cells a side, so that there is work within reach of every home, however large the city.
fn city(grid: Area, seed: u64) -> Vec<(DistrictKind, Area)> {
    let side = (grid.width.max(grid.height) / 8).clamp(4, 25);
    let starts = |length: u32| (0..length).step_by(side as usize);
    let block = |x: u32, y: u32| Area { x, y, width: side.min(grid.width - x), height: side.min(grid.height - y) };
    let blocks = starts(grid.height).flat_map(|y| starts(grid.width).map(move |x| block(x, y)));
    let mut order: Vec<(u64, Area)> =
        blocks.enumerate().map(|(index, area)| (bits(seed ^ 0x626c_6f63_6b73, index as u64), area)).collect();
    order.sort_unstable_by_key(|(key, area)| (*key, area.y, area.x));
    PATTERN.into_iter().cycle().zip(order).map(|(kind, (_, area))| (kind, area)).collect()
}
