//! NPCs: what they do all day.
//!
//! Add [`NpcPlugin`] after [`SchedulerPlugin`](crate::plugins::scheduler::SchedulerPlugin). It does what the sections
//! `behaviour` and `npcs` of the world file say. Conditions, effects and scoring factors of your own are added to the app
//! by name, with [`NpcAppExt`], and then used in the world file:
//!
//! ```
//! use bevy_app::App;
//! use worldtick::plugins::npc::{NpcAppExt, NpcPlugin};
//! use worldtick::plugins::scheduler::SchedulerPlugin;
//! use worldtick::plugins::simulation::SimulationPlugin;
//! use worldtick::world::spec::WorldSpec;
//!
//! let spec = WorldSpec::from_yaml("id: atlantis\nclock: manual").expect("a world file");
//! let mut app = App::new();
//! app.add_plugins((SimulationPlugin { spec }, SchedulerPlugin, NpcPlugin))
//!     .add_npc_condition("is_rich", |npc, params, _| {
//!         // `params` is what stands in the world file.
//!         params["energy"].as_f64().is_some_and(|least| f64::from(npc.state.energy) > least)
//!     })
//!     .add_npc_effect("cheer_up", |npc, _| npc.add_mood(10.0, 0.0))
//!     .add_scoring_factor("lazy", |npc, activity| {
//!         let effects = npc.model.activity(activity).map(|activity| &activity.effects);
//!         if effects.is_some_and(|effects| effects.energy_hourly < 0.0) { 0.5 } else { 1.0 }
//!     });
//! ```

use std::sync::Arc;

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use serde_json::Value;

use crate::components::npc::{ActivityId, Memory, Npc, NpcFlags, NpcState, Relationships, WorldFlags};
use crate::messages::npc::NpcActivityChanged;
use crate::schedules::{SchedulerSystems, SetupSystems, TierSystems, WorldReady, WorldSetup, WorldStep};
use crate::systems::economy::found_economy;
use crate::systems::npc::commands::{CreateNpc, RemoveNpc, SetNpcFlag, SetWorldFlag};
use crate::systems::npc::condition::ConditionContext;
use crate::systems::npc::effects::EffectContext;
use crate::systems::npc::extend::Extensions;
use crate::systems::npc::last::LastDecisions;
use crate::systems::npc::live::{Pending, Proposed, SessionViews};
use crate::systems::npc::queries::{ExplainDecision, ListNpcs, ShowNpc};
use crate::systems::npc::society::{People, Presence};
use crate::systems::npc::{BehaviourModel, commands, compile, live, queries, setup, society};
use crate::systems::random::Draw;
use crate::systems::scheduler::PreferenceCheck;
use crate::world::spec::WorldSpec;
use crate::world::{Persist, RegisterExt, Registry};

macro_rules! persist {
    ($($kind:ty: $name:literal),* $(,)?) => {
        $(impl Persist for $kind {
            const NAME: &'static str = $name;
        })*
    };
}

persist! {
    Npc: "npc.who",
    NpcState: "npc.state",
    Memory: "npc.memory",
    Relationships: "npc.relationships",
    NpcFlags: "npc.flags",
    WorldFlags: "world.flags",
}

/// Adds NPCs and their behaviour. Add it after [`SchedulerPlugin`](crate::plugins::scheduler::SchedulerPlugin).
#[derive(Debug, Clone, Copy, Default)]
pub struct NpcPlugin;

impl Plugin for NpcPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<Extensions>()
            .init_resource::<BehaviourModel>()
            .init_resource::<WorldFlags>()
            .init_resource::<Presence>()
            .init_resource::<People>()
            .init_resource::<Pending>()
            .init_resource::<Proposed>()
            .init_resource::<LastDecisions>()
            .init_resource::<SessionViews>()
            .insert_resource(PreferenceCheck(compile::check_override))
            .persist_noted_component::<Npc>()
            .persist_noted_component::<NpcState>()
            .persist_noted_component::<Memory>()
            .persist_noted_component::<Relationships>()
            .persist_noted_component::<NpcFlags>()
            .persist_resource::<WorldFlags>()
            .emit_event::<NpcActivityChanged>()
            .accept_command::<CreateNpc, _>(commands::create_npc)
            .accept_command::<RemoveNpc, _>(commands::remove_npc)
            .accept_command::<SetNpcFlag, _>(commands::set_npc_flag)
            .accept_command::<SetWorldFlag, _>(commands::set_world_flag)
            .answer_query::<ShowNpc, _, _>(queries::show_npc)
            .answer_query::<ListNpcs, _, _>(queries::list_npcs)
            .answer_query::<ExplainDecision, _, _>(queries::explain_decision)
            .add_systems(WorldSetup, setup::people_world.in_set(SetupSystems::Domains).after(found_economy))
            .add_systems(WorldReady, society::index_npcs.after(SchedulerSystems::Ready))
            .add_systems(WorldStep, live::live_detailed.in_set(TierSystems::Detailed))
            .add_systems(WorldStep, live::live_active.in_set(TierSystems::Active))
            .add_systems(WorldStep, live::live_ambient.in_set(TierSystems::Ambient))
            .add_systems(WorldStep, live::live_dormant.in_set(TierSystems::Dormant))
            .add_systems(WorldStep, live::settle_turns.after(SchedulerSystems::Tick).before(SchedulerSystems::Settle));
    }

    // Here every plugin has been built, and whatever a developer adds is known.
    fn finish(&self, app: &mut App) {
        let world = app.world();
        let (Some(spec), Some(extensions)) = (world.get_resource::<WorldSpec>(), world.get_resource::<Extensions>())
        else {
            return;
        };
        match compile::compile(spec.behaviour.as_ref(), spec.npcs.as_ref(), extensions) {
            Ok(model) => {
                app.insert_resource(model);
            }
            Err(errors) => {
                // A plugin cannot refuse; the world's making can, be it new or restored.
                let faults = errors.iter().map(ToString::to_string);
                if let Some(mut registry) = app.world_mut().get_resource_mut::<Registry>() {
                    registry.file_faults.extend(faults);
                }
            }
        }
    }
}

/// Adds conditions, effects and scoring factors of a developer's own to an app, by name.
///
/// Each name is given once; a world file that uses a name that nobody has added is refused. What they do must follow
/// from what they are given alone: no clock, no random numbers but the draws, no state of their own.
pub trait NpcAppExt {
    /// Adds a condition for `{"type": "custom", "evaluatorId": "<name>", "params": …}`.
    fn add_npc_condition(
        &mut self,
        name: &str,
        condition: impl Fn(&ConditionContext<'_>, &Value, &mut Draw) -> bool + Send + Sync + 'static,
    ) -> &mut Self;

    /// Adds an effect for `customEffects: {"<name>": …}` of an activity. It runs when the activity ends.
    fn add_npc_effect(
        &mut self,
        name: &str,
        effect: impl Fn(&mut EffectContext<'_>, &Value) + Send + Sync + 'static,
    ) -> &mut Self;

    /// Adds a scoring factor: 1 is neutral. Its weight is that under `scoringConfig.weights.custom`, or 1.
    fn add_scoring_factor(
        &mut self,
        name: &str,
        factor: impl Fn(&ConditionContext<'_>, ActivityId) -> f64 + Send + Sync + 'static,
    ) -> &mut Self;
}

impl NpcAppExt for App {
    fn add_npc_condition(
        &mut self,
        name: &str,
        condition: impl Fn(&ConditionContext<'_>, &Value, &mut Draw) -> bool + Send + Sync + 'static,
    ) -> &mut Self {
        let mut extensions = self.world_mut().get_resource_or_init::<Extensions>();
        if !extensions.conditions.put(name, Arc::new(condition)) {
            extensions.errors.push(format!("two plugins add the condition `{name}`"));
        }
        self
    }

    fn add_npc_effect(
        &mut self,
        name: &str,
        effect: impl Fn(&mut EffectContext<'_>, &Value) + Send + Sync + 'static,
    ) -> &mut Self {
        let mut extensions = self.world_mut().get_resource_or_init::<Extensions>();
        if !extensions.effects.put(name, Arc::new(effect)) {
            extensions.errors.push(format!("two plugins add the effect `{name}`"));
        }
        self
    }

    fn add_scoring_factor(
        &mut self,
        name: &str,
        factor: impl Fn(&ConditionContext<'_>, ActivityId) -> f64 + Send + Sync + 'static,
    ) -> &mut Self {
        let mut extensions = self.world_mut().get_resource_or_init::<Extensions>();
        if !extensions.factors.put(name, Arc::new(factor)) {
            extensions.errors.push(format!("two plugins add the scoring factor `{name}`"));
        }
        self
    }
}
