//! Answers of workers on their way to their worlds: those of another world are refused, and those to one that has faulted
//! are kept until it is back.

use serde_json::{Map, Value};

use super::commands::{Asked, CommandHead, CommandSource, GENERATION_RESULT};
use super::engine::Engine;
use super::fingerprint;
use super::orders::{Hitch, Order};
use super::unit::{OrderWork, Said, Slot, Unit, Work};
use crate::components::ids::WorldId;
use crate::messages::generation::ResultStatus;
use crate::messages::{CommandInput, CommandMessage};
use crate::plugins::store::AnswerRow;

/// Kept answers that are taken up together.
const ANSWERS_TOGETHER: u32 = 200;
/// Why a world that has faulted does not hear an answer.
const FAULTED: &str = "the world has faulted: the answer is kept until it is back";

impl Engine {
    /// Whether an answer of a worker is of another world than the one of that name here.
    pub(super) fn foreign_answer(&self, id: &WorldId, payload: &Map<String, Value>) -> Option<String> {
        let meant = payload.get("incarnation").and_then(Value::as_str)?;
        let here = self.worlds.get(id)?.incarnation;
        (meant != here.to_string()).then(|| format!("it answers incarnation {meant} of world `{id}`, which is no more"))
    }

    /// Whether an answer is of the world that this one was before it began anew, and it is not known yet whether it can.
    pub(super) fn may_stay(&self, id: &WorldId, payload: &Map<String, Value>) -> bool {
        let begins = self.worlds.get(id).is_some_and(super::hosted::Hosted::begins_anew);
        begins && self.foreign_answer(id, payload).is_some()
    }

    /// What a worker says, in a form that can be kept; nothing where it only says how far it is.
    pub(super) fn said(&self, message: &CommandMessage) -> Option<Box<Said>> {
        let field = |name: &str| message.payload.get(name);
        let progress = serde_json::to_value(ResultStatus::Progress).ok();
        if field("status").is_none() || field("status") == progress.as_ref() {
            return None;
        }
        let row = AnswerRow {
            world_id: message.world_id.to_string(),
            result_id: message.command_id,
            incarnation: field("incarnation")?.as_str()?.parse().ok()?,
            job_id: field("jobId")?.as_i64()?,
            attempt: field("attempt")?.as_i64()?,
            issued_by: super::assemble::clean(&message.issued_by),
            issued_at: message.issued_at.as_microsecond(),
            payload: super::assemble::clean(&Value::Object(message.payload.clone()).to_string()),
            recorded_at: self.wall_micros(),
        };
        Some(Box::new(Said { row, kept: false }))
    }

    /// Keeps an answer whose world has faulted, if the job is with the workers; then nothing more is to be done with it.
    pub(super) fn keep_unheard(&mut self, id: &WorldId, asked: Asked) -> Option<Asked> {
        let is_faulted = self.worlds.get(id).is_some_and(|world| world.is_here() && world.is_faulted());
        let waited_for = asked.said.as_deref().filter(|_| is_faulted).is_some_and(|said| {
            let (job, attempt) = (said.row.job_id.unsigned_abs(), u8::try_from(said.row.attempt).unwrap_or(u8::MAX));
            self.edge.lock().with_the_workers(&(id.clone(), job), attempt).is_some()
        });
        if !waited_for {
            return Some(asked);
        }
        let mut unit = asked.unit(OrderWork::default());
        unit.slots.insert(id.clone(), Slot::Gone { reason: FAULTED.to_owned() });
        self.push_unit(unit);
        None
    }

    /// An answer is kept: the job is with the workers no more, and its world has something to hear when it is back.
    pub(super) fn conclude_unheard(&mut self, said: &Said) {
        if said.kept {
            return;
        }
        if let Ok(id) = WorldId::new(&said.row.world_id) {
            self.edge.lock().over(&(id.clone(), said.row.job_id.unsigned_abs()));
            self.unheard.insert(id);
        }
    }

    /// Takes up, at the start, which worlds have answers to hear.
    pub fn load_answers(&mut self, rows: &[AnswerRow]) {
        for row in rows {
            let Ok(id) = WorldId::new(&row.world_id) else { continue };
            self.edge.lock().over(&(id.clone(), row.job_id.unsigned_abs()));
            self.unheard.insert(id);
        }
    }

    /// Worlds that are back hear what workers have said meanwhile.
    pub(super) fn offer_answers(&mut self) {
        let is_back = |id: &&WorldId| self.worlds.get(id).is_none_or(|world| world.is_here() && !world.is_faulted());
        let back: Vec<WorldId> = self.unheard.iter().filter(is_back).cloned().collect();
        for id in back {
            if self.stopping || self.units.len() >= self.config.units_max {
                return;
            }
            let rows = match self.parts.runtime.block_on(self.store.answers(Some(id.as_str()), ANSWERS_TOGETHER)) {
                Ok(rows) => rows,
                Err(error) => return tracing::warn!(world_id = %id, %error, "answers of workers cannot be read yet"),
            };
            if rows.is_empty() {
                self.unheard.remove(&id);
            }
            if !self.offer(&id, rows) {
                return;
            }
        }
    }

    /// Offers answers that are not under way already. False where the store does not say which are known.
    fn offer(&mut self, id: &WorldId, mut rows: Vec<AnswerRow>) -> bool {
        rows.retain(|row| !self.in_flight_commands.contains_key(&(id.clone(), row.result_id)));
        let asked: Vec<_> = rows.iter().map(|row| (row.world_id.clone(), row.result_id)).collect();
        let Ok(known) = self.known_commands(&asked) else { return false };
        for row in rows {
            let is_known = known.iter().any(|command| command.command_id == row.result_id);
            let payload: Value = serde_json::from_str(&row.payload).unwrap_or_default();
            let head = CommandHead {
                command_id: row.result_id,
                command: GENERATION_RESULT.to_owned(),
                issued_by: row.issued_by.clone(),
                issued_at: row.issued_at,
                source: CommandSource::Kafka,
                keyed: true,
            };
            let input = CommandInput {
                command_id: row.result_id,
                command: head.command.clone(),
                issued_by: row.issued_by.clone(),
                payload,
            };
            let order = Order::Command(input);
            let command = self.commanded(id, head, fingerprint::of_order(GENERATION_RESULT, &order));
            let said = Some(Box::new(Said { row, kept: true }));
            if is_known {
                // The worker has said it again meanwhile, and was heard: there is nothing left but to forget it.
                let work = OrderWork { said, ..OrderWork::default() };
                self.push_unit(Unit::new(None, Work::Order(Box::new(work))));
                continue;
            }
            let asked = Asked { command: Some(command), said, ..Asked::default() };
            let Err(hitch) = self.begin_order(id, order, asked) else { continue };
            match *hitch {
                (Hitch::No(error), asked) => self.refuse(error, asked),
                // It is offered again.
                (Hitch::Wait(_), _) => return true,
            }
        }
        true
    }
}

/// Counts answers that a commit keeps.
pub(super) fn measure_kept(count: usize) {
    if count > 0 {
        metrics::counter!("worldtick_generation_results_total", "outcome" => "kept").increment(count as u64);
    }
}
