//! What must hold for places and people.

use std::collections::{BTreeMap, BTreeSet};

use super::{NpcGroupSpec, NpcSpec, NpcsSpec};
use crate::components::npc::RELATIONS_MAX;
use crate::components::tier::SimulationTier;
use crate::world::spec::findings::{Findings, Place};
use crate::world::spec::names::{Names, must_be_in};
use crate::world::spec::simulation::TiersSpec;

/// Places: their numbers have 16 bits.
const PLACES_MAX: usize = 65_535;
/// Roles: each is a bit.
const ROLES_MAX: usize = 32;
/// NPCs of one group.
const GROUP_MAX: u32 = 1_000_000;
/// Entries of a list within an entry, and groups.
const LIST_MAX: usize = 4_096;
/// Acquaintances of one NPC within its group.
const ACQUAINTANCES_MAX: u32 = 16;
/// Sessions that may run at once.
const SESSIONS_MAX: u32 = 10_000;
/// NPCs without a name bear this one with their number.
const NAMELESS: &str = "npc";

/// Checks places and people.
pub(in crate::world::spec) fn check(
    spec: &NpcsSpec,
    names: &Names<'_>,
    tiers: &TiersSpec,
    default_tier: SimulationTier,
    found: &mut Findings,
) {
    let root = Place::section("npcs");
    check_places(spec, &root.key("places"), found);
    check_roles(spec, &root.key("roles"), found);
    let individuals = root.key("individuals");
    for (id, npc) in &spec.individuals {
        found.name(&individuals.key(id), id);
        check_individual(id, npc, &individuals.key(id), names, found);
    }
    let groups = root.key("groups");
    found.at_most(&groups, spec.groups.len(), LIST_MAX);
    for (index, group) in spec.groups.iter().enumerate() {
        check_group(group, &groups.at(index), names, found);
    }
    check_names(spec, &root, found);
    check_room(spec, &root, tiers, default_tier, found);
    if spec.max_sessions > SESSIONS_MAX {
        found.error(&root.key("maxSessions"), format!("{} is outside 0 to {SESSIONS_MAX}", spec.max_sessions));
    }
}

fn check_places(spec: &NpcsSpec, place: &Place, found: &mut Findings) {
    found.at_most(place, spec.places.len(), PLACES_MAX);
    for (id, one) in &spec.places {
        let place = place.key(id);
        found.name(&place, id);
        found.at_most(&place.key("locationTypes"), one.location_types.len(), LIST_MAX);
        for (index, name) in one.location_types.iter().enumerate() {
            found.name(&place.key("locationTypes").at(index), name);
        }
        if one.location_types.is_empty() {
            found.warn(&place.key("locationTypes"), "it has no type: no activity can want it");
        }
    }
}

fn check_roles(spec: &NpcsSpec, place: &Place, found: &mut Findings) {
    found.at_most(place, spec.roles.len(), ROLES_MAX);
    let mut seen = BTreeSet::new();
    for (index, role) in spec.roles.iter().enumerate() {
        found.name(&place.at(index), role);
        if !seen.insert(role) {
            found.error(&place.at(index), format!("`{role}` is there twice"));
        }
        if spec.individuals.contains_key(role) {
            found.error(&place.at(index), format!("`{role}` is an NPC, too: conditions could mean either"));
        }
    }
}

fn check_individual(id: &str, npc: &NpcSpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    must_be_in(names.routines, "routine", &npc.routine, &place.key("routine"), found);
    if let Some(preset) = &npc.preset {
        must_be_in(names.presets, "preset", preset, &place.key("preset"), found);
    }
    names.place(&place.key("home"), &npc.home, found);
    if let Some(work) = &npc.work {
        names.place(&place.key("work"), work, found);
    }
    check_list(&npc.roles, &place.key("roles"), found, |role, place, found| names.role(place, role, found));
    let relations = place.key("relationships");
    found.at_most(&relations, npc.relationships.values().map(BTreeMap::len).sum(), RELATIONS_MAX);
    for (whom, axes) in &npc.relationships {
        let place = relations.key(whom);
        names.npc(&place, whom, found);
        if whom == id {
            found.error(&place, "nobody has a relationship to themselves");
        }
        for (axis, value) in axes {
            found.name(&place.key(axis), axis);
            found.between(&place.key(axis), *value, 0.0, 100.0);
        }
    }
    if let Some(energy) = npc.energy {
        found.between(&place.key("energy"), energy, 0.0, 100.0);
    }
}

fn check_group(group: &NpcGroupSpec, place: &Place, names: &Names<'_>, found: &mut Findings) {
    if let Some(name) = &group.name {
        found.name(&place.key("name"), name);
    }
    if !(1..=GROUP_MAX).contains(&group.count) {
        found.error(&place.key("count"), format!("{} is outside 1 to {GROUP_MAX}", group.count));
    }
    for (key, list) in [("routines", &group.routines), ("homes", &group.homes)] {
        if list.is_empty() {
            found.error(&place.key(key), "it needs at least one");
        }
    }
    check_list(&group.routines, &place.key("routines"), found, |name, place, found| {
        must_be_in(names.routines, "routine", name, place, found);
    });
    check_list(&group.presets, &place.key("presets"), found, |name, place, found| {
        must_be_in(names.presets, "preset", name, place, found);
    });
    check_list(&group.homes, &place.key("homes"), found, |name, place, found| names.place(place, name, found));
    check_list(&group.works, &place.key("works"), found, |name, place, found| names.place(place, name, found));
    check_list(&group.roles, &place.key("roles"), found, |name, place, found| names.role(place, name, found));
    let place = place.key("acquaintances");
    if group.acquaintances > ACQUAINTANCES_MAX {
        found.error(&place, format!("{} is outside 0 to {ACQUAINTANCES_MAX}", group.acquaintances));
    } else if group.acquaintances >= group.count {
        found.warn(&place, format!("there are only {} in the group: everybody knows all others", group.count));
    }
}

fn check_list(list: &[String], place: &Place, found: &mut Findings, check: impl Fn(&str, &Place, &mut Findings)) {
    found.at_most(place, list.len(), LIST_MAX);
    for (index, name) in list.iter().enumerate().take(LIST_MAX) {
        check(name, &place.at(index), found);
    }
}

/// No two NPCs may bear one name.
fn check_names(spec: &NpcsSpec, root: &Place, found: &mut Findings) {
    let mut groups: BTreeMap<&str, u32> = BTreeMap::new();
    for (index, group) in spec.groups.iter().enumerate() {
        let Some(name) = group.name.as_deref() else { continue };
        let place = root.key("groups").at(index).key("name");
        if groups.insert(name, group.count).is_some() {
            found.error(&place, format!("`{name}` is there twice"));
        }
        if name == NAMELESS {
            found.error(&place, format!("`{NAMELESS}-<number>` are those without a name: choose another"));
        }
    }
    for id in spec.individuals.keys() {
        if !id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit()) {
            let place = root.key("individuals").key(id);
            found.error(&place, "a number stands for the NPC of that id: give a name with a letter in it");
        }
        let Some((group, number)) = id.rsplit_once('-') else { continue };
        let Ok(number) = number.parse::<u32>() else { continue };
        let place = root.key("individuals").key(id);
        if group == NAMELESS {
            found.error(&place, format!("`{NAMELESS}-<number>` are those without a name: choose another"));
        } else if groups.get(group).is_some_and(|count| (1..=*count).contains(&number)) {
            found.error(&place, format!("the group `{group}` has an NPC of this name, too"));
        }
    }
}

/// The tiers must have room for everybody: who comes in comes into the default tier, and overflows into coarser ones.
fn check_room(spec: &NpcsSpec, root: &Place, tiers: &TiersSpec, default_tier: SimulationTier, found: &mut Findings) {
    let in_groups: u64 = spec.groups.iter().map(|group| u64::from(group.count)).sum();
    let people = in_groups + spec.individuals.len() as u64;
    let taking: Vec<SimulationTier> = SimulationTier::ALL.into_iter().filter(|tier| *tier >= default_tier).collect();
    let room: u64 = taking.iter().map(|tier| u64::from(tiers.of(*tier).max_npcs)).sum();
    if people > room {
        let names: Vec<&str> = taking.iter().map(|tier| tier.as_str()).collect();
        let message = format!(
            "there are {people} NPCs, but {}, where they begin, {} {room}: raise `maxNpcs`, or let `defaultTier` be a finer one",
            names.join(" and "),
            if names.len() == 1 { "holds" } else { "hold" },
        );
        found.error(root, message);
    }
}
