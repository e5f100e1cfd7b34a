//! The economy's description, ready for use: names replaced by numbers, what is left out filled in.

use bevy_ecs::prelude::Resource;
use garde::Validate;

use super::maths::{count, real, whole};
use crate::components::market::{CommodityId, Ledger, PerCommodity, RoleId};
use crate::messages::market::Label;
use crate::world::spec::{ClearingRule, EconomyParameters, EconomySpec, PopulationSpec};

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
}

/// What a role does in an hour.
#[derive(Debug, Clone, PartialEq)]
pub struct Recipe {
    /// The role's name.
    pub name: String,
    /// What it makes.
    pub output: CommodityId,
    /// Units made at skill 1.
    pub quantity: f64,
    /// Units used up at skill 1.
    pub inputs: Vec<(CommodityId, f64)>,
    /// The same for each commodity: 0 for what is not used.
    pub uses: PerCommodity<f64>,
    /// Share of the quantity that is made without inputs.
    pub subsistence: f64,
    /// Agents that begin in it.
    pub count: u32,
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
    /// How agents behave.
    pub parameters: EconomyParameters,
}

impl Economy {
    /// Checks a description and makes it ready.
    ///
    /// # Errors
    /// With all that is wrong with it.
    pub fn new(spec: &EconomySpec) -> Result<Self, String> {
        spec.validate().map_err(|report| report.to_string())?;
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
            })
            .collect();
        let number = |name: &str| {
            let index = spec.commodity_index(name).and_then(|index| u16::try_from(index).ok());
            index.map(CommodityId).ok_or_else(|| format!("there is no commodity `{name}`"))
        };
        let counts = initial_counts(spec, &implied.shares);
        let mut roles = Vec::with_capacity(spec.roles.len());
        for (role, count) in spec.roles.iter().zip(counts) {
            let inputs: Result<Vec<_>, String> =
                role.inputs.iter().map(|(name, quantity)| Ok((number(name)?, *quantity))).collect();
            let inputs = inputs?;
            let used = |id| inputs.iter().filter(|(input, _)| *input == id).map(|(_, quantity)| quantity).sum();
            roles.push(Recipe {
                name: role.name.clone(),
                output: number(&role.output)?,
                quantity: role.quantity,
                uses: PerCommodity::from_fn(spec.commodities.len(), used),
                inputs,
                subsistence: role.subsistence,
                count,
            });
        }
        Ok(Self {
            commodities,
            roles,
            population: spec.population.clone(),
            clearing: spec.clearing,
            parameters: spec.parameters.clone(),
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
        real(ledger.money_expected()) / count(traders.max(1)) / self.parameters.spending_hours
    }

    /// Inputs of an hour of work at these prices, in minor units at skill 1.
    pub(super) fn input_cost(recipe: &Recipe, price: impl Fn(CommodityId) -> f64) -> f64 {
        recipe.inputs.iter().map(|(input, quantity)| price(*input) * quantity).sum()
    }
}

/// Agents in each role at first: what is counted, then the rest by shares, whole numbers by largest remainders.
fn initial_counts(spec: &EconomySpec, implied: &[f64]) -> Vec<u32> {
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
