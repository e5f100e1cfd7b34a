//! Crowds with 25 cells an agent.

use worldtick::world::spec::{CrowdSpec, DistrictKind, DistrictSpec, GridSpec, RulePreset, RulesSpec};

/// A crowd that is placed as in the originals (homes in the lowest quarter of both axes), or spread over the map.
pub(crate) fn spec(agents: u32, preset: RulePreset, spread: bool) -> CrowdSpec {
    let side = (f64::from(agents) * 25.0).sqrt().round() as u32;
    let everywhere = DistrictSpec { kind: DistrictKind::Homes, x: 0, y: 0, width: side, height: side };
    let grid = GridSpec {
        width: side,
        height: side,
        sector_columns: 8,
        sector_rows: 8,
        districts: if spread { vec![everywhere] } else { Vec::new() },
        ..GridSpec::default()
    };
    CrowdSpec { agents, grid, rules: RulesSpec { preset, ..RulesSpec::default() }, ..CrowdSpec::default() }
}
