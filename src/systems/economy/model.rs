//! The economy's description, ready for use: names replaced by numbers, what is left out filled in.

use bevy_ecs::prelude::Resource;
use garde::Validate;

use super::maths::{count, real, whole};
use crate::components::market::{CommodityId, PerCommodity, PlaceId, RoleId};
use crate::messages::market::Label;
use crate::world::spec::effective;
use crate::world::spec::{
    ChronicleSpec, ClearingRule, DemandName, EconomyParameters, EconomySpec, MarketPlaceSpec, PopulationSpec,
    TreasurySpec, Unfilled,
};

/// A commodity.
#[derive(Debug, Clone, PartialEq)]
pub struct Commodity {
    /// Its name.
    pub name: String,
    /// The same, as events tell it.
    pub label: Label,
    /// The first price, in minor units.
    pub initial_price: i64,
    /// Units that everybody needs in an hour.
    pub need: f64,
    /// Share of what needs leave of the budget.
    pub spending_share: f64,
    /// Share of a stock that spoils in an hour.
    pub spoilage: f64,
    /// The name under which demand for it goes out; nothing, where it does not.
    pub signal: Option<Label>,
}

/// What a role does in an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The role's name.
    pub name: String,
    /// What it makes.
    pub output: CommodityId,
    /// Units made at skill 1, on average: the chance of success is in it, the most that is made in an hour is not.
    pub quantity: f64,
    /// Units that somebody of the population's mean skill makes, on average and against the skill.
    pub usual_quantity: f64,
    /// Units used up at skill 1, and after them tools by the chance with which an hour's work wears them out.
    pub inputs: Vec<(CommodityId, f64)>,
    /// The same for each commodity: 0 for what is not used.
    pub uses: PerCommodity<f64>,
    /// How many of the inputs, from the end, are tools.
    pub tools: usize,
    /// Units of other commodities that come with it at skill 1, on average.
    pub by_products: Vec<(CommodityId, f64)>,
    /// Probability with which an hour's work makes anything. Above 0.
    pub chance: f64,
    /// Units of the output made in an hour at most.
    pub hourly_max: i64,
    /// Units of the output in stock at which work stops.
    pub store_max: i64,
    /// What an hour without all inputs costs, in minor units.
    pub idle_cost: i64,
    /// Share of the quantity that is made without inputs.
    pub subsistence: f64,
    /// Agents that begin in it.
    pub count: u32,
}

impl Recipe {
    /// The same, where an hour's work makes so many times as much, for a population of this mean skill.
    fn times(&self, factor: f64, skill: f64) -> Self {
        let by_products = self.by_products.iter().map(|(id, units)| (*id, units * factor)).collect();
        let quantity = self.quantity * factor;
        Self { quantity, usual_quantity: effective(quantity, self.most(), skill), by_products, ..self.clone() }
    }

    fn most(&self) -> f64 {
        real(self.hourly_max) * self.chance
    }

    /// Units that somebody of this skill makes in an hour, on average and against the skill.
    #[inline]
    pub fn quantity_at(&self, skill: f64) -> f64 {
        effective(self.quantity, self.most(), skill)
    }

    /// The share of them that is not made without the inputs.
    #[inline]
    pub fn share_of_inputs(&self, skill: f64) -> f64 {
        let made = self.quantity_at(skill);
        if made < self.quantity {
            1.0 - effective(self.quantity * self.subsistence, self.most(), skill) / made
        } else {
            1.0 - self.subsistence
        }
    }
}

/// A market place.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    /// Its name; empty where all trade at one.
    pub name: String,
    /// The same, as events tell it; nothing where all trade at one.
    pub label: Option<Label>,
    /// Share of the agents that begin there, and that there is room for.
    pub share: f64,
    /// Names of its markets, in the order of the commodities.
    pub market_ids: Vec<Label>,
    /// What roles do there in an hour.
    pub recipes: Vec<Recipe>,
}

impl Place {
    /// Its name where the world has several, to be shown.
    pub fn shown(&self) -> Option<String> {
        self.label.as_ref().map(ToString::to_string)
    }
}

/// The economy of a world. Made from the world file; never changes while the world lives.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct Economy {
    /// What is traded.
    pub commodities: Vec<Commodity>,
    /// What agents do, where nothing makes a place differ.
    pub roles: Vec<Recipe>,
    /// Where they trade: one place at least.
    pub places: Vec<Place>,
    /// Units that an agent consumes in an hour, by commodity, as the file implies: what prices of places are compared by.
    pub basket: Vec<f64>,
    /// Who takes part.
    pub population: PopulationSpec,
    /// How the price of a trade is found.
    pub clearing: ClearingRule,
    /// Hours for which what is left of an order rests; nothing where it lapses.
    pub rest_hours: Option<u16>,
    /// How agents behave.
    pub parameters: EconomyParameters,
    /// What is remembered of each agent.
    pub chronicle: ChronicleSpec,
    /// Public money.
    pub treasury: Option<TreasurySpec>,
}

impl Economy {
    /// Checks a description and makes it ready.
    ///
    /// # Errors
    /// With all that is wrong with it.
    pub fn new(spec: &EconomySpec) -> Result<Self, String> {
        spec.validate().map_err(|report| report.to_string())?;
        if spec.population.waits_for_agents() {
            return Err(
                "its agents are in the database (`population.from: market_agent`) and were not read from there".into(),
            );
        }
        let implied = spec.implied()?;
        let commodities = spec
            .commodities
            .iter()
            .zip(&implied.prices)
            .map(|(commodity, price)| Commodity {
                name: commodity.name.clone(),
                label: commodity.name.as_str().into(),
                initial_price: commodity.initial_price.unwrap_or_else(|| whole(*price).max(1)),
                need: commodity.need,
                spending_share: commodity.spending_share,
                spoilage: commodity.spoilage,
                signal: match commodity.signal {
                    Some(DemandName::None) => None,
                    name => Some(name.and_then(DemandName::known).unwrap_or(&commodity.name).into()),
                },
            })
            .collect();
        let number = |name: &str| {
            let index = spec.commodity_index(name).and_then(|index| u16::try_from(index).ok());
            index.map(CommodityId).ok_or_else(|| format!("there is no commodity `{name}`"))
        };
        let counts = initial_counts(spec, &implied.shares);
        let skill = spec.population.mean_skill();
        let mut roles = Vec::with_capacity(spec.roles.len());
        for (role, count) in spec.roles.iter().zip(counts) {
            let numbered = |(name, quantity): (&String, &f64)| Ok((number(name)?, *quantity));
            let inputs: Result<Vec<_>, String> = role.inputs.iter().chain(&role.tools).map(numbered).collect();
            let inputs = inputs?;
            let used = |id| inputs.iter().filter(|(input, _)| *input == id).map(|(_, quantity)| quantity).sum();
            let by_products: Result<Vec<_>, String> = role.by_products.iter().map(numbered).collect();
            roles.push(Recipe {
                name: role.name.clone(),
                output: number(&role.output)?,
                quantity: role.quantity * role.chance,
                usual_quantity: role.expected(skill),
                uses: PerCommodity::from_fn(spec.commodities.len(), used),
                inputs,
                tools: role.tools.len(),
                by_products: by_products?.into_iter().map(|(id, units)| (id, units * role.chance)).collect(),
                chance: role.chance,
                hourly_max: role.hourly_max.map_or(i64::MAX, i64::from),
                store_max: role.store_max.map_or(i64::MAX, i64::from),
                idle_cost: role.idle_cost,
                subsistence: role.subsistence,
                count,
            });
        }
        Ok(Self {
            commodities,
            places: places(spec, &roles),
            roles,
            basket: implied.consumption,
            population: spec.population.clone(),
            clearing: spec.clearing,
            rest_hours: (spec.orders.unfilled == Unfilled::Rest).then_some(spec.orders.rest_hours),
            parameters: spec.parameters.clone(),
            chronicle: spec.chronicle.clone(),
            treasury: spec.treasury.clone(),
        })
    }

    /// Numbers of all commodities, in the order of the file.
    pub fn commodity_ids(&self) -> impl Iterator<Item = CommodityId> + use<> {
        (0..u16::try_from(self.commodities.len()).unwrap_or(u16::MAX)).map(CommodityId)
    }

    /// A commodity by its number.
    pub fn commodity(&self, id: CommodityId) -> Option<&Commodity> {
        self.commodities.get(id.index())
    }

    /// A recipe by its role, where nothing makes a place differ.
    pub fn recipe(&self, id: RoleId) -> Option<&Recipe> {
        self.roles.get(id.index())
    }

    /// A recipe by its role, as it is at a place.
    #[inline]
    pub fn recipe_at(&self, place: PlaceId, id: RoleId) -> Option<&Recipe> {
        self.places.get(place.index())?.recipes.get(id.index())
    }

    /// A market place by its number.
    pub fn place(&self, id: PlaceId) -> Option<&Place> {
        self.places.get(id.index())
    }

    /// Numbers of all market places, in the order of the file.
    pub fn place_ids(&self) -> impl Iterator<Item = PlaceId> + use<> {
        (0..u16::try_from(self.places.len()).unwrap_or(u16::MAX)).map(PlaceId)
    }

    /// Whether there are several market places.
    pub fn has_places(&self) -> bool {
        self.places.len() > 1
    }

    /// The place that comes next where so many stand at each: the one that lacks most of its share.
    pub(super) fn next_place(&self, heads: &[u64]) -> PlaceId {
        let all = heads.iter().sum::<u64>() + 1;
        let lack = |place: &Place, heads: u64| {
            place.share * real(i64::try_from(all).unwrap_or(i64::MAX)) - real(i64::try_from(heads).unwrap_or(i64::MAX))
        };
        let lacks =
            self.place_ids().zip(self.places.iter().zip(heads)).map(|(id, (place, heads))| (id, lack(place, *heads)));
        // Of two that lack as much, the first.
        lacks.reduce(|most, next| if next.1 > most.1 { next } else { most }).map(|(id, _)| id).unwrap_or_default()
    }

    /// What an hour of work earns, on average, when all money is spent over the spending hours; in minor units.
    pub fn usual_wage(&self, money: i64, traders: usize) -> f64 {
        real(money) / count(traders.max(1)) / self.parameters.spending_hours
    }

    /// Inputs of an hour of work at these prices, less what its by-products bring, in minor units at skill 1.
    pub(super) fn input_cost(recipe: &Recipe, price: impl Fn(CommodityId) -> f64) -> f64 {
        let value = |goods: &[(CommodityId, f64)]| goods.iter().map(|(id, units)| price(*id) * units).sum::<f64>();
        value(&recipe.inputs) - value(&recipe.by_products)
    }
}

/// The market places of a file; one without a name where it has none.
fn places(spec: &EconomySpec, roles: &[Recipe]) -> Vec<Place> {
    let names = || spec.commodities.iter().map(|commodity| commodity.name.as_str());
    if spec.places.is_empty() {
        let market_ids = names().map(|name| format!("market-{name}").as_str().into()).collect();
        return vec![Place { name: String::new(), label: None, share: 1.0, market_ids, recipes: roles.to_vec() }];
    }
    let place = |place: &MarketPlaceSpec| Place {
        name: place.name.clone(),
        label: Some(place.name.as_str().into()),
        share: place.share,
        market_ids: names().map(|name| format!("market-{}-{name}", place.name).as_str().into()).collect(),
        recipes: spec
            .roles
            .iter()
            .zip(roles)
            .map(|(role, recipe)| recipe.times(place.yield_of(role), spec.population.mean_skill()))
            .collect(),
    };
    spec.places.iter().map(place).collect()
}

/// Agents in each role at first: what is counted, then the rest by shares, whole numbers by largest remainders.
fn initial_counts(spec: &EconomySpec, implied: &[f64]) -> Vec<u32> {
    let listed = &spec.population.agents;
    if !listed.is_empty() {
        let of = |name: &str| listed.iter().filter(|agent| agent.role == name).count();
        return spec.roles.iter().map(|role| u32::try_from(of(&role.name)).unwrap_or(u32::MAX)).collect();
    }
    let mut counts: Vec<u32> = spec.roles.iter().map(|role| role.count.unwrap_or(0)).collect();
    let left = spec.population.count.saturating_sub(counts.iter().sum());
    let by_file = spec.roles.iter().any(|role| role.share.is_some());
    let share = |index: usize| {
        let from_file = spec.roles.get(index).and_then(|role| role.share);
        if by_file { from_file.unwrap_or(0.0) } else { implied.get(index).copied().unwrap_or(0.0) }
    };
    let mut rests: Vec<(usize, f64)> = Vec::with_capacity(counts.len());
    let mut given = 0;
    for (index, count) in counts.iter_mut().enumerate() {
        let exact = f64::from(left) * share(index);
        let units = u32::try_from(whole(exact.floor())).unwrap_or(0);
        *count += units;
        given += units;
        rests.push((index, exact - exact.floor()));
    }
    rests.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    for (index, _) in rests.iter().cycle().take(left.saturating_sub(given) as usize) {
        if let Some(count) = counts.get_mut(*index) {
            *count += 1;
        }
    }
    counts
}
