//! What can be asked of an economy: an agent, a list of agents, the markets.

use bevy_ecs::prelude::*;
use schemars::JsonSchema;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::components::ids::{StableId, StableIndex};
use crate::components::market::{
    Beliefs, Budget, Chronicle, Distribution, Market, MarketStatistics, Measures, Moves, Personality, PlaceId, Purse,
    Role, RoleStatistics, Sample, Side, Stock, TradeHistory, Trader, WealthOfPlaces, WealthStatistics,
};
use crate::components::money::Money;
use crate::systems::economy::model::{Economy, Place};
use crate::world::{Answer, WorldQuery};

/// Agents in one answer at most.
const AGENTS_MAX: usize = 500;

/// Asks for everything about one agent.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskAgent {
    /// Its stable id.
    pub id: u64,
}

impl WorldQuery for AskAgent {
    const NAME: &'static str = "economy.agent";
}

/// Asks for a list of agents, in the order of their ids.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskAgents {
    /// Only those with a higher id.
    #[serde(default)]
    pub after: u64,
    /// At most so many, 1 to 500.
    #[serde(default = "default_limit")]
    #[schemars(range(min = 1, max = 500))]
    pub limit: usize,
    /// Only those in this role.
    #[serde(default)]
    pub role: Option<String>,
    /// Only those at this market place.
    #[serde(default)]
    pub place: Option<String>,
}

impl WorldQuery for AskAgents {
    const NAME: &'static str = "economy.agents";
}

fn default_limit() -> usize {
    100
}

/// Asks for all markets.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AskMarkets {}

impl WorldQuery for AskMarkets {
    const NAME: &'static str = "economy.markets";
}

type Agents<'w, 's> = Query<
    'w,
    's,
    (
        &'static Trader,
        &'static Role,
        &'static Personality,
        &'static Purse,
        &'static Stock,
        &'static Beliefs,
        &'static Budget,
        &'static TradeHistory,
        &'static Chronicle,
        Option<&'static PlaceId>,
    ),
>;

/// Answers [`AskAgent`].
pub fn show_agent(
    In(ask): In<AskAgent>,
    economy: Option<Res<Economy>>,
    index: Res<StableIndex>,
    agents: Agents,
) -> Answer {
    let economy = economy.ok_or("the world has no economy")?;
    let found = index.get(StableId(ask.id)).and_then(|entity| agents.get(entity).ok());
    let (trader, role, personality, purse, stock, beliefs, budget, history, chronicle, place) =
        found.ok_or_else(|| format!("there is no agent {}", ask.id))?;
    let commodities: Map<String, Value> = economy
        .commodity_ids()
        .zip(&economy.commodities)
        .map(|(id, commodity)| {
            let held = stock.holdings().get(id).copied().unwrap_or_default();
            let belief = beliefs.0.get(id).map(|belief| {
                json!({ "price": belief.price / 100.0, "min": belief.min() / 100.0, "max": belief.max() / 100.0 })
            });
            let planned = budget.envelopes.get(id).copied().unwrap_or(0);
            let state = json!({
                "stock": held.free().0,
                "in_orders": held.escrow().0,
                "belief": belief,
                "planned_spending": Money(planned).to_major(),
            });
            (commodity.name.clone(), state)
        })
        .collect();
    let name = |id| economy.commodity(id).map(|commodity| commodity.name.as_str());
    let trades: Vec<Value> = history
        .iter()
        .map(|trade| {
            let side = match trade.side {
                Side::Bid => "bought",
                Side::Ask => "sold",
            };
            json!({
                "hour": trade.hour, "commodity": name(trade.commodity), "side": side, "quantity": trade.quantity.0,
                "money": trade.money.to_major(),
            })
        })
        .collect();
    let mut answer = json!({
        "id": ask.id,
        "role": economy.recipe(role.id).map(|recipe| recipe.name.as_str()),
        "hours_in_role": role.hours,
        "utilisation": role.utilisation,
        "skill": trader.skill,
        "money": purse.free().to_major(),
        "money_in_orders": purse.escrow().to_major(),
        "personality": {
            "risk_tolerance": personality.risk_tolerance,
            "impatience": personality.impatience,
            "social_influence": personality.social_influence,
            "learning_rate": personality.learning_rate,
        },
        "commodities": commodities,
        "meals": { "due": budget.meals_due, "met": budget.meals_met },
        "trades": trades,
        "past": past(&economy, chronicle),
    });
    name_place(&mut answer, &economy, place);
    Ok(answer)
}

/// Says where somebody or something is, in a world with several market places.
fn name_place(answer: &mut Value, economy: &Economy, place: Option<&PlaceId>) {
    let name = economy.place(PlaceId::of(place)).and_then(Place::shown);
    if let (Some(fields), Some(name)) = (answer.as_object_mut(), name) {
        fields.insert("place".to_owned(), name.into());
    }
}

fn past(economy: &Economy, chronicle: &Chronicle) -> Vec<Value> {
    let mut rows = Vec::with_capacity(chronicle.len());
    for (Sample { hour, money, wealth }, beliefs) in chronicle.iter() {
        let beliefs: Map<String, Value> = economy
            .commodities
            .iter()
            .zip(beliefs)
            .map(|(commodity, belief)| (commodity.name.clone(), json!(f64::from(belief) / 100.0)))
            .collect();
        rows.push(json!({
            "hour": hour, "money": money.to_major(), "wealth": wealth.to_major(), "beliefs": beliefs,
        }));
    }
    rows
}

/// Answers [`AskAgents`].
pub fn list_agents(
    In(ask): In<AskAgents>,
    economy: Option<Res<Economy>>,
    index: Res<StableIndex>,
    agents: Query<(&Role, &Purse, Option<&PlaceId>), With<Trader>>,
) -> Answer {
    let economy = economy.ok_or("the world has no economy")?;
    if ask.limit == 0 || ask.limit > AGENTS_MAX {
        return Err(format!("limit {} is outside 1 to {AGENTS_MAX}", ask.limit));
    }
    if let Some(role) = &ask.role
        && !economy.roles.iter().any(|recipe| recipe.name == *role)
    {
        return Err(format!("there is no role `{role}`"));
    }
    let wanted = match &ask.place {
        None => None,
        Some(name) => {
            let found = economy.place_ids().zip(&economy.places).find(|(_, place)| place.name == *name);
            Some(found.ok_or_else(|| format!("there is no place `{name}`"))?.0)
        }
    };
    let mut rows = Vec::new();
    let mut more = false;
    for (id, entity) in index.iter().skip_while(|(id, _)| id.0 <= ask.after) {
        let Ok((role, purse, place)) = agents.get(entity) else { continue };
        if wanted.is_some_and(|wanted| PlaceId::of(place) != wanted) {
            continue;
        }
        let name = economy.recipe(role.id).map(|recipe| recipe.name.as_str());
        if ask.role.as_deref().is_some_and(|wanted| Some(wanted) != name) {
            continue;
        }
        if rows.len() == ask.limit {
            more = true;
            break;
        }
        let mut row =
            json!({ "id": id.0, "role": name, "money": purse.free().to_major(), "utilisation": role.utilisation });
        name_place(&mut row, &economy, place);
        rows.push(row);
    }
    Ok(json!({ "agents": rows, "more": more }))
}

/// Answers [`AskMarkets`].
pub fn show_markets(
    _: In<AskMarkets>,
    economy: Option<Res<Economy>>,
    statistics: Option<Res<MarketStatistics>>,
    (spread, of_places): (Option<Res<WealthStatistics>>, Option<Res<WealthOfPlaces>>),
    moves: Option<Res<Moves>>,
    markets: Query<(&Market, &Measures, Option<&PlaceId>)>,
) -> Answer {
    let (Some(economy), Some(statistics)) = (economy, statistics) else {
        return Err("the world has no economy".into());
    };
    let mut all: Vec<(&Market, &Measures, Option<&PlaceId>)> = markets.iter().collect();
    all.sort_by_key(|(market, _, place)| (PlaceId::of(*place), market.commodity));
    let rows: Vec<Value> = all
        .into_iter()
        .map(|(market, measures, place)| {
            let flows = statistics.flows_at(PlaceId::of(place), economy.commodities.len());
            let flow = flows.get(market.commodity.index()).copied().unwrap_or_default();
            let mut row = json!({
                "market_id": market.market_id,
                "commodity": economy.commodity(market.commodity).map(|commodity| commodity.name.as_str()),
                "price": market.price.to_major(),
                "volume": market.volume.0,
                "turnover": market.turnover.to_major(),
                "trades": market.trades,
                "bids_unfilled": market.bids_unfilled.0,
                "asks_unfilled": market.asks_unfilled.0,
                "best_bid": market.best_bid.map(|price| price.to_major()),
                "best_ask": market.best_ask.map(|price| price.to_major()),
                "spread": measures.spread.map(Money::to_major),
                "efficiency": market.efficiency,
                "needs_due": measures.needs_due,
                "needs_met": measures.needs_met,
                "alpha": measures.alpha(None),
                "beliefs": measures.beliefs.map(Distribution::to_major),
                "trend": market.trend(),
                "volatility": market.volatility(),
                "usual_price": flow.usual_price / 100.0,
                "produced_hourly": flow.produced,
                "used_hourly": flow.used,
            });
            name_place(&mut row, &economy, place);
            row
        })
        .collect();
    let everywhere = statistics.roles_everywhere(economy.roles.len());
    let mut answer = json!({
        "hours": statistics.hours,
        "markets": rows,
        "roles": roles(&economy, &everywhere),
        "meals": { "due": statistics.meals_due, "met": statistics.meals_met },
        "wealth": spread.filter(|spread| spread.traders > 0).map(|spread| wealth(&spread)),
    });
    let spread_at = |place: PlaceId| {
        let here = of_places.as_ref().and_then(|places| places.0.get(place.index()));
        here.filter(|spread| spread.traders > 0)
    };
    if let (Some(fields), Some(moves)) = (answer.as_object_mut(), moves) {
        let places = economy.place_ids().zip(&economy.places).zip(&moves.0).map(|((id, place), moves)| {
            let known = statistics.roles_at(id, economy.roles.len());
            json!({
                "name": place.name,
                "traders": known.iter().map(|known| known.count).sum::<u64>(),
                "came": moves.came,
                "went": moves.went,
                "roles": roles(&economy, known),
                "wealth": spread_at(id).map(wealth),
            })
        });
        fields.insert("places".to_owned(), places.collect());
    }
    Ok(answer)
}

fn roles(economy: &Economy, known: &[RoleStatistics]) -> Map<String, Value> {
    let named = economy.roles.iter().zip(known);
    named
        .map(|(recipe, known)| (recipe.name.clone(), json!({ "count": known.count, "utilisation": known.utilisation })))
        .collect()
}

fn wealth(spread: &WealthStatistics) -> Value {
    json!({
        "hour": spread.hour,
        "traders": spread.traders,
        "money": spread.money.to_major(),
        "wealth": spread.wealth.to_major(),
        "richest_share": spread.richest_share,
    })
}
