//! Worlds with several market places, and what can be seen of them.

use bevy_app::App;
use bevy_ecs::prelude::*;
use worldtick::components::clock::ClockSource;
use worldtick::components::market::{Ledger, Market, PlaceId, Purse, Stock, Trader};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::ledger::audit;
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{
    EconomySpec, MarketPlaceSpec, OrdersSpec, RenewalSpec, ShockKind, ShockSpec, TreasurySpec, Unfilled, WorldSpec,
};

pub fn place(name: &str, share: f64, yields: &[(&str, f64)]) -> MarketPlaceSpec {
    let yields = yields.iter().map(|(role, factor)| ((*role).to_owned(), *factor)).collect();
    MarketPlaceSpec { name: name.to_owned(), share, yields }
}

/// Two places, 0.6 and 0.4 of the agents.
pub fn two_places() -> Vec<MarketPlaceSpec> {
    vec![place("harbour", 0.6, &[]), place("hills", 0.4, &[])]
}

pub fn world_with(seed: u64, change: impl FnOnce(&mut EconomySpec)) -> Result<Stepper, StepError> {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    spec.seed = seed;
    let economy = spec.economy.as_mut().expect("an economy");
    economy.population.count = 200;
    economy.places = two_places();
    change(economy);
    Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })
}

pub fn world() -> Result<Stepper, StepError> {
    world_with(1, |_| {})
}

/// Everything that can happen to people, at places that differ.
pub fn unrest(economy: &mut EconomySpec) {
    economy.places = vec![
        place("harbour", 0.5, &[("Farmer", 1.3)]),
        place("hills", 0.3, &[("Miner", 1.4), ("Farmer", 0.8)]),
        place("isle", 0.2, &[]),
    ];
    economy.orders = OrdersSpec { unfilled: Unfilled::Rest, ..OrdersSpec::default() };
    economy.parameters.review_hours = 12.0;
    economy.population.renewal = Some(RenewalSpec {
        minimum: 150,
        maximum: 220,
        broke_below: 20_000,
        broke_hours: 12,
        arrivals_per_day: 5.0,
        newcomer_money: 150_000,
    });
    economy.treasury = Some(TreasurySpec { initial_money: 100_000, sales_tax: 0.02, ..TreasurySpec::default() });
}

pub fn assert_balanced(world: &mut Stepper) {
    let ecs = world.world().ecs();
    let mut holders = ecs.query::<(&Purse, &Stock)>();
    audit(ecs.resource::<Ledger>(), holders.iter(ecs)).expect("everything is accounted for");
}

/// Prices in minor units, by place and commodity.
pub fn prices(world: &mut Stepper) -> Vec<Vec<f64>> {
    let ecs = world.world().ecs();
    let mut all: Vec<_> = ecs
        .query::<(&Market, &PlaceId)>()
        .iter(ecs)
        .map(|(market, place)| (*place, market.commodity, market.price))
        .collect();
    all.sort_unstable();
    let mut places: Vec<Vec<f64>> = Vec::new();
    for (place, _, price) in all {
        places.resize_with(places.len().max(place.index() + 1), Vec::new);
        places[place.index()].push(price.to_major() * 100.0);
    }
    places
}

/// How many stand at each place.
pub fn heads(world: &mut Stepper) -> Vec<u64> {
    let ecs = world.world().ecs();
    let mut heads = Vec::new();
    for place in ecs.query_filtered::<&PlaceId, With<Trader>>().iter(ecs) {
        heads.resize(heads.len().max(place.index() + 1), 0);
        heads[place.index()] += 1;
    }
    heads
}

pub fn shock(kind: ShockKind, commodity: &str, place: Option<&str>) -> ShockSpec {
    ShockSpec {
        id: None,
        kind,
        commodity: Some(commodity.to_owned()),
        place: place.map(str::to_owned),
        role: None,
        factor: Some(0.3),
        quantity: None,
        price: None,
        starts_in_hours: 400,
        duration_hours: Some(150),
    }
}
