//! What people ask for: pausing, stepping, forcing ticks, resetting, recovering, commands and questions.

use serde_json::{Value, json};
use thiserror::Error;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::engine::Engine;
use super::unit::{Slot, TickNote, TickWork, Unit, Work};
use super::worker::Job;
use crate::components::clock::ClockSource;
use crate::components::ids::WorldId;
use crate::messages::{CommandInput, Input, TickInput, TickType};
use crate::plugins::bridge::inbound::RawRecord;
use crate::plugins::store::{WorldChange, WorldStatus};
use crate::world::spec::WorldSpec;

/// The longest span that one step order may cover, in game microseconds: 31 days.
pub const STEP_GAME_MICROS_MAX: u64 = 31 * 24 * 3_600 * 1_000_000;

/// Something that somebody asks of a world.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Let its time stand still.
    Pause {
        /// Why.
        reason: String,
        /// Who.
        by: String,
        /// Until when (wall time, microseconds since the Unix epoch), if it is to go on by itself.
        until: Option<i64>,
    },
    /// Let it go on.
    Resume,
    /// Move its time by so much.
    Step {
        /// Game microseconds, at most [`STEP_GAME_MICROS_MAX`].
        game_micros: u64,
    },
    /// Run a tick now.
    Tick {
        /// Id of the tick: asked for twice, it runs once.
        tick_id: Uuid,
        /// Hourly or daily.
        tick_type: TickType,
    },
    /// Begin anew, from a file if one is given, else from the file that it was registered with.
    Reset {
        /// The file.
        spec: Option<Box<WorldSpec>>,
    },
    /// Bring a faulted world back.
    Recover {
        /// Whether the input that failed is tried again or skipped.
        retry: bool,
    },
    /// Give it a command.
    Command(CommandInput),
    /// Ask it something.
    Ask {
        /// Name of the query.
        query: String,
        /// Its payload.
        payload: Value,
    },
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrderError {
    /// There is no such world.
    #[error("there is no world `{0}`")]
    UnknownWorld(WorldId),
    /// The world is in no state for it.
    #[error("{0}")]
    Conflict(String),
    /// The order itself is not acceptable.
    #[error("{0}")]
    Refused(String),
    /// The world failed at it.
    #[error("{0}")]
    Faulted(String),
    /// Too much is under way; try again.
    #[error("the server is busy: try again in a moment")]
    Busy,
    /// The server is stopping.
    #[error("the server is stopping")]
    Stopping,
}

/// Where an answer goes.
pub type Reply = oneshot::Sender<Result<Value, OrderError>>;

/// An order with its address.
#[derive(Debug)]
pub struct OrderMessage {
    /// The world.
    pub world: WorldId,
    /// What is asked.
    pub order: Order,
    /// Where the answer goes. It leaves after the commit that holds everything that it saw.
    pub reply: Reply,
}

impl Engine {
    /// Begins an order. What is refused is answered at once.
    pub(super) fn take_order(&mut self, message: OrderMessage) {
        let OrderMessage { world, order, reply } = message;
        if let Err((error, reply)) = self.begin_order(&world, order, reply) {
            // Whoever asked may have gone.
            let _ = reply.send(Err(error));
        }
    }

    fn begin_order(&mut self, id: &WorldId, order: Order, reply: Reply) -> Result<(), (OrderError, Reply)> {
        let Some(world) = self.worlds.get(id) else { return Err((OrderError::UnknownWorld(id.clone()), reply)) };
        let faulted = world.is_faulted();
        let needs_life = !matches!(order, Order::Reset { .. } | Order::Recover { .. } | Order::Resume);
        if faulted && needs_life {
            let words = format!("world `{id}` has faulted: recover or reset it first");
            return Err((OrderError::Conflict(words), reply));
        }
        match order {
            Order::Pause { reason, by, until } => {
                let status = WorldStatus::Paused { reason, by, since: self.wall_micros(), until };
                self.change_status(id, status, Some(reply));
            }
            Order::Resume if faulted => {
                let words = format!("world `{id}` has faulted, it is not paused: recover it");
                return Err((OrderError::Conflict(words), reply));
            }
            Order::Resume => self.change_status(id, WorldStatus::Running, Some(reply)),
            Order::Step { game_micros } => return self.begin_step(id, game_micros, reply),
            Order::Tick { tick_id, tick_type } => return self.force_tick(id, tick_id, tick_type, reply),
            Order::Command(command) => {
                let unit = order_unit(reply);
                self.send_one(unit, id, Job::Apply(Input::Command(command)));
            }
            Order::Ask { query, payload } => {
                let unit = Unit::new(None, Work::Question { reply: Some(reply) });
                self.send_one(unit, id, Job::Ask { query, payload });
            }
            Order::Reset { spec } => return self.begin_reset(id, spec.map(|spec| *spec), reply),
            Order::Recover { retry } => return self.begin_recovery(id, retry, reply),
        }
        Ok(())
    }

    /// Changes a world's status at once; the change is durable with the next commit.
    pub(super) fn change_status(&mut self, id: &WorldId, status: WorldStatus, reply: Option<Reply>) {
        let now = self.now();
        let catch_up = self.config.catch_up_steps_max;
        let Some(world) = self.worlds.get_mut(id) else { return };
        tracing::info!(world_id = %id, status = ?status, "world status changes");
        world.status = status.clone();
        world.row.status = status.clone();
        world.begin_pace(now, catch_up);
        let answer = serde_json::to_value(&status).unwrap_or_default();
        let change = WorldChange::Status { world_id: id.to_string(), status };
        let work = Work::Order { change: Some(change), tick: None, reply, answer: Some(Ok(answer)) };
        let mut unit = Unit::new(None, work);
        unit.slots.insert(id.clone(), Slot::Touched);
        self.push_unit(unit);
    }

    fn begin_step(&mut self, id: &WorldId, game_micros: u64, reply: Reply) -> Result<(), (OrderError, Reply)> {
        let wall_micros = self.wall_micros();
        let Some(world) = self.worlds.get(id) else { return Err((OrderError::UnknownWorld(id.clone()), reply)) };
        let refusal = match world.spec.clock {
            ClockSource::Ticks => Some(format!("world `{id}` takes its time from tick messages: send it a tick")),
            ClockSource::Live if world.is_running() => {
                Some(format!("world `{id}` is live: pause it before you step it"))
            }
            _ => None,
        };
        if let Some(words) = refusal {
            return Err((OrderError::Conflict(words), reply));
        }
        if game_micros == 0 || game_micros > STEP_GAME_MICROS_MAX {
            let words = format!("a step takes more than nothing and at most 31 game days, not {game_micros} µs");
            return Err((OrderError::Refused(words), reply));
        }
        self.send_one(order_unit(reply), id, Job::Apply(Input::Advance { game_micros, wall_micros }));
        Ok(())
    }

    fn force_tick(
        &mut self,
        id: &WorldId,
        tick_id: Uuid,
        tick_type: TickType,
        reply: Reply,
    ) -> Result<(), (OrderError, Reply)> {
        let Some(world) = self.worlds.get(id) else { return Err((OrderError::UnknownWorld(id.clone()), reply)) };
        let shard = world.shard;
        let game_time = world.now.unwrap_or(world.spec.starts_at);
        match self.is_known(shard, tick_id) {
            Ok(false) => {}
            Ok(true) => {
                let _ = reply.send(Ok(json!({ "tick_id": tick_id, "outcome": "duplicate" })));
                return Ok(());
            }
            Err(_) => return Err((OrderError::Busy, reply)),
        }
        let tick = TickWork {
            tick_id,
            tick_type,
            game_time,
            raw: RawRecord::default(),
            own: false,
            shards: std::iter::once(shard).collect(),
            notes: Vec::new(),
        };
        self.in_flight_ticks.insert((shard, tick_id));
        let answer = json!({ "tick_id": tick_id, "tick_type": tick_type, "outcome": "applied" });
        let work =
            Work::Order { change: None, tick: Some(Box::new(tick)), reply: Some(reply), answer: Some(Ok(answer)) };
        self.send_one(Unit::new(None, work), id, Job::Apply(Input::Tick(TickInput { tick_id, tick_type, game_time })));
        Ok(())
    }

    fn begin_reset(&mut self, id: &WorldId, spec: Option<WorldSpec>, reply: Reply) -> Result<(), (OrderError, Reply)> {
        let Some(world) = self.worlds.get(id) else { return Err((OrderError::UnknownWorld(id.clone()), reply)) };
        if world.units > 0 {
            return self.wait_for_calm(id, Order::Reset { spec: spec.map(Box::new) }, reply);
        }
        let spec = spec.unwrap_or_else(|| world.spec.clone());
        if spec.id != *id {
            let words = format!("the file is of world `{}`, not `{id}`", spec.id);
            return Err((OrderError::Refused(words), reply));
        }
        let row = match self.registration(&spec, world.shard) {
            Ok(row) => row,
            Err(error) => return Err((OrderError::Refused(error), reply)),
        };
        let lane = world.lane;
        let incarnation = row.incarnation;
        let change = WorldChange::Register(row.clone());
        let answer = json!({ "world_id": id, "incarnation": incarnation });
        let work = Work::Order { change: Some(change), tick: None, reply: Some(reply), answer: Some(Ok(answer)) };
        self.worlds.insert(id.clone(), super::hosted::Hosted::new(row, spec.clone(), lane));
        self.send_one(Unit::new(None, work), id, Job::Create { spec: Box::new(spec), incarnation });
        Ok(())
    }

    fn begin_recovery(&mut self, id: &WorldId, retry: bool, reply: Reply) -> Result<(), (OrderError, Reply)> {
        let Some(world) = self.worlds.get_mut(id) else { return Err((OrderError::UnknownWorld(id.clone()), reply)) };
        let WorldStatus::Faulted { input, .. } = &world.status else {
            let words = format!("world `{id}` has not faulted: there is nothing to recover");
            return Err((OrderError::Conflict(words), reply));
        };
        if world.units > 0 {
            return self.wait_for_calm(id, Order::Recover { retry }, reply);
        }
        let failed: Option<Input> = match input.as_deref().map(serde_json::from_str).transpose() {
            Ok(input) => input,
            Err(_) if !retry => None,
            Err(error) => {
                let words = format!("the input that failed cannot be read ({error}): recover with `skip`");
                return Err((OrderError::Conflict(words), reply));
            }
        };
        world.retried = input.clone().filter(|_| retry);
        world.status = WorldStatus::Running;
        world.row.status = WorldStatus::Running;
        let row = world.row.clone();
        let change = WorldChange::Status { world_id: id.to_string(), status: WorldStatus::Running };
        let words = if retry && failed.is_some() { "retried" } else { "skipped" };
        tracing::info!(world_id = %id, input = words, "world is recovered from its last commit");
        let answer = json!({ "world_id": id, "input": words });
        // A tick has a line in the history for everything that becomes of it; other inputs are in the log and journal.
        let mut again = match &failed {
            Some(Input::Tick(tick)) => Some(TickWork::again(tick)),
            _ => None,
        };
        let skipped = again.take_if(|_| !retry).map(|mut tick| {
            let detail = Some("left out when the world was recovered".to_owned());
            tick.notes.push(TickNote { world: Some(id.clone()), shard: row.shard, outcome: "skipped", detail });
            Box::new(tick)
        });
        let retried = failed.filter(|_| retry);
        // Whoever asked hears what became of the retry, not only that the world is back.
        let (reply, reply_to_retry) = if retried.is_some() { (None, Some(reply)) } else { (Some(reply), None) };
        let work = Work::Order { change: Some(change), tick: skipped, reply, answer: Some(Ok(answer.clone())) };
        self.send_one(Unit::new(None, work), id, Job::Restore(Box::new(row)));
        if let Some(input) = retried {
            let tick = again.map(Box::new);
            let work = Work::Order { change: None, tick, reply: reply_to_retry, answer: Some(Ok(answer)) };
            self.send_one(Unit::new(None, work), id, Job::Apply(input));
        }
        Ok(())
    }

    /// Keeps an order until its world has nothing under way.
    fn wait_for_calm(&mut self, id: &WorldId, order: Order, reply: Reply) -> Result<(), (OrderError, Reply)> {
        if self.calm_orders.len() >= self.config.units_max {
            return Err((OrderError::Busy, reply));
        }
        self.calm_orders.push(OrderMessage { world: id.clone(), order, reply });
        Ok(())
    }
}

fn order_unit(reply: Reply) -> Unit {
    Unit::new(None, Work::Order { change: None, tick: None, reply: Some(reply), answer: None })
}
