//! Signals from other plugins: what the economy makes of them.

use bevy_ecs::prelude::*;

use crate::components::market::{Effect, Influence, MarketStatistics, SIGNALS_MAX, Shocks};
use crate::messages::outside::{
    EconomySignal, FOOD_DEMAND_RANGE, SIGNAL_HOURS_MAX, SIGNAL_NAME_MAX, SignalKind, SignalsHeard, TradeDirection,
};
use crate::world::TakenMessage;
use crate::world::spec::{
    DemandName, EconomySpec, ShockKind, ShockSpec, SignalEffectSpec, WorldSpec, is_control, meets,
};

/// How many signals were taken and refused since the world was made or restored. Only told: nothing is decided by it.
#[derive(Resource, Debug, Clone, Default, PartialEq, Eq)]
pub struct SignalCounts {
    /// Taken.
    pub taken: u64,
    /// Refused.
    pub refused: u64,
    /// Why the last was refused.
    pub last_refused: Option<String>,
}

impl TakenMessage for EconomySignal {
    fn take(self, world: &mut World) {
        let heard = hear(world, &self);
        let refused = u32::from(heard.is_err());
        let mut of_input = world.get_resource_or_init::<SignalsHeard>();
        of_input.taken = of_input.taken.saturating_add(1 - refused);
        of_input.refused = of_input.refused.saturating_add(refused);
        let mut counts = world.get_resource_or_init::<SignalCounts>();
        counts.taken += u64::from(1 - refused);
        counts.refused += u64::from(refused);
        if let Err(reason) = heard {
            counts.last_refused = Some(reason);
        }
    }
}

/// Checks a signal and lets it act from the next hour on.
fn hear(world: &mut World, signal: &EconomySignal) -> Result<(), String> {
    const NO_ECONOMY: &str = "the world has no economy";
    let hour = world.get_resource::<MarketStatistics>().ok_or(NO_ECONOMY)?.hours;
    let economy = world.get_resource::<WorldSpec>().and_then(|spec| spec.economy.as_ref()).ok_or(NO_ECONOMY)?;
    let id = name_of(signal)?;
    if signal.hours > SIGNAL_HOURS_MAX {
        return Err(format!("{id}: {} hours are more than the {SIGNAL_HOURS_MAX} that a signal lasts", signal.hours));
    }
    if signal.hours == 0 {
        // Whatever else it says: who it is from and what it is about is enough to end it.
        let mut shocks = world.get_resource_mut::<Shocks>().ok_or(NO_ECONOMY)?;
        shocks.signals.retain(|known| known.id != id);
        return Ok(());
    }
    let effects = effects(economy, &signal.kind).map_err(|reason| format!("{id}: {reason}"))?;
    let mut shocks = world.get_resource_mut::<Shocks>().ok_or(NO_ECONOMY)?;
    let ends = hour + u64::from(signal.hours);
    let influence = Influence { id, effects, starts: hour, ends };
    let id = &influence.id;
    if let Some(other) = shocks.trading_with(&influence) {
        return Err(format!("{id}: {}", meets(&format!("`{}`", other.id))));
    }
    match shocks.signals.binary_search_by(|known| known.id.cmp(id)) {
        Ok(place) => {
            if let Some(known) = shocks.signals.get_mut(place) {
                *known = influence;
            }
        }
        Err(_) if shocks.signals.len() >= SIGNALS_MAX => {
            return Err(format!("{id}: {SIGNALS_MAX} signals are live, and there can be no more"));
        }
        Err(place) => shocks.signals.insert(place, influence),
    }
    Ok(())
}

/// A signal's name: who says what about whom. The order of two factions does not matter.
fn name_of(signal: &EconomySignal) -> Result<String, String> {
    let plain = |what: &str, name: &str| {
        let count = name.chars().count();
        if count == 0 || count > SIGNAL_NAME_MAX || name.chars().any(is_control) {
            let shown: String = name.chars().filter(|c| !is_control(*c)).take(SIGNAL_NAME_MAX).collect();
            return Err(format!("{what} `{shown}`: it takes 1 to {SIGNAL_NAME_MAX} printable characters"));
        }
        Ok(())
    };
    plain("source", &signal.source)?;
    let about = match &signal.kind {
        SignalKind::FoodDemand { .. } => "food demand".to_owned(),
        SignalKind::War { faction_a, faction_b } | SignalKind::Alliance { faction_a, faction_b } => {
            plain("faction", faction_a)?;
            plain("faction", faction_b)?;
            if faction_a == faction_b {
                return Err(format!("faction `{faction_a}` stands on both sides: name two"));
            }
            let is_war = matches!(signal.kind, SignalKind::War { .. });
            let (one, other) = if faction_a < faction_b { (faction_a, faction_b) } else { (faction_b, faction_a) };
            format!("{} of {one} and {other}", if is_war { "war" } else { "alliance" })
        }
        SignalKind::Trade { commodity, direction, .. } => {
            let way = if *direction == TradeDirection::Import { "import" } else { "export" };
            format!("{way} of {}", commodity.chars().take(SIGNAL_NAME_MAX).collect::<String>())
        }
    };
    Ok(format!("{}: {about}", signal.source))
}

fn effects(economy: &EconomySpec, kind: &SignalKind) -> Result<Vec<Effect>, String> {
    match kind {
        SignalKind::FoodDemand { change_percent } => food_demand(economy, *change_percent),
        SignalKind::War { .. } => mapped("war", &economy.signals.war, economy),
        SignalKind::Alliance { .. } => mapped("alliance", &economy.signals.alliance, economy),
        SignalKind::Trade { commodity, direction, quantity, price } => {
            let is_import = *direction == TradeDirection::Import;
            let spec = ShockSpec {
                id: None,
                kind: if is_import { ShockKind::Import } else { ShockKind::Export },
                commodity: Some(commodity.clone()),
                place: None,
                role: None,
                factor: None,
                quantity: Some(*quantity),
                price: Some(*price),
                starts_in_hours: 0,
                duration_hours: Some(1),
            };
            let told = |(field, message): &(&str, String)| format!("{field}: {message}");
            let flawed = |flaws: Vec<_>| flaws.iter().map(told).collect::<Vec<_>>().join("; ");
            spec.effects(economy).map_err(flawed)
        }
    }
}

fn food_demand(economy: &EconomySpec, percent: f64) -> Result<Vec<Effect>, String> {
    let (low, high) = FOOD_DEMAND_RANGE;
    if !(low..=high).contains(&percent) {
        return Err(format!("a change of {percent} percent is outside {low} to {high}"));
    }
    let spec = ShockSpec {
        id: None,
        kind: ShockKind::Need,
        commodity: None,
        place: None,
        role: None,
        factor: Some(1.0 + percent / 100.0),
        quantity: None,
        price: None,
        starts_in_hours: 0,
        duration_hours: Some(1),
    };
    let named = &economy.signals.food_demand;
    let is_food =
        |name: &String| economy.commodities.iter().any(|c| c.name == *name && c.signal == Some(DemandName::Food));
    let all = economy.commodities.iter().map(|commodity| &commodity.name);
    let foods: Vec<&String> =
        all.filter(|name| if named.is_empty() { is_food(name) } else { named.contains(name) }).collect();
    // What nobody needs cannot be needed more.
    let of = |name: &&String| ShockSpec { commodity: Some((*name).clone()), ..spec.clone() }.effects(economy).ok();
    let effects: Vec<Effect> = foods.iter().filter_map(of).flatten().collect();
    if effects.is_empty() {
        return Err("the world file names no food that anybody needs: see `economy.signals.foodDemand`".into());
    }
    Ok(effects)
}

fn mapped(name: &str, effect: &SignalEffectSpec, economy: &EconomySpec) -> Result<Vec<Effect>, String> {
    let effects = effect.effects(economy).unwrap_or_default();
    if effects.is_empty() {
        return Err(format!("the world file does not say what it means: see `economy.signals.{name}`"));
    }
    Ok(effects)
}
