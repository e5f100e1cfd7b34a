//! Commands: each has an id, is carried out once, and is answered from the store when it comes again.

use serde_json::{Value, json};
use uuid::Uuid;

use super::engine::Engine;
use super::orders::{Hitch, OrderError, Reply};
use super::reading::order_of;
use super::unit::{Commanded, EdgeWord, OrderWork, Origin, Repeated, Said, Slot, Unit, Work};
use super::{fingerprint, measure};
use crate::components::ids::WorldId;
use crate::config::Flaw;
use crate::messages::{CommandErrorDetail, CommandMessage, CommandOutcome, CommandResult};
use crate::plugins::bridge::inbound::RawRecord;
use crate::plugins::store::{CommandRow, OutboxRow, ShardId, StoreError};

/// Where outcomes of commands from Kafka go.
pub(super) const RESULT_TOPIC: &str = "world.command.result";
/// What workers say, as a command to a world.
pub(super) const GENERATION_RESULT: &str = "generation.result";
/// Their event type in lists and metrics.
const RESULT_TYPE: &str = "world.command.result";

/// Where a command came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CommandSource {
    /// The admin API.
    Api,
    /// The topic `world.command`.
    Kafka,
}

impl CommandSource {
    /// Its name in records and metrics.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Api => "api",
            Self::Kafka => "kafka",
        }
    }
}

/// What a command says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CommandHead {
    /// Its id, within its world.
    pub command_id: Uuid,
    /// Its name.
    pub command: String,
    /// Who gave it.
    pub issued_by: String,
    /// When it was given (wall time, microseconds).
    pub issued_at: i64,
    /// Where it came from.
    pub source: CommandSource,
    /// Whether the id was chosen by who gave it, so that the command may come again.
    pub keyed: bool,
}

impl CommandHead {
    pub(super) fn of(message: &CommandMessage) -> Self {
        Self {
            command_id: message.command_id,
            command: message.command.clone(),
            issued_by: message.issued_by.clone(),
            issued_at: message.issued_at.as_microsecond(),
            source: CommandSource::Kafka,
            keyed: true,
        }
    }
}

/// A command that is under way, and who else waits for its answer.
#[derive(Debug)]
pub(super) struct InFlight {
    pub(super) command: String,
    pub(super) fingerprint: String,
    pub(super) waiting: Vec<Reply>,
}

/// Who asks for something, and by what.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) command: Option<Commanded>,
    pub(super) origin: Option<Origin>,
    pub(super) raw: Option<RawRecord>,
    pub(super) reply: Option<Reply>,
    pub(super) word: Option<EdgeWord>,
    pub(super) said: Option<Box<Said>>,
}

impl Asked {
    /// The unit that does it.
    pub(super) fn unit(self, work: OrderWork) -> Unit {
        let Self { command, origin, raw, reply, word, said } = self;
        let work = OrderWork { reply, raw, word, said, ..work };
        let mut unit = Unit::new(origin, Work::Order(Box::new(work)));
        unit.command = command;
        unit
    }

    /// The id of the command, if it is one.
    pub(super) fn command_id(&self) -> Option<Uuid> {
        self.command.as_ref().map(|command| command.head.command_id)
    }
}

impl Engine {
    /// The shard of a world, registered or not.
    pub(super) fn shard_of_world(&self, id: &WorldId) -> ShardId {
        let shards = i32::try_from(self.lease.shards().len()).unwrap_or(1);
        self.worlds.get(id).map_or_else(|| super::hosted::shard_of(id, shards), |world| world.shard)
    }

    pub(super) fn known_commands(&self, asked: &[(String, Uuid)]) -> Result<Vec<CommandRow>, StoreError> {
        if asked.is_empty() { Ok(Vec::new()) } else { self.parts.runtime.block_on(self.store.known_commands(asked)) }
    }

    /// The incarnation of a world that is there.
    fn living(&self, id: &WorldId) -> Option<Uuid> {
        self.worlds.get(id).filter(|world| world.is_here()).map(|world| world.incarnation)
    }

    /// A command to this world, with what tells it from others.
    pub(super) fn commanded(&self, id: &WorldId, head: CommandHead, fingerprint: String) -> Commanded {
        let (shard, incarnation) = (self.shard_of_world(id), self.living(id));
        Commanded { head, world: id.clone(), shard, fingerprint, incarnation, shock: None }
    }

    /// Answers a command whose id has been seen before, or lets it wait for the one that is under way. Gives the reply
    /// back if it is new.
    pub(super) fn answer_known(&mut self, asked: &Commanded, reply: Reply) -> Option<Reply> {
        let (id, command_id) = (&asked.world, asked.head.command_id);
        if let Some(first) = self.in_flight_commands.get_mut(&(id.clone(), command_id)) {
            match fingerprint::differs_under_way(asked, &first.command, &first.fingerprint) {
                None => first.waiting.push(reply),
                // Whoever asked may have gone.
                Some(words) => drop(reply.send(Err(OrderError::Conflict(words)))),
            }
            return None;
        }
        let answer = match self.known_commands(&[(id.to_string(), command_id)]) {
            Err(_) => Err(OrderError::Busy),
            Ok(rows) => match rows.first() {
                None => return Some(reply),
                Some(row) => match fingerprint::differs_from(row, asked, self.living(id)) {
                    Some(words) => Err(OrderError::Conflict(words)),
                    None => recorded(row),
                },
            },
        };
        // Whoever asked may have gone.
        let _ = reply.send(answer);
        None
    }

    /// What a command comes to that is refused: recorded if it may come again, else only answered.
    pub(super) fn refuse(&mut self, error: OrderError, asked: Asked) {
        let keyed = asked.command.as_ref().is_some_and(|command| command.head.keyed);
        if asked.origin.is_some() || (keyed && error.is_final()) {
            let unit = asked.unit(OrderWork { answer: Some(Err(error)), ..OrderWork::default() });
            self.push_unit(unit);
            return;
        }
        // What is recorded is counted with its record.
        if let Some(command) = asked.command.filter(|_| error.is_final()) {
            measure::refused(command.head.source.as_str(), &command.head.command, command.shock);
        }
        if let Some(reply) = asked.reply {
            // Whoever asked may have gone.
            let _ = reply.send(Err(error));
        }
    }

    /// What is said of a command whose id is known, from the store or because it is under way.
    fn repeated(&self, command: &Commanded, known: &[CommandRow]) -> Option<Repeated> {
        let (id, command_id) = (&command.world, command.head.command_id);
        if let Some(row) = known.iter().find(|row| row.command_id == command_id && row.world_id == id.as_str()) {
            let differs = fingerprint::differs_from(row, command, self.living(id));
            return Some(Repeated { first: Some(Box::new(row.clone())), differs });
        }
        let first = self.in_flight_commands.get(&(id.clone(), command_id))?;
        let differs = fingerprint::differs_under_way(command, &first.command, &first.fingerprint);
        Some(Repeated { first: None, differs })
    }

    /// Takes a command from Kafka. What cannot be begun yet comes back, and everything behind it has to wait.
    pub(super) fn take_command(
        &mut self,
        origin: Origin,
        message: CommandMessage,
        raw: RawRecord,
        known: &[CommandRow],
    ) -> Result<(), Box<(Origin, CommandMessage, RawRecord)>> {
        let id = message.world_id.clone();
        let order = order_of(&message, &self.extensions);
        let print = fingerprint::of_message(&message, &order);
        let mut command = self.commanded(&id, CommandHead::of(&message), print);
        command.shock = measure::shock_kind(&message.command, message.payload.get("kind"));
        if let Some(repeated) = self.repeated(&command, known) {
            let mut unit = Unit::new(Some(origin), Work::Repeated(repeated));
            unit.command = Some(command);
            if self.worlds.get(&id).is_some_and(super::hosted::Hosted::is_here) {
                unit.slots.insert(id, Slot::Touched);
            }
            self.push_unit(unit);
            return Ok(());
        }
        if message.command == GENERATION_RESULT && self.may_stay(&id, &message.payload) {
            return Err(Box::new((origin, message, raw)));
        }
        let mut asked = Asked { command: Some(command), origin: Some(origin), raw: Some(raw), ..Asked::default() };
        let order = match order {
            Ok(order) => order,
            Err(error) => {
                self.refuse(error, asked);
                return Ok(());
            }
        };
        if message.command == GENERATION_RESULT {
            if let Some(words) = self.foreign_answer(&id, &message.payload) {
                self.refuse(OrderError::Conflict(words), asked);
                return Ok(());
            }
            asked.said = self.said(&message);
            let Some(back) = self.keep_unheard(&id, asked) else { return Ok(()) };
            asked = back;
        }
        let Err(hitch) = self.begin_order(&id, order, asked) else { return Ok(()) };
        match *hitch {
            (Hitch::No(error), asked) => {
                self.refuse(error, asked);
                Ok(())
            }
            (Hitch::Wait(_), Asked { origin: Some(origin), raw: Some(raw), .. }) => {
                Err(Box::new((origin, message, raw)))
            }
            (Hitch::Wait(_), _) => Ok(()),
        }
    }
}

/// What a command came to when it was carried out.
fn recorded(row: &CommandRow) -> Result<Value, OrderError> {
    let answer = row.answer.as_deref().and_then(|answer| serde_json::from_str(answer).ok()).unwrap_or(Value::Null);
    match (&row.error, row.error_kind.as_deref()) {
        (None, _) => Ok(answer),
        (Some(error), kind) => Err(OrderError::recorded(kind.unwrap_or_default(), error, &answer)),
    }
}

/// The row of a command, as its outcome is now.
pub(super) fn command_row(
    command: &Commanded,
    result: &Result<Value, OrderError>,
    game_time: Option<i64>,
    recorded_at: i64,
    commit_no: i64,
) -> CommandRow {
    let clean = super::assemble::clean;
    let (outcome, answer, error) = match result {
        Ok(answer) => (CommandOutcome::Done, Some(answer.to_string()), None),
        Err(error) => {
            let flaws = error.flaws();
            (CommandOutcome::Refused, flaws.map(|flaws| flaws_json(&flaws).to_string()), Some(error))
        }
    };
    CommandRow {
        command_id: command.head.command_id,
        world_id: command.world.to_string(),
        shard: command.shard,
        command: clean(&command.head.command),
        issued_by: clean(&command.head.issued_by),
        issued_at: command.head.issued_at,
        source: command.head.source.as_str().into(),
        outcome: outcome.as_str().into(),
        answer,
        error: error.map(|error| clean(&error.to_string())),
        error_kind: error.map(|error| error.kind().to_owned()),
        game_time,
        recorded_at,
        fingerprint: Some(command.fingerprint.clone()),
        incarnation: command.incarnation,
        commit_no,
    }
}

fn flaws_json(flaws: &[Flaw]) -> Value {
    let each = flaws.iter().map(|flaw| json!({ "pointer": flaw.pointer, "code": flaw.code, "detail": flaw.detail }));
    Value::Array(each.collect())
}

/// The flaws that a refusal was recorded with.
pub(super) fn flaws_of(answer: &Value) -> Vec<Flaw> {
    let details: Vec<CommandErrorDetail> = serde_json::from_value(answer.clone()).unwrap_or_default();
    details.into_iter().map(|detail| Flaw::new(detail.pointer, detail.code, detail.detail)).collect()
}

/// The message that tells what became of a command. Its outbox id is left at 0 for the engine to set.
pub(super) fn result_row(
    command: &Commanded,
    row: Option<&CommandRow>,
    repeated: bool,
    event_id: Uuid,
    wall: i64,
) -> OutboxRow {
    use crate::components::clock::GameInstant;
    let answer =
        row.and_then(|row| row.answer.as_deref()).and_then(|answer| serde_json::from_str::<Value>(answer).ok());
    let error = row.and_then(|row| row.error.clone());
    let (answer, errors) = match (&error, answer) {
        (Some(_), Some(details)) => (None, serde_json::from_value(details).unwrap_or_default()),
        (_, answer) => (answer, Vec::new()),
    };
    let outcome = match (repeated, &error) {
        (true, _) => CommandOutcome::Duplicate,
        (false, None) => CommandOutcome::Done,
        (false, Some(_)) => CommandOutcome::Refused,
    };
    let result = CommandResult {
        command_id: command.head.command_id,
        command: command.head.command.clone(),
        world_id: command.world.clone(),
        outcome,
        answer: answer.filter(|answer| !answer.is_null()),
        error,
        errors,
        game_time: row.and_then(|row| row.game_time).and_then(|micros| GameInstant::from_micros(micros).ok()),
    };
    let headers = [
        ("event_type", RESULT_TYPE.to_owned()),
        ("world_id", command.world.to_string()),
        ("command_id", command.head.command_id.to_string()),
        ("outcome", outcome.as_str().to_owned()),
        ("content-type", "application/json".to_owned()),
    ];
    OutboxRow {
        shard: command.shard,
        event_id,
        topic: RESULT_TOPIC.into(),
        event_type: RESULT_TYPE.into(),
        world_id: Some(command.world.to_string()),
        key: Some(command.world.as_str().as_bytes().to_vec()),
        headers: headers.map(|(name, value)| (name.to_owned(), value.into_bytes())).into(),
        body: serde_json::to_vec(&result).ok(),
        created_at: wall,
        ..OutboxRow::default()
    }
}
