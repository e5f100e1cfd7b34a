//! The schemas of messages and files: they are those of the types, and what others send and what we send fits them.

#![cfg(feature = "server")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use bevy_app::App;
use bevy_ecs::message::Message;
use jsonschema::Validator;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use uuid::Uuid;
use worldtick::cli::check_message;
use worldtick::components::ids::WorldId;
use worldtick::messages::control::{WorldConfigChanged, WorldPaused, WorldResumed};
use worldtick::messages::crowd::{AgentAction, AgentActionType, CrowdSignal, MovementType, PopulationMovement};
use worldtick::messages::diplomacy::{DiplomacySummary, DiplomacyUpdate};
use worldtick::messages::market::{
    AggregatedStats, DemandLevel, DemandSignal, MarketCleared, StatsMetrics, StatsTeller, StatsType,
};
use worldtick::messages::npc::NpcActivityChanged;
use worldtick::messages::shock::MarketShock;
use worldtick::messages::tier::NpcTierChanged;
use worldtick::messages::trend::{SocialTrend, TrendType};
use worldtick::messages::{Envelope, EventRecord, Input, SimulationEvent, TickMessage, TickType, TriggeredBy};
use worldtick::plugins::WorldPlugins;
use worldtick::schemas;
use worldtick::testing::Stepper;
use worldtick::ticker::{TickRequest, tick_message};
use worldtick::world::spec::WorldSpec;

const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/schemas");

/// Each schema, ready to check with.
static VALIDATORS: LazyLock<BTreeMap<&str, Validator>> = LazyLock::new(|| {
    let ready = |schema: &Schema| jsonschema::options().should_validate_formats(true).build(schema.as_value());
    schemas::all().into_iter().map(|(name, schema)| (name, ready(&schema).expect("a schema"))).collect()
});

fn differences(schema: &str, value: &Value) -> Vec<String> {
    let validator = VALIDATORS.get(schema).unwrap_or_else(|| panic!("there is a schema {schema}"));
    validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn assert_valid(schema: &str, value: &Value) {
    let found = differences(schema, value);
    assert!(found.is_empty(), "{schema}: {found:?}\n{value:#}");
}

#[test]
fn the_files_are_those_of_the_types() {
    let wanted = schemas::files();
    for (name, text) in &wanted {
        let found = std::fs::read_to_string(format!("{FOLDER}/{name}")).unwrap_or_default();
        assert!(&found == text, "{name} is out of date: write it with `cargo run -- schemas write assets/schemas`");
    }
    let names =
        std::fs::read_dir(FOLDER).expect("the folder is there").map(|entry| entry.expect("readable").file_name());
    for name in names {
        let name = name.to_string_lossy().into_owned();
        assert!(wanted.contains_key(&name), "{name} belongs to no type any more");
    }
}

#[test]
fn the_types_for_typescript_are_those_of_the_schemas() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/types/worldtick.d.ts");
    let found = std::fs::read_to_string(path).unwrap_or_default();
    assert!(found == schemas::typescript(), "write it with `cargo run -- schemas types assets/types/worldtick.d.ts`");
}

#[test]
fn every_schema_is_a_schema() {
    let all = schemas::all();
    assert!(all.len() >= 14);
    for (name, schema) in all {
        assert!(jsonschema::draft202012::meta::is_valid(schema.as_value()), "{name}");
        jsonschema::options().offline().build(schema.as_value()).unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

/// The examples of the document that describes these messages.
fn hourly() -> Value {
    json!({
        "event_id": "550e8400-e29b-41d4-a716-446655440000", "event_type": "world.tick.hourly",
        "timestamp": "2024-01-15T14:00:00Z", "version": "1.0.0", "source": "simulation.ticker",
        "data": {
            "tick_id": "660e8400-e29b-41d4-a716-446655440001", "tick_type": "hourly", "game_hour": 14,
            "game_time": "2024-01-15T14:00:00Z", "tick_timestamp": "2024-01-15T14:00:00Z",
            "triggered_by": "scheduler", "consumers": ["economy-service", "analytics-service"]
        }
    })
}

fn daily() -> Value {
    json!({
        "event_id": "770e8400-e29b-41d4-a716-446655440002", "event_type": "world.tick.daily",
        "timestamp": "2024-01-15T00:00:00Z", "version": "1.0.0", "source": "simulation.ticker",
        "data": {
            "tick_id": "880e8400-e29b-41d4-a716-446655440003", "tick_type": "daily", "game_day": 1461,
            "game_time": "2024-01-15T00:00:00Z", "tick_timestamp": "2024-01-15T00:00:00Z",
            "triggered_by": "scheduler",
            "consumers": ["world-simulation-python", "social-service", "analytics-service"],
            "metadata": {"simulation_day": 1461, "simulation_week": 208, "simulation_month": 48, "simulation_year": 2024}
        }
    })
}

fn market() -> Value {
    json!({
        "event_type": "simulation.event.market_cleared", "commodity": "Food", "price": 10.50, "volume": 150,
        "timestamp": "2024-01-15T14:05:00Z", "market_id": "market-Food", "period": "hourly",
        "tick_id": "660e8400-e29b-41d4-a716-446655440001", "game_hour": 14
    })
}

fn crowd() -> Value {
    json!({
        "event_type": "simulation.event.crowd_signal", "signal_type": "food_demand_rising",
        "location": "night_city_sector_4", "magnitude": 75.5, "change_percent": 15.2, "agent_count": 150,
        "aggregation_timestamp": "2024-01-15T00:05:00Z", "time_window_minutes": 60, "predicted_duration_minutes": 120
    })
}

fn diplomacy(state: &str) -> Value {
    json!({
        "event_type": "simulation.event.diplomacy_update", "faction_a_id": "0b2a1f34-7a1e-4a5c-9d0f-0d8f0a6f1a01",
        "faction_b_id": "0b2a1f34-7a1e-4a5c-9d0f-0d8f0a6f1a02", "new_relation_state": state, "score_change": -15.5,
        "reason": "Territorial dispute escalation"
    })
}

#[test]
fn the_examples_of_ticks_validate_and_round_trip() {
    for example in [hourly(), daily()] {
        assert_valid(schemas::TICKS, &example);
        assert_valid(schemas::BASE, &example);
        assert_eq!(check_message(&example), []);
        let message = TickMessage::parse(example.to_string().as_bytes()).expect("the reader takes it");
        assert_eq!(serde_json::to_value(message).expect("json"), example);
    }
}

/// Reads the payload of an example and writes it again; the envelope's fields aside, nothing may be lost.
fn round_trip<T: DeserializeOwned + Serialize>(example: &Value) {
    let event: T = serde_json::from_value(example.clone()).expect("the type takes it");
    let written = serde_json::to_value(event).expect("json");
    for (name, value) in example.as_object().expect("an object") {
        if !["event_type", "timestamp", "tick_id"].contains(&name.as_str()) {
            assert_eq!(written.get(name), Some(value), "{name}");
        }
    }
}

#[test]
fn the_examples_of_simulation_events_validate_and_round_trip() {
    let states = ["WAR", "PEACE", "ALLIANCE", "COLD_WAR"];
    let examples = [market(), crowd()].into_iter().chain(states.map(diplomacy));
    for example in examples {
        let event_type = example["event_type"].as_str().expect("a text");
        assert_valid(event_type, &example);
        assert_valid(schemas::EVENTS, &example);
        assert_eq!(check_message(&example), []);
    }
    round_trip::<MarketCleared>(&market());
    round_trip::<CrowdSignal>(&crowd());
    states.iter().for_each(|state| round_trip::<DiplomacyUpdate>(&diplomacy(state)));
}

/// An event as a world sends it, in both envelopes, against its own schema and that of every event.
fn check_sent<E: SimulationEvent + Message + Serialize + JsonSchema>(event: &E) {
    let Value::Object(payload) = serde_json::to_value(event).expect("json") else { panic!("an object") };
    let record = EventRecord {
        event_id: Uuid::from_u128(7),
        event_type: E::EVENT_TYPE,
        source: E::SOURCE,
        version: E::VERSION,
        timestamp: "2077-01-15T14:00:00Z".parse().expect("an instant"),
        world_id: WorldId::new("night-city").expect("an id"),
        tick_id: Some(Uuid::from_u128(8)),
        key: event.key(),
        payload,
    };
    for envelope in [Envelope::Flat, Envelope::Data] {
        let sent = record.to_value(envelope);
        assert_valid(E::EVENT_TYPE, &sent);
        assert_valid(schemas::EVENTS, &sent);
        assert_valid(schemas::BASE, &sent);
        assert_eq!(check_message(&sent), []);
    }
    let mut broken = record.to_value(Envelope::Flat);
    let required =
        schemas::all()[E::EVENT_TYPE].pointer("/$defs/payload/required/0").cloned().expect("something is required");
    let first = required.as_str().expect("a name");
    broken.as_object_mut().expect("an object").remove(first);
    assert!(!differences(E::EVENT_TYPE, &broken).is_empty(), "{first} is required");
    assert!(!differences(schemas::EVENTS, &broken).is_empty(), "{first} is required by the schema of all events");
}

#[test]
fn what_worlds_send_fits_the_schemas_in_both_envelopes() {
    let location = || "night_city_sector_4".to_owned();
    check_sent(&serde_json::from_value::<MarketCleared>(market()).expect("valid"));
    check_sent(&serde_json::from_value::<CrowdSignal>(crowd()).expect("valid"));
    check_sent(&serde_json::from_value::<DiplomacyUpdate>(diplomacy("WAR")).expect("valid"));
    check_sent(&AgentAction {
        agent_id: "7".into(),
        action_type: AgentActionType::BuyFood,
        location: location(),
        sector: None,
        metadata: None,
        at: None,
    });
    check_sent(&PopulationMovement {
        from_location: location(),
        to_location: "elsewhere".into(),
        movement_type: MovementType::EventDriven,
        agent_count: 3,
        reason: None,
        estimated_duration_hours: None,
    });
    check_sent(&SocialTrend {
        trend_type: TrendType::ViralContent,
        location: location(),
        trend_strength: 12.5,
        topic: Some("prices".into()),
        agent_participation_count: Some(5),
        spread_rate: Some(0.5),
        estimated_duration_hours: None,
    });
    check_sent(&DemandSignal {
        commodity: None,
        commodity_type: "food".into(),
        location: location().into(),
        demand_level: DemandLevel::VeryHigh,
        demand_change_percent: Some(-3.0),
        predicted_price_impact_percent: None,
        agent_count: Some(9),
    });
    check_sent(&AggregatedStats {
        location: location().into(),
        stats_type: StatsType::HourlySummary,
        time_window_minutes: Some(60),
        aggregation_timestamp: None,
        metrics: StatsMetrics::default(),
        teller: StatsTeller::Crowd,
    });
}

#[test]
fn what_a_world_tells_of_its_people_and_of_itself_fits_the_schemas() {
    let spec = WorldSpec::default_world().expect("valid");
    let mut simulation = spec.meta.simulation.clone();
    simulation.time_scale /= 2.0;
    simulation.tiers.dormant.share = Some(20);
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins(WorldPlugins { spec: spec.clone() });
        app
    })
    .expect("a world");
    world.apply(Input::Configure { simulation: Box::new(simulation), by: "ops".into() }).expect("configured");
    for until in [None, Some(1_772_366_400_000_000)] {
        world.apply(Input::Paused { reason: "a scene".into(), by: "ops".into(), until }).expect("paused");
        world.apply(Input::Resumed { by: "until".into() }).expect("resumed");
    }
    // Who is detailed tells what it does.
    world.send("npc.pin", json!({"npc": "silas-crow", "tier": "detailed"})).expect("pinned");
    world.hours(12).expect("half a day");
    told::<NpcActivityChanged>(&world);
    told::<NpcTierChanged>(&world);
    told::<WorldConfigChanged>(&world);
    told::<WorldPaused>(&world);
    told::<WorldResumed>(&world);
}

/// Checks all events of a kind that a world has sent.
fn told<E: SimulationEvent + DeserializeOwned>(world: &Stepper) {
    let events = world.events_of::<E>().expect("they have their shape");
    assert!(!events.is_empty(), "{}", E::EVENT_TYPE);
    events.iter().for_each(check_sent);
}

/// The examples in the schema of an event: whole, valid, and the same when they are read and written again.
fn check_examples<E: SimulationEvent + DeserializeOwned>() -> &'static str {
    let all = schemas::all();
    let schema = &all[E::EVENT_TYPE];
    let examples = schema.get("examples").and_then(Value::as_array).expect("it has examples");
    assert!(!examples.is_empty());
    for example in examples {
        for name in [E::EVENT_TYPE, schemas::EVENTS, schemas::BASE] {
            assert_valid(name, example);
        }
        assert_eq!(check_message(example), []);
        let event: E = serde_json::from_value(example.clone()).expect("the type takes it");
        let Value::Object(written) = serde_json::to_value(&event).expect("json") else { panic!("an object") };
        let mut payload = example.as_object().expect("an object").clone();
        for name in ["event_id", "event_type", "timestamp", "version", "source", "world_id"] {
            assert!(payload.remove(name).is_some(), "{name}");
        }
        payload.remove("tick_id");
        assert_eq!(payload, written, "{}", E::EVENT_TYPE);
        let fields = schema.pointer("/$defs/payload/properties").and_then(Value::as_object).expect("fields");
        for field in fields.keys() {
            assert!(payload.contains_key(field), "the example of {} shows `{field}`", E::EVENT_TYPE);
        }
        check_sent(&event);
    }
    E::EVENT_TYPE
}

#[test]
fn every_event_has_an_example_in_its_schema() {
    let checked = BTreeSet::from([
        check_examples::<AgentAction>(),
        check_examples::<AggregatedStats>(),
        check_examples::<CrowdSignal>(),
        check_examples::<DemandSignal>(),
        check_examples::<DiplomacySummary>(),
        check_examples::<DiplomacyUpdate>(),
        check_examples::<MarketCleared>(),
        check_examples::<MarketShock>(),
        check_examples::<NpcActivityChanged>(),
        check_examples::<NpcTierChanged>(),
        check_examples::<PopulationMovement>(),
        check_examples::<SocialTrend>(),
        check_examples::<WorldConfigChanged>(),
        check_examples::<WorldPaused>(),
        check_examples::<WorldResumed>(),
    ]);
    let all = schemas::all();
    assert_eq!(checked, all.keys().copied().filter(|name| name.starts_with("simulation.event.")).collect());
}

#[test]
fn what_the_ticker_sends_fits_the_schema() {
    for tick_type in [TickType::Hourly, TickType::Daily] {
        let message = tick_message(&TickRequest {
            tick_type,
            world: Some(WorldId::new("night-city").expect("an id")),
            slot: "2026-03-01T00:00:00Z".parse().expect("an instant"),
            game_time: "2127-12-21T00:00:00Z".parse().expect("an instant"),
            made_at: "2026-03-01T00:00:01Z".parse().expect("an instant"),
            triggered_by: TriggeredBy::Manual,
        });
        let value = serde_json::to_value(&message).expect("json");
        assert_valid(schemas::TICKS, &value);
        assert_valid(schemas::BASE, &value);
    }
}

#[test]
fn bad_ticks_are_refused_by_the_schema_with_every_error() {
    let mut bad = hourly();
    bad["data"]["game_hour"] = json!(25);
    bad["timestamp"] = json!("yesterday");
    bad["data"].as_object_mut().expect("an object").remove("tick_id");
    let told = check_message(&bad);
    let pointers: Vec<&str> = told.iter().map(|problem| problem.pointer.as_str()).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(pointers.contains(&"/timestamp") && pointers.contains(&"/data/game_hour") && pointers.contains(&"/data"));
    let mut other_type = hourly();
    other_type["data"]["tick_type"] = json!("daily");
    assert_eq!(check_message(&other_type).len(), 1);
    let mut without_hour = hourly();
    without_hour["data"].as_object_mut().expect("an object").remove("game_hour");
    assert_eq!(check_message(&without_hour).len(), 1);
    for (event_type, tick_type) in [("world.tick.game_hour", "game_hour"), ("world.tick.game_hour", "hourly")] {
        let mut other_name = hourly();
        other_name["event_type"] = json!(event_type);
        other_name["data"]["tick_type"] = json!(tick_type);
        assert_eq!(check_message(&other_name), []);
    }
}

#[test]
fn the_files_of_the_project_fit_their_schemas() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/config");
    let world: Value = serde_saphyr::from_str(worldtick::world::spec::DEFAULT_WORLD).expect("YAML");
    assert_valid("world-file", &world);
    let topics = std::fs::read_to_string(format!("{root}/topics.yaml")).expect("readable");
    assert_valid("topics-file", &serde_saphyr::from_str(&topics).expect("YAML"));
    assert_valid("server-config", &serde_json::to_value(worldtick::config::ServerConfig::default()).expect("json"));
}

#[test]
fn the_configuration_file_of_the_project_is_the_one_that_explains_every_key() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/assets/config/server.toml");
    let found = std::fs::read_to_string(path).unwrap_or_default();
    let wanted = worldtick::config::show::example();
    assert!(found == wanted, "write it with `cargo run -- config example > assets/config/server.toml`");
}
