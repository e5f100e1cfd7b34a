//! Who went from where to where in a tick, and why.

use bevy_ecs::prelude::*;

use crate::components::crowd::{Ground, Tallies, Way};
use crate::messages::crowd::{MovementReason, MovementType, PopulationMovement};
use crate::systems::crowd::hours::CrowdModel;
use crate::world::spec::{RulePreset, WorldSpec};

/// Tells the largest movements by their sectors, and each other kind in one sum for the whole crowd. Runs in `Tell`.
pub fn tell_movements(
    model: Res<CrowdModel>,
    spec: Res<WorldSpec>,
    ground: Res<Ground>,
    tallies: Res<Tallies>,
    mut events: MessageWriter<PopulationMovement>,
) {
    let most = model.telling.movements as usize;
    if most == 0 {
        return;
    }
    let mut all: Vec<_> = tallies.flows.all().collect();
    all.sort_unstable_by_key(|(from, to, way, count)| (std::cmp::Reverse(*count), *from, *to, *way));
    let large = all.iter().take_while(|(.., count)| *count >= model.telling.movement_agents).count();
    let (told, rest) = all.split_at(large.min(most));
    for (from, to, way, count) in told {
        if let (Some(from), Some(to)) = (ground.sectors.get(*from), ground.sectors.get(*to)) {
            events.write(movement(from.clone(), to.clone(), *way, u64::from(*count), &model));
        }
    }
    for way in Way::ALL {
        let count: u64 = rest.iter().filter(|(.., of, _)| *of == way).map(|(.., count)| u64::from(*count)).sum();
        if count > 0 {
            events.write(movement(spec.id.to_string(), spec.id.to_string(), way, count, &model));
        }
    }
}

fn movement(from: String, to: String, way: Way, agents: u64, model: &CrowdModel) -> PopulationMovement {
    let step_hours = 24.0 / f64::from(model.steps_a_day.max(1));
    let (movement_type, reason, hours) = match way {
        // A working day, there; and a night, back: what is known for both is that they are not for good.
        Way::Commute => (MovementType::Commute, Some(MovementReason::EconomicOpportunity), model.work_hours),
        // A meal takes a step, and so does an hour with a friend.
        Way::Food => (MovementType::Temporary, Some(MovementReason::ResourceAvailability), step_hours),
        Way::Leisure if model.preset == RulePreset::City => {
            (MovementType::Temporary, Some(MovementReason::SocialAttraction), step_hours)
        }
        // The originals' agents wander for no reason.
        Way::Leisure => (MovementType::Temporary, None, step_hours),
    };
    PopulationMovement {
        from_location: from,
        to_location: to,
        movement_type,
        agent_count: agents,
        reason,
        estimated_duration_hours: (hours > 0.0).then_some(hours),
    }
}
