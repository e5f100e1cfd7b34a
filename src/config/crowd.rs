//! What the server's configuration says of crowds.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::world::spec::{CrowdOverrides, SpecFault, WorldSpec};

/// Crowds: what is set here stands above the `crowd` section of every world file that has one, when the file is read: a
/// world that is registered already keeps what it has until it is reset.
#[derive(Debug, Clone, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
#[schemars(inline)]
pub struct CrowdSection {
    /// Whether crowds live. Not set: as each file says.
    pub simulation_enabled: Option<bool>,
    /// Agents of a crowd. Not set: as each file says.
    #[schemars(range(min = 1, max = 40_000_000))]
    pub num_agents: Option<u32>,
    /// Cells of a crowd's grid from west to east. Not set: as each file says.
    #[schemars(range(min = 1, max = 32_000))]
    pub grid_width: Option<u32>,
    /// Cells of a crowd's grid from north to south. Not set: as each file says.
    #[schemars(range(min = 1, max = 32_000))]
    pub grid_height: Option<u32>,
}

impl CrowdSection {
    /// What stands above the world files.
    pub fn overrides(&self) -> CrowdOverrides {
        CrowdOverrides {
            agents: self.num_agents,
            width: self.grid_width,
            height: self.grid_height,
            enabled: self.simulation_enabled,
        }
    }

    /// Puts the values into a world file that was read.
    ///
    /// # Errors
    /// With everything that is wrong with its crowd afterwards.
    pub fn put_into(&self, spec: &mut WorldSpec) -> Result<(), String> {
        let faults = self.overrides().apply(spec);
        if faults.is_empty() {
            return Ok(());
        }
        let faults: Vec<String> = faults.iter().map(SpecFault::to_string).collect();
        Err(format!(
            "the crowd of world `{}` cannot be as `crowd.*` of the configuration (or CROWD_*) says: {}",
            spec.id,
            faults.join("; ")
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_the_file_is_told_with_the_world() {
        let text = "id: w\ncrowd: { grid: { width: 9, height: 9, sectors: [ { name: a, x: 0, y: 0, width: 9, height: 9 } ] } }\n";
        let mut spec = WorldSpec::from_yaml(text).expect("valid");
        let section = CrowdSection { grid_width: Some(10), num_agents: Some(5), ..CrowdSection::default() };
        let refused = section.put_into(&mut spec.clone()).expect_err("the sectors do not fill it");
        assert!(refused.contains("world `w`") && refused.contains("they leave 9 of 90 cells out"), "{refused}");
        let section = CrowdSection { num_agents: Some(5), ..CrowdSection::default() };
        section.put_into(&mut spec).expect("it fits");
        assert_eq!(spec.crowd.map(|crowd| crowd.agents), Some(5));
    }
}
