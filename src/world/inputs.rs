//! What a world does with an input.

// time: inputs: advancing, ticks that are late or far ahead | world | `WorldClock` | inputs, in the order of the journal

use std::panic::{AssertUnwindSafe, catch_unwind};

use bevy_ecs::schedule::ScheduleLabel;
use serde_json::json;
use uuid::Uuid;

use super::clock::{show_time, ticks_due};
use super::faults::{panic_text, take_failures};
use super::registry::RawEvent;
use super::spec::{STEPS_MAX, WorldSimulationConfig, WorldSpec};
use super::{GameWorld, WorldFault};
use crate::components::clock::{ClockSource, MICROS_PER_DAY, WorldClock};
use crate::messages::outside::SignalsHeard;
use crate::messages::relation::RelationsTold;
use crate::messages::tier::StepReport;
use crate::messages::{EventRecord, Input, Outcome, TickInput, TickOutcome, TickType};
use crate::schedules::{DailyTick, HourlyTick, WorldStep};

#[derive(Default)]
struct Collector {
    raw: Vec<RawEvent>,
    events: Vec<EventRecord>,
}

impl GameWorld {
    /// Takes one input.
    ///
    /// # Errors
    /// When a system panics or fails. The world is then unusable: drop it and restore it from its last commit.
    pub fn apply(&mut self, input: &Input) -> Result<Outcome, WorldFault> {
        let fault = |error| WorldFault { world: self.id.clone(), error };
        if self.broken {
            return Err(fault("it has failed before and must be restored".into()));
        }
        take_failures();
        let applied = catch_unwind(AssertUnwindSafe(|| self.apply_unguarded(input)))
            .unwrap_or_else(|panic| Err(panic_text(&*panic)));
        let error = match (applied, take_failures()) {
            (Ok(outcome), None) => return Ok(outcome),
            (Err(error), None) => error,
            (Ok(_), Some(failures)) => failures,
            (Err(error), Some(failures)) => format!("{failures}; {error}"),
        };
        self.broken = true;
        Err(WorldFault { world: self.id.clone(), error })
    }

    fn apply_unguarded(&mut self, input: &Input) -> Result<Outcome, String> {
        let before = self.now();
        let last_report =
            self.app.world_mut().get_resource_mut::<StepReport>().map(|mut report| std::mem::take(&mut *report));
        let mut out = Collector::default();
        let (changed, tick, reply) = match input {
            Input::Elapsed { real_micros, steps, .. } => {
                for real_micros in parts(*real_micros, *steps) {
                    // time: live worlds: real time becomes game time | world | `Elapsed` input × time scale, in integers with the remainder kept | an input of the engine's pacing
                    let game_micros = self.app.world_mut().resource_mut::<WorldClock>().game_micros(real_micros);
                    let game_micros = game_micros.ok_or("a step of that length does not fit the clock")?;
                    self.advance(game_micros, &mut out)?;
                }
                (true, None, None)
            }
            Input::Advance { game_micros, steps, .. } => {
                for game_micros in parts(*game_micros, *steps) {
                    let game_micros = i64::try_from(game_micros).map_err(|error| error.to_string())?;
                    self.advance(game_micros, &mut out)?;
                }
                (true, None, None)
            }
            Input::Tick(tick) => {
                let outcome = self.tick(tick, &mut out)?;
                (outcome == TickOutcome::Applied, Some(outcome), None)
            }
            Input::Command(command) => {
                let reply = match self.commands.get_mut(command.command.as_str()) {
                    Some(call) => call(self.app.world_mut(), command.payload.clone()),
                    None => Err(format!("this world takes no command `{}`", command.command)),
                };
                self.collect(&mut out, None)?;
                (reply.is_ok(), None, Some(reply))
            }
            Input::Clock { source, scale } => {
                let mut clock = self.app.world_mut().resource_mut::<WorldClock>();
                clock.source = *source;
                clock.scale = *scale;
                (true, None, None)
            }
            Input::Configure { simulation, by } => {
                let reply = super::control::configure(self.app.world_mut(), simulation, by);
                let changed = reply.as_ref().is_ok_and(|changes| !changes.is_empty());
                self.collect(&mut out, None)?;
                (changed, None, Some(reply.map(|changes| json!({ "changes": changes }))))
            }
            Input::Paused { .. } | Input::Resumed { .. } => {
                super::control::tell(self.app.world_mut(), input);
                self.collect(&mut out, None)?;
                (true, None, None)
            }
        };
        if changed {
            self.app.world_mut().resource_mut::<WorldClock>().inputs += 1;
        }
        let now = self.now();
        let due_ticks = match (self.clock().source, before, now) {
            (ClockSource::Live | ClockSource::Manual, Some(before), Some(now)) => {
                ticks_due(self.incarnation, before, now, input.wall_micros())
            }
            _ => Vec::new(),
        };
        let game_micros = match (before, now) {
            (Some(before), Some(now)) => now.micros_since(before),
            _ => 0,
        };
        let hash = if self.hashes { self.hash()? } else { self.forget_notes() };
        self.settle();
        let report = self.app.world().get_resource::<StepReport>().filter(|report| report.steps > 0).cloned();
        if let (None, Some(last)) = (&report, last_report) {
            // An input without a step, an hourly tick say, takes nobody's sight of the last one away.
            self.app.world_mut().insert_resource(last);
        }
        let heard = self.app.world_mut().get_resource_mut::<SignalsHeard>();
        let signals = heard.map(|mut heard| std::mem::take(&mut *heard)).unwrap_or_default();
        let told = self.app.world_mut().get_resource_mut::<RelationsTold>();
        let relations = told.map(|mut told| std::mem::take(&mut *told)).unwrap_or_default();
        let events = out.events;
        Ok(Outcome { changed, events, due_ticks, tick, reply, now, game_micros, hash, report, signals, relations })
    }

    /// Moves game time on, in steps of at most `maxStepGameSeconds`.
    fn advance(&mut self, game_micros: i64, out: &mut Collector) -> Result<(), String> {
        let config = self.app.world().resource::<WorldSimulationConfig>();
        let longest = i64::from(config.max_step_game_seconds) * 1_000_000;
        let mut left = game_micros;
        while left > 0 {
            let step = left.min(longest.max(1));
            left -= step;
            let world = self.app.world_mut();
            let mut clock = world.resource_mut::<WorldClock>();
            let now = clock.now.ok_or("its clock has not begun: it waits for its first tick")?;
            clock.now = Some(now.checked_add_micros(step).ok_or("the calendar ends in the year 9999")?);
            show_time(world);
            self.run(WorldStep);
            self.collect(out, None)?;
        }
        Ok(())
    }

    fn tick(&mut self, tick: &TickInput, out: &mut Collector) -> Result<TickOutcome, String> {
        let config = self.app.world().resource::<WorldSimulationConfig>().clone();
        let jump = i64::from(config.max_tick_jump_days);
        let mut clock = self.app.world_mut().resource_mut::<WorldClock>();
        if clock.source == ClockSource::Ticks {
            if clock.last_tick(tick.tick_type).is_some_and(|last| tick.game_time < last) {
                return Ok(TickOutcome::Late);
            }
            match clock.now {
                None => {
                    clock.began = Some(tick.game_time);
                    clock.now = Some(tick.game_time);
                    show_time(self.app.world_mut());
                }
                Some(now) => {
                    let ahead = tick.game_time.micros_since(now);
                    let steps = config.steps_in(ahead.max(0).unsigned_abs(), 1);
                    if ahead > jump * MICROS_PER_DAY || steps > u64::from(STEPS_MAX) {
                        return Ok(TickOutcome::TooFarAhead);
                    }
                    self.advance(ahead, out)?;
                }
            }
        }
        *self.app.world_mut().resource_mut::<WorldClock>().last_tick(tick.tick_type) = Some(tick.game_time);
        match tick.tick_type {
            TickType::Hourly => self.run(HourlyTick),
            TickType::Daily => self.run(DailyTick),
        }
        self.collect(out, Some(tick.tick_id))?;
        Ok(TickOutcome::Applied)
    }

    /// Runs a schedule once and counts the run: random draws are keyed by that number.
    fn run(&mut self, label: impl ScheduleLabel) {
        let world = self.app.world_mut();
        world.resource_mut::<WorldClock>().runs += 1;
        world.run_schedule(label);
    }

    /// Takes the events that were written and gives them ids: the same in every replay.
    fn collect(&mut self, out: &mut Collector, tick_id: Option<Uuid>) -> Result<(), String> {
        let world = self.app.world_mut();
        for drain in &self.drains {
            drain(world, &mut out.raw)?;
        }
        let clock = world.resource::<WorldClock>();
        let (input, now) = (clock.inputs, clock.now);
        for event in out.raw.drain(..) {
            let name = format!("event:{input}:{}", out.events.len());
            out.events.push(EventRecord {
                event_id: Uuid::new_v5(&self.incarnation, name.as_bytes()),
                event_type: event.event_type,
                source: event.source,
                version: event.version,
                // Only a command can speak in a world whose time has not begun.
                timestamp: event.at.or(now).unwrap_or(self.app.world().resource::<WorldSpec>().starts_at),
                world_id: self.id.clone(),
                tick_id,
                key: event.key,
                payload: event.payload,
            });
        }
        Ok(())
    }
}

/// A span in so many parts that differ by a microsecond at most and come to all of it.
fn parts(micros: u64, steps: u32) -> impl Iterator<Item = u64> {
    let (micros, steps) = (u128::from(micros), u128::from(steps.max(1)));
    // Below `micros`, so it fits.
    let until = move |step: u128| u64::try_from(micros * step / steps).unwrap_or(u64::MAX);
    (0..steps).map(move |step| until(step + 1) - until(step))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::parts;

    proptest! {
        #[test]
        fn parts_are_even_and_whole(micros in any::<u64>(), steps in 0_u32..200) {
            let all: Vec<u64> = parts(micros, steps).collect();
            prop_assert_eq!(all.len(), usize::try_from(steps.max(1)).expect("few"));
            prop_assert_eq!(all.iter().map(|part| u128::from(*part)).sum::<u128>(), u128::from(micros));
            let (least, most) = (all.iter().min().expect("one"), all.iter().max().expect("one"));
            prop_assert!(most - least <= 1);
        }
    }
}
