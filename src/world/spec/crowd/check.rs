//! What must hold of a crowd's description. All errors are reported at once.

use std::collections::BTreeSet;

use super::{
    AGENT_BYTES, AmountRange, Area, CELL_BYTES, CROWD_BYTES_MAX, CrowdSpec, GridSpec, RulesSpec, SECTORS_MAX, SIDE_MAX,
    TellingSpec,
};
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::{Range, RulePreset, is_control};

const MINUTES_A_DAY: u32 = 1_440;

/// Checks a crowd; `commodities` are those of the world's economy, if it has one.
pub(in crate::world::spec) fn check(crowd: &CrowdSpec, commodities: Option<&[&str]>, findings: &mut Findings) {
    let place = Place::section("crowd");
    if crowd.agents == 0 {
        findings.error(&place.key("agents"), "a crowd has at least one agent");
    }
    if crowd.steps_a_day == 0 || crowd.steps_a_day > 96 {
        findings.error(&place.key("stepsADay"), format!("{} is outside 1 to 96", crowd.steps_a_day));
    } else if crowd.hourly && !crowd.steps_a_day.is_multiple_of(24) {
        let message = format!("{} is no multiple of 24: with `hourly` each hour has as many steps", crowd.steps_a_day);
        findings.error(&place.key("stepsADay"), message);
    }
    if (1..=96).contains(&crowd.steps_a_day) {
        if !MINUTES_A_DAY.is_multiple_of(crowd.steps_a_day) {
            let message = format!("{} steps a day are no whole minutes each", crowd.steps_a_day);
            findings.error(&place.key("stepsADay"), message);
        } else if crowd.steps_a_day != 24 && crowd.rules.preset == RulePreset::City {
            let message = format!(
                "the rules of a city are those of an hour: in {} steps a day its people get hungry, tired and paid {} times \
                 a day for that",
                crowd.steps_a_day, crowd.steps_a_day
            );
            findings.warn(&place.key("stepsADay"), message);
        }
    }
    check_memory(crowd, &place, findings);
    check_grid(&crowd.grid, commodities, &place.key("grid"), findings);
    check_rules(&crowd.rules, &place.key("rules"), findings);
    check_telling(&crowd.telling, &place.key("telling"), findings);
}

fn check_telling(telling: &TellingSpec, place: &Place, findings: &mut Findings) {
    for (name, value, least, most) in [
        ("signals", telling.signals, 0, 10_000),
        ("movements", telling.movements, 0, 1_000),
        ("movementAgents", telling.movement_agents, 1, 1_000_000),
        ("actionSamples", telling.action_samples, 0, 100),
        ("trends", telling.trends, 0, 64),
        ("trendAgents", telling.trend_agents, 10, 100_000),
    ] {
        if !(least..=most).contains(&value) {
            findings.error(&place.key(name), format!("{value} is outside {least} to {most}"));
        }
    }
}

fn check_memory(crowd: &CrowdSpec, place: &Place, findings: &mut Findings) {
    let (cells, bytes) = (crowd.grid.cells(), crowd.bytes());
    if cells * CELL_BYTES > CROWD_BYTES_MAX {
        let message = format!(
            "{cells} cells would take {} bytes, more than the {CROWD_BYTES_MAX} that a crowd may have",
            cells * CELL_BYTES
        );
        findings.error(&place.key("grid"), message);
    } else if bytes > CROWD_BYTES_MAX {
        let most = (CROWD_BYTES_MAX - cells * CELL_BYTES) / AGENT_BYTES;
        let message = format!(
            "{} agents (of {AGENT_BYTES} bytes) on {cells} cells would take {bytes} bytes, more than the {CROWD_BYTES_MAX} that a crowd may have: \
             at most {most}",
            crowd.agents
        );
        findings.error(&place.key("agents"), message);
    }
}

fn check_grid(grid: &GridSpec, commodities: Option<&[&str]>, place: &Place, findings: &mut Findings) {
    let sides = [("width", grid.width), ("height", grid.height)];
    for (name, side) in sides {
        if side == 0 || side > SIDE_MAX {
            findings.error(&place.key(name), format!("{side} is outside 1 to {SIDE_MAX}"));
        }
    }
    if sides.iter().any(|(_, side)| *side == 0 || *side > SIDE_MAX) {
        // Nothing else can be said of a grid that is none.
        return;
    }
    check_sectors(grid, place, findings);
    findings.at_most(&place.key("districts"), grid.districts.len(), 256);
    for (index, district) in grid.districts.iter().enumerate() {
        inside(grid, district.area(), &place.key("districts").at(index), findings);
    }
    let vendors = place.key("vendors");
    let of_vendors = u64::from(grid.vendor_count());
    if !(1..=4_000_000).contains(&of_vendors) || of_vendors > grid.cells() {
        let message = format!("{of_vendors} is outside 1 to 4000000, or more than the {} cells", grid.cells());
        findings.error(&vendors.key("count"), message);
    }
    if grid.vendors.stock.is_some_and(|stock| !(1..=60_000).contains(&stock)) {
        findings.error(&vendors.key("stock"), "it is outside 1 to 60000");
    }
    if let (Some(name), Some(known)) = (&grid.vendors.commodity, commodities)
        && !known.contains(&name.as_str())
    {
        findings.unknown(&vendors.key("commodity"), "commodity", name, known.iter().copied());
    }
    if grid.vendors.commodity.is_some() && commodities.is_none() {
        let message = "the world has no economy: it has no meaning, and meals cost what the rules say";
        findings.warn(&vendors.key("commodity"), message);
    }
    if !(1..=65_000).contains(&grid.spot_count()) {
        findings.error(&place.key("socialSpots"), format!("{} is outside 1 to 65000", grid.spot_count()));
    }
}

fn check_sectors(grid: &GridSpec, place: &Place, findings: &mut Findings) {
    let prefix = &grid.sector_prefix;
    if prefix.is_empty() || prefix.chars().count() > 48 || prefix.chars().any(is_control) {
        findings.error(&place.key("sectorPrefix"), "it takes 1 to 48 printable characters");
    }
    if grid.sectors.is_empty() {
        for (name, parts, side) in
            [("sectorColumns", grid.sector_columns, grid.width), ("sectorRows", grid.sector_rows, grid.height)]
        {
            if parts == 0 || parts > 256 || parts > side {
                findings.error(&place.key(name), format!("{parts} is outside 1 to 256, or more than {side} cells"));
            }
        }
        let count = u64::from(grid.sector_columns) * u64::from(grid.sector_rows);
        if count > SECTORS_MAX as u64 {
            findings.error(&place.key("sectorRows"), format!("{count} sectors are more than {SECTORS_MAX}"));
        }
        return;
    }
    let place = place.key("sectors");
    findings.at_most(&place, grid.sectors.len(), SECTORS_MAX);
    if grid.sectors.len() > SECTORS_MAX {
        return;
    }
    let mut names = BTreeSet::new();
    let mut sound = true;
    for (index, sector) in grid.sectors.iter().enumerate() {
        let place = place.at(index);
        findings.name(&place.key("name"), &sector.name);
        if sector.name.chars().count() > 64 {
            findings.error(&place.key("name"), "it is longer than 64 characters");
        }
        if !names.insert(&sector.name) {
            findings.error(&place.key("name"), format!("`{}` is there twice", sector.name));
        }
        sound &= inside(grid, sector.area(), &place, findings);
        for (other, earlier) in grid.sectors.iter().enumerate().take(index) {
            if overlap(sector.area(), earlier.area()) {
                sound = false;
                let message = format!("`{}` overlaps `{}`, number {other} of the list", sector.name, earlier.name);
                findings.error(&place, message);
            }
        }
    }
    // Within the grid and without overlap, they cover it if they have as many cells.
    let covered: u64 = grid.sectors.iter().map(|sector| sector.area().cells()).sum();
    if sound && covered < grid.cells() {
        findings.error(&place, format!("they leave {} of {} cells out", grid.cells() - covered, grid.cells()));
    }
}

fn inside(grid: &GridSpec, area: Area, place: &Place, findings: &mut Findings) -> bool {
    let ends = |start: u32, length: u32| u64::from(start) + u64::from(length);
    if area.cells() == 0 {
        findings.error(place, "it has no cells");
    } else if ends(area.x, area.width) > u64::from(grid.width) || ends(area.y, area.height) > u64::from(grid.height) {
        findings.error(place, format!("it goes beyond the grid of {} by {} cells", grid.width, grid.height));
    } else {
        return true;
    }
    false
}

fn overlap(one: Area, other: Area) -> bool {
    let meets = |a: u32, a_length: u32, b: u32, b_length: u32| {
        u64::from(a) < u64::from(b) + u64::from(b_length) && u64::from(b) < u64::from(a) + u64::from(a_length)
    };
    meets(one.x, one.width, other.x, other.width) && meets(one.y, one.height, other.y, other.height)
}

fn check_rules(rules: &RulesSpec, place: &Place, findings: &mut Findings) {
    let range = |name: &str, range: Option<Range>, findings: &mut Findings| {
        let Some(Range { min, max }) = range else { return };
        findings.between(&place.key(name).key("min"), min, 0.0, 100.0);
        findings.between(&place.key(name).key("max"), max, 0.0, 100.0);
        if min > max {
            findings.error(&place.key(name), format!("its least, {min}, is more than its most, {max}"));
        }
    };
    range("hungerRise", rules.hunger_rise, findings);
    range("mealRelief", rules.meal_relief, findings);
    let amounts = |name: &str, amounts: Option<AmountRange>, least: i64, most: i64, findings: &mut Findings| {
        let Some(AmountRange { min, max }) = amounts else { return };
        if min < least || max > most || min > max {
            findings.error(&place.key(name), format!("{min} to {max} is no range within {least} to {most}"));
        }
    };
    amounts("mealPrice", rules.meal_price, 1, 1_000_000, findings);
    amounts("money", rules.money, 0, 1_000_000_000, findings);
    for (name, value, most) in [
        ("hungryAt", rules.hungry_at, 100.0),
        ("postAt", rules.post_at, 100.0),
        ("postChance", rules.post_chance, 1.0),
        ("walkChance", rules.walk_chance, 1.0),
        ("tradeChance", rules.trade_chance, 1.0),
    ] {
        if let Some(value) = value {
            findings.between(&place.key(name), value, 0.0, most);
        }
    }
    let mut whole = |name: &str, value: Option<u32>, least: u32, most: u32| {
        if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
            findings.error(&place.key(name), format!("{value} is outside {least} to {most}"));
        }
    };
    whole("comfort", rules.comfort, 0, 1_000_000_000);
    whole("wage", rules.wage, 0, 1_000_000);
    whole("workHours", rules.work_hours.map(u32::from), 0, 16);
    whole("stride", rules.stride.map(u32::from), 1, 127);
    whole("tradePrice", rules.trade_price, 1, 1_000_000);
}
