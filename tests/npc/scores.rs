//! The eight factors of a score, one by one, at weights of 0, by default and of 10; and the example of `docs/npcs.md`.

use std::collections::BTreeMap;

use crate::npc_support::{hermit, part};
use serde_json::{Value, json};
use worldtick::components::clock::GameInstant;
use worldtick::components::ids::StableId;
use worldtick::components::npc::{AxisId, Flags, Npc, NpcState, PlaceId, PresetId, Relationships, RoutineId};
use worldtick::systems::npc::BehaviourModel;
use worldtick::systems::npc::compile::{compile, compile_override};
use worldtick::systems::npc::condition::{ConditionContext, Society};
use worldtick::systems::npc::extend::Extensions;
use worldtick::systems::npc::model::Weights;
use worldtick::systems::npc::preferences::{Cascade, Preferences};
use worldtick::systems::npc::score::{FACTORS, SCORE_MIN, Score, score};
use worldtick::world::spec::WorldSpec;

const ME: StableId = StableId(1);
const BERT: StableId = StableId(2);

/// Who is there: roles by id, and ids by the name of the world file.
#[derive(Default)]
struct Town {
    roles: BTreeMap<StableId, u32>,
    people: BTreeMap<u16, StableId>,
}

impl Society for Town {
    fn roles_of(&self, id: StableId) -> u32 {
        self.roles.get(&id).copied().unwrap_or(0)
    }
    fn person(&self, number: u16) -> Option<StableId> {
        self.people.get(&number).copied()
    }
    fn is_at(&self, _: StableId, _: PlaceId) -> bool {
        false
    }
    fn count_at(&self, _: u8, _: PlaceId) -> u32 {
        0
    }
    fn met(&self, _: u8, _: PlaceId, _: StableId) -> Vec<StableId> {
        Vec::new()
    }
}

/// An NPC that is about to decide.
struct Rig {
    model: BehaviourModel,
    town: Town,
    npc: Npc,
    state: NpcState,
    relationships: Relationships,
    session: Option<Preferences>,
    hour: i64,
}

impl Rig {
    /// The NPC of this preset in a world, at noon, with nothing that urges it.
    fn new(spec: &WorldSpec, routine: &str, preset: &str) -> Self {
        let compiled = compile(spec.behaviour.as_ref(), spec.npcs.as_ref(), &Extensions::default());
        let model = compiled.unwrap_or_else(|errors| panic!("{errors:#?}"));
        let routine = RoutineId(model.routine_names.require("routine", routine).expect("a routine"));
        let preset = Some(PresetId(model.preset_names.require("preset", preset).expect("a preset")));
        let (home, at) = (PlaceId(0), GameInstant::MIN);
        let state = NpcState {
            energy: 60.0,
            valence: 0.0,
            arousal: 0.0,
            activity: None,
            place: home,
            since: at,
            next_decision_at: at,
            decisions: 1,
        };
        let npc = Npc { name: None, routine, preset, home, work: home, roles: 0 };
        Self {
            model,
            town: Town::default(),
            npc,
            state,
            relationships: Relationships::default(),
            session: None,
            hour: 12,
        }
    }

    fn cascade(&self) -> Cascade<'_> {
        let routine = self.model.routine(self.npc.routine).map(|routine| &routine.defaults);
        let preset = self.npc.preset.and_then(|preset| self.model.preset(preset));
        Cascade { layers: [self.session.as_ref(), preset, routine] }
    }

    fn score(&self, activity: &str, weight: f64) -> Score {
        let id = self.model.activity_id(activity).expect("an activity");
        let no_flags = Flags::default();
        let context = ConditionContext {
            id: ME,
            npc: &self.npc,
            state: &self.state,
            relationships: &self.relationships,
            flags: None,
            session_flags: None,
            world_flags: &no_flags,
            now: GameInstant::from_micros(self.hour * 3_600_000_000).expect("an instant"),
            model: &self.model,
            society: &self.town,
        };
        score(&context, &self.cascade(), id, weight)
    }

    /// Bert, with the role `friend`, is there; and this is felt for him.
    fn with_bert(&mut self, affinity: Option<f64>) {
        let number = self.model.people.find("bert").expect("a person");
        self.town.people.insert(number, BERT);
        self.town.roles.insert(BERT, 1);
        let felt = affinity.map(|value| (BERT, AxisId(0), value));
        self.relationships = Relationships::from_values(felt);
    }
}

/// A world with this activity, its category and the preferences of the NPC, of the routine besides.
fn world(category: &str, activity: &Value, preferences: &Value, defaults: &Value) -> WorldSpec {
    hermit(|spec| {
        let behaviour = &mut spec["behaviour"];
        behaviour["activityCategories"] = json!({
            "any": {}, "social": {}, "work": {}, "leisure": {}, "quest": {}, "dear": {"defaultWeight": 0.6},
        });
        behaviour["activities"]["act"] = json!({"category": category, "minDurationSeconds": 60});
        for (key, value) in activity.as_object().expect("an object") {
            behaviour["activities"]["act"][key] = value.clone();
        }
        behaviour["presets"] = json!({"npcPreferences": {"p": {"preferences": preferences}}});
        behaviour["routines"]["only"]["defaultPreferences"] = defaults.clone();
        spec["npcs"]["individuals"]["bert"] = json!({"routine": "only", "home": "hut", "roles": ["friend"]});
    })
}

fn rig(category: &str, activity: Value, preferences: Value) -> Rig {
    Rig::new(&world(category, &activity, &preferences, &json!({})), "only", "p")
}

fn weights(number: usize, weight: f64) -> Weights {
    let mut all = Weights::default();
    *[
        &mut all.base,
        &mut all.activity,
        &mut all.category,
        &mut all.traits,
        &mut all.mood,
        &mut all.relationship,
        &mut all.urgency,
        &mut all.inertia,
    ][number] = weight;
    all
}

#[track_caller]
fn same(value: f64, wanted: f64, what: &str) {
    assert!((value - wanted).abs() < 1e-9, "{what}: {value} and not {wanted}");
}

/// Holds one factor to what it must be at a weight of 0, by default and of 10, and the score to their product.
#[track_caller]
fn holds(factor: &str, what: &str, mut rig: Rig, wanted: [f64; 3]) {
    let number = FACTORS.iter().position(|name| *name == factor).expect("a factor");
    let default = Weights::default();
    for (weights, wanted) in [weights(number, 0.0), default, weights(number, 10.0)].into_iter().zip(wanted) {
        rig.model.weights = weights;
        let scored = rig.score("act", 2.0);
        same(scored.factors[number], wanted, &format!("{factor}, {what}"));
        let product: f64 = scored.factors.iter().product();
        same(scored.total, product.max(SCORE_MIN), &format!("{factor}, {what}: the score"));
    }
}

#[test]
fn base_and_preferences_are_multiplied_by_their_weights() {
    let plain = |preferences: Value| rig("any", json!({}), preferences);
    holds("baseWeight", "priority 3, weight 2", rig("any", json!({"priority": 3}), json!({})), [1.0, 6.0, 60.0]);
    holds("activityPreference", "0.7", plain(json!({"activityWeights": {"act": 0.7}})), [1.0, 0.7, 7.0]);
    holds("activityPreference", "nothing said", plain(json!({})), [1.0, 0.5, 5.0]);
    holds("activityPreference", "never", plain(json!({"activityWeights": {"act": 0}})), [1.0, 0.0, 0.0]);
    holds("categoryPreference", "0.9", plain(json!({"categoryWeights": {"any": 0.9}})), [1.0, 0.72, 9.0]);
    holds("categoryPreference", "nothing said", plain(json!({})), [1.0, 0.4, 5.0]);
    holds("categoryPreference", "the category's", rig("dear", json!({}), json!({})), [1.0, 0.48, 6.0]);
}

#[test]
fn traits_suit_categories_and_people_have_their_time_of_day() {
    let suits =
        |category: &str, which: &str, value: u8| rig(category, json!({}), json!({"traitModifiers": {which: value}}));
    let (good, none, bad) = ([1.0, 1.18, 4.0], [1.0, 1.0, 1.0], [1.0, 0.85, 0.0]);
    let pairs =
        [("social", "extraversion"), ("work", "conscientiousness"), ("leisure", "openness"), ("quest", "openness")];
    for (category, which) in pairs {
        holds("traitModifier", which, suits(category, which, 80), good);
        holds("traitModifier", which, suits(category, which, 25), bad);
        holds("traitModifier", which, suits(category, "neuroticism", 90), none);
        holds("traitModifier", which, suits("any", which, 90), none);
    }
    holds("traitModifier", "none at all", suits("social", "extraversion", 0), [1.0, 0.7, 0.0]);

    let effort = || json!({"effects": {"energyDeltaPerHour": -2}});
    let at = |hour: i64, activity: Value, preferences: Value| {
        let mut rig = rig("any", activity, preferences);
        rig.hour = hour;
        rig
    };
    let (best, worst) = ([1.0, 1.15, 3.5], [1.0, 0.88, 0.0]);
    let table = [("morningPerson", [best, none, worst, worst]), ("nightOwl", [worst, none, best, best])];
    for (who, factors) in table {
        for (hour, wanted) in [8, 14, 19, 23].into_iter().zip(factors) {
            let what = format!("{who} at {hour}");
            holds("traitModifier", &what, at(hour, effort(), json!({who: true})), wanted);
            let restful = json!({"effects": {"energyDeltaPerHour": 2}});
            holds("traitModifier", &what, at(hour, restful, json!({who: true})), none);
            let both = json!({"morningPerson": true, "nightOwl": true});
            holds("traitModifier", "both", at(hour, effort(), both), none);
        }
    }
    let mut keen = rig("work", effort(), json!({"morningPerson": true, "traitModifiers": {"conscientiousness": 70}}));
    keen.hour = 6;
    holds("traitModifier", "trait and time together", keen, [1.0, 1.3, 6.0]);
}

#[test]
fn a_required_mood_counts_for_what_requires_it() {
    let mut happy = rig("any", json!({"requirements": {"moodTags": ["happy", "calm"]}}), json!({}));
    happy.state.valence = 60.0;
    holds("moodCompatibility", "happy", happy, [1.0, 1.35, 6.0]);
    let mut happy = rig("any", json!({}), json!({}));
    happy.state.valence = 60.0;
    holds("moodCompatibility", "no mood named", happy, [1.0, 1.0, 1.0]);
}

#[test]
fn company_counts_by_affinity_and_by_preferences_for_persons_and_their_roles() {
    let feels = |partner: &str, affinity: Option<f64>, preferences: Value| {
        let mut rig = rig("any", json!({"effects": {"relationshipChanges": {partner: {"affinity": 1}}}}), preferences);
        rig.with_bert(affinity);
        rig
    };
    let none = || json!({});
    let factor = "relationshipBonus";
    holds(factor, "alone", rig("any", json!({}), json!({"preferredNpcIdsOrRoles": ["bert"]})), [1.0, 1.0, 1.0]);
    for partner in ["bert", "friend"] {
        let what = |what: &str| format!("{what} with {partner}");
        holds(factor, &what("90"), feels(partner, Some(90.0), none()), [1.0, 1.2, 5.0]);
        holds(factor, &what("10"), feels(partner, Some(10.0), none()), [1.0, 0.8, 0.0]);
        holds(factor, &what("stranger"), feels(partner, None, none()), [1.0, 1.0, 1.0]);
        for listed in ["bert", "friend"] {
            let (liked, shunned) =
                (json!({"preferredNpcIdsOrRoles": [listed]}), json!({"avoidedNpcIdsOrRoles": [listed]}));
            let what = |what: &str| format!("{what} {listed} with {partner}");
            holds(factor, &what("prefers"), feels(partner, Some(60.0), liked.clone()), [1.0, 1.175, 4.5]);
            holds(factor, &what("avoids"), feels(partner, Some(60.0), shunned.clone()), [1.0, 0.925, 0.0]);
            holds(factor, &what("prefers stranger"), feels(partner, None, liked.clone()), [1.0, 1.125, 3.5]);
            holds(factor, &what("avoids stranger"), feels(partner, None, shunned), [1.0, 0.875, 0.0]);
            holds(factor, &what("prefers dear"), feels(partner, Some(90.0), liked), [1.0, 1.25, 6.0]);
        }
        let both = json!({"preferredNpcIdsOrRoles": ["bert"], "avoidedNpcIdsOrRoles": ["friend"]});
        holds(factor, &what("prefers and avoids"), feels(partner, Some(90.0), both), [1.0, 1.2, 5.0]);
    }
    // Of a role the best counts: somebody else whom one likes makes up for the one who is avoided.
    let mut crowd = feels("friend", None, json!({"avoidedNpcIdsOrRoles": ["bert"]}));
    let other = StableId(3);
    crowd.town.roles.insert(other, 1);
    crowd.relationships = Relationships::from_values([(BERT, AxisId(0), 80.0), (other, AxisId(0), 70.0)]);
    holds(factor, "the best of a role", crowd, [1.0, 1.1, 3.0]);
}

#[test]
fn needs_and_a_low_mood_urge() {
    let feels = |energy: f32, valence: f32, hourly: f64, lifts: f64| {
        let effects = json!({"energyDeltaPerHour": hourly, "moodImpact": {"valence": lifts, "arousal": 0}});
        let mut rig = rig("any", json!({ "effects": effects }), json!({}));
        (rig.state.energy, rig.state.valence) = (energy, valence);
        rig
    };
    let none = [1.0, 1.0, 1.0];
    let table = [
        ("tired, restores", feels(29.0, 0.0, 5.0, 0.0), [1.0, 2.2, 11.0]),
        ("tired, uses", feels(29.0, 0.0, -5.0, 0.0), none),
        ("not quite tired", feels(30.0, 0.0, 5.0, 0.0), none),
        ("fresh, uses", feels(81.0, 0.0, -5.0, 0.0), [1.0, 1.6, 6.0]),
        ("fresh, restores", feels(81.0, 0.0, 5.0, 0.0), none),
        ("not quite fresh", feels(80.0, 0.0, -5.0, 0.0), none),
        ("low, lifts", feels(60.0, -31.0, 0.0, 1.0), [1.0, 1.6, 6.0]),
        ("low, lowers", feels(60.0, -31.0, 0.0, -1.0), none),
        ("not quite low", feels(60.0, -30.0, 0.0, 1.0), none),
        ("tired and low", feels(10.0, -50.0, 5.0, 1.0), [1.0, 3.4, 21.0]),
        ("fresh and low", feels(90.0, -50.0, -5.0, 1.0), [1.0, 2.5, 13.5]),
    ];
    for (what, rig, wanted) in table {
        holds("urgency", what, rig, wanted);
    }
}

#[test]
fn what_is_done_already_has_inertia() {
    let mut busy = rig("any", json!({}), json!({}));
    busy.state.activity = busy.model.activity_id("act");
    holds("inertia", "busy with it", busy, [1.0, 1.3, 11.0]);
    holds("inertia", "not busy", rig("any", json!({}), json!({})), [1.0, 1.0, 1.0]);
}

#[test]
fn session_goes_before_preset_before_routine_key_by_key() {
    let routine = json!({
        "traitModifiers": {"extraversion": 10, "openness": 20, "conscientiousness": 30},
        "categoryWeights": {"any": 0.1, "social": 0.2, "work": 0.3},
        "preferredNpcIdsOrRoles": ["friend"], "avoidedNpcIdsOrRoles": ["friend"], "favoriteLocations": ["hut"],
        "morningPerson": true, "nightOwl": true,
    });
    let preset = json!({
        "traitModifiers": {"extraversion": 40, "openness": 50}, "categoryWeights": {"any": 0.4, "social": 0.5},
        "avoidedNpcIdsOrRoles": ["bert"], "nightOwl": false,
    });
    let session =
        json!({"traitModifiers": {"extraversion": 90}, "categoryWeights": {"any": 0.9}, "morningPerson": false});
    let mut rig = Rig::new(&world("social", &json!({}), &preset, &routine), "only", "p");
    let values = |rig: &Rig| {
        let cascade = rig.cascade();
        let category = |name: &str| cascade.category(rig.model.category_names.find(name).expect("one")).expect("said");
        let traits = [0, 1, 2].map(|number| cascade.trait_value(number));
        let people = (cascade.preferred().len(), cascade.avoided() == cascade.preferred());
        (traits, ["any", "social", "work"].map(category), people, cascade.is_morning_person(), cascade.is_night_owl())
    };
    // In the order of `TRAITS`: extraversion, conscientiousness, openness.
    assert_eq!(values(&rig), ([40.0, 30.0, 50.0], [0.4, 0.5, 0.3], (1, false), true, false));
    let spec = part(session);
    rig.session = Some(compile_override(&rig.model, &spec).expect("preferences"));
    assert_eq!(values(&rig), ([90.0, 30.0, 50.0], [0.9, 0.5, 0.3], (1, false), false, false));
    same(rig.score("act", 1.0).factors[3], 1.24, "what the session says of extraversion counts");
}

/// The example of `docs/npcs.md`, in the world that ships.
#[test]
fn the_example_of_the_manual_is_true() {
    let spec = WorldSpec::default_world().expect("valid");
    let lena = &spec.npcs.as_ref().expect("people").individuals["lena-park"];
    let mut rig = Rig::new(&spec, &lena.routine, lena.preset.as_deref().expect("a preset"));
    rig.hour = 18;
    let go_out = rig.model.routine(rig.npc.routine).expect("a routine");
    let node = go_out.nodes.iter().find(|node| &*node.name == "go-out").expect("the node");
    let weight = |rig: &Rig, name: &str| {
        let id = rig.model.activity_id(name);
        node.preferred.iter().find(|(other, ..)| Some(*other) == id).map(|(_, weight, _)| *weight).expect("offered")
    };
    let (drink, study) = ("drink_with_friends", "study");
    let scores = [drink, study].map(|name| rig.score(name, weight(&rig, name)));
    for (score, wanted) in scores.iter().zip([[4.0, 0.2, 0.4, 0.85], [1.0, 0.9, 0.4, 1.18]]) {
        score.factors.iter().zip(wanted).for_each(|(factor, wanted)| same(*factor, wanted, "a factor"));
        score.factors[4..].iter().for_each(|factor| same(*factor, 1.0, "the rest"));
    }
    assert_eq!(scores.each_ref().map(|score| format!("{:.3}", score.total)), ["0.272", "0.425"]);
    let share = scores[1].total / (scores[0].total + scores[1].total);
    assert_eq!(format!("{share:.2}"), "0.61");
    rig.state.energy = 25.0;
    let urgency = |name: &str| rig.score(name, 1.0).factors[6];
    same(urgency(drink), 1.0, "urgency of a drink");
    same(urgency(study), 1.0, "urgency of study");
    same(urgency("eat_at_home"), 2.2, "urgency of a meal");
}
