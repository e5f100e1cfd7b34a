//! Interactions: chains of steps that wait in game time, cooldowns, and what NPCs propose.
//!
//! Add [`InteractionPlugin`] after [`NpcPlugin`](crate::plugins::npc::NpcPlugin). It does what the section `interactions`
//! of the world file says.

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;

use crate::components::interaction::{Intent, InteractionTotals, Interactions};
use crate::messages::interaction::{InteractionChainChanged, InteractionIntent, InteractionReport};
use crate::plugins::generation::GenerationPlugin;
use crate::schedules::{InteractionSystems, SchedulerSystems, WorldReady, WorldStep};
use crate::systems::generation::GenerationDesk;
use crate::systems::interaction::{
    self as interactions, AcknowledgeIntent, AskChain, AskChains, AskCooldowns, AskDefinition, AskDefinitions,
    AskIntent, AskIntents, AskInteractions, CancelChain, ClearCooldowns, CompleteStep, CopySession, DeclineIntent,
    DefineChain, ForgetChain, IntentBook, InteractionBook, InteractionModel, LaterChains, ProposeIntent,
    SessionNumbers, SessionTurn, SkipStep, StartChain, UndefineChain, UseInteraction, WithdrawIntent, compile,
};
use crate::systems::npc::extend::Extensions;
use crate::systems::npc::{BehaviourModel, live};
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
    Interactions: "interaction.state",
    Intent: "interaction.intent",
    SessionNumbers: "interaction.sessions",
    SessionTurn: "interaction.turn",
    LaterChains: "interaction.later_chains",
    InteractionTotals: "interaction.totals",
}

/// Adds chains, cooldowns and intents. Add it after [`NpcPlugin`](crate::plugins::npc::NpcPlugin).
#[derive(Debug, Clone, Copy, Default)]
pub struct InteractionPlugin;

impl Plugin for InteractionPlugin {
    fn build(&self, app: &mut App) {
        app.add_plugins(GenerationPlugin);
        app.init_resource::<InteractionModel>()
            .init_resource::<InteractionBook>()
            .init_resource::<IntentBook>()
            .init_resource::<SessionNumbers>()
            .init_resource::<SessionTurn>()
            .init_resource::<LaterChains>()
            .init_resource::<InteractionTotals>()
            .init_resource::<InteractionReport>()
            .persist_noted_component::<Interactions>()
            .persist_noted_component::<Intent>()
            .persist_resource::<SessionNumbers>()
            .persist_resource::<SessionTurn>()
            .persist_resource::<LaterChains>()
            .persist_resource::<InteractionTotals>()
            .emit_event::<InteractionIntent>()
            .emit_event::<InteractionChainChanged>();
        app.accept_command::<StartChain, _>(interactions::start_chain)
            .accept_command::<CompleteStep, _>(interactions::complete_step)
            .accept_command::<SkipStep, _>(interactions::skip_step)
            .accept_command::<CancelChain, _>(interactions::cancel_chain)
            .accept_command::<ForgetChain, _>(interactions::forget_chain)
            .accept_command::<DefineChain, _>(interactions::define_chain)
            .accept_command::<UndefineChain, _>(interactions::undefine_chain)
            .accept_command::<ProposeIntent, _>(interactions::propose_intent)
            .accept_command::<AcknowledgeIntent, _>(interactions::acknowledge_intent)
            .accept_command::<DeclineIntent, _>(interactions::decline_intent)
            .accept_command::<WithdrawIntent, _>(interactions::withdraw_intent)
            .accept_command::<UseInteraction, _>(interactions::use_interaction)
            .accept_command::<ClearCooldowns, _>(interactions::clear_cooldowns)
            .accept_command::<CopySession, _>(interactions::copy_session)
            .answer_query::<AskChains, _, _>(interactions::list_chains)
            .answer_query::<AskChain, _, _>(interactions::show_chain)
            .answer_query::<AskCooldowns, _, _>(interactions::list_cooldowns)
            .answer_query::<AskDefinitions, _, _>(interactions::list_definitions)
            .answer_query::<AskDefinition, _, _>(interactions::show_definition)
            .answer_query::<AskIntents, _, _>(interactions::list_intents)
            .answer_query::<AskIntent, _, _>(interactions::show_intent)
            .answer_query::<AskInteractions, _, _>(interactions::show_status);
        app.add_observer(interactions::end_interactions)
            .add_observer(interactions::leave_interactions)
            .add_systems(
                WorldReady,
                (
                    interactions::restore_later,
                    interactions::index_numbers,
                    interactions::rebuild_book,
                    interactions::rebuild_intents,
                )
                    .chain()
                    .after(SchedulerSystems::Ready),
            )
            .add_systems(
                WorldStep,
                interactions::advance_chains.in_set(InteractionSystems::Advance).after(live::settle_turns),
            )
            .add_systems(WorldStep, interactions::hand_out_intents.in_set(InteractionSystems::HandOut));
    }

    // Behaviour has been read by now: plugins finish in the order in which they were added.
    fn finish(&self, app: &mut App) {
        let world = app.world_mut();
        let (Some(spec), Some(extensions), Some(mut behaviour)) = (
            world.get_resource::<WorldSpec>().cloned(),
            world.get_resource::<Extensions>().cloned(),
            world.get_resource::<BehaviourModel>().cloned(),
        ) else {
            return;
        };
        match compile::compile(&spec, &mut behaviour, Some(&extensions)) {
            Ok((model, generation)) => {
                world.resource_mut::<GenerationDesk>().limits = generation.limits.clone();
                app.insert_resource(behaviour).insert_resource(model).insert_resource(generation);
            }
            Err(errors) => {
                let faults = errors.iter().map(ToString::to_string);
                if let Some(mut registry) = world.get_resource_mut::<Registry>() {
                    registry.file_faults.extend(faults);
                }
            }
        }
    }
}
