//! What people do to a world as a whole: its configuration, and the events of pauses.

use bevy_ecs::prelude::*;
use garde::Validate;
use jiff::Timestamp;

use super::spec::{WorldSimulationConfig, WorldSpec};
use crate::components::clock::WorldClock;
use crate::messages::Input;
use crate::messages::control::{
    SimulationReconfigured, ValueChange, WorldConfigChanged, WorldPaused, WorldResumed, differences,
};

/// Simulates otherwise from the next step on, and says what is other than before.
pub(super) fn configure(
    world: &mut World,
    simulation: &WorldSimulationConfig,
    by: &str,
) -> Result<Vec<ValueChange>, String> {
    simulation.validate().map_err(|report| report.to_string().trim().to_owned())?;
    let before = world.resource::<WorldSimulationConfig>().clone();
    let json = |config: &WorldSimulationConfig| serde_json::to_value(config).map_err(|error| error.to_string());
    let changes = differences(&json(&before)?, &json(simulation)?);
    if changes.is_empty() {
        return Ok(changes);
    }
    world.insert_resource(simulation.clone());
    // time: time scale of a world | world | `WorldClock` | set when the configuration changes
    world.resource_mut::<WorldClock>().scale = simulation.scale();
    world.trigger(SimulationReconfigured { before });
    let id = world.resource::<WorldSpec>().id.to_string();
    world.write_message(WorldConfigChanged { world: id, by: by.to_owned(), changes: changes.clone() });
    Ok(changes)
}

/// Tells that time stands still or goes on.
pub(super) fn tell(world: &mut World, input: &Input) {
    let id = world.resource::<WorldSpec>().id.to_string();
    match input {
        Input::Paused { reason, by, until } => {
            let until = until.and_then(|until| Timestamp::from_microsecond(until).ok());
            let until = until.map(|until| until.to_string());
            world.write_message(WorldPaused { world: id, reason: reason.clone(), by: by.clone(), until });
        }
        Input::Resumed { by } => {
            world.write_message(WorldResumed { world: id, by: by.clone() });
        }
        _ => {}
    }
}
