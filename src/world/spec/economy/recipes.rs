//! What must hold for recipes: that all they name is there, and that goods come from work, not from nothing.

use std::collections::{BTreeMap, BTreeSet};

use garde::Path;

use super::check::Refuse;
use super::{EconomySpec, RoleSpec};
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::plain;

/// What of a quantity at skill 1 an agent of this skill makes, against its skill, where no more than `most` is made of it.
pub(crate) fn effective(quantity: f64, most: f64, skill: f64) -> f64 {
    if quantity * skill <= most { quantity } else { most / skill }
}

/// Checks what roles use and make. Everything that is wrong is reported.
pub(super) fn check_recipes(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let made = |name: &str| spec.roles.iter().any(|role| role.output == name);
    for (index, role) in spec.roles.iter().enumerate() {
        let path = path.join("roles").join(index);
        if spec.commodity_index(&role.output).is_none() {
            refuse(path.join("output"), unknown(spec, &role.output));
        }
        check_amounts(spec, &path.join("inputs"), &role.inputs, (0.001, 1000.0, "units in an hour"), refuse);
        check_amounts(spec, &path.join("tools"), &role.tools, (0.0001, 1.0, "as a chance of wear"), refuse);
        check_amounts(spec, &path.join("byProducts"), &role.by_products, (0.001, 1000.0, "units in an hour"), refuse);
        check_roles_of_goods(role, &path, refuse);
    }
    for (index, commodity) in spec.commodities.iter().enumerate() {
        let wanted = commodity.need > 0.0 || commodity.spending_share > 0.0;
        if wanted && !made(&commodity.name) {
            refuse(
                path.join("commodities").join(index).join("name"),
                format!("people want `{}`, but no role makes it", commodity.name),
            );
        }
    }
}

fn unknown(spec: &EconomySpec, name: &str) -> String {
    let names: Vec<_> = spec.commodities.iter().map(|commodity| commodity.name.as_str()).collect();
    format!("there is no commodity `{name}`: the file has {}", names.join(", "))
}

fn check_amounts(
    spec: &EconomySpec,
    path: &Path,
    goods: &BTreeMap<String, f64>,
    (low, high, what): (f64, f64, &str),
    refuse: &mut Refuse<'_>,
) {
    for (name, quantity) in goods {
        let path = path.join(name.clone());
        if !(low..=high).contains(quantity) {
            refuse(path.clone(), format!("{} {what} is outside {low} to {high}", plain(*quantity)));
        }
        if spec.commodity_index(name).is_none() {
            refuse(path, unknown(spec, name));
        } else if !spec.roles.iter().any(|role| role.output == *name) {
            refuse(path, format!("no role makes `{name}` as its output"));
        }
    }
}

/// A commodity stands in one place of a recipe only: what came out of what goes in would be made from nothing.
fn check_roles_of_goods(role: &RoleSpec, path: &Path, refuse: &mut Refuse<'_>) {
    for name in role.tools.keys().filter(|name| role.inputs.contains_key(*name)) {
        refuse(path.join("tools").join(name.clone()), format!("`{name}` is an input already"));
    }
    for name in role.by_products.keys() {
        let path = path.join("byProducts").join(name.clone());
        if *name == role.output {
            refuse(path, format!("`{name}` is the output already"));
        } else if role.inputs.contains_key(name) || role.tools.contains_key(name) {
            refuse(path, format!("`{name}` goes in and comes out again: use less of it instead"));
        }
    }
}

/// Following recipes from those that work without inputs, every output must be reached: else nobody ever sells what a
/// role waits for. Stocks at the beginning set a circle going as well: those of all inputs where agents are drawn, and
/// where they are listed what they are said to hold.
pub(super) fn check_beginnings(spec: &EconomySpec, path: &Path, refuse: &mut Refuse<'_>) {
    let listed = &spec.population.agents;
    if listed.is_empty() && spec.population.initial_stock_hours > 0.0 {
        return;
    }
    let held = listed.iter().flat_map(|agent| &agent.stocks).filter(|(_, units)| **units > 0);
    let mut reached: BTreeSet<&str> = held.map(|(name, _)| name.as_str()).collect();
    loop {
        let before = reached.len();
        for role in &spec.roles {
            let begins = role.subsistence > 0.0 || role.uses().all(|(name, _)| reached.contains(name));
            if begins {
                reached.insert(&role.output);
                reached.extend(role.by_products.keys().map(String::as_str));
            }
        }
        if reached.len() == before {
            break;
        }
    }
    for (index, role) in spec.roles.iter().enumerate() {
        let stuck = |name: &str| spec.commodity_index(name).is_some() && !reached.contains(name);
        if let (true, Some((input, _))) = (stuck(&role.output), role.uses().find(|(name, _)| stuck(name))) {
            let message = format!(
                "nobody can ever begin to make `{}`: it takes `{input}`, which takes it in turn or is made by nobody, and \
                 without inputs nothing is made; give a role of this circle a `subsistence` above 0, or the agents {}",
                role.output,
                if listed.is_empty() { "an `initialStockHours`" } else { "`stocks` to begin with" }
            );
            refuse(path.join("roles").join(index).join("output"), message);
        }
    }
}

/// Says which commodities have no part in anything.
pub(in crate::world::spec) fn warn(spec: &EconomySpec, findings: &mut Findings) {
    let commodities = Place::section("economy").key("commodities");
    for (index, commodity) in spec.commodities.iter().enumerate() {
        let name = commodity.name.as_str();
        let has_part = |role: &RoleSpec| {
            role.output == name || role.uses().any(|(used, _)| used == name) || role.by_products.contains_key(name)
        };
        if commodity.need <= 0.0 && commodity.spending_share <= 0.0 && !spec.roles.iter().any(has_part) {
            let words = "nobody makes, uses or wants it: its market stays empty";
            findings.warn(&commodities.at(index), format!("`{name}`: {words}"));
        }
    }
}
