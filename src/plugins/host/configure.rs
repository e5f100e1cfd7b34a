//! Changing how a world is simulated while it lives.

use std::sync::Arc;

use serde_json::{Value, json};
use uuid::Uuid;
use xxhash_rust::xxh3::xxh3_64;

use super::commands::Asked;
use super::engine::Engine;
use super::hosted::Hosted;
use super::orders::{Begun, OrderError, Settings, no};
use super::unit::{OrderWork, Slot};
use super::worker::Job;
use crate::components::ids::WorldId;
use crate::components::tier::{PerTier, SimulationTier};
use crate::config::{Flaw, check_patched_simulation};
use crate::messages::Input;
use crate::messages::control::{ValueChange, differences};
use crate::plugins::store::{ConfigChangeRow, WorldChange};
use crate::world::spec::{WorldSimulationConfig, WorldSpec};

/// The tag of what can be changed in a living world, which is its simulation block and its description: the same for the
/// same values.
pub fn entity_tag(simulation: &WorldSimulationConfig, description: &str) -> String {
    let text = serde_json::to_string(&(simulation, description)).unwrap_or_default();
    format!("\"{:016x}\"", xxh3_64(text.as_bytes()))
}

/// Whether an `If-Match` names this tag.
fn matches(if_match: &str, tag: &str) -> bool {
    if_match.split(',').map(str::trim).any(|wanted| wanted == "*" || wanted == tag || format!("\"{wanted}\"") == tag)
}

/// Applies a JSON Merge Patch (RFC 7396).
fn merge_patch(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = json!({});
    }
    if let Value::Object(target) = target {
        for (name, value) in patch {
            if value.is_null() {
                target.remove(name);
            } else {
                merge_patch(target.entry(name.clone()).or_insert(Value::Null), value);
            }
        }
    }
}

/// What a change comes to.
struct Plan {
    simulation: WorldSimulationConfig,
    /// The file with another description, if that changes.
    spec: Option<WorldSpec>,
    /// What changes, by pointers into the block; the description as `/description`.
    changes: Vec<ValueChange>,
    answer: Value,
}

fn json_of<T: serde::Serialize>(value: &T) -> Value {
    serde_json::to_value(value).unwrap_or_default()
}

/// What a patch of the block would change.
fn by_patch(present: &WorldSimulationConfig, description: &str, patch: &Value) -> Result<Plan, OrderError> {
    let before = json_of(present);
    let mut merged = before.clone();
    merge_patch(&mut merged, patch);
    let simulation = check_patched_simulation(patch, &merged).map_err(OrderError::Invalid)?;
    let after = json_of(&simulation);
    let changes = differences(&before, &after);
    let etag = entity_tag(&simulation, description);
    let answer = json!({ "simulation": after, "etag": etag, "changes": json_of(&changes) });
    Ok(Plan { simulation, spec: None, changes, answer })
}

/// What differs in what can be changed in a living world: simulation block and description.
pub(super) fn in_place(from: (&WorldSimulationConfig, &str), to: (&WorldSimulationConfig, &str)) -> Vec<ValueChange> {
    let mut changes = differences(&json_of(from.0), &json_of(to.0));
    if from.1 != to.1 {
        changes.push(ValueChange { pointer: "/description".into(), from: json!(from.1), to: json!(to.1) });
    }
    changes
}

/// The rows of the history that say so.
pub(super) fn change_rows(
    world: &Hosted,
    changes: Vec<ValueChange>,
    by: &str,
    command_id: Option<Uuid>,
    wall: i64,
) -> Vec<ConfigChangeRow> {
    let row = |ValueChange { pointer, from, to }| ConfigChangeRow {
        world_id: world.id.to_string(),
        shard: world.shard,
        pointer,
        from: (!from.is_null()).then(|| from.to_string()),
        to: (!to.is_null()).then(|| to.to_string()),
        changed_by: super::assemble::clean(by),
        command_id,
        recorded_at: wall,
        commit_no: 0,
    };
    changes.into_iter().map(row).collect()
}

/// What a changed file would change.
fn by_file(
    id: &WorldId,
    present: &WorldSimulationConfig,
    spec: &WorldSpec,
    file: WorldSpec,
) -> Result<Plan, OrderError> {
    if file.id != *id {
        return Err(OrderError::Refused(format!("the file is of world `{}`, not `{id}`", file.id)));
    }
    let mut living = spec.as_written();
    living.meta.simulation = present.clone();
    // The file of a living world has the agents that were read from the database: they are no change.
    let all: Vec<Value> = differences(&json_of(&living), &json_of(&file.as_written()))
        .into_iter()
        .map(|change| {
            let in_place = change.pointer == "/description" || change.pointer.starts_with("/meta/simulation/");
            // Whole lists of people would bury the rest.
            let shown = |value: Value| if value.is_array() || value.is_object() { json!("…") } else { value };
            json!({
                "pointer": change.pointer,
                "from": shown(change.from),
                "to": shown(change.to),
                "effect": if in_place { "in_place" } else { "reset" },
            })
        })
        .collect();
    let changes = in_place((present, &spec.description), (&file.meta.simulation, &file.description));
    let etag = entity_tag(&file.meta.simulation, &file.description);
    let spec = (file.description != spec.description)
        .then(|| WorldSpec { description: file.description.clone(), ..spec.clone() });
    let answer = json!({ "etag": etag, "changes": all });
    Ok(Plan { simulation: file.meta.simulation, spec, changes, answer })
}

/// The tiers must have room for everybody who is there. Whoever came with an input that is still under way is not counted.
fn check_room(
    present: &WorldSimulationConfig,
    next: &WorldSimulationConfig,
    npcs: PerTier<u32>,
    pointer: &str,
) -> Result<(), OrderError> {
    let room = |config: &WorldSimulationConfig| -> u64 {
        SimulationTier::ALL.into_iter().map(|tier| u64::from(config.tiers.of(tier).max_npcs)).sum()
    };
    let people: u64 = SimulationTier::ALL.into_iter().map(|tier| u64::from(npcs[tier])).sum();
    let (before, after) = (room(present), room(next));
    // Who has no room already is not kept from changing the rest.
    if people <= after || after >= before {
        return Ok(());
    }
    let words = format!("there are {people} NPCs, but the tiers hold {after}: raise `maxNpcs` of one");
    Err(OrderError::Invalid(vec![Flaw::new(pointer, "out_of_bounds", words)]))
}

impl Engine {
    /// Changes how a world is simulated: its pace at once, the rest with its next step.
    pub(super) fn begin_configure(
        &mut self,
        id: &WorldId,
        settings: Settings,
        if_match: Option<&str>,
        dry_run: bool,
        by: String,
        asked: Asked,
    ) -> Begun {
        let (now, wall) = (self.now(), self.wall_micros());
        let Some(world) = self.worlds.get_mut(id) else { return no(self.unknown_world(id), asked) };
        let tag = entity_tag(&world.simulation, &world.spec.description);
        if let Some(wanted) = if_match
            && !matches(wanted, &tag)
        {
            let words = format!("the configuration of world `{id}` is {tag} by now, not {wanted}: look at it again");
            return no(OrderError::Stale(words), asked);
        }
        let (plan, tiers) = match settings {
            Settings::Patch(patch) => (by_patch(&world.simulation, &world.spec.description, &patch), "/tiers"),
            Settings::File(file) => (by_file(id, &world.simulation, &world.spec, *file), "/meta/simulation/tiers"),
        };
        let fits = |plan: &Plan| check_room(&world.simulation, &plan.simulation, world.counts.npcs, tiers);
        let Plan { simulation, spec, changes, mut answer } = match plan.and_then(|plan| fits(&plan).map(|()| plan)) {
            Ok(plan) => plan,
            Err(error) => return no(error, asked),
        };
        if let Some(answer) = answer.as_object_mut() {
            answer.insert("world_id".into(), json!(id));
            answer.insert("dry_run".into(), dry_run.into());
        }
        if dry_run || changes.is_empty() {
            self.answer_behind(id, answer, asked);
            return Ok(());
        }
        let rows = change_rows(world, changes, &by, asked.command_id(), wall);
        tracing::info!(world_id = %id, by, values = rows.len(), "the configuration of a world changes");
        let differs = simulation != *world.simulation;
        let text = serde_json::to_string(&simulation).unwrap_or_default();
        world.configure(now, simulation.clone());
        world.row.simulation = Some(text.clone());
        if let Some(spec) = &spec {
            world.row.spec = serde_json::to_string(spec).unwrap_or_else(|_| world.row.spec.clone());
            world.spec = Arc::new(spec.clone());
        }
        let spec = spec.map(|_| world.row.spec.clone());
        let change = Some(WorldChange::Configure { world_id: id.to_string(), simulation: text, spec });
        let work = OrderWork { change, settings: rows, answer: Some(Ok(answer)), ..OrderWork::default() };
        let mut unit = asked.unit(work);
        if differs {
            let input = Input::Configure { simulation: Box::new(simulation), by };
            self.send_one(unit, id, Job::Apply(input));
        } else {
            unit.slots.insert(id.clone(), Slot::Touched);
            self.push_unit(unit);
        }
        self.refresh(id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patches_merge_as_the_rfc_says() {
        // Cases of RFC 7396, appendix A.
        let cases = [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": {"b": "c"}}), json!({"a": {"b": "d", "c": null}}), json!({"a": {"b": "d"}})),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!(["c", "d"]), json!(["c", "d"])),
            (json!({"a": "foo"}), Value::Null, Value::Null),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (json!({}), json!({"a": {"bb": {"ccc": null}}}), json!({"a": {"bb": {}}})),
        ];
        for (mut target, patch, expected) in cases {
            merge_patch(&mut target, &patch);
            assert_eq!(target, expected, "{patch}");
        }
    }

    #[test]
    fn a_tag_follows_the_values() {
        let one = WorldSimulationConfig::default();
        let two = WorldSimulationConfig { time_scale: 61.0, ..one.clone() };
        assert_eq!(entity_tag(&one, "w"), entity_tag(&one.clone(), "w"));
        assert_ne!(entity_tag(&one, "w"), entity_tag(&two, "w"));
        assert_ne!(entity_tag(&one, "w"), entity_tag(&one, "another"), "a description is a change like any other");
        let tag = entity_tag(&one, "w");
        assert!(matches(&tag, &tag) && matches("*", &tag) && matches(&format!("\"x\", {tag}"), &tag));
        assert!(matches(tag.trim_matches('"'), &tag), "the command line need not quote");
        assert!(!matches(&entity_tag(&two, "w"), &tag));
    }

    #[test]
    fn the_tiers_hold_everybody_who_is_there() {
        let wide = WorldSimulationConfig::default();
        let mut narrow = wide.clone();
        for tier in
            [&mut narrow.tiers.detailed, &mut narrow.tiers.active, &mut narrow.tiers.ambient, &mut narrow.tiers.dormant]
        {
            tier.max_npcs = 2;
        }
        let npcs = |each: u32| {
            let mut npcs = PerTier::default();
            for tier in SimulationTier::ALL {
                npcs[tier] = each;
            }
            npcs
        };
        assert_eq!(check_room(&wide, &narrow, npcs(2), "/tiers"), Ok(()));
        let Err(OrderError::Invalid(flaws)) = check_room(&wide, &narrow, npcs(3), "/tiers") else { panic!() };
        assert_eq!(flaws[0].pointer, "/tiers");
        assert!(flaws[0].detail.starts_with("there are 12 NPCs, but the tiers hold 8"), "{}", flaws[0].detail);
        assert_eq!(check_room(&narrow, &narrow, npcs(3), "/tiers"), Ok(()), "it was so before");
    }

    #[test]
    fn a_changed_file_says_what_needs_a_reset() {
        let id = WorldId::new("w").expect("an id");
        let spec = WorldSpec::named(id.clone());
        let mut file = spec.clone();
        file.description = "another".into();
        file.seed = 9;
        file.meta.simulation.time_scale = 30.0;
        let plan = by_file(&id, &spec.meta.simulation, &spec, file).expect("a plan");
        let effects: Vec<(&str, &str)> = plan.answer["changes"]
            .as_array()
            .expect("changes")
            .iter()
            .map(|change| (change["pointer"].as_str().expect("text"), change["effect"].as_str().expect("text")))
            .collect();
        let expected = [("/description", "in_place"), ("/meta/simulation/timeScale", "in_place"), ("/seed", "reset")];
        assert_eq!(effects, expected);
        let recorded: Vec<&str> = plan.changes.iter().map(|change| change.pointer.as_str()).collect();
        assert_eq!(recorded, ["/timeScale", "/description"]);
        assert_eq!(plan.spec.map(|spec| spec.seed), Some(1), "the seed stays");
    }
}
