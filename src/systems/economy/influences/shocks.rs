//! Shocks: how they are added, ended, listed and told of.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::conditions::{Conditions, money_bounds, money_fits};
use super::heard::SignalCounts;
use crate::components::market::{
    CommodityId, Effect, EndedShock, Influence, Ledger, MarketStatistics, OutsideOrder, RoleId, SHOCKS_MAX, Shock,
    ShockCause, ShockEnd, Shocks, YieldOf,
};
use crate::components::money::Money;
use crate::messages::shock::{MarketShock, ShockPhase};
use crate::systems::economy::model::Economy;
use crate::world::spec::{EconomySpec, ShockSpec, WorldSpec, meets};
use crate::world::{Answer, WorldCommand, WorldQuery};

const NO_ECONOMY: &str = "the world has no economy: give its file a section `economy`";
/// How a refusal begins where no live shock has that name.
pub const NO_SHOCK: &str = "there is no live shock";
/// What a refusal contains where the name of a shock is taken.
pub const SHOCK_IS_THERE: &str = "is a shock already";

/// Adds a shock: the payload is one entry of `economy.shocks` of a world file.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct AddShock(pub ShockSpec);

impl WorldCommand for AddShock {
    const NAME: &'static str = "economy.add_shock";
}

/// Ends a shock before its time, or takes one back that is to come.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EndShock {
    /// Its name.
    pub shock: String,
}

impl WorldCommand for EndShock {
    const NAME: &'static str = "economy.end_shock";
}

/// Asks for shocks: those that are live, in the order in which they were added, then the last that have ended.
#[derive(Debug, Clone, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskShocks {}

impl WorldQuery for AskShocks {
    const NAME: &'static str = "economy.shocks";
}

/// Makes a shock of its description. Nothing has changed where it is refused.
fn admit(
    shocks: &Shocks,
    spec: &ShockSpec,
    economy: &EconomySpec,
    (hour, cause): (u64, ShockCause),
) -> Result<(Shock, u64), String> {
    let effects = spec.effects(economy).map_err(|flaws| {
        let told: Vec<_> = flaws.into_iter().map(|(field, message)| format!("/{field}: {message}")).collect();
        told.join("; ")
    })?;
    if shocks.live.len() >= SHOCKS_MAX {
        return Err(format!("{SHOCKS_MAX} shocks are active or to come, and there can be no more: end one first"));
    }
    let mut number = shocks.last_number;
    // What the world file has named keeps its name, whenever its turn comes.
    let is_named = |id: &str| economy.shocks.iter().any(|named| named.id.as_deref() == Some(id));
    let id = match &spec.id {
        Some(id) if shocks.is_known(id) => {
            return Err(format!("/id: `{id}` {SHOCK_IS_THERE}, live or ended: give another name"));
        }
        Some(id) => id.clone(),
        None => loop {
            number = number.checked_add(1).ok_or("there are no more numbers for shocks: give it a name")?;
            let id = format!("shock-{number}");
            if !shocks.is_known(&id) && !is_named(&id) {
                break id;
            }
        },
    };
    let (starts, ends) = spec.span(hour);
    let influence = Influence { id, effects, starts, ends };
    if let Some(other) = shocks.trading_with(&influence) {
        return Err(format!("/price: {}", meets(&format!("`{}`", other.id))));
    }
    Ok((Shock { influence, kind: spec.kind, cause, begun: false }, number))
}

/// The shocks of a world file, at its beginning.
pub(crate) fn of_file(economy: &EconomySpec) -> Result<Shocks, String> {
    let mut shocks = Shocks::default();
    for spec in &economy.shocks {
        let (shock, number) = admit(&shocks, spec, economy, (0, ShockCause::WorldFile))?;
        shocks.live.push(shock);
        shocks.last_number = number;
    }
    Ok(shocks)
}

/// Takes [`AddShock`].
pub fn add_shock(
    In(AddShock(spec)): In<AddShock>,
    (economy, file): (Option<Res<Economy>>, Res<WorldSpec>),
    statistics: Option<Res<MarketStatistics>>,
    ledger: Option<Res<Ledger>>,
    shocks: Option<ResMut<Shocks>>,
) -> Answer {
    let (Some(economy), Some(statistics), Some(ledger), Some(mut shocks)) = (economy, statistics, ledger, shocks)
    else {
        return Err(NO_ECONOMY.into());
    };
    let described = file.economy.as_ref().ok_or(NO_ECONOMY)?;
    let (shock, number) = admit(&shocks, &spec, described, (statistics.hours, ShockCause::Command))?;
    if let Some(Effect::Money(factor)) = shock.influence.effects.first() {
        // With those that are still to come: they will find what this one leaves.
        let others = shocks.live.iter().flat_map(|shock| &shock.influence.effects);
        let pending: f64 =
            others.map(|effect| if let Effect::Money(factor) = effect { *factor } else { 1.0 }).product();
        let money = ledger.money_of_traders();
        if !money_fits(&economy, money, factor * pending) {
            let (least, most) = money_bounds(&economy);
            return Err(format!(
                "/factor: {factor} would take the traders' money, {}, beyond {} to {}: a tenth to ten times what the world \
                 file gives them",
                Money(money),
                Money(least),
                Money(most)
            ));
        }
    }
    let answer = show(&economy, &shock, statistics.hours, None);
    shocks.live.push(shock);
    shocks.last_number = number;
    Ok(answer)
}

/// Takes [`EndShock`].
pub fn end_shock(
    In(order): In<EndShock>,
    (economy, file): (Option<Res<Economy>>, Res<WorldSpec>),
    statistics: Option<Res<MarketStatistics>>,
    shocks: Option<ResMut<Shocks>>,
    mut events: MessageWriter<MarketShock>,
) -> Answer {
    let (Some(economy), Some(statistics), Some(mut shocks)) = (economy, statistics, shocks) else {
        return Err(NO_ECONOMY.into());
    };
    let Some(index) = shocks.live.iter().position(|shock| shock.influence.id == order.shock) else {
        let live: Vec<_> = shocks.live.iter().map(|shock| shock.influence.id.as_str()).collect();
        let live =
            if live.is_empty() { "there is none at all".to_owned() } else { format!("live are {}", live.join(", ")) };
        let asked: String = order.shock.chars().take(64).collect();
        return Err(format!("{NO_SHOCK} `{asked}`: {live}"));
    };
    let shock = shocks.live.remove(index);
    let why = ShockEnd::Ended;
    if shock.begun {
        events.write(describe(&file, &economy, &shock, ShockPhase::Ended, Some(why)));
    }
    let ended = EndedShock { shock, at: statistics.hours, why };
    let answer = show(&economy, &ended.shock, statistics.hours, Some(&ended));
    shocks.remember(ended);
    Ok(answer)
}

/// Answers [`AskShocks`].
pub fn list_shocks(
    _: In<AskShocks>,
    economy: Option<Res<Economy>>,
    statistics: Option<Res<MarketStatistics>>,
    shocks: Option<Res<Shocks>>,
    counts: Option<Res<SignalCounts>>,
    conditions: Option<Res<Conditions>>,
) -> Answer {
    let (Some(economy), Some(statistics), Some(shocks)) = (economy, statistics, shocks) else {
        return Err(NO_ECONOMY.into());
    };
    let hour = statistics.hours;
    let live = shocks.live.iter().map(|shock| show(&economy, shock, hour, None));
    let ended = shocks.ended.iter().rev().map(|ended| show(&economy, &ended.shock, hour, Some(ended)));
    let signals: Vec<Value> = shocks
        .signals
        .iter()
        .map(|signal| json!({ "signal": signal.id, "startHour": signal.starts, "endHour": signal.ends }))
        .collect();
    let counts = counts.as_deref().cloned().unwrap_or_default();
    let orders = conditions.map_or(0, |conditions| conditions.trade().map(<[_]>::len).sum());
    Ok(json!({
        "hour": hour,
        "shocks": live.chain(ended).collect::<Vec<_>>(),
        "signals": {
            "live": signals, "taken": counts.taken, "refused": counts.refused, "lastRefused": counts.last_refused,
        },
        "outsideOrders": orders,
    }))
}

/// The names and numbers of a shock's effect.
#[derive(Default)]
struct Words<'a> {
    place: Option<&'a str>,
    commodity: Option<&'a str>,
    role: Option<&'a str>,
    factor: Option<f64>,
    quantity: Option<i64>,
    price: Option<Money>,
}

fn words<'a>(economy: &'a Economy, shock: &Shock) -> Words<'a> {
    let commodity = |id: CommodityId| economy.commodity(id).map(|commodity| commodity.name.as_str());
    let role = |id: RoleId| economy.recipe(id).map(|recipe| recipe.name.as_str());
    let (only, effect) = shock.influence.effects().next().unzip();
    let place = only.flatten().and_then(|place| economy.place(place)).map(|place| place.name.as_str());
    let none = Words { place, ..Words::default() };
    match effect {
        Some(Effect::Yield(YieldOf::Role(id), factor)) => Words { role: role(*id), factor: Some(*factor), ..none },
        Some(Effect::Yield(YieldOf::Commodity(id), factor) | Effect::Need(id, factor) | Effect::Demand(id, factor)) => {
            Words { commodity: commodity(*id), factor: Some(*factor), ..none }
        }
        Some(Effect::Money(factor)) => Words { factor: Some(*factor), ..none },
        Some(Effect::RoleVanished(id)) => Words { role: role(*id), ..none },
        Some(Effect::Trade(OutsideOrder { commodity: id, quantity, price, .. })) => Words {
            commodity: commodity(*id),
            quantity: Some(i64::from(*quantity)),
            price: Some(Money(i64::from(*price))),
            ..none
        },
        Some(Effect::TradeScale(factor)) => Words { factor: Some(*factor), ..none },
        Some(Effect::Only(_)) | None => none,
    }
}

/// A shock as lists show it.
fn show(economy: &Economy, shock: &Shock, hour: u64, ended: Option<&EndedShock>) -> Value {
    let words = words(economy, shock);
    let Influence { id, starts, ends, .. } = &shock.influence;
    let state = match (ended, shock.begun) {
        (Some(_), _) => "ended",
        (None, true) => "active",
        // Also where it is due, until the hour runs: it has done nothing yet.
        (None, false) => "to_come",
    };
    json!({
        "id": id, "state": state, "kind": shock.kind, "cause": shock.cause,
        "place": words.place, "commodity": words.commodity, "role": words.role, "factor": words.factor,
        "quantity": words.quantity, "price": words.price.map(Money::to_major),
        "startHour": starts, "endHour": ended.map_or(*ends, |ended| ended.at),
        "hoursLeft": if ended.is_some() { 0 } else { ends.saturating_sub(hour.max(*starts)) },
        "why": ended.map(|ended| ended.why),
    })
}

/// What is told of a shock.
pub(crate) fn describe(
    file: &WorldSpec,
    economy: &Economy,
    shock: &Shock,
    phase: ShockPhase,
    reason: Option<ShockEnd>,
) -> MarketShock {
    let words = words(economy, shock);
    MarketShock {
        shock_id: shock.influence.id.clone(),
        phase,
        kind: shock.kind,
        location: file.id.to_string(),
        cause: shock.cause,
        place: words.place.map(str::to_owned),
        commodity: words.commodity.map(str::to_owned),
        role: words.role.map(str::to_owned),
        factor: words.factor,
        quantity: words.quantity,
        price: words.price.map(Money::to_major),
        duration_hours: shock.influence.ends.saturating_sub(shock.influence.starts),
        reason,
    }
}
