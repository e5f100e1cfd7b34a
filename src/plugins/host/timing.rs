//! Orders that move a world's time or stop it: pausing, stepping, forcing ticks.

use serde_json::{Value, json};
use uuid::Uuid;

use super::commands::Asked;
use super::engine::Engine;
use super::hosted::left_of_the_calendar;
use super::orders::{Begun, OrderError, STEP_GAME_MICROS_MAX, StepSpan, no};
use super::unit::{OrderWork, Slot, TickWork};
use super::worker::Job;
use crate::components::clock::{ClockSource, GameInstant};
use crate::components::ids::WorldId;
use crate::config::Flaw;
use crate::messages::{Input, TickInput, TickType};
use crate::plugins::bridge::inbound::RawRecord;
use crate::plugins::store::{WorldChange, WorldStatus};
use crate::world::spec::STEPS_MAX;

impl Engine {
    /// A pause like the one that holds changes nothing.
    pub(super) fn begin_pause(&mut self, id: &WorldId, reason: String, by: String, until: Option<i64>, asked: Asked) {
        if let Some(over) = until.filter(|until| *until <= self.wall_micros()) {
            let over =
                jiff::Timestamp::from_microsecond(over).map_or_else(|_| "that".to_owned(), |over| over.to_string());
            let words = format!("{over} is over: the pause would end before it begins");
            self.refuse(OrderError::Invalid(vec![Flaw::new("/until", "out_of_bounds", words)]), asked);
            return;
        }
        let since = self.wall_micros();
        let Some(world) = self.worlds.get(id) else { return };
        let same = matches!(&world.status, WorldStatus::Paused { reason: r, by: b, until: u, .. }
            if *r == reason && *b == by && *u == until);
        if same {
            let answer = serde_json::to_value(&world.status).unwrap_or_default();
            return self.answer_behind(id, answer, asked);
        }
        let input = Input::Paused { reason: reason.clone(), by: by.clone(), until };
        self.change_status(id, WorldStatus::Paused { reason, by, since, until }, input, asked);
    }

    pub(super) fn begin_resume(&mut self, id: &WorldId, by: String, asked: Asked) {
        let Some(world) = self.worlds.get(id) else { return };
        if world.is_running() {
            let answer = serde_json::to_value(&world.status).unwrap_or_default();
            return self.answer_behind(id, answer, asked);
        }
        self.change_status(id, WorldStatus::Running, Input::Resumed { by }, asked);
    }

    /// Answers behind everything that the world has under way, and changes nothing.
    pub(super) fn answer_behind(&mut self, id: &WorldId, answer: Value, asked: Asked) {
        let mut unit = asked.unit(OrderWork { answer: Some(Ok(answer)), ..OrderWork::default() });
        unit.slots.insert(id.clone(), Slot::Touched);
        self.push_unit(unit);
    }

    /// Changes a world's status at once; the change is durable with the commit that holds what the world says of it.
    fn change_status(&mut self, id: &WorldId, status: WorldStatus, input: Input, asked: Asked) {
        let now = self.now();
        let Some(world) = self.worlds.get_mut(id) else { return };
        tracing::info!(world_id = %id, status = ?status, "world status changes");
        world.status = status.clone();
        world.row.status = status.clone();
        world.begin_pace(now);
        let answer = serde_json::to_value(&status).unwrap_or_default();
        let change = Some(WorldChange::Status { world_id: id.to_string(), status });
        let unit = asked.unit(OrderWork { change, answer: Some(Ok(answer)), ..OrderWork::default() });
        self.send_one(unit, id, Job::Apply(input));
        self.refresh(id);
    }

    pub(super) fn begin_step(&mut self, id: &WorldId, span: StepSpan, steps: u32, asked: Asked) -> Begun {
        let wall_micros = self.wall_micros();
        let Some(world) = self.worlds.get(id) else { return no(self.unknown_world(id), asked) };
        let refusal = match world.spec.clock {
            ClockSource::Ticks => Some(format!("world `{id}` takes its time from tick messages: send it a tick")),
            ClockSource::Live if world.is_running() => {
                Some(format!("world `{id}` is live: pause it before you step it"))
            }
            _ => None,
        };
        if let Some(words) = refusal {
            return no(OrderError::Conflict(words), asked);
        }
        let game_micros = span.game_micros(world.simulation.scale());
        if game_micros > u128::from(STEP_GAME_MICROS_MAX) || span == StepSpan::Game(0) {
            let words = format!("a step takes more than nothing and at most 31 game days, not {game_micros} µs");
            return no(OrderError::Refused(words), asked);
        }
        let steps_made = world.simulation.steps_in(u64::try_from(game_micros).unwrap_or(u64::MAX), steps);
        if steps_made > u64::from(STEPS_MAX) {
            let words = format!(
                "that would be {steps_made} steps of at most {} game seconds each, and one order makes at most {}: ask for \
                 less at once, or raise maxStepGameSeconds",
                world.simulation.max_step_game_seconds, STEPS_MAX
            );
            return no(OrderError::Refused(words), asked);
        }
        if world.now.is_some_and(|now| game_micros > left_of_the_calendar(now)) {
            let words =
                format!("the calendar ends at {}, and that is less than a step of that length ahead", GameInstant::MAX);
            return no(OrderError::Refused(words), asked);
        }
        let input = match span {
            StepSpan::Game(game_micros) => Input::Advance { game_micros, wall_micros, steps },
            StepSpan::Real(real_micros) => Input::Elapsed { real_micros, wall_micros, steps },
        };
        self.send_one(asked.unit(OrderWork::default()), id, Job::Apply(input));
        Ok(())
    }

    /// Runs a tick. Its id is new: that it runs once is seen to by the command's.
    pub(super) fn force_tick(&mut self, id: &WorldId, tick_type: TickType, asked: Asked) -> Begun {
        let Some(world) = self.worlds.get(id) else { return no(self.unknown_world(id), asked) };
        let (shard, tick_id) = (world.shard, Uuid::new_v4());
        // A time of our own would make every tick that is earlier a late one.
        let Some(game_time) = world.now else {
            let words = format!("the clock of world `{id}` begins with its first tick message: send it that one");
            return no(OrderError::Conflict(words), asked);
        };
        let tick = TickWork {
            tick_id,
            tick_type,
            game_time,
            raw: RawRecord::default(),
            own: None,
            shards: std::iter::once(shard).collect(),
            notes: Vec::new(),
        };
        self.in_flight_ticks.insert((shard, tick_id));
        let answer = json!({ "tick_id": tick_id, "tick_type": tick_type, "outcome": "applied" });
        let unit = asked.unit(OrderWork { tick: Some(tick), answer: Some(Ok(answer)), ..OrderWork::default() });
        self.send_one(unit, id, Job::Apply(Input::Tick(TickInput { tick_id, tick_type, game_time })));
        Ok(())
    }
}
