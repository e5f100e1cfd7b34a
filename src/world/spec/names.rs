//! The names that a world file gives to things: what its references may refer to.

use std::collections::{BTreeMap, BTreeSet};

use super::behaviour::{ActivitySpec, BehaviourSpec, CategorySpec, PresetSpec, RoutineSpec};
use super::findings::{Findings, Place};
use super::npcs::{NpcsSpec, PlaceSpec};

/// The axes that relationships have wherever worlds come from; files may use others.
const COMMON_AXES: [&str; 4] = ["affinity", "trust", "chemistry", "tension"];

/// Every name of a world file.
#[derive(Default)]
pub(super) struct Names<'a> {
    pub(super) activities: Option<&'a BTreeMap<String, ActivitySpec>>,
    pub(super) categories: Option<&'a BTreeMap<String, CategorySpec>>,
    pub(super) routines: Option<&'a BTreeMap<String, RoutineSpec>>,
    pub(super) presets: Option<&'a BTreeMap<String, PresetSpec>>,
    /// Nothing where the file says nothing of places and people: then they are not known yet.
    people: Option<People<'a>>,
    axes: BTreeSet<&'a str>,
}

struct People<'a> {
    places: &'a BTreeMap<String, PlaceSpec>,
    location_types: BTreeSet<&'a str>,
    individuals: BTreeSet<&'a str>,
    /// Number of NPCs by the name of their group.
    groups: BTreeMap<&'a str, u32>,
    roles: BTreeSet<&'a str>,
    /// Roles that somebody has.
    held: BTreeSet<&'a str>,
}

impl<'a> Names<'a> {
    pub(super) fn of(behaviour: Option<&'a BehaviourSpec>, npcs: Option<&'a NpcsSpec>) -> Self {
        let mut axes: BTreeSet<&str> = COMMON_AXES.into_iter().collect();
        if let Some(behaviour) = behaviour {
            let changes = behaviour.activities.values().flat_map(|one| one.effects.relationship_changes.values());
            axes.extend(changes.flat_map(BTreeMap::keys).map(String::as_str));
        }
        if let Some(npcs) = npcs {
            let relations = npcs.individuals.values().flat_map(|npc| npc.relationships.values());
            axes.extend(relations.flat_map(BTreeMap::keys).map(String::as_str));
        }
        Self {
            activities: behaviour.map(|spec| &spec.activities),
            categories: behaviour.map(|spec| &spec.activity_categories),
            routines: behaviour.map(|spec| &spec.routines),
            presets: behaviour.map(|spec| &spec.presets.npc_preferences),
            people: npcs.map(People::of),
            axes,
        }
    }

    /// An axis of relationships that nothing changes and nobody has is odd.
    pub(super) fn axis(&self, place: &Place, name: &str, found: &mut Findings) {
        if !self.axes.contains(name) {
            found.doubtful(
                place,
                "axis of relationships that anything changes called",
                name,
                self.axes.iter().copied(),
            );
        }
    }

    /// A place that must be there.
    pub(super) fn place(&self, place: &Place, name: &str, found: &mut Findings) {
        if let Some(people) = &self.people
            && !people.places.contains_key(name)
        {
            found.unknown(place, "place", name, people.places.keys().map(String::as_str));
        }
    }

    /// Types that places should have; true if no place has any of them.
    pub(super) fn location_types(&self, place: &Place, names: &[String], found: &mut Findings) -> bool {
        let Some(people) = &self.people else { return false };
        for (index, name) in names.iter().enumerate() {
            if !people.location_types.contains(name.as_str()) {
                let known = people.location_types.iter().copied();
                found.doubtful(&place.at(index), "place of the type", name, known);
            }
        }
        !names.is_empty() && !names.iter().any(|name| people.location_types.contains(name.as_str()))
    }

    /// An NPC or a role that must be there.
    pub(super) fn npc_or_role(&self, place: &Place, name: &str, found: &mut Findings) {
        if let Some(people) = &self.people
            && !people.has_npc(name)
            && !people.roles.contains(name)
        {
            let known = people.roles.iter().chain(&people.individuals).copied();
            found.unknown(place, "NPC or role", name, known);
        }
    }

    /// An NPC that must be there.
    pub(super) fn npc(&self, place: &Place, name: &str, found: &mut Findings) {
        if let Some(people) = &self.people
            && !people.has_npc(name)
        {
            found.unknown(place, "NPC", name, people.individuals.iter().copied());
        }
    }

    /// A role that must be there.
    pub(super) fn role(&self, place: &Place, name: &str, found: &mut Findings) {
        if let Some(people) = &self.people
            && !people.roles.contains(name)
        {
            found.unknown(place, "role", name, people.roles.iter().copied());
        }
    }

    /// Whether this is a role that nobody has.
    pub(super) fn is_vacant(&self, name: &str) -> bool {
        let vacant = |people: &People<'_>| people.roles.contains(name) && !people.held.contains(name);
        self.people.as_ref().is_some_and(|people| vacant(people) && !people.has_npc(name))
    }
}

impl<'a> People<'a> {
    fn of(npcs: &'a NpcsSpec) -> Self {
        let groups = npcs.groups.iter().filter_map(|group| Some((group.name.as_deref()?, group.count)));
        let held = npcs.individuals.values().flat_map(|npc| &npc.roles);
        let held = held.chain(npcs.groups.iter().flat_map(|group| &group.roles));
        Self {
            places: &npcs.places,
            location_types: npcs.places.values().flat_map(|place| &place.location_types).map(String::as_str).collect(),
            individuals: npcs.individuals.keys().map(String::as_str).collect(),
            groups: groups.collect(),
            roles: npcs.roles.iter().map(String::as_str).collect(),
            held: held.map(String::as_str).collect(),
        }
    }

    /// Whether an individual or a member of a group, `<group>-<number>`, bears the name.
    fn has_npc(&self, name: &str) -> bool {
        self.individuals.contains(name) || self.is_member(name)
    }

    fn is_member(&self, name: &str) -> bool {
        let Some((group, number)) = name.rsplit_once('-') else { return false };
        let written_plainly = !number.starts_with(['0', '+']);
        let count = self.groups.get(group).copied().unwrap_or(0);
        written_plainly && number.parse::<u32>().is_ok_and(|number| (1..=count).contains(&number))
    }
}

/// A name that must be a key of a table.
pub(super) fn must_be_in<T>(
    table: Option<&BTreeMap<String, T>>,
    kind: &str,
    name: &str,
    place: &Place,
    found: &mut Findings,
) {
    if !table.is_some_and(|table| table.contains_key(name)) {
        found.unknown(place, kind, name, table.into_iter().flat_map(BTreeMap::keys).map(String::as_str));
    }
}
