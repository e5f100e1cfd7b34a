//! Agents one by one: in a world file, in a CSV file beside it, or in the database.

mod csv;

use std::collections::BTreeMap;

use garde::{Error, Path, Report};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use csv::{AgentFlaw, agents_from_csv};

use super::places::unknown_place;
use super::{EconomySpec, PopulationSpec, RoleSpec};
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::plain;

/// Agents that can be listed one by one.
pub const AGENTS_MAX: usize = 20_000;
/// Money of one agent at most, in minor units.
const MONEY_MAX: i64 = 1_000_000_000;
/// Units of one commodity, and of all together, that an agent has at most.
const UNITS_MAX: i64 = 1_000_000;
/// The highest price that an agent believes in at first, in minor units.
const BELIEF_MAX: i64 = 400_000;
/// Agents whose flaws are told; more of them would bury the first.
pub const FLAWS_MAX: usize = 100;

/// Why no world begins with a file that lists agents and has them read from the database.
pub(crate) const TWO_SOURCES: &str = "its agents are listed in the file and are to come from the database \
    (`from: market_agent`): leave out `from` to begin with those listed, or `agents` to begin with those imported";

/// From where the agents come that an economy begins with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AgentSource {
    /// The world file: listed in `agents`, or as many as `count` says, drawn.
    #[default]
    File,
    /// The table `market_agent` of the server's database, at the time at which the world is registered or reset with a
    /// file. They are kept with the world: what the table says later changes nothing.
    MarketAgent,
}

/// An agent. What is left out is drawn as the population says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AgentSpec {
    /// Its role.
    pub role: String,
    /// The market place where it begins; without it, the places fill by their shares.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// Its money, in minor units. 0 to 1,000,000,000.
    #[schemars(range(min = 0, max = 1_000_000_000))]
    pub money: i64,
    /// Units of each commodity; of what is not named it has none. 0 to 1,000,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub stocks: BTreeMap<String, i64>,
    /// Units of all commodities together that it has room for; without it, the population's `capacity`. 1 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub capacity: Option<i64>,
    /// What it believes that a unit costs, in minor units; of what is not named, about the initial price. 1 to 400,000.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub beliefs: BTreeMap<String, i64>,
    /// Output against the recipe's. 0.1 to 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.1, max = 10.0))]
    pub skill: Option<f64>,
    /// 0 to 1: offers more of a stock at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub risk_tolerance: Option<f64>,
    /// 0 to 1: quotes further past its belief.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub impatience: Option<f64>,
    /// 0 to 1: follows the market without experience of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 1.0))]
    pub social_influence: Option<f64>,
    /// 0.01 to 1: how far one trade moves a belief.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.01, max = 1.0))]
    pub learning_rate: Option<f64>,
}

impl AgentSpec {
    /// What is wrong with it in this economy: each with the field, as it is written in world files and CSV files.
    pub fn flaws(&self, economy: &EconomySpec) -> Vec<(String, String)> {
        let mut flaws = Vec::new();
        let mut refuse = |field: &str, message: String| flaws.push((field.to_owned(), message));
        if !economy.roles.iter().any(|role| role.name == self.role) {
            refuse("role", format!("there is no role `{}`", self.role));
        }
        if let Some(place) = self.place.as_deref().filter(|place| economy.place_index(place).is_none()) {
            refuse("place", unknown_place(economy, place));
        }
        let mut whole = |field: &str, value: i64, (least, most): (i64, i64)| {
            if !(least..=most).contains(&value) {
                refuse(field, format!("{value} is outside {least} to {most}"));
            }
        };
        whole("money", self.money, (0, MONEY_MAX));
        whole("capacity", self.capacity.unwrap_or(1), (1, UNITS_MAX));
        for (group, entries, bounds) in
            [("stocks", &self.stocks, (0, UNITS_MAX)), ("beliefs", &self.beliefs, (1, BELIEF_MAX))]
        {
            entries.iter().for_each(|(name, value)| whole(&format!("{group}.{name}"), *value, bounds));
        }
        for (field, value, (least, most)) in [
            ("skill", self.skill, (0.1, 10.0)),
            ("riskTolerance", self.risk_tolerance, (0.0, 1.0)),
            ("impatience", self.impatience, (0.0, 1.0)),
            ("socialInfluence", self.social_influence, (0.0, 1.0)),
            ("learningRate", self.learning_rate, (0.01, 1.0)),
        ] {
            // What is no number lies in no range.
            if let Some(value) = value.filter(|value| !(least..=most).contains(value)) {
                refuse(field, format!("{} is outside {least} to {most}", plain(value)));
            }
        }
        for (group, name) in
            self.stocks.keys().map(|name| ("stocks", name)).chain(self.beliefs.keys().map(|name| ("beliefs", name)))
        {
            if economy.commodity_index(name).is_none() {
                refuse(&format!("{group}.{name}"), format!("there is no commodity `{name}`"));
            }
        }
        let held = self.stocks.values().try_fold(0_i64, |sum, units| sum.checked_add(*units));
        let room = self.capacity.or(economy.population.capacity).unwrap_or(UNITS_MAX);
        if held.is_none_or(|held| held > room) {
            refuse("stocks", format!("all its goods together are more than the {room} units that it has room for"));
        }
        flaws
    }
}

impl PopulationSpec {
    /// Agents at first.
    pub fn heads(&self) -> u32 {
        if self.agents.is_empty() { self.count } else { u32::try_from(self.agents.len()).unwrap_or(u32::MAX) }
    }

    /// Money of all agents at first, in minor units; nothing where it does not fit.
    pub fn money(&self) -> Option<i64> {
        if self.agents.is_empty() {
            return self.money_per_head.checked_mul(i64::from(self.count));
        }
        self.agents.iter().try_fold(0_i64, |sum, agent| sum.checked_add(agent.money))
    }

    /// What says how much money there is at first, in words.
    pub(super) fn money_is_set_by(&self) -> String {
        if self.agents.is_empty() {
            return "`moneyPerHead`".to_owned();
        }
        let (agents, money) = (self.agents.len(), self.money().unwrap_or(i64::MAX));
        format!("the `money` of the {agents} agents, which is {money} in all")
    }

    /// The mean skill of the agents at first.
    pub fn mean_skill(&self) -> f64 {
        let usual = f64::midpoint(self.skill.min, self.skill.max);
        if self.agents.is_empty() {
            return usual;
        }
        self.agents.iter().map(|agent| agent.skill.unwrap_or(usual)).sum::<f64>() / f64::from(self.heads())
    }

    /// Whether its agents are in the database and were not read yet.
    pub fn waits_for_agents(&self) -> bool {
        self.from == AgentSource::MarketAgent && self.agents.is_empty()
    }

    /// Whether its agents stand in it and are to come from the database as well.
    pub fn has_two_sources(&self) -> bool {
        self.from == AgentSource::MarketAgent && !self.agents.is_empty()
    }

    /// The same without agents that came from the database: what its author has written.
    #[must_use]
    pub fn as_written(&self) -> Self {
        match self.from {
            AgentSource::File => self.clone(),
            AgentSource::MarketAgent => Self { agents: Vec::new(), ..self.clone() },
        }
    }
}

/// Checks the agents that are listed, and where they are to come from.
pub(super) fn check(spec: &EconomySpec, path: &Path, report: &mut Report) {
    let (population, path) = (&spec.population, path.join("population"));
    if population.agents_file.is_some() {
        let message =
            "a CSV file is only read beside a world file, and not for agents that are listed or in the database";
        report.append(path.join("agents_file"), Error::new(message));
    }
    let path = path.join("agents");
    let listed = population.agents.len();
    if listed > AGENTS_MAX || listed == 1 {
        report.append(path.clone(), Error::new(format!("there are {listed}; it takes 2 to {AGENTS_MAX}")));
    }
    if listed > 0 && population.money() == Some(0) {
        report.append(path.clone(), Error::new("they have no money: nothing could have a price"));
    }
    let flawed = population.agents.iter().enumerate().filter_map(|(index, agent)| {
        let flaws = agent.flaws(spec);
        (!flaws.is_empty()).then_some((index, flaws))
    });
    for (index, flaws) in flawed.take(FLAWS_MAX) {
        for (field, message) in flaws {
            let place = field.split('.').fold(path.join(index), |path, part| path.join(part.to_owned()));
            report.append(place, Error::new(message));
        }
    }
}

/// Units that a pantry and a workshop hold at usual prices, for an agent of this role and skill.
fn stores(spec: &EconomySpec, role: &RoleSpec, skill: f64) -> f64 {
    let pantry: f64 = spec.commodities.iter().map(|commodity| commodity.need * spec.parameters.pantry_hours).sum();
    let kept = |used: f64| used * skill * spec.parameters.input_hours + (used * skill).ceil();
    pantry + role.uses().map(|(_, used)| kept(used)).sum::<f64>()
}

/// Says what no world begins with, and what may not be meant.
pub(in crate::world::spec) fn warn(spec: &EconomySpec, findings: &mut Findings) {
    if spec.population.has_two_sources() {
        findings.warn(&Place::section("economy").key("population").key("from"), TWO_SOURCES.to_owned());
    }
    let (listed, count) = (spec.population.agents.len(), spec.population.count);
    // Where it is not said it is the usual one.
    if listed > 0 && count != PopulationSpec::default().count && u32::try_from(listed) != Ok(count) {
        let place = Place::section("economy").key("population").key("count");
        findings.warn(
            &place,
            format!("{count} has no meaning: {listed} agents are listed, and the world begins with those"),
        );
    }
    warn_of_little_room(spec, findings);
}

/// Says for which roles there is less room than their pantries and workshops want to hold.
fn warn_of_little_room(spec: &EconomySpec, findings: &mut Findings) {
    let population = &spec.population;
    let place = Place::section("economy");
    let mut tell = |place: &Place, (role, capacity, skill): (&RoleSpec, i64, f64)| {
        let wanted = stores(spec, role, skill);
        #[expect(clippy::cast_precision_loss, reason = "a million at most")]
        if (capacity as f64) < wanted {
            findings.warn(
                place,
                format!(
                    "there is room for {capacity} units, but pantry and inputs of a {} of skill {skill:.2} hold {:.0} at \
                     usual prices: it will work less than it could; give more `capacity`, or fewer `pantryHours` and \
                     `inputHours`",
                    role.name,
                    wanted.ceil()
                ),
            );
        }
    };
    let usual = population.mean_skill();
    if population.agents.is_empty() {
        let place = place.key("population").key("capacity");
        let roles = population.capacity.into_iter().flat_map(|capacity| spec.roles.iter().map(move |r| (r, capacity)));
        roles.for_each(|(role, capacity)| tell(&place, (role, capacity, usual)));
        return;
    }
    let place = place.key("population").key("agents");
    for (index, agent) in population.agents.iter().enumerate() {
        let role = spec.roles.iter().find(|role| role.name == agent.role);
        if let (Some(role), Some(capacity)) = (role, agent.capacity.or(population.capacity)) {
            tell(&place.at(index), (role, capacity, agent.skill.unwrap_or(usual)));
        }
    }
}
