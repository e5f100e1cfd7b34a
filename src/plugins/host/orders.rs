//! What people ask for, and who takes it up.

use serde_json::Value;
use thiserror::Error;
use tokio::sync::oneshot;

use super::commands::{Asked, CommandHead, GENERATION_RESULT};
use super::engine::Engine;
use super::unit::{Commanded, OrderWork, Unit, Work};
use super::worker::Job;
use super::{fingerprint, measure};
use crate::components::clock::TimeScale;
use crate::components::ids::WorldId;
use crate::config::{Flaw, nearest};
use crate::messages::{CommandInput, Input, TickType};
use crate::world::spec::{STEPS_MAX, WorldSpec};

/// The longest span that one step order may cover, in game microseconds: 31 days.
pub const STEP_GAME_MICROS_MAX: u64 = 31 * 24 * 3_600 * 1_000_000;

/// Something that somebody asks of a world.
#[derive(Debug, Clone, PartialEq)]
pub enum Order {
    /// Make it and let it run.
    Register {
        /// Its file.
        spec: Box<WorldSpec>,
    },
    /// Remove it. Its histories stay.
    Unregister,
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
    Resume {
        /// Who.
        by: String,
    },
    /// Move its time by so much.
    Step {
        /// How far in all.
        span: StepSpan,
        /// In at least so many steps of equal length: a longer one than the world's configuration allows becomes several.
        steps: u32,
    },
    /// Run a tick now.
    Tick {
        /// Hourly or daily.
        tick_type: TickType,
    },
    /// Change how it is simulated, from its next step on.
    Configure {
        /// What is to change.
        settings: Settings,
        /// The tag of what it must be before, if the change is to be refused where somebody else was quicker.
        if_match: Option<String>,
        /// Whether it is only said what would change.
        dry_run: bool,
        /// Who.
        by: String,
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

/// What is to change in how a world is simulated.
#[derive(Debug, Clone, PartialEq)]
pub enum Settings {
    /// A JSON Merge Patch (RFC 7396) of the simulation block.
    Patch(Value),
    /// A file: what of it may change while the world lives does.
    File(Box<WorldSpec>),
}

/// How far a step goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StepSpan {
    /// Game microseconds.
    Game(u64),
    /// Real microseconds, of which the world's scale makes game time.
    Real(u64),
}

impl StepSpan {
    /// So many steps of a span in seconds, an hour of game time where nothing is said: the span of all of them together,
    /// and their number.
    ///
    /// # Errors
    /// With the name of what is wrong, and why.
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "checked to lie between 0 and 31 days")]
    pub fn of(game: Option<f64>, real: Option<f64>, times: Option<f64>) -> Result<(Self, u32), (&'static str, String)> {
        let times = times.unwrap_or(1.0);
        if !(1.0..=f64::from(STEPS_MAX)).contains(&times) || times.fract() != 0.0 {
            return Err(("times", format!("it is a whole number from 1 to {STEPS_MAX}")));
        }
        let (name, seconds) = match (game, real) {
            (Some(_), Some(_)) => {
                return Err(("real_seconds", "give `game_seconds` or `real_seconds`, not both".into()));
            }
            (None, Some(real)) => ("real_seconds", real),
            (game, None) => ("game_seconds", game.unwrap_or(3_600.0)),
        };
        let micros = (seconds * 1e6).round() * times;
        if !(1.0..=31.0 * 86_400.0 * 1e6).contains(&micros) {
            let words = "all steps together must come to more than nothing and at most 31 days (2678400 seconds)";
            return Err((name, words.into()));
        }
        let span = if name == "real_seconds" { Self::Real(micros as u64) } else { Self::Game(micros as u64) };
        Ok((span, times as u32))
    }

    pub(super) fn game_micros(self, scale: TimeScale) -> u128 {
        match self {
            Self::Game(micros) => u128::from(micros),
            Self::Real(micros) => u128::from(micros) * u128::from(scale.0) / u128::from(TimeScale::PARTS),
        }
    }
}

/// Why an order was not carried out.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum OrderError {
    /// There is no such world.
    #[error("{0}")]
    UnknownWorld(String),
    /// The world is in no state for it.
    #[error("{0}")]
    Conflict(String),
    /// Somebody else has changed it meanwhile.
    #[error("{0}")]
    Stale(String),
    /// The order itself is not acceptable.
    #[error("{0}")]
    Refused(String),
    /// What it says is wrong in these places.
    #[error("{}", told(.0))]
    Invalid(Vec<Flaw>),
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

fn told(flaws: &[Flaw]) -> String {
    let one = |flaw: &Flaw| match flaw.pointer.as_str() {
        "" => flaw.detail.clone(),
        pointer => format!("{pointer}: {}", flaw.detail),
    };
    flaws.iter().map(one).collect::<Vec<_>>().join("; ")
}

/// A world's refusal place by place: worlds say `/factor: too large; /role: there is none`. What begins with no pointer is
/// said of the whole.
fn flaws_in(words: &str) -> Vec<Flaw> {
    // What follows a semicolon belongs to what is before, unless it is a place.
    let mut parts: Vec<String> = Vec::new();
    for part in words.split("; ") {
        match parts.last_mut() {
            Some(last) if pointer_in(part).is_none() => last.extend(["; ", part]),
            _ => parts.push(part.to_owned()),
        }
    }
    let flaw = |part: String| match pointer_in(&part) {
        Some((pointer, detail)) => Flaw::new(pointer, "invalid", detail),
        None => Flaw::new("", "invalid", part),
    };
    parts.into_iter().map(flaw).collect()
}

fn pointer_in(part: &str) -> Option<(&str, &str)> {
    part.split_once(": ").filter(|(pointer, _)| pointer.starts_with('/') && !pointer.contains(char::is_whitespace))
}

impl OrderError {
    /// A short word, under which a refusal is recorded.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::UnknownWorld(_) => "unknown_world",
            Self::Conflict(_) => "conflict",
            Self::Stale(_) => "stale",
            Self::Refused(_) => "refused",
            Self::Invalid(_) => "invalid",
            Self::Faulted(_) => "faulted",
            Self::Busy => "busy",
            Self::Stopping => "stopping",
        }
    }

    /// What a world says that refuses a command.
    pub(super) fn of_world(words: &str) -> Self {
        let flaws = flaws_in(words);
        if flaws.iter().all(|flaw| flaw.pointer.is_empty()) {
            Self::Refused(words.to_owned())
        } else {
            Self::Invalid(flaws)
        }
    }

    /// What is wrong with what was asked, place by place; nothing where it is not the request that is wrong.
    pub fn flaws(&self) -> Option<Vec<Flaw>> {
        match self {
            Self::Invalid(flaws) => Some(flaws.clone()),
            Self::Refused(words) => Some(vec![Flaw::new("", "refused", words.as_str())]),
            _ => None,
        }
    }

    /// Whether it will be the same when it is asked again.
    pub(super) fn is_final(&self) -> bool {
        !matches!(self, Self::Busy | Self::Stopping)
    }

    /// A refusal as it was recorded.
    pub(super) fn recorded(kind: &str, error: &str, answer: &Value) -> Self {
        let error = error.to_owned();
        match kind {
            "unknown_world" => Self::UnknownWorld(error),
            "conflict" => Self::Conflict(error),
            "stale" => Self::Stale(error),
            "invalid" => Self::Invalid(super::commands::flaws_of(answer)),
            "faulted" => Self::Faulted(error),
            _ => Self::Refused(error),
        }
    }
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
    /// What it says of itself, if it is to be recorded.
    pub command: Option<CommandHead>,
    /// Where the answer goes. It leaves after the commit that holds everything that it saw.
    pub reply: Reply,
}

/// Why an order was not begun.
#[derive(Debug)]
pub(super) enum Hitch {
    /// It is refused.
    No(OrderError),
    /// Its world has something under way that must be done first.
    Wait(Order),
}

/// An order that was begun, or why not; who asked comes back.
pub(super) type Begun = Result<(), Box<(Hitch, Asked)>>;

pub(super) fn no(error: OrderError, asked: Asked) -> Begun {
    Err(Box::new((Hitch::No(error), asked)))
}

/// That there is no such world, and which one may have been meant.
pub fn no_such_world<'a>(id: &WorldId, known: impl Iterator<Item = &'a WorldId>) -> String {
    // One that is on its way is not the one that was meant.
    match nearest(id.as_str(), known.filter(|known| *known != id).map(WorldId::as_str)) {
        Some(meant) => format!("there is no world `{id}`: did you mean `{meant}`?"),
        None => format!("there is no world `{id}`"),
    }
}

impl Engine {
    pub(super) fn unknown_world(&self, id: &WorldId) -> OrderError {
        OrderError::UnknownWorld(no_such_world(id, self.worlds.keys()))
    }

    /// Begins an order. What is refused is answered at once.
    pub(super) fn take_order(&mut self, message: OrderMessage) {
        let OrderMessage { world: id, order, command, reply } = message;
        let commanded = command.clone().map(|head| {
            let print = fingerprint::of_order(&head.command, &order);
            let kind = if let Order::Command(input) = &order { input.payload.get("kind") } else { None };
            let shock = measure::shock_kind(&head.command, kind);
            Commanded { shock, ..self.commanded(&id, head, print) }
        });
        let reply = match commanded.as_ref().filter(|command| command.head.keyed) {
            Some(command) => match self.answer_known(command, reply) {
                Some(reply) => reply,
                None => return,
            },
            None => reply,
        };
        let asked = Asked { command: commanded, reply: Some(reply), ..Asked::default() };
        if let Order::Command(CommandInput { command, payload: Value::Object(payload), .. }) = &order
            && command == GENERATION_RESULT
            && let Some(words) = self.foreign_answer(&id, payload)
        {
            return self.refuse(OrderError::Conflict(words), asked);
        }
        let Err(hitch) = self.begin_order(&id, order, asked) else { return };
        match *hitch {
            (Hitch::No(error), asked) => self.refuse(error, asked),
            (Hitch::Wait(order), Asked { reply: Some(reply), .. }) => {
                if self.calm_orders.len() < self.config.units_max {
                    self.calm_orders.push(OrderMessage { world: id, order, command, reply });
                } else {
                    // Whoever asked may have gone.
                    let _ = reply.send(Err(OrderError::Busy));
                }
            }
            (Hitch::Wait(_), _) => {}
        }
    }

    /// Begins an order, or says why not.
    pub(super) fn begin_order(&mut self, id: &WorldId, order: Order, asked: Asked) -> Begun {
        let Some(world) = self.worlds.get(id) else {
            return match order {
                Order::Register { spec } => self.begin_registration(id, *spec, asked),
                _ => no(self.unknown_world(id), asked),
            };
        };
        if !world.is_here() {
            return Err(Box::new((Hitch::Wait(order), asked)));
        }
        let faulted = world.is_faulted();
        let conflict = match &order {
            Order::Register { .. } => Some(format!("world `{id}` exists already")),
            Order::Recover { .. } if !faulted => {
                Some(format!("world `{id}` has not faulted: there is nothing to recover"))
            }
            Order::Resume { .. } if faulted => Some(format!("world `{id}` has faulted, it is not paused: recover it")),
            Order::Reset { .. } | Order::Recover { .. } | Order::Unregister => None,
            _ if faulted => Some(format!("world `{id}` has faulted: recover or reset it first")),
            _ => None,
        };
        if let Some(words) = conflict {
            return no(OrderError::Conflict(words), asked);
        }
        let needs_calm = matches!(order, Order::Reset { .. } | Order::Recover { .. } | Order::Unregister);
        if needs_calm && world.units > 0 {
            return Err(Box::new((Hitch::Wait(order), asked)));
        }
        match order {
            Order::Register { .. } => {}
            Order::Unregister => self.begin_removal(id, asked),
            Order::Pause { reason, by, until } => self.begin_pause(id, reason, by, until, asked),
            Order::Resume { by } => self.begin_resume(id, by, asked),
            Order::Step { span, steps } => return self.begin_step(id, span, steps, asked),
            Order::Tick { tick_type } => return self.force_tick(id, tick_type, asked),
            Order::Configure { settings, if_match, dry_run, by } => {
                return self.begin_configure(id, settings, if_match.as_deref(), dry_run, by, asked);
            }
            Order::Command(command) => {
                if let Err(error) = self.parts.payloads.check(&command) {
                    return no(error, asked);
                }
                let unit = asked.unit(OrderWork::default());
                self.send_one(unit, id, Job::Apply(Input::Command(command)));
            }
            Order::Ask { query, payload } => {
                let unit = Unit::new(None, Work::Question { reply: asked.reply });
                self.send_one(unit, id, Job::Ask { query, payload });
            }
            Order::Reset { spec } => return self.begin_reset(id, spec.map(|spec| *spec), asked),
            Order::Recover { retry } => return self.begin_recovery(id, retry, asked),
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_world_says_of_places_is_told_place_by_place() {
        let told = |words: &str| {
            let flaws = OrderError::of_world(words).flaws().unwrap_or_default();
            flaws.into_iter().map(|flaw| (flaw.pointer, flaw.detail)).collect::<Vec<_>>()
        };
        let pair = |pointer: &str, detail: &str| (pointer.to_owned(), detail.to_owned());
        assert_eq!(
            told("/factor: too large; at most 10; /npcs/0: there is nobody"),
            [pair("/factor", "too large; at most 10"), pair("/npcs/0", "there is nobody")]
        );
        assert_eq!(told("name one; /npcs/0: nobody"), [pair("", "name one"), pair("/npcs/0", "nobody")]);
        assert_eq!(told("the world has no economy: /x y: z"), [pair("", "the world has no economy: /x y: z")]);
        assert!(matches!(OrderError::of_world("/a: b"), OrderError::Invalid(_)));
        assert!(matches!(OrderError::of_world("no"), OrderError::Refused(_)));
        assert_eq!(OrderError::Invalid(vec![Flaw::new("", "x", "all of it")]).to_string(), "all of it");
        assert_eq!(OrderError::Busy.flaws(), None);
    }
}
