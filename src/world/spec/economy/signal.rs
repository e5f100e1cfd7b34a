//! How signals go out of the economy, and what those that come in mean to it.

use std::collections::BTreeMap;

use garde::Path;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::check::{MONEY_MAX, Refuse};
use super::shock::{FACTOR_RANGE, Flaw, MONEY_FACTOR_RANGE, find_commodity, meets};
use super::{EconomySpec, ShockKind, ShockSpec};
use crate::components::market::{Effect, Influence, SHOCKS_MAX};
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::plain;

/// As what demand for a commodity is told to the outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DemandName {
    /// Food.
    Food,
    /// Water.
    Water,
    /// Medicine.
    Medicine,
    /// Weapons.
    Weapons,
    /// Ammunition.
    Ammunition,
    /// Cyberware.
    Cyberware,
    /// Vehicles.
    Vehicles,
    /// Under the commodity's own name, which consumers with a closed list refuse.
    Own,
    /// Not at all.
    None,
}

impl DemandName {
    /// The name that consumers know, where it is one of theirs.
    pub fn known(self) -> Option<&'static str> {
        match self {
            Self::Food => Some("food"),
            Self::Water => Some("water"),
            Self::Medicine => Some("medicine"),
            Self::Weapons => Some("weapons"),
            Self::Ammunition => Some("ammunition"),
            Self::Cyberware => Some("cyberware"),
            Self::Vehicles => Some("vehicles"),
            Self::Own | Self::None => None,
        }
    }
}

/// What signals from outside mean to this economy.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SignalsSpec {
    /// Commodities whose need follows the crowd's demand for food; without any, those whose `signal` is `food`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub food_demand: Vec<String>,
    /// What war between two factions does.
    pub war: SignalEffectSpec,
    /// What an alliance of two factions does.
    pub alliance: SignalEffectSpec,
}

/// What a signal does while it lasts. A signal without any effect is refused when it comes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields, default)]
pub struct SignalEffectSpec {
    /// Factors on needs, by commodity. 0 to 10.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub need: BTreeMap<String, f64>,
    /// Factors on the weight in what people spend beyond their needs, by commodity. 0 to 10.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub demand: BTreeMap<String, f64>,
    /// Factor on the quantities of all trade from outside. 0 to 10.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub trade: Option<f64>,
}

impl SignalEffectSpec {
    /// Its effects.
    ///
    /// # Errors
    /// With every name and number that is wrong, and where.
    pub(crate) fn effects(&self, economy: &EconomySpec) -> Result<Vec<Effect>, Vec<(Vec<String>, String)>> {
        let (mut effects, mut wrong) = (Vec::new(), Vec::new());
        let fits = |factor: f64| (FACTOR_RANGE.0..=FACTOR_RANGE.1).contains(&factor);
        let outside = |factor: f64| format!("{} is outside {} to {}", plain(factor), FACTOR_RANGE.0, FACTOR_RANGE.1);
        for (field, factors) in [("need", &self.need), ("demand", &self.demand)] {
            for (name, factor) in factors {
                let mut flaws: Vec<Flaw> = Vec::new();
                let found = find_commodity(economy, name, &mut flaws);
                let place = || vec![field.to_owned(), name.clone()];
                wrong.extend(flaws.into_iter().map(|(_, message)| (place(), message)));
                if !fits(*factor) {
                    wrong.push((place(), outside(*factor)));
                }
                effects.extend(found.map(|commodity| match field {
                    "need" => Effect::Need(commodity, *factor),
                    _ => Effect::Demand(commodity, *factor),
                }));
            }
        }
        if let Some(factor) = self.trade {
            if !fits(factor) {
                wrong.push((vec!["trade".to_owned()], outside(factor)));
            }
            effects.push(Effect::TradeScale(factor));
        }
        if wrong.is_empty() { Ok(effects) } else { Err(wrong) }
    }
}

/// Checks shocks and the meaning of signals.
pub(super) fn check(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let shocks = path.join("shocks");
    if spec.shocks.len() > SHOCKS_MAX {
        refuse(shocks.clone(), format!("there are {}; it takes at most {SHOCKS_MAX}", spec.shocks.len()));
    }
    let mut before: Vec<Influence> = Vec::new();
    for (index, shock) in spec.shocks.iter().enumerate() {
        let place = shocks.join(index);
        match shock.effects(spec) {
            Ok(effects) => {
                let (starts, ends) = shock.span(0);
                let id = shock.id.clone().unwrap_or_else(|| format!("shocks[{index}]"));
                let influence = Influence { id, effects, starts, ends };
                if let Some(other) = before.iter().find(|other| influence.trades_with(other)) {
                    refuse(place.join("price"), meets(&format!("`{}`", other.id)));
                }
                before.push(influence);
            }
            Err(flaws) => flaws.into_iter().for_each(|(field, message)| refuse(place.join(field), message)),
        }
        let same = |other: &&ShockSpec| shock.id.is_some() && other.id == shock.id;
        if spec.shocks.iter().take(index).any(|other| same(&other)) {
            refuse(place.join("id"), "another shock has this name".to_owned());
        }
    }
    check_money(spec, &shocks, refuse);
    let signals = path.join("signals");
    for (index, name) in spec.signals.food_demand.iter().enumerate() {
        let mut flaws = Vec::new();
        find_commodity(spec, name, &mut flaws);
        flaws.into_iter().for_each(|(_, message)| refuse(signals.join("foodDemand").join(index), message));
    }
    for (name, effect) in [("war", &spec.signals.war), ("alliance", &spec.signals.alliance)] {
        for (place, message) in effect.effects(spec).err().unwrap_or_default() {
            let path = place.into_iter().fold(signals.join(name), |path, part| path.join(part));
            refuse(path, message);
        }
    }
}

/// Shocks of money, one after the other as they start, must leave the money within its bounds. One that does not would be
/// passed over in its hour, so that the next finds what there was before.
fn check_money(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let (least, most) = MONEY_FACTOR_RANGE;
    let sound = |factor: &f64| (least..=most).contains(factor);
    let shocks = spec.shocks.iter().enumerate().filter(|(_, shock)| shock.kind == ShockKind::Money);
    let mut factors: Vec<_> = shocks.filter_map(|(at, shock)| Some((at, shock, shock.factor.filter(sound)?))).collect();
    factors.sort_by_key(|(_, shock, _)| shock.starts_in_hours);
    let given = spec.population.money().map_or(0.0, amount);
    // Products of factors are off by the last bits.
    let room = 1.0 + 1e-9;
    let mut times = 1.0;
    for (index, _, factor) in factors {
        let after = times * factor;
        if (least / room..=most * room).contains(&after) && given * after <= amount(MONEY_MAX) * room {
            times = after;
            continue;
        }
        // As its author would write it.
        let after = (after * 1e6).round() / 1e6;
        let message = format!(
            "with the money shocks before it everybody's money would be {after} times what the file gives: it may be \
             {least} to {most} times, and {MONEY_MAX} minor units in all"
        );
        refuse(path.join(index).join("factor"), message);
    }
}

#[expect(clippy::cast_precision_loss, reason = "held against a bound with room")]
fn amount(money: i64) -> f64 {
    money as f64
}

/// Says which commodities go out under names that consumers with a closed list refuse.
pub(in crate::world::spec) fn warn(spec: &EconomySpec, findings: &mut Findings) {
    let commodities = Place::section("economy").key("commodities");
    for (index, commodity) in spec.commodities.iter().enumerate().filter(|(_, commodity)| commodity.signal.is_none()) {
        findings.warn(
            &commodities.at(index),
            format!(
                "demand for `{}` goes out under its own name, which consumers with the closed list refuse: give it a \
                 `signal` (food, water, medicine, weapons, ammunition, cyberware, vehicles; `own` if it is meant, `none` \
                 to send nothing)",
                commodity.name
            ),
        );
    }
}
