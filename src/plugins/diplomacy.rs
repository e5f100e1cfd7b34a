//! The diplomacy of a world: factions, and how each stands to each other.
//!
//! Add [`DiplomacyPlugin`] after [`EconomyPlugin`](crate::plugins::economy::EconomyPlugin), if there is one. It does what the
//! `diplomacy` section of the world file says; a world without one has no factions.
//!
//! ```
//! use bevy_app::App;
//! use serde_json::json;
//! use worldtick::plugins::diplomacy::DiplomacyPlugin;
//! use worldtick::plugins::simulation::SimulationPlugin;
//! use worldtick::testing::Stepper;
//! use worldtick::world::spec::WorldSpec;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let mut spec = WorldSpec::default_world()?;
//! spec.clock = worldtick::components::clock::ClockSource::Manual;
//! let mut world = Stepper::new(move || {
//!     let mut app = App::new();
//!     app.add_plugins((SimulationPlugin { spec: spec.clone() }, DiplomacyPlugin));
//!     app
//! })?;
//! world.days(1)?;
//! world.send("diplomacy.declare_war", json!({"by": "militia", "with": "tyger_claws", "reason": "a stolen shipment"}))?;
//! let pair = world.ask("diplomacy.pair", json!({"one": "tyger_claws", "other": "militia"}))?;
//! assert_eq!(pair["state"], "WAR");
//! # Ok(())
//! # }
//! ```

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;

use crate::components::faction::{Affairs, Faction, Goals, Powers, Relations, Temperament};
use crate::messages::diplomacy::{DiplomacySummary, DiplomacyUpdate};
use crate::messages::relation::RelationsTold;
use crate::schedules::{DailyTick, DiplomacySystems, SetupSystems, WorldReady, WorldSetup};
use crate::systems::diplomacy::{self, Diplomacy, FactionSignal, Sides};
use crate::systems::economy::found_economy;
use crate::systems::npc::setup::people_world;
use crate::world::spec::WorldSpec;
use crate::world::{Persist, RegisterExt};

macro_rules! persist {
    ($($kind:ty: $name:literal),* $(,)?) => {
        $(impl Persist for $kind {
            const NAME: &'static str = $name;
        })*
    };
}

persist! {
    Faction: "diplomacy.faction",
    Powers: "diplomacy.powers",
    Goals: "diplomacy.goals",
    Temperament: "diplomacy.temperament",
}

/// Adds the factions that the world file describes.
#[derive(Debug, Clone, Copy, Default)]
pub struct DiplomacyPlugin;

impl Plugin for DiplomacyPlugin {
    fn build(&self, app: &mut App) {
        app.init_resource::<RelationsTold>()
            .persist_component::<Faction>()
            .persist_component::<Powers>()
            .persist_component::<Goals>()
            .persist_component::<Temperament>()
            .persist_bulk::<Relations>()
            .persist_entries::<Affairs>()
            .emit_event::<DiplomacyUpdate>()
            .emit_event::<DiplomacySummary>()
            .take_message::<FactionSignal>()
            .accept_command::<diplomacy::DeclareWar, _>(diplomacy::declare_war)
            .accept_command::<diplomacy::FormAlliance, _>(diplomacy::form_alliance)
            .accept_command::<diplomacy::Betray, _>(diplomacy::betray)
            .accept_command::<diplomacy::SignTreaty, _>(diplomacy::sign_treaty)
            .accept_command::<diplomacy::BreakTreaty, _>(diplomacy::break_treaty)
            .accept_command::<diplomacy::MakeTrade, _>(diplomacy::make_trade)
            .accept_command::<diplomacy::CauseIncident, _>(diplomacy::cause_incident)
            .answer_query::<diplomacy::AskFactions, _, _>(diplomacy::list_factions)
            .answer_query::<diplomacy::AskFaction, _, _>(diplomacy::show_faction)
            .answer_query::<diplomacy::AskMatrix, _, _>(diplomacy::show_matrix)
            .answer_query::<diplomacy::AskPair, _, _>(diplomacy::show_pair)
            .answer_query::<diplomacy::AskExplain, _, _>(diplomacy::explain_pair);
        let model = app.world().get_resource::<WorldSpec>().and_then(Diplomacy::new);
        if let Some(model) = model {
            app.insert_resource(model).init_resource::<Sides>();
            add_systems(app);
        }
    }
}

fn add_systems(app: &mut App) {
    use DiplomacySystems::{Evaluate, Hear, Tell};
    // After all others that come with worldtick: the ids that they give out stay what they were.
    let setup = diplomacy::found_diplomacy.in_set(SetupSystems::Domains).after(found_economy).after(people_world);
    app.add_systems(WorldSetup, setup)
        .add_systems(WorldReady, diplomacy::ready_diplomacy)
        .add_systems(
            DailyTick,
            (diplomacy::keep_calendar, diplomacy::move_powers, diplomacy::deal).chain().in_set(Hear),
        )
        .add_systems(DailyTick, diplomacy::evaluate_relations.in_set(Evaluate))
        .add_systems(
            DailyTick,
            (diplomacy::signal_economy, diplomacy::note_standings, diplomacy::summarise_diplomacy).chain().in_set(Tell),
        );
}
