//! The crowd of a world: many anonymous agents on a grid.
//!
//! Add [`CrowdPlugin`] after [`SimulationPlugin`](crate::plugins::simulation::SimulationPlugin). It does what the `crowd`
//! section of the world file says; a world without one has no crowd.
//!
//! ```
//! use bevy_app::App;
//! use worldtick::components::crowd::{Doing, Tallies};
//! use worldtick::plugins::crowd::CrowdPlugin;
//! use worldtick::plugins::simulation::SimulationPlugin;
//! use worldtick::testing::Stepper;
//! use worldtick::world::spec::WorldSpec;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let spec = WorldSpec::from_yaml("id: w\nclock: manual\ncrowd: { agents: 1000 }")?;
//! let mut world = Stepper::new(move || {
//!     let mut app = App::new();
//!     app.add_plugins((SimulationPlugin { spec: spec.clone() }, CrowdPlugin));
//!     app
//! })?;
//! world.days(2)?;
//! let tallies = world.world().ecs().resource::<Tallies>();
//! assert_eq!(tallies.steps(), 24, "a day's hours");
//! let at_noon: u32 = tallies.step(12).iter().map(|sector| sector.count(Doing::Work)).sum();
//! assert!(at_noon > 100, "people work by day: {at_noon}");
//! # Ok(())
//! # }
//! ```

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;

use crate::components::crowd::{Crowd, CrowdBooks, Ground, Tallies};
use crate::components::market::CommodityId;
use crate::messages::crowd::{AgentAction, CrowdSignal, PopulationMovement};
use crate::messages::market::AggregatedStats;
use crate::messages::outside::EconomySignal;
use crate::messages::trend::SocialTrend;
use crate::schedules::{CrowdSystems, DailyTick, HourlyTick, WorldReady};
use crate::systems::crowd::{
    self, CrowdFloor, CrowdModel, CrowdNews, DayBook, FoodMarket, Params, SignalBook, TrendBook,
};
use crate::world::spec::{CrowdSpec, EconomySpec, WorldSpec};
use crate::world::{Persist, RegisterExt};

impl Persist for CrowdBooks {
    const NAME: &'static str = "crowd.books";
}
impl Persist for SignalBook {
    const NAME: &'static str = "crowd.signals";
}
impl Persist for TrendBook {
    const NAME: &'static str = "crowd.trends";
}
impl Persist for DayBook {
    const NAME: &'static str = "crowd.day";
}

/// Adds the crowd that the world file describes.
#[derive(Debug, Clone, Copy, Default)]
pub struct CrowdPlugin;

impl Plugin for CrowdPlugin {
    fn build(&self, app: &mut App) {
        app.persist_bulk::<Crowd>()
            .persist_resource::<CrowdBooks>()
            .persist_resource::<SignalBook>()
            .persist_resource::<TrendBook>()
            .persist_resource::<DayBook>()
            .emit_event::<CrowdSignal>()
            .emit_event::<PopulationMovement>()
            .emit_event::<SocialTrend>()
            .emit_event::<AggregatedStats>()
            .emit_event::<AgentAction>()
            .add_message::<EconomySignal>()
            .answer_query::<crowd::AskCrowd, _, _>(crowd::show_crowd);
        let spec = app.world().get_resource::<WorldSpec>();
        let Some((spec, economy)) = spec.and_then(|spec| Some((spec.crowd.clone()?, spec.economy.as_ref()))) else {
            return;
        };
        if !spec.enabled {
            return;
        }
        let model = model(&spec, economy);
        app.insert_resource(model)
            .insert_resource(FoodMarket { price: None, supply_milli: 1_000 })
            .init_resource::<Ground>()
            .init_resource::<Crowd>()
            .init_resource::<CrowdBooks>()
            .init_resource::<Tallies>()
            .init_resource::<CrowdFloor>()
            .init_resource::<SignalBook>()
            .init_resource::<CrowdNews>()
            .init_resource::<TrendBook>()
            .init_resource::<DayBook>()
            .add_systems(WorldReady, crowd::ready_crowd);
        let systems = || {
            (
                crowd::hear_market.in_set(CrowdSystems::Hear),
                crowd::live_tick.in_set(CrowdSystems::Live),
                (
                    crowd::tell_demand,
                    (crowd::tell_signals, crowd::tell_trends).chain(),
                    crowd::tell_movements,
                    crowd::tell_stats,
                    crowd::tell_actions,
                )
                    .in_set(CrowdSystems::Tell),
            )
        };
        if spec.hourly {
            app.add_systems(HourlyTick, systems());
        } else {
            app.add_systems(DailyTick, systems());
        }
    }
}

fn model(spec: &CrowdSpec, economy: Option<&EconomySpec>) -> CrowdModel {
    let named = spec.grid.vendors.commodity.as_deref();
    let index = economy.zip(named).and_then(|(economy, name)| economy.commodity_index(name));
    let commodity = index.and_then(|index| u16::try_from(index).ok()).map(CommodityId);
    let rules = spec.rules.values();
    CrowdModel {
        params: Params::new(&rules),
        steps_a_day: spec.steps_a_day,
        steps_a_tick: spec.steps_a_tick(),
        stock: spec.grid.vendors.stock.and_then(|stock| u16::try_from(stock).ok()),
        commodity,
        preset: rules.preset,
        work_hours: f64::from(rules.work_hours),
        telling: spec.telling.clone(),
    }
}
