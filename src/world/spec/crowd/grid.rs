//! Where a crowd lives: the grid, its districts, its sectors.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A grid of cells; x goes from 0 to the width, y from 0 to the height.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct GridSpec {
    /// Cells from west to east. 1 to 32,000. `CROWD_GRID_WIDTH` overrides it.
    #[schemars(range(min = 1, max = 32_000))]
    pub width: u32,
    /// Cells from north to south. 1 to 32,000. `CROWD_GRID_HEIGHT` overrides it.
    #[schemars(range(min = 1, max = 32_000))]
    pub height: u32,
    /// Sectors one by one: together all cells, none of them twice. At most 256. Without any the grid is cut into
    /// `sectorColumns` times `sectorRows` of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sectors: Vec<SectorSpec>,
    /// Columns of sectors where none are listed. 1 to 256, and no more than cells.
    #[schemars(range(min = 1, max = 256))]
    pub sector_columns: u32,
    /// Rows of sectors where none are listed. 1 to 256, and no more than cells.
    #[schemars(range(min = 1, max = 256))]
    pub sector_rows: u32,
    /// How the names of such sectors begin: `<prefix>_1` and on. 1 to 48 printable characters.
    #[schemars(length(min = 1, max = 48))]
    pub sector_prefix: String,
    /// Districts one by one; what belongs to none is streets. At most 256. Without any they are laid out by the world's
    /// seed, in blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub districts: Vec<DistrictSpec>,
    /// Where food is sold.
    pub vendors: VendorsSpec,
    /// Places where people meet; without it one for 500 cells, and at least 3. 1 to 65,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 65_000))]
    pub social_spots: Option<u32>,
}

impl Default for GridSpec {
    fn default() -> Self {
        Self {
            width: 50,
            height: 50,
            sectors: Vec::new(),
            sector_columns: 3,
            sector_rows: 3,
            sector_prefix: "night_city_sector".into(),
            districts: Vec::new(),
            vendors: VendorsSpec::default(),
            social_spots: None,
        }
    }
}

/// Where food is sold.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct VendorsSpec {
    /// How many there are; without it one for 200 cells, and at least 5. 1 to 4,000,000, and no more than cells.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_000_000))]
    pub count: Option<u32>,
    /// Meals that each has room for; it is filled up from the market after each hour. Without it nothing ever sells out.
    /// 1 to 60,000.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 60_000))]
    pub stock: Option<u32>,
    /// Commodity of the world's economy that meals are made of: its price is what a meal costs, and what is eaten is felt
    /// there as demand. Without it, or without an economy, a meal costs what the rules say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commodity: Option<String>,
}

/// A rectangle of cells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Area {
    /// The first column.
    pub x: u32,
    /// The first row.
    pub y: u32,
    /// Columns.
    pub width: u32,
    /// Rows.
    pub height: u32,
}

impl Area {
    /// How many cells it has.
    pub fn cells(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }
}

/// A part of the grid that is reported on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SectorSpec {
    /// Its name, 1 to 64 printable characters, unlike those of the others.
    #[schemars(length(min = 1, max = 64))]
    pub name: String,
    /// Its first column.
    pub x: u32,
    /// Its first row.
    pub y: u32,
    /// Its columns.
    pub width: u32,
    /// Its rows.
    pub height: u32,
}

impl SectorSpec {
    /// Its cells.
    pub fn area(&self) -> Area {
        Area { x: self.x, y: self.y, width: self.width, height: self.height }
    }
}

/// What a district is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DistrictKind {
    /// People live there.
    Homes,
    /// People work there.
    Work,
    /// Food is sold there.
    Vendors,
    /// People meet there.
    Social,
    /// People pass through.
    Streets,
}

/// A part of the grid with a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DistrictSpec {
    /// What it is for.
    pub kind: DistrictKind,
    /// Its first column.
    pub x: u32,
    /// Its first row.
    pub y: u32,
    /// Its columns.
    pub width: u32,
    /// Its rows.
    pub height: u32,
}

impl DistrictSpec {
    /// Its cells.
    pub fn area(&self) -> Area {
        Area { x: self.x, y: self.y, width: self.width, height: self.height }
    }
}

impl GridSpec {
    /// How many cells it has.
    pub fn cells(&self) -> u64 {
        u64::from(self.width) * u64::from(self.height)
    }

    /// How many vendors it has.
    pub fn vendor_count(&self) -> u32 {
        self.vendors.count.unwrap_or_else(|| share_of(self.cells(), 200, 5))
    }

    /// How many social spots it has.
    pub fn spot_count(&self) -> u32 {
        self.social_spots.unwrap_or_else(|| share_of(self.cells(), 500, 3).min(65_000))
    }

    /// All sectors with their names: those that are listed, or those that the grid is cut into, row by row.
    pub fn all_sectors(&self) -> Vec<SectorSpec> {
        if !self.sectors.is_empty() {
            return self.sectors.clone();
        }
        let (columns, rows) = (self.sector_columns, self.sector_rows);
        let cut = |side: u32, parts: u32, part: u32| {
            u32::try_from(u64::from(side) * u64::from(part) / u64::from(parts.max(1))).unwrap_or(side)
        };
        let mut sectors = Vec::new();
        for row in 0..rows {
            for column in 0..columns {
                let (x, y) = (cut(self.width, columns, column), cut(self.height, rows, row));
                sectors.push(SectorSpec {
                    name: format!("{}_{}", self.sector_prefix, sectors.len() + 1),
                    x,
                    y,
                    width: cut(self.width, columns, column + 1) - x,
                    height: cut(self.height, rows, row + 1) - y,
                });
            }
        }
        sectors
    }
}

/// One for so many cells, and no fewer than `least` where there is room.
fn share_of(cells: u64, each: u64, least: u64) -> u32 {
    u32::try_from((cells / each).max(least).min(cells)).unwrap_or(u32::MAX)
}
