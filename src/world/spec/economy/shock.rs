//! Shocks as a world file or a command describes them.

use std::fmt::{Display, LowerExp};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::EconomySpec;
use super::places::unknown_place;
pub use crate::components::market::ShockKind;
use crate::components::market::{CommodityId, Effect, OutsideOrder, PlaceId, RoleId, Side, YieldOf};

/// Factors of yield, need and demand.
pub const FACTOR_RANGE: (f64, f64) = (0.0, 10.0);
/// Factors of money; also how far shocks and trade from outside may take the traders' money from what the file gives them.
pub const MONEY_FACTOR_RANGE: (f64, f64) = (0.1, 10.0);
/// Units that a trader from outside trades in an hour at most.
pub const OUTSIDE_QUANTITY_MAX: i64 = 1_000_000;
/// Minor units that a trader from outside asks or bids for a unit at most.
pub const OUTSIDE_PRICE_MAX: i64 = 4_000_000;
/// Hours that a shock lasts at most.
pub const SHOCK_HOURS_MAX: u32 = 8_760;
/// Digits that a number is told with at most.
const DIGITS_MAX: usize = 20;
/// Hours until a shock starts at most.
pub const SHOCK_DELAY_MAX: u32 = 87_600;

/// A shock: something from outside that changes the economy for a while.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ShockSpec {
    /// Its name, 1 to 64 of small letters, digits and `-`; without one, `shock-<number>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^[a-z0-9][a-z0-9-]{0,63}$"))]
    pub id: Option<String>,
    /// Its kind.
    pub kind: ShockKind,
    /// The commodity: for `need`, `demand`, `import` and `export`; for `yield` it or `role`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commodity: Option<String>,
    /// The market place where it acts; without it, everywhere. For all kinds but `money`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub place: Option<String>,
    /// The role: for `role_vanished`; for `yield` it or `commodity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// What is multiplied by it: 0 to 10 for `yield`, `need` and `demand`, 0.1 to 10 for `money`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0.0, max = 10.0))]
    pub factor: Option<f64>,
    /// Units an hour, for `import` and `export`. 1 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000))]
    pub quantity: Option<i64>,
    /// Minor units that a unit costs or brings, for `import` and `export`. 1 to 4,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 4_000_000))]
    pub price: Option<i64>,
    /// In how many of the economy's hours it starts: from now, or from the world's beginning if it stands in its file.
    /// 0 to 87,600.
    #[serde(default)]
    #[schemars(range(min = 0, max = 87_600))]
    pub starts_in_hours: u32,
    /// For how many hours it lasts, 1 to 8,760; for all kinds but `money`, which happens once and stays.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8_760))]
    pub duration_hours: Option<u32>,
}

/// A field that is wrong, and why.
pub(crate) type Flaw = (&'static str, String);

/// The fields that a kind takes beside the hours and the place.
fn takes(kind: ShockKind) -> &'static [&'static str] {
    match kind {
        ShockKind::Yield => &["commodity", "role", "factor"],
        ShockKind::Need | ShockKind::Demand => &["commodity", "factor"],
        ShockKind::Money => &["factor"],
        ShockKind::RoleVanished => &["role"],
        ShockKind::Import | ShockKind::Export => &["commodity", "quantity", "price"],
    }
}

impl ShockSpec {
    /// What it does in this economy, and where.
    ///
    /// # Errors
    /// With every field that is wrong.
    pub(crate) fn effects(&self, economy: &EconomySpec) -> Result<Vec<Effect>, Vec<Flaw>> {
        let mut flaws = Vec::new();
        let only = self.place.as_deref().and_then(|name| find_place(economy, name, &mut flaws)).map(Effect::Only);
        if self.place.is_some() && self.kind == ShockKind::Money {
            flaws.push(("place", "a `money` shock is everybody's: leave it out".to_owned()));
        }
        match self.effect(economy) {
            Ok(effect) if flaws.is_empty() => Ok(only.into_iter().chain([effect]).collect()),
            found => Err(flaws.into_iter().chain(found.err().unwrap_or_default()).collect()),
        }
    }

    /// What it does in this economy, wherever that is.
    fn effect(&self, economy: &EconomySpec) -> Result<Effect, Vec<Flaw>> {
        let mut flaws = Vec::new();
        self.check_fields(&mut flaws);
        self.check_hours(&mut flaws);
        let commodity = self.commodity.as_deref().and_then(|name| find_commodity(economy, name, &mut flaws));
        let role = self.role.as_deref().and_then(|name| find_role(economy, name, &mut flaws));
        let range = if self.kind == ShockKind::Money { MONEY_FACTOR_RANGE } else { FACTOR_RANGE };
        // Nothing has no sign: -0.0 and 0.0 are the same shock.
        let factor = bounded("factor", self.factor, range, &mut flaws).map(|factor| factor + 0.0);
        let quantity = bounded("quantity", self.quantity, (1, OUTSIDE_QUANTITY_MAX), &mut flaws);
        let price = bounded("price", self.price, (1, OUTSIDE_PRICE_MAX), &mut flaws);
        self.check_sense(economy, commodity, &mut flaws);
        let small = |number: i64| u32::try_from(number).ok();
        let effect = match self.kind {
            ShockKind::Yield => role.map(YieldOf::Role).or(commodity.map(YieldOf::Commodity)).zip(factor),
            _ => None,
        };
        let effect = match self.kind {
            ShockKind::Yield => effect.map(|(of, factor)| Effect::Yield(of, factor)),
            ShockKind::Need => commodity.zip(factor).map(|(commodity, factor)| Effect::Need(commodity, factor)),
            ShockKind::Demand => commodity.zip(factor).map(|(commodity, factor)| Effect::Demand(commodity, factor)),
            ShockKind::Money => factor.map(Effect::Money),
            ShockKind::RoleVanished => role.map(Effect::RoleVanished),
            ShockKind::Import | ShockKind::Export => {
                let side = if self.kind == ShockKind::Import { Side::Ask } else { Side::Bid };
                let terms = quantity.and_then(small).zip(price.and_then(small));
                commodity.zip(terms).map(|(commodity, (quantity, price))| {
                    Effect::Trade(OutsideOrder { side, commodity, quantity, price })
                })
            }
        };
        match effect {
            Some(effect) if flaws.is_empty() => Ok(effect),
            _ => Err(flaws),
        }
    }

    /// Its first hour, and the first in which it is over, counted from this one.
    pub(crate) fn span(&self, hour: u64) -> (u64, u64) {
        let starts = hour.saturating_add(u64::from(self.starts_in_hours));
        (starts, starts.saturating_add(u64::from(self.duration_hours.unwrap_or(1))))
    }

    /// Every field that the kind needs is there, and none that it has no use for.
    fn check_fields(&self, flaws: &mut Vec<Flaw>) {
        let kind = self.kind.as_str();
        let fields = [
            ("commodity", self.commodity.is_some()),
            ("role", self.role.is_some()),
            ("factor", self.factor.is_some()),
            ("quantity", self.quantity.is_some()),
            ("price", self.price.is_some()),
        ];
        let either = self.kind == ShockKind::Yield;
        for (field, there) in fields {
            let wanted = takes(self.kind).contains(&field);
            if there && !wanted {
                flaws.push((field, format!("a `{kind}` shock has no use for it: leave it out")));
            } else if wanted && !there && !(either && field != "factor") {
                flaws.push((field, format!("a `{kind}` shock needs it")));
            }
        }
        if either && self.commodity.is_some() == self.role.is_some() {
            flaws.push(("role", "a `yield` shock is of a role or of a commodity: give one of them".to_owned()));
        }
        if let Some(id) = &self.id {
            let plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
            if id.is_empty() || id.len() > 64 || !id.bytes().all(plain) || id.starts_with('-') {
                flaws.push(("id", "a name has 1 to 64 small letters, digits and `-`, no `-` first".to_owned()));
            }
        }
    }

    fn check_hours(&self, flaws: &mut Vec<Flaw>) {
        match (self.kind, self.duration_hours) {
            (ShockKind::Money, None) => {}
            (ShockKind::Money, Some(_)) => flaws.push((
                "durationHours",
                "a `money` shock happens once and stays: leave it out, and add another to take it back".to_owned(),
            )),
            (kind, None) => flaws.push(("durationHours", format!("a `{}` shock needs it", kind.as_str()))),
            (_, hours) => {
                bounded("durationHours", hours, (1, SHOCK_HOURS_MAX), flaws);
            }
        }
        bounded("startsInHours", Some(self.starts_in_hours), (0, SHOCK_DELAY_MAX), flaws);
    }

    /// A factor on what is nothing would do nothing.
    fn check_sense(&self, economy: &EconomySpec, commodity: Option<CommodityId>, flaws: &mut Vec<Flaw>) {
        let Some(spec) = commodity.and_then(|commodity| economy.commodities.get(commodity.index())) else { return };
        let made = economy.roles.iter().any(|role| role.output == spec.name);
        let nothing = match self.kind {
            ShockKind::Need if spec.need <= 0.0 => "nobody needs it, so a factor changes nothing: take `demand`",
            ShockKind::Demand if spec.spending_share <= 0.0 => "nobody spends on it beyond needs: take `need`",
            ShockKind::Yield if !made => "no role makes it",
            _ => return,
        };
        flaws.push(("commodity", format!("`{}`: {nothing}", spec.name)));
    }
}

/// Why two that would trade with each other cannot be: the other's name.
pub(crate) fn meets(other: &str) -> String {
    format!(
        "in the same hours it would trade with {other}, and the market's price would be theirs: an import asks more than \
         an export bids"
    )
}

fn bounded<T: PartialOrd + Display + LowerExp + Copy>(
    field: &'static str,
    value: Option<T>,
    (low, high): (T, T),
    flaws: &mut Vec<Flaw>,
) -> Option<T> {
    let value = value?;
    // Also false for what is not a number.
    if value >= low && value <= high {
        return Some(value);
    }
    let told = value.to_string();
    // Not in hundreds of digits.
    let told = if told.len() > DIGITS_MAX { format!("{value:e}") } else { told };
    flaws.push((field, format!("{told} is outside {low} to {high}")));
    None
}

/// The number of a commodity, or a flaw with those that there are.
pub(crate) fn find_commodity(economy: &EconomySpec, name: &str, flaws: &mut Vec<Flaw>) -> Option<CommodityId> {
    let found = economy.commodity_index(name).and_then(|index| u16::try_from(index).ok()).map(CommodityId);
    if found.is_none() {
        let names: Vec<_> = economy.commodities.iter().map(|commodity| commodity.name.as_str()).collect();
        flaws.push(("commodity", unknown("commodity", name, &names)));
    }
    found
}

/// The number of a market place, or a flaw with those that there are.
fn find_place(economy: &EconomySpec, name: &str, flaws: &mut Vec<Flaw>) -> Option<PlaceId> {
    let found = economy.place_index(name).and_then(|index| u16::try_from(index).ok()).map(PlaceId);
    if found.is_none() {
        flaws.push(("place", unknown_place(economy, name)));
    }
    found
}

/// The number of a role, or a flaw with those that there are.
pub(crate) fn find_role(economy: &EconomySpec, name: &str, flaws: &mut Vec<Flaw>) -> Option<RoleId> {
    let index = economy.roles.iter().position(|role| role.name == name);
    let found = index.and_then(|index| u16::try_from(index).ok()).map(RoleId);
    if found.is_none() {
        let names: Vec<_> = economy.roles.iter().map(|role| role.name.as_str()).collect();
        flaws.push(("role", unknown("role", name, &names)));
    }
    found
}

fn unknown(kind: &str, name: &str, names: &[&str]) -> String {
    let name: String = name.chars().take(64).collect();
    format!("there is no {kind} `{name}`: the world has {}", names.join(", "))
}
