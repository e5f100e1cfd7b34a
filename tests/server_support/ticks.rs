//! Tick messages as other services send them.

use serde_json::{Value, json};
use uuid::Uuid;

/// The hourly example of the first document, on one line.
pub const HOURLY_EXAMPLE: &str = r#"{"event_id":"550e8400-e29b-41d4-a716-446655440000","event_type":"world.tick.hourly","timestamp":"2024-01-15T14:00:00Z","version":"1.0.0","source":"simulation.ticker","data":{"tick_id":"660e8400-e29b-41d4-a716-446655440001","tick_type":"hourly","game_hour":14,"game_time":"2024-01-15T14:00:00Z","tick_timestamp":"2024-01-15T14:00:00Z","triggered_by":"scheduler","consumers":["economy-service","analytics-service"]}}"#;
pub const HOURLY_EXAMPLE_TICK: &str = "660e8400-e29b-41d4-a716-446655440001";

/// The daily example, on one line.
pub const DAILY_EXAMPLE: &str = r#"{"event_id":"770e8400-e29b-41d4-a716-446655440002","event_type":"world.tick.daily","timestamp":"2024-01-15T00:00:00Z","version":"1.0.0","source":"simulation.ticker","data":{"tick_id":"880e8400-e29b-41d4-a716-446655440003","tick_type":"daily","game_day":1461,"game_time":"2024-01-15T00:00:00Z","tick_timestamp":"2024-01-15T00:00:00Z","triggered_by":"scheduler","consumers":["world-simulation-python","social-service","analytics-service"],"metadata":{"simulation_day":1461,"simulation_week":208,"simulation_month":48,"simulation_year":2024}}}"#;
pub const DAILY_EXAMPLE_TICK: &str = "880e8400-e29b-41d4-a716-446655440003";

/// A tick to be sent.
#[derive(Debug, Clone)]
pub struct Tick {
    pub id: String,
    value: Value,
}

impl Tick {
    /// An hourly tick for a world, with an id of its own.
    pub fn hourly(world: &str, game_time: &str) -> Self {
        let id = Uuid::new_v4().to_string();
        let value = json!({
            "event_id": Uuid::new_v4(), "event_type": "world.tick.hourly", "timestamp": "2024-01-15T14:00:00Z",
            "version": "1.0.0", "source": "simulation.ticker", "world_id": world,
            "data": {
                "tick_id": id, "tick_type": "hourly", "game_hour": 14, "game_time": game_time,
                "tick_timestamp": "2024-01-15T14:00:00Z",
            },
        });
        Self { id, value }
    }

    /// The same with an id that is known beforehand.
    #[must_use]
    pub fn with_id(mut self, id: Uuid) -> Self {
        self.id = id.to_string();
        self.value["data"]["tick_id"] = self.id.clone().into();
        self
    }

    /// On one line.
    pub fn text(&self) -> String {
        self.value.to_string()
    }
}
