//! Where the time of a step goes, system set by system set, for whoever has a clock.
//!
//! Systems see no wall clock, so nothing here reads one. Between two neighbouring sets of a schedule stands a system
//! without parameters that only tells its watcher "this set has ended, that one begins". The watcher belongs to the edge:
//! a server passes in one that reads its stopwatch, a world without a watcher has not even these systems. As they touch no
//! data, they can be ambiguous with nobody, and they cannot change what a world comes to.
//!
//! Systems of your own that are in none of these sets count with the set that they happen to run beside. What runs
//! outside of all of them (the hash, the collecting of events) is what is left of the whole.

use std::sync::Arc;

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::ScheduleLabel;

use crate::schedules::{
    EconomySystems, GenerationSystems, HourlyTick, InteractionSystems, SchedulerSystems, TierSystems, WorldStep,
};

/// A place between two sets of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetEdge {
    /// The set that has ended, if any.
    pub ended: Option<&'static str>,
    /// The set that begins, if any. `tick/active` is a part of `tick`.
    pub begun: Option<&'static str>,
}

/// Is told of every edge as it is passed.
pub type SetWatcher = Arc<dyn Fn(SetEdge) + Send + Sync>;

/// Has a watcher told where a world's schedules stand. Add it last.
#[derive(Clone)]
pub struct WatchPlugin {
    /// The watcher.
    pub watcher: SetWatcher,
}

impl Plugin for WatchPlugin {
    fn build(&self, app: &mut App) {
        let step = [
            ("land", GenerationSystems::Land.intern()),
            ("assign", SchedulerSystems::Assign.intern()),
            ("plan", SchedulerSystems::Plan.intern()),
            ("tick", SchedulerSystems::Tick.intern()),
            ("chains", InteractionSystems::Advance.intern()),
            ("intents", InteractionSystems::HandOut.intern()),
            ("jobs", GenerationSystems::Dispatch.intern()),
            ("settle", SchedulerSystems::Settle.intern()),
        ];
        let tiers = [
            ("tick/detailed", TierSystems::Detailed),
            ("tick/active", TierSystems::Active),
            ("tick/ambient", TierSystems::Ambient),
            ("tick/dormant", TierSystems::Dormant),
        ];
        let economy = [
            ("economy/review", EconomySystems::Review),
            ("economy/produce", EconomySystems::Produce),
            ("economy/order", EconomySystems::Order),
            ("economy/clear", EconomySystems::Clear),
            ("economy/learn", EconomySystems::Learn),
            ("economy/report", EconomySystems::Report),
        ];
        self.watch(app, &WorldStep, &step, None);
        self.watch(app, &WorldStep, &tiers, Some(SchedulerSystems::Tick));
        self.watch(app, &HourlyTick, &economy, None);
    }
}

impl WatchPlugin {
    /// Puts a system before, between and after sets that run in this order, all of them within `around` if given.
    fn watch<L: ScheduleLabel + Clone, S: SystemSet + Clone>(
        &self,
        app: &mut App,
        label: &L,
        sets: &[(&'static str, S)],
        around: Option<SchedulerSystems>,
    ) {
        for place in 0..=sets.len() {
            let before = place.checked_sub(1).and_then(|place| sets.get(place));
            let after = sets.get(place);
            let edge = SetEdge { ended: before.map(|(name, _)| *name), begun: after.map(|(name, _)| *name) };
            let watcher = self.watcher.clone();
            let mut system = (move || watcher(edge)).into_configs();
            // These edges ask for no point at which commands are applied: there are as many as without them.
            if let Some((_, set)) = before {
                system = system.after_ignore_deferred(set.clone());
            }
            if let Some((_, set)) = after {
                system = system.before_ignore_deferred(set.clone());
            }
            if let Some(around) = &around {
                system = system.in_set(around.clone());
            }
            app.add_systems(label.clone(), system);
        }
    }
}
