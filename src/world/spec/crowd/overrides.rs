//! What the server's configuration says of every crowd.

use super::CrowdSpec;
use crate::world::spec::{SpecFault, WorldSpec};

/// Values that stand above those of the world files.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CrowdOverrides {
    /// Agents.
    pub agents: Option<u32>,
    /// Cells from west to east.
    pub width: Option<u32>,
    /// Cells from north to south.
    pub height: Option<u32>,
    /// Whether crowds live.
    pub enabled: Option<bool>,
}

impl CrowdOverrides {
    /// Puts the values into a world's crowd, if it has one. Gives everything that is wrong with the crowd afterwards: a
    /// grid of another size, say, that the file's sectors do not fill.
    pub fn apply(&self, spec: &mut WorldSpec) -> Vec<SpecFault> {
        let Some(crowd) = &mut spec.crowd else { return Vec::new() };
        let before = crowd.clone();
        let CrowdSpec { enabled, agents, grid, .. } = crowd;
        *enabled = self.enabled.unwrap_or(*enabled);
        *agents = self.agents.unwrap_or(*agents);
        grid.width = self.width.unwrap_or(grid.width);
        grid.height = self.height.unwrap_or(grid.height);
        if *crowd == before {
            return Vec::new();
        }
        spec.faults(None).into_iter().filter(|fault| fault.pointer.starts_with("/crowd")).collect()
    }
}
