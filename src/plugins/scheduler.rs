//! The scheduler of a world: tiers, focus, the work plan of each step.

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;

use crate::components::tier::{Simulated, SimulationTier};
use crate::messages::tier::{NpcTierChanged, StepReport};
use crate::schedules::{SchedulerSystems, TierSystems, WorldReady, WorldStep};
use crate::systems::scheduler::{
    self, AskContext, AskFocus, AskSession, AskSessions, AskStatus, AskTier, Credits, EndSession, Focus, FocusIndex,
    NpcNames, Pin, Pins, Places, Roster, Sessions, SetSession, StartSession, TierMoves, Unfocus, Unpin, WorkPlan, plan,
};
use crate::world::{Persist, RegisterExt};

macro_rules! persist {
    ($($kind:ty: $name:literal),* $(,)?) => {
        $(impl Persist for $kind {
            const NAME: &'static str = $name;
        })*
    };
}

persist! {
    Simulated: "scheduler.npc",
    Sessions: "scheduler.sessions",
    Pins: "scheduler.pins",
    Credits: "scheduler.credits",
    TierMoves: "scheduler.moves",
}

/// Adds the scheduler. Add it after [`SimulationPlugin`](crate::plugins::simulation::SimulationPlugin).
#[derive(Debug, Clone, Copy, Default)]
pub struct SchedulerPlugin;

impl Plugin for SchedulerPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<WorkPlan>()
            .init_resource::<Roster>()
            .init_resource::<FocusIndex>()
            .init_resource::<Places>()
            .init_resource::<NpcNames>()
            .init_resource::<StepReport>()
            .init_resource::<Sessions>()
            .init_resource::<Pins>()
            .init_resource::<Credits>()
            .init_resource::<TierMoves>()
            .persist_noted_component::<Simulated>()
            .persist_resource::<Sessions>()
            .persist_resource::<Pins>()
            .persist_resource::<Credits>()
            .persist_resource::<TierMoves>()
            .emit_event::<NpcTierChanged>();
        app.add_observer(scheduler::enter_roster)
            .add_observer(scheduler::leave_roster)
            .add_observer(scheduler::forget_pin)
            .add_observer(scheduler::enter_name)
            .add_observer(scheduler::leave_name)
            .add_observer(scheduler::move_turns);
        app.accept_command::<Focus, _>(scheduler::focus_npcs)
            .accept_command::<Unfocus, _>(scheduler::unfocus_npcs)
            .accept_command::<Pin, _>(scheduler::pin_npc)
            .accept_command::<Unpin, _>(scheduler::unpin_npc)
            .accept_command::<StartSession, _>(scheduler::start_session)
            .accept_command::<EndSession, _>(scheduler::end_session)
            .accept_command::<SetSession, _>(scheduler::set_session)
            .answer_query::<AskTier, _, _>(scheduler::explain_tier)
            .answer_query::<AskStatus, _, _>(scheduler::show_status)
            .answer_query::<AskContext, _, _>(scheduler::show_context)
            .answer_query::<AskSessions, _, _>(scheduler::list_sessions)
            .answer_query::<AskSession, _, _>(scheduler::show_session)
            .answer_query::<AskFocus, _, _>(scheduler::list_focus);
        add_systems(app);
    }
}

fn add_systems(app: &mut App) {
    for (set, tier) in [
        (TierSystems::Detailed, SimulationTier::Detailed),
        (TierSystems::Active, SimulationTier::Active),
        (TierSystems::Ambient, SimulationTier::Ambient),
        (TierSystems::Dormant, SimulationTier::Dormant),
    ] {
        app.configure_sets(WorldStep, set.run_if(plan::has_turns(tier)));
    }
    app.add_systems(WorldReady, scheduler::rebuild_roster.in_set(SchedulerSystems::Ready))
        .add_systems(
            WorldStep,
            (scheduler::end_focus, scheduler::assign_tiers).chain().in_set(SchedulerSystems::Assign),
        )
        .add_systems(WorldStep, scheduler::plan_turns.in_set(SchedulerSystems::Plan))
        .add_systems(WorldStep, scheduler::settle_turns.in_set(SchedulerSystems::Settle));
}
