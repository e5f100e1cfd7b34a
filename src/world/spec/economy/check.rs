//! What must hold between the parts of an economy's description. All errors are reported at once.

use std::collections::BTreeSet;

use garde::{Error, Path, Report, Validate};

use super::{EconomySpec, Range, signal};
use crate::components::market::Sample;
use crate::world::spec::plain;

/// Commodities and roles at most.
const KINDS_MAX: usize = 64;
/// Money in a world at most, in minor units: sums stay exact wherever they are computed.
pub(super) const MONEY_MAX: i64 = 9_000_000_000_000_000;
/// Bytes that the chronicles of all agents take at most.
const CHRONICLE_MAX: u64 = 2_000_000_000;
/// Skills that an agent can have.
const SKILL_RANGE: (f64, f64) = (0.1, 10.0);
/// Prices below this have steps too coarse to be found.
const PRICE_MIN: f64 = 100.0;
/// Prices above this leave too little room below the most that an order book takes.
const PRICE_MAX: f64 = 400_000.0;

impl Validate for EconomySpec {
    type Context = ();

    fn validate_into(&self, ctx: &(), parent: &mut dyn FnMut() -> Path, report: &mut Report) {
        let path = parent();
        let (has_sound_recipes, has_sound_money) =
            (check_recipes(self, &path, report), check_people(self, &path, report));
        let mut refuse = |path: Path, message: String| report.append(path, Error::new(message));
        super::recipes::check_beginnings(self, &path, &mut refuse);
        check_shares(self, &path, &mut refuse);
        check_renewal(self, &path, &mut refuse);
        check_chronicle(self, &path, &mut refuse);
        signal::check(self, &path, &mut refuse);
        super::places::check(self, &path, &mut refuse);
        for (index, place) in self.places.iter().enumerate() {
            place.validate_into(ctx, &mut || path.join("places").join(index), report);
        }
        self.orders.validate_into(ctx, &mut || path.join("orders"), report);
        if let Some(treasury) = &self.treasury {
            treasury.validate_into(ctx, &mut || path.join("treasury"), report);
        }
        self.chronicle.validate_into(ctx, &mut || path.join("chronicle"), report);
        // What the recipes imply is only worth a word where they and what they are measured by are sound themselves.
        if has_sound_recipes {
            check_implied(self, &path, has_sound_money, report);
        }
    }
}

/// Checks commodities, recipes and parameters for themselves: whether all are sound, and skills as well.
fn check_recipes(spec: &EconomySpec, path: &Path, report: &mut Report) -> bool {
    let before = report.iter().count();
    let mut refuse = |path: Path, message: String| report.append(path, Error::new(message));
    check_count(spec.commodities.len(), &path.join("commodities"), &mut refuse);
    check_count(spec.roles.len(), &path.join("roles"), &mut refuse);
    check_names(spec, path, &mut refuse);
    super::recipes::check_recipes(spec, path, &mut refuse);
    for (index, commodity) in spec.commodities.iter().enumerate() {
        commodity.validate_into(&(), &mut || path.join("commodities").join(index), report);
    }
    for (index, role) in spec.roles.iter().enumerate() {
        role.validate_into(&(), &mut || path.join("roles").join(index), report);
    }
    spec.parameters.validate_into(&(), &mut || path.join("parameters"), report);
    report.iter().count() == before && (SKILL_RANGE.0..=SKILL_RANGE.1).contains(&spec.population.mean_skill())
}

/// Checks the people and their money: whether all is sound.
fn check_people(spec: &EconomySpec, path: &Path, report: &mut Report) -> bool {
    let before = report.iter().count();
    check_money(spec, path, &mut |path, message| report.append(path, Error::new(message)));
    spec.population.validate_into(&(), &mut || path.join("population"), report);
    super::agents::check(spec, path, report);
    report.iter().count() == before
}

pub(super) type Refuse<'a> = dyn FnMut(Path, String) + 'a;

fn check_count(count: usize, path: &Path, refuse: &mut Refuse<'_>) {
    if count == 0 || count > KINDS_MAX {
        refuse(path.clone(), format!("there are {count}; it takes 1 to {KINDS_MAX}"));
    }
}

fn check_names(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let mut seen = BTreeSet::new();
    for (index, commodity) in spec.commodities.iter().enumerate() {
        if !seen.insert(commodity.name.as_str()) {
            refuse(path.join("commodities").join(index).join("name"), format!("`{}` is there twice", commodity.name));
        }
    }
    seen.clear();
    for (index, role) in spec.roles.iter().enumerate() {
        if !seen.insert(role.name.as_str()) {
            refuse(path.join("roles").join(index).join("name"), format!("`{}` is there twice", role.name));
        }
    }
}

fn check_shares(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let spending: f64 = spec.commodities.iter().map(|commodity| commodity.spending_share).sum();
    if spending > 0.0 && (spending - 1.0).abs() > 1e-6 {
        refuse(path.join("commodities"), format!("the spending shares add up to {spending}, not to 1"));
    }
    let counted: u64 = spec.roles.iter().filter_map(|role| role.count).map(u64::from).sum();
    // Agents that are listed bring their roles along.
    let listed = !spec.population.agents.is_empty();
    let population = u64::from(spec.population.count);
    let shares: Vec<f64> = spec.roles.iter().filter_map(|role| role.share).collect();
    let share: f64 = shares.iter().sum();
    if !shares.is_empty() && (share - 1.0).abs() > 1e-6 {
        refuse(path.join("roles"), format!("the shares of the roles add up to {share}, not to 1"));
    }
    if !listed && counted > population {
        refuse(path.join("roles"), format!("the roles count {counted} agents, but the population is {population}"));
    }
    let any_count = spec.roles.iter().any(|role| role.count.is_some());
    if !listed && any_count && shares.is_empty() && counted < population {
        let left = population - counted;
        refuse(path.join("roles"), format!("{left} agents have no role: give a role a `share`, or correct the counts"));
    }
    for (index, role) in spec.roles.iter().enumerate() {
        if role.count.is_some() && role.share.is_some() {
            refuse(path.join("roles").join(index).join("share"), "a role has a count or a share, not both".into());
        }
    }
}

fn check_money(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let total = spec.population.money();
    let public = spec.treasury.as_ref().map_or(0, |treasury| treasury.initial_money);
    let total = total.and_then(|total| total.checked_add(public));
    if total.is_none_or(|total| total > MONEY_MAX) {
        refuse(
            path.join("population").join("moneyPerHead"),
            format!("all money together is more than {MONEY_MAX} minor units"),
        );
    }
}

fn check_renewal(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let Some(renewal) = &spec.population.renewal else { return };
    let (path, count) = (path.join("population").join("renewal"), spec.population.heads());
    if renewal.minimum > count {
        refuse(
            path.join("minimum"),
            format!("{} is above the {count} agents that there are at first", renewal.minimum),
        );
    }
    if renewal.maximum < count {
        refuse(
            path.join("maximum"),
            format!("{} is below the {count} agents that there are at first", renewal.maximum),
        );
    }
    if renewal.newcomer_money < renewal.broke_below {
        let least = renewal.broke_below;
        refuse(
            path.join("newcomerMoney"),
            format!("a newcomer would be broke from the start: give it {least} at least"),
        );
    }
}

/// What is remembered of each agent is little, but there may be many agents.
fn check_chronicle(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let most = spec.population.renewal.as_ref().map_or(0, |renewal| renewal.maximum);
    let agents = u64::from(spec.population.heads().max(most));
    let bytes = size_of::<Sample>() + size_of::<f32>() * spec.commodities.len();
    let each = agents.saturating_mul(u64::try_from(bytes).unwrap_or(u64::MAX)).max(1);
    let samples = u64::from(spec.chronicle.samples);
    if each.saturating_mul(samples) > CHRONICLE_MAX {
        let message = format!(
            "{samples} samples of each of {agents} agents take more than {CHRONICLE_MAX} bytes: keep {} at most, or have \
             fewer agents",
            CHRONICLE_MAX / each
        );
        refuse(path.join("chronicle").join("samples"), message);
    }
}

/// What recipes come to, and with sound money also the prices.
fn check_implied(spec: &EconomySpec, path: &Path, has_sound_money: bool, report: &mut Report) {
    let roles = path.join("roles");
    let implied = match spec.find_implied() {
        Ok(implied) if has_sound_money => implied,
        Ok(_) => return,
        Err(flaws) => {
            for flaw in flaws {
                let at = flaw.roles.iter().map(|role| roles.join(*role));
                let at = if flaw.roles.is_empty() { vec![roles.clone()] } else { at.collect() };
                at.into_iter().for_each(|path| report.append(path, Error::new(&flaw.message)));
            }
            return;
        }
    };
    for (index, (commodity, price)) in spec.commodities.iter().zip(&implied.prices).enumerate() {
        if *price > 0.0 && !(PRICE_MIN..=PRICE_MAX).contains(price) {
            let message = format!(
                "money and recipes imply a price of {price:.0} minor units for `{}`; it must lie between {PRICE_MIN} and \
                 {PRICE_MAX}: change {}, `spendingHours` or the recipe",
                commodity.name,
                spec.population.money_is_set_by()
            );
            report.append(path.join("commodities").join(index), Error::new(message));
        }
    }
}

/// A number between two bounds. Unlike garde's own rule it refuses what is not a number.
pub(super) fn between(low: f64, high: f64) -> impl FnOnce(&f64, &()) -> garde::Result {
    move |value, ()| {
        if (low..=high).contains(value) {
            Ok(())
        } else {
            Err(Error::new(format!("{} is outside {low} to {high}", plain(*value))))
        }
    }
}

/// A range that is ordered and lies between two bounds.
pub(super) fn within(low: f64, high: f64) -> impl FnOnce(&Range, &()) -> garde::Result {
    move |range, ()| {
        let fits = |value: f64| (low..=high).contains(&value);
        if !fits(range.min) || !fits(range.max) {
            return Err(Error::new(format!("it must lie within {low} to {high}")));
        }
        if range.min > range.max {
            return Err(Error::new(format!("its min {} is above its max {}", range.min, range.max)));
        }
        Ok(())
    }
}

/// A number that is not below another.
pub(super) fn at_least(least: f64) -> impl FnOnce(&f64, &()) -> garde::Result {
    move |value, ()| {
        if *value >= least { Ok(()) } else { Err(Error::new(format!("{value} is below the least, {least}"))) }
    }
}
