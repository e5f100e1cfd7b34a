//! The economy's description, ready for use: names replaced by numbers, what is left out filled in.

use bevy_ecs::prelude::Resource;
use garde::Validate;

use super::maths::{count, real, whole};
use crate::components::market::{CommodityId, Ledger, PerCommodity, RoleId};
use crate::messages::market::Label;
use crate::world::spec::effective;
use crate::world::spec::{
    ChronicleSpec, ClearingRule, DemandName, EconomyParameters, EconomySpec, PopulationSpec, TreasurySpec, Unfilled,
};

/// A commodity.
#[derive(Debug, Clone, PartialEq)]
pub struct Commodity {
    /// Its name.
    pub name: String,
    /// Its market's name.
    pub market_id: String,
    /// Both names, as events tell them.
    pub labels: (Label, Label),
    /// The first price, in minor units.
    pub initial_price: i64,
    /// Units that everybody needs in an hour.
    pub need: f64,
    /// Share of what needs leave of the budget.
    pub spending_share: f64,
    /// Share of a stock that spoils in an hour.
    pub spoilage: f64,
    /// The name under which demand for it goes out; nothing, where it does not.
    pub signal: Option<String>,
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

/// The economy of a world. Made from the world file; never changes while the world lives.
#[derive(Resource, Debug, Clone, PartialEq)]
pub struct Economy {
    /// What is traded.
    pub commodities: Vec<Commodity>,
    /// What agents do.
    pub roles: Vec<Recipe>,
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
            .map(|(commodity, price)| (commodity, format!("market-{}", commodity.name), price))
            .map(|(commodity, market_id, price)| Commodity {
                name: commodity.name.clone(),
                labels: (commodity.name.as_str().into(), market_id.as_str().into()),
                market_id,
                initial_price: commodity.initial_price.unwrap_or_else(|| whole(*price).max(1)),
                need: commodity.need,
                spending_share: commodity.spending_share,
                spoilage: commodity.spoilage,
                signal: match commodity.signal {
                    Some(DemandName::None) => None,
                    name => Some(name.and_then(DemandName::known).unwrap_or(&commodity.name).to_owned()),
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
            roles,
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

    /// A recipe by its role.
    pub fn recipe(&self, id: RoleId) -> Option<&Recipe> {
        self.roles.get(id.index())
    }

    /// What an hour of work earns, on average, when all money is spent over the spending hours; in minor units.
    pub fn usual_wage(&self, ledger: &Ledger, traders: usize) -> f64 {
        real(ledger.money_of_traders()) / count(traders.max(1)) / self.parameters.spending_hours
    }

    /// Inputs of an hour of work at these prices, less what its by-products bring, in minor units at skill 1.
    pub(super) fn input_cost(recipe: &Recipe, price: impl Fn(CommodityId) -> f64) -> f64 {
        let value = |goods: &[(CommodityId, f64)]| goods.iter().map(|(id, units)| price(*id) * units).sum::<f64>();
        value(&recipe.inputs) - value(&recipe.by_products)
    }
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
