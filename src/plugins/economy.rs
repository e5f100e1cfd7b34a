//! The economy of a world: agents that work, trade and live from it, and markets that find prices.
//!
//! Add [`EconomyPlugin`] after [`SimulationPlugin`](crate::plugins::simulation::SimulationPlugin). It does what the
//! `economy` section of the world file says; a world without one has no economy.
//!
//! ```
//! use bevy_app::App;
//! use bevy_ecs::message::Messages;
//! use worldtick::messages::market::MarketCleared;
//! use worldtick::plugins::economy::EconomyPlugin;
//! use worldtick::plugins::simulation::SimulationPlugin;
//! use worldtick::schedules::{HourlyTick, WorldSetup};
//! use worldtick::world::spec::WorldSpec;
//!
//! let spec = WorldSpec::default_world().expect("the world that ships with worldtick is valid");
//! let mut app = App::new();
//! app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
//!
//! app.world_mut().run_schedule(WorldSetup);
//! app.world_mut().run_schedule(HourlyTick);
//!
//! let mut events = app.world_mut().resource_mut::<Messages<MarketCleared>>();
//! let cleared: Vec<MarketCleared> = events.drain().collect();
//! assert_eq!(cleared.len(), 5);
//! assert!(cleared.iter().all(|market| market.price >= 1.0));
//! ```

use bevy_app::{App, Plugin};
use bevy_ecs::error::BevyError;
use bevy_ecs::prelude::*;

use crate::components::market::{
    Beliefs, Budget, Chronicle, DaySums, Ledger, Livelihood, Market, MarketStatistics, Measures, Moves, Personality,
    PlaceId, Purse, Resting, Role, Shocks, Stock, Storeroom, TradeHistory, Trader, Treasury, WealthOfPlaces,
    WealthStatistics,
};
use crate::messages::market::{AggregatedStats, DemandSignal, MarketCleared};
use crate::messages::outside::EconomySignal;
use crate::messages::shock::MarketShock;
use crate::schedules::{DailyTick, EconomySystems, HourlyTick, SetupSystems, WorldReady, WorldSetup};
use crate::systems::economy::{
    self, AskAgent, AskAgents, AskLedger, AskMarkets, Conditions, Economy, Floor, SignalCounts,
};
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
    Trader: "economy.trader",
    Role: "economy.role",
    Personality: "economy.personality",
    Purse: "economy.purse",
    Stock: "economy.stock",
    Storeroom: "economy.storeroom",
    PlaceId: "economy.place",
    Moves: "economy.moves",
    Resting: "economy.resting",
    Beliefs: "economy.beliefs",
    Budget: "economy.budget",
    TradeHistory: "economy.trades",
    Market: "economy.market",
    Measures: "economy.measures",
    Chronicle: "economy.chronicle",
    Treasury: "economy.treasury",
    Livelihood: "economy.livelihood",
    Shocks: "economy.shocks",
    DaySums: "economy.day",
    MarketStatistics: "economy.statistics",
    WealthStatistics: "economy.wealth",
    WealthOfPlaces: "economy.wealth_of_places",
}

impl Persist for Ledger {
    const NAME: &'static str = "economy.ledger";
    const VERSION: u32 = 2;

    fn migrate(version: u32, bytes: &[u8]) -> Result<Self, String> {
        match version {
            1 => Self::read_version_1(bytes),
            _ => Err(format!("{} cannot read its version {version}: it knows 1 and {}", Self::NAME, Self::VERSION)),
        }
    }
}

/// Adds the economy that the world file describes.
#[derive(Debug, Clone, Copy, Default)]
pub struct EconomyPlugin;

impl Plugin for EconomyPlugin {
    fn build(&self, app: &mut App) {
        app.persist_component::<Trader>()
            .persist_component::<Role>()
            .persist_component::<Personality>()
            .persist_component::<Purse>()
            .persist_component::<Stock>()
            .persist_component::<Storeroom>()
            .persist_component::<PlaceId>()
            .persist_component::<Resting>()
            .persist_component::<Beliefs>()
            .persist_component::<Budget>()
            .persist_component::<TradeHistory>()
            .persist_component::<Chronicle>()
            .persist_component::<Livelihood>()
            .persist_component::<Treasury>()
            .persist_component::<Market>()
            .persist_component::<Measures>()
            .persist_resource::<Ledger>()
            .persist_resource::<MarketStatistics>()
            .persist_resource::<WealthStatistics>()
            .persist_resource::<WealthOfPlaces>()
            .persist_resource::<Moves>()
            .persist_resource::<Shocks>()
            .persist_resource::<DaySums>()
            .emit_event::<MarketCleared>()
            .emit_event::<DemandSignal>()
            .emit_event::<AggregatedStats>()
            .emit_event::<MarketShock>()
            .take_message::<EconomySignal>()
            .accept_command::<economy::AddShock, _>(economy::add_shock)
            .accept_command::<economy::EndShock, _>(economy::end_shock)
            .answer_query::<economy::AskShocks, _, _>(economy::list_shocks)
            .answer_query::<AskAgent, _, _>(economy::show_agent)
            .answer_query::<AskAgents, _, _>(economy::list_agents)
            .answer_query::<AskMarkets, _, _>(economy::show_markets)
            .answer_query::<economy::AskExplain, _, _>(economy::telling::explain::explain)
            .answer_query::<AskLedger, _, _>(economy::show_ledger);
        let spec = app.world().get_resource::<WorldSpec>().and_then(|spec| spec.economy.clone());
        match spec.map(|spec| Economy::new(&spec)) {
            None => {}
            Some(Err(error)) => {
                // A plugin cannot refuse; the world's set-up can.
                app.add_systems(WorldSetup, move || -> Result<(), BevyError> { Err(error.clone().into()) });
            }
            Some(Ok(model)) => {
                let calm = Conditions::calm(&model);
                app.insert_resource(model)
                    .insert_resource(calm)
                    .init_resource::<Floor>()
                    .init_resource::<WealthStatistics>()
                    .init_resource::<SignalCounts>()
                    // A world that was saved before there were such things comes back without them.
                    .init_resource::<Shocks>()
                    .init_resource::<DaySums>();
                add_systems(app);
            }
        }
    }
}

fn add_systems(app: &mut App) {
    use EconomySystems::{Clear, Learn, Order, Produce, Report, Review};
    app.add_observer(economy::see_off_trader);
    app.add_systems(WorldSetup, economy::found_economy.in_set(SetupSystems::Domains))
        .add_systems(WorldReady, economy::check_economy)
        .add_systems(
            HourlyTick,
            (
                economy::uncover_orders,
                economy::turn_influences,
                economy::renew_population,
                economy::review_roles,
                economy::move_traders,
                economy::call_roster,
            )
                .chain()
                .in_set(Review),
        )
        .add_systems(HourlyTick, (economy::meet_needs, economy::run_recipes).chain().in_set(Produce))
        .add_systems(HourlyTick, (economy::place_orders, economy::place_outside_orders).chain().in_set(Order))
        .add_systems(
            HourlyTick,
            (economy::match_books, economy::settle_orders, economy::keep_treasury, economy::rest_orders)
                .chain()
                .in_set(Clear),
        )
        .add_systems(HourlyTick, economy::learn_prices.in_set(Learn))
        .add_systems(
            HourlyTick,
            (
                economy::measure_economy,
                economy::measure_markets,
                economy::keep_chronicle,
                economy::report_markets,
                economy::signal_demand,
                economy::summarise_hour,
            )
                .chain()
                .in_set(Report),
        )
        .add_systems(DailyTick, economy::summarise_day.in_set(Report));
}
