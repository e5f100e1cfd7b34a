//! Why an agent did not trade, and what a price is made of: read from a world as it is after an hour.
//!
//! Orders are on the floor only until the next hour, and only in the process that ran it.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::spread::quantile;
use crate::components::ids::StableId;
use crate::components::market::{
    Beliefs, Budget, CommodityId, Market, MarketStatistics, PlaceId, Purse, Role, Side, Stock, Storeroom, Trader,
};
use crate::components::money::Money;
use crate::systems::economy::floor::Floor;
use crate::systems::economy::floor::stall::{Cut, Placed};
use crate::systems::economy::model::{Economy, Place, Recipe};
use crate::world::spec::WorldSpec;
use crate::world::{Answer, WorldQuery};

/// What an agent did in one market in the last hour, and why.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dealing {
    /// The commodity.
    pub commodity: String,
    /// Units that it wanted to trade; 0 where it placed no order.
    pub wanted: u32,
    /// Units that it traded.
    pub traded: u32,
    /// What it did and why, in a sentence.
    pub said: String,
}

/// An agent's last hour.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Dealings {
    /// Its stable id.
    pub agent: u64,
    /// Its role.
    pub role: String,
    /// The market place where it trades, in a world with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Its money in major units.
    pub money: f64,
    /// One for each commodity.
    pub dealings: Vec<Dealing>,
}

/// A part of what a unit costs to make.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// Which: the name of an input or by-product, `work` or `left over`.
    pub name: String,
    /// Major units of money; below zero for a by-product, which pays for a part of what the unit costs.
    pub money: f64,
}

/// A price and what it is made of.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PriceMade {
    /// The commodity.
    pub commodity: String,
    /// Its price in major units.
    pub price: f64,
    /// The market place, in a world with several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The price that the world file implies, in major units; nothing where work makes more at one place than at another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub implied: Option<f64>,
    /// For each role that makes it: the parts of the price.
    pub makers: Vec<(String, Vec<Part>)>,
    /// Units made in an hour, of late.
    pub produced: f64,
    /// Units used in an hour, of late.
    pub used: f64,
    /// What presses on it, in sentences.
    pub said: Vec<String>,
}

/// Idle agents that an answer names at most.
pub const IDLE_MAX: usize = 10;

/// Asks what prices are made of, or why an agent did or did not trade.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskExplain {
    /// The agent's stable id; without it, prices are explained.
    #[serde(default)]
    pub agent: Option<u64>,
}

impl WorldQuery for AskExplain {
    const NAME: &'static str = "economy.explain";
}

/// Answers [`AskExplain`]. Between the start of a process and its first hour nothing is known of anybody's orders.
pub fn explain(In(ask): In<AskExplain>, ecs: &World) -> Answer {
    match ask.agent {
        Some(agent) => Ok(json!(explain_agent(ecs, agent)?)),
        None => Ok(json!({ "prices": explain_prices(ecs)?, "idle_agents": idle_agents(ecs, IDLE_MAX) })),
    }
}

fn major(price: f64) -> String {
    format!("{:.2}", price / 100.0)
}

type Lives = (
    &'static StableId,
    &'static Role,
    &'static Purse,
    &'static Stock,
    &'static Beliefs,
    &'static Budget,
    &'static Storeroom,
    Option<&'static PlaceId>,
);

/// Everything about an agent's last hour. Of an agent who has lived none since the process started, it says so.
///
/// # Errors
/// With a sentence, where the world has no economy or no such agent.
pub fn explain_agent(ecs: &World, id: u64) -> Result<Dealings, String> {
    let traders = ecs.try_query_filtered::<Lives, With<Trader>>();
    let mut traders = traders.ok_or("the world has no economy")?;
    let mut markets = ecs.try_query::<(&Market, Option<&PlaceId>)>().ok_or("the world has no economy")?;
    let economy = ecs.get_resource::<Economy>().ok_or("the world has no economy")?;
    let floor = ecs.get_resource::<Floor>().ok_or("the world has no economy")?;
    let found = traders.iter(ecs).find(|(known, ..)| known.0 == id);
    let (_, role, purse, stock, beliefs, budget, storeroom, place) =
        found.ok_or_else(|| not_there(traders.iter(ecs).map(|(known, ..)| known.0), id))?;
    let place = PlaceId::of(place);
    let number = floor.traders().find(|(_, _, known, _)| known.0 == id).map(|(_, number, ..)| number);
    let recipe = economy.recipe_at(place, role.id).ok_or("the agent has a role that the world does not know")?;
    let mut dealings = Vec::new();
    for (commodity, spec) in economy.commodity_ids().zip(&economy.commodities) {
        let is_here =
            |(market, at): &(&Market, Option<&PlaceId>)| market.commodity == commodity && PlaceId::of(*at) == place;
        let Some((market, _)) = markets.iter(ecs).find(is_here) else { continue };
        let order = number.and_then(|number| floor.order(place, number, commodity));
        let belief = beliefs.0.get(commodity).copied();
        let said = match (number, order) {
            (None, _) => NO_HOUR.to_owned(),
            (_, Some(order)) => said_of_order(&order, market, belief.map_or(0.0, |belief| belief.doubt)),
            (Some(number), None) => {
                let planned = budget.envelopes.get(commodity).copied().unwrap_or(0);
                let state = Without {
                    cut: floor.why_cut(place, number, commodity),
                    stock: stock.free(commodity),
                    planned,
                    belief: belief.map_or(0.0, |belief| belief.price),
                    capacity: storeroom.capacity,
                };
                state.said(economy, recipe, commodity, purse.free())
            }
        };
        let (wanted, traded) = order.map_or((0, 0), |order| (order.quantity, order.filled));
        dealings.push(Dealing { commodity: spec.name.clone(), wanted, traded, said });
    }
    let place = economy.place(place).and_then(Place::shown);
    Ok(Dealings { agent: id, role: recipe.name.clone(), place, money: purse.free().to_major(), dealings })
}

/// What is said of somebody who was not on the floor in the last hour.
const NO_HOUR: &str =
    "not known: it has lived no hour since this process started, and orders are kept for an hour only";

fn not_there(there: impl Iterator<Item = u64>, id: u64) -> String {
    match there
        .fold(None, |ends, id| Some(ends.map_or((id, id), |(low, high): (u64, u64)| (low.min(id), high.max(id)))))
    {
        Some((first, last)) => format!("there is no agent {id}: their numbers run from {first} to {last}"),
        None => format!("there is no agent {id}: nobody trades"),
    }
}

/// Agents who placed orders in the last hour and traded nothing at all, the first of them.
pub fn idle_agents(ecs: &World, at_most: usize) -> Vec<u64> {
    let (Some(economy), Some(floor)) = (ecs.get_resource::<Economy>(), ecs.get_resource::<Floor>()) else {
        return Vec::new();
    };
    let is_idle = |place: PlaceId, number: usize| {
        let orders = || economy.commodity_ids().filter_map(|id| floor.order(place, number, id));
        orders().next().is_some() && orders().all(|order| order.filled == 0)
    };
    let idle = floor.traders().filter(|(place, number, ..)| is_idle(*place, *number));
    idle.map(|(_, _, id, _)| id.0).take(at_most).collect()
}

fn said_of_order(order: &Placed, market: &Market, doubt: f64) -> String {
    let (verb, limit, rival) = match order.side {
        Side::Bid => ("bid for", "it can or would pay no more for a unit", market.best_ask),
        Side::Ask => ("offered", "a unit costs it no less", market.best_bid),
    };
    let mut said = format!("it {verb} {} at {}", order.quantity, major(f64::from(order.price)));
    let cleared = if market.volume.0 > 0 {
        format!("the market cleared at {}", market.price)
    } else {
        "nothing was traded".to_owned()
    };
    if order.filled > 0 {
        let each = Money(order.money / i64::from(order.filled));
        let part = if order.filled == order.quantity { "all" } else { "a part" };
        said += &format!(" and traded {part}: {} at {each} each", order.filled);
    } else if order.price == order.limit {
        said += &format!(" and traded nothing: {limit}, and {cleared}");
    } else {
        let other = rival.map_or_else(
            || "nobody was left on the other side".to_owned(),
            |price| format!("the best left on the other side stood at {price}"),
        );
        said += &format!(
            " and traded nothing: {cleared}, and {other}; it could go to {} and will concede {:.1}% by the next failure",
            major(f64::from(order.limit)),
            doubt * 100.0
        );
    }
    said
}

/// Somebody without an order.
struct Without {
    /// Why what it wished to buy came to nothing.
    cut: Option<Cut>,
    stock: i64,
    planned: i64,
    belief: f64,
    capacity: Option<i64>,
}

impl Without {
    fn said(&self, economy: &Economy, recipe: &Recipe, commodity: CommodityId, money: Money) -> String {
        let Some(spec) = economy.commodity(commodity) else { return String::new() };
        let has = format!("it now has {} in stock", self.stock);
        match self.cut {
            Some(Cut::Money) => {
                return format!("no order: it wished for it and could not pay for a unit; {has}, and {money} of money");
            }
            Some(Cut::Room) => {
                let capacity = self.capacity.unwrap_or(0);
                return format!(
                    "no order: it wished for it and had no room for a unit; its store takes {capacity}, and {has}"
                );
            }
            None => {}
        }
        let uses = recipe.inputs.iter().any(|(input, _)| *input == commodity);
        if commodity == recipe.output {
            return format!("no order: it makes this itself and had nothing to spare; {has}");
        }
        let mut reasons = Vec::new();
        if spec.need > 0.0 {
            reasons.push("its pantry holds enough".to_owned());
        }
        if uses {
            reasons.push("its workshop holds enough, or its work would not pay with it".to_owned());
        }
        if spec.spending_share > 0.0 {
            reasons.push(format!(
                "the {} that it means to spend on it buy no unit at the {} that it believes in",
                Money(self.planned),
                major(self.belief)
            ));
        }
        if reasons.is_empty() {
            reasons.push("it has no use for it".to_owned());
        }
        format!("no order: {}; {has}, and {money} of money", reasons.join("; "))
    }
}

/// What the prices are made of, place by place in the order of the world file.
///
/// # Errors
/// With a sentence, where the world has no economy.
pub fn explain_prices(ecs: &World) -> Result<Vec<PriceMade>, String> {
    const NONE: &str = "the world has no economy";
    let mut believers = ecs.try_query_filtered::<(&Beliefs, Option<&PlaceId>), With<Trader>>().ok_or(NONE)?;
    let mut markets = ecs.try_query::<(&Market, Option<&PlaceId>)>().ok_or(NONE)?;
    let spec = ecs.get_resource::<WorldSpec>().and_then(|spec| spec.economy.as_ref()).ok_or(NONE)?;
    let implied = spec.implied()?;
    let economy = ecs.get_resource::<Economy>().ok_or(NONE)?;
    let statistics = ecs.get_resource::<MarketStatistics>().ok_or(NONE)?;
    let mut made = Vec::new();
    for (place, here) in economy.place_ids().zip(&economy.places) {
        let mut local: Vec<&Market> =
            markets.iter(ecs).filter(|(_, at)| PlaceId::of(*at) == place).map(|(market, _)| market).collect();
        local.sort_by_key(|market| market.commodity);
        let price = |id: CommodityId| local.get(id.index()).map_or(0.0, |market| market.price.to_major());
        let flows = statistics.flows_at(place, economy.commodities.len());
        for market in &local {
            let id = market.commodity;
            let flow = flows.get(id.index()).copied().unwrap_or_default();
            let mut beliefs: Vec<f64> = believers
                .iter(ecs)
                .filter(|(_, at)| PlaceId::of(*at) == place)
                .filter_map(|(beliefs, _)| beliefs.0.get(id))
                .map(|belief| belief.price)
                .collect();
            beliefs.sort_by(f64::total_cmp);
            let makers = here.recipes.iter().filter(|recipe| recipe.output == id);
            made.push(PriceMade {
                commodity: economy.commodity(id).map(|commodity| commodity.name.clone()).unwrap_or_default(),
                price: price(id),
                place: here.shown(),
                implied: spec
                    .has_equal_places()
                    .then(|| implied.prices.get(id.index()).copied().unwrap_or(0.0) / 100.0),
                makers: makers
                    .map(|recipe| (recipe.name.clone(), parts(economy, recipe, &price, implied.wage)))
                    .collect(),
                produced: flow.produced,
                used: flow.used,
                said: pressures(market, flow.used, flow.produced, &beliefs),
            });
        }
    }
    Ok(made)
}

/// What a unit's price pays for: each input, less what comes with it, an ordinary hour's work, and what is left.
fn parts(economy: &Economy, recipe: &Recipe, price: &impl Fn(CommodityId) -> f64, wage: f64) -> Vec<Part> {
    let skill = economy.population.mean_skill();
    let by_products = recipe.by_products.iter().map(|(id, units)| (*id, -units));
    let mut parts: Vec<Part> = recipe
        .inputs
        .iter()
        .copied()
        .chain(by_products)
        .filter_map(|(id, units)| {
            let name = economy.commodity(id)?.name.clone();
            Some(Part { name, money: price(id) * units / recipe.usual_quantity })
        })
        .collect();
    parts.push(Part { name: "work".to_owned(), money: wage / 100.0 / skill / recipe.usual_quantity });
    let paid: f64 = parts.iter().map(|part| part.money).sum();
    parts.push(Part { name: "left over".to_owned(), money: price(recipe.output) - paid });
    parts
}

fn pressures(market: &Market, used: f64, produced: f64, beliefs: &[f64]) -> Vec<String> {
    let mut said = Vec::new();
    if produced > 0.0 {
        let more = used / produced - 1.0;
        let word = if more >= 0.0 { "more" } else { "less" };
        said.push(format!("of late {:.1}% {word} is used than made", more.abs() * 100.0));
    } else {
        said.push("of late none is made".to_owned());
    }
    let left = |price: Option<Money>| price.map_or_else(|| "none".to_owned(), |price| format!("the best at {price}"));
    said.push(format!(
        "in the last hour {} were traded; {} wanted more ({}), {} were left ({})",
        market.volume,
        market.bids_unfilled,
        left(market.best_bid),
        market.asks_unfilled,
        left(market.best_ask)
    ));
    said.push(format!(
        "agents believe in {}; a tenth in less than {}, a tenth in more than {}",
        major(quantile(beliefs, 0.5)),
        major(quantile(beliefs, 0.1)),
        major(quantile(beliefs, 0.9))
    ));
    said
}
