//! Where the time of a tick goes: a stopwatch between the sets of its schedules.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bevy_app::{App, Plugin};
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::ScheduleLabel;
use worldtick::schedules::{
    CrowdSystems, DailyTick, DiplomacySystems, EconomySystems, HourlyTick, SchedulerSystems, WorldStep,
};

use crate::cpu;

#[derive(Debug, Default)]
struct Watch {
    is_on: bool,
    running: Option<(&'static str, Duration)>,
    spent: BTreeMap<&'static str, Duration>,
}

/// What each part has taken so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts(Arc<Mutex<Watch>>);

impl Parts {
    /// Ends the part that runs, and begins this one.
    fn begin(&self, part: Option<&'static str>) {
        let now = cpu::time();
        let mut watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((name, began)) = watch.running.take() {
            *watch.spent.entry(name).or_default() += now.saturating_sub(began);
        }
        watch.running = part.filter(|_| watch.is_on).map(|part| (part, cpu::time()));
    }

    /// Takes the time from now on, or no more.
    pub(crate) fn watch_on(&self, is_on: bool) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_on = is_on;
    }

    /// Prints the milliseconds of each part in one of so many ticks.
    pub(crate) fn tell(&self, ticks: usize) {
        let watch = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let each = |spent: &Duration| spent.as_secs_f64() * 1e3 / ticks as f64;
        let parts: Vec<String> = watch.spent.iter().map(|(name, spent)| format!("{name} {:.2}", each(spent))).collect();
        println!("    on average, in ms: {}", parts.join(", "));
    }

    /// Puts a system before the first of some sets and after each of them.
    fn watch<L: ScheduleLabel + Clone, S: SystemSet + Clone>(
        &self,
        app: &mut App,
        label: &L,
        sets: &[(&'static str, S)],
    ) {
        for place in 0..=sets.len() {
            let begins = sets.get(place).map(|(name, _)| *name);
            let parts = self.clone();
            let mut system = (move || parts.begin(begins)).into_configs();
            if let Some((_, set)) = place.checked_sub(1).and_then(|before| sets.get(before)) {
                system = system.after_ignore_deferred(set.clone());
            }
            if let Some((_, set)) = sets.get(place) {
                system = system.before_ignore_deferred(set.clone());
            }
            app.add_systems(label.clone(), system);
        }
    }
}

impl Plugin for Parts {
    fn build(&self, app: &mut App) {
        let npcs = [
            ("npcs", SchedulerSystems::Assign),
            ("npcs", SchedulerSystems::Plan),
            ("npcs", SchedulerSystems::Tick),
            ("npcs", SchedulerSystems::Settle),
        ];
        let economy = [
            ("economy/review", EconomySystems::Review),
            ("economy/produce", EconomySystems::Produce),
            ("economy/order", EconomySystems::Order),
            ("economy/clear", EconomySystems::Clear),
            ("economy/learn", EconomySystems::Learn),
            ("economy/report", EconomySystems::Report),
        ];
        let crowd = [
            ("crowd/hear", CrowdSystems::Hear),
            ("crowd/live", CrowdSystems::Live),
            ("crowd/tell", CrowdSystems::Tell),
        ];
        let diplomacy = [
            ("diplomacy", DiplomacySystems::Hear),
            ("diplomacy", DiplomacySystems::Evaluate),
            ("diplomacy", DiplomacySystems::Tell),
        ];
        self.watch(app, &WorldStep, &npcs);
        self.watch(app, &HourlyTick, &economy);
        self.watch(app, &HourlyTick, &crowd);
        self.watch(app, &DailyTick, &diplomacy);
    }
}
