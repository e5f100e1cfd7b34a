//! Which part of the grid is for what: as the world file says, or laid out by the seed.

use super::draw::{below, bits};
use crate::world::spec::{Area, CrowdSpec, DistrictKind, RulePreset};

/// The areas of one kind, with their cells added up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Quarter {
    areas: Vec<Area>,
    cells: u64,
}

impl Quarter {
    fn new(areas: Vec<Area>, grid: Area) -> Self {
        let areas = if areas.is_empty() { vec![grid] } else { areas };
        let cells = areas.iter().map(Area::cells).sum();
        Self { areas, cells }
    }

    /// One of its cells, evenly, from 64 bits: column and row.
    pub(super) fn cell(&self, bits: u64) -> (u32, u32) {
        self.nth(below(bits, self.cells))
    }

    /// Its cells.
    pub(super) fn cells(&self) -> u64 {
        self.cells
    }

    /// A cell by its number among all of them.
    pub(super) fn nth(&self, number: u64) -> (u32, u32) {
        let mut rest = number;
        for area in &self.areas {
            if rest < area.cells() {
                let width = u64::from(area.width.max(1));
                let within = |at: u64| u32::try_from(at).unwrap_or(0);
                return (area.x + within(rest % width), area.y + within(rest / width));
            }
            rest -= area.cells();
        }
        self.areas.first().map_or((0, 0), |area| (area.x, area.y))
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

/// How generated sectors get their kinds, over and over, in an order that the seed shuffles.
const PATTERN: [DistrictKind; 6] = [
    DistrictKind::Homes,
    DistrictKind::Work,
    DistrictKind::Homes,
    DistrictKind::Vendors,
    DistrictKind::Social,
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
                RulePreset::City => city(spec, grid, seed),
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

fn city(spec: &CrowdSpec, grid: Area, seed: u64) -> Vec<(DistrictKind, Area)> {
    let mut blocks: Vec<Area> = spec.grid.all_sectors().iter().map(|sector| sector.area()).collect();
    if blocks.len() < PATTERN.len() {
        // Too few sectors for all kinds: strips from west to east instead.
        let cut = |part: u32| u32::try_from(u64::from(grid.width) * u64::from(part) / 6).unwrap_or(grid.width);
        blocks = (0..6).map(|part| Area { x: cut(part), width: cut(part + 1) - cut(part), ..grid }).collect();
        blocks.retain(|area| area.width > 0);
    }
    let mut order: Vec<(u64, Area)> =
        blocks.iter().enumerate().map(|(index, area)| (bits(seed ^ 0x626c_6f63_6b73, index as u64), *area)).collect();
    order.sort_unstable_by_key(|(key, _)| *key);
    PATTERN.into_iter().cycle().zip(order).map(|(kind, (_, area))| (kind, area)).collect()
}
