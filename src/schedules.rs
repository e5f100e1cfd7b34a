//! The schedules of a game world and the order of what runs in them. Read this first.
//!
//! A world takes one input at a time (see [`Input`](crate::messages::Input)). An input runs some of these schedules:
//!
//! | schedule | runs when | what belongs there |
//! |---|---|---|
//! | [`WorldSetup`] | once, when the world is made from its file | spawning what the file describes |
//! | [`WorldReady`] | after set-up, and after each restore | rebuilding what is derived and not persisted |
//! | [`WorldStep`] | game time moves, by at most `maxStepGameSeconds` | what follows the flow of time |
//! | [`HourlyTick`] | an hourly tick message arrives | production, markets |
//! | [`DailyTick`] | a daily tick message arrives | diplomacy, crowds |
//!
//! Systems see `Time<GameTime>` and nothing else of time. They do no I/O. In [`WorldStep`], [`HourlyTick`] and
//! [`DailyTick`] two systems that touch the same data must be ordered: the schedules refuse to build otherwise.

use bevy_app::App;
use bevy_ecs::prelude::*;
use bevy_ecs::schedule::{LogLevel, ScheduleBuildSettings, ScheduleLabel, SingleThreadedExecutor};

/// Runs once, when a world is made from its file. Systems run in the order of their sets or chains.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorldSetup;

/// Runs after [`WorldSetup`] and after a world is restored from a snapshot.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorldReady;

/// Runs whenever game time moves.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct WorldStep;

/// Runs once for each hourly tick.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct HourlyTick;

/// Runs once for each daily tick.
#[derive(ScheduleLabel, Debug, Clone, PartialEq, Eq, Hash)]
pub struct DailyTick;

/// What happens in [`WorldSetup`], in this order. The set-up of a plugin of your own belongs to `Own`.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum SetupSystems {
    /// The domains that come with worldtick set up what the world file describes.
    Domains,
    /// Plugins add to it.
    Own,
}

/// What happens in a step of the scheduler, in this order; and `Ready`, which is in [`WorldReady`].
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum SchedulerSystems {
    /// In [`WorldReady`]: what the scheduler derives from its NPCs is made anew. What builds upon it comes after.
    Ready,
    /// Focus that has run out ends; who is wished into another tier moves, as far as capacities allow.
    Assign,
    /// The work plan of the step is made: whose turn it is.
    Plan,
    /// The NPCs of the plan have their turns, tier by tier (see [`TierSystems`]).
    Tick,
    /// Their next turns are put into the queue; what the step did is counted.
    Settle,
}

/// The turns of NPCs within [`SchedulerSystems::Tick`], from the closest tier to the coarsest. Each set runs only in a
/// step whose plan has work for its tier.
#[derive(SystemSet, Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TierSystems {
    /// Turns of detailed NPCs.
    Detailed,
    /// Turns of active NPCs.
    Active,
    /// Turns of ambient NPCs.
    Ambient,
    /// Coarse updates of dormant NPCs.
    Dormant,
}

/// What happens in a day of diplomacy, in [`DailyTick`], in this order. It shares no data with the crowd's day.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum DiplomacySystems {
    /// What has come in takes effect: treaties end, what is due happens, powers move, factions deal with each other.
    Hear,
    /// Every pair is evaluated.
    Evaluate,
    /// The economy is told of wars, and the outside of the day.
    Tell,
}

/// What happens in an hour of the economy, in this order.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum EconomySystems {
    /// Agents review their role.
    Review,
    /// Needs are met from stock, recipes turn inputs into outputs.
    Produce,
    /// Agents write their orders, covered by escrowed money and goods.
    Order,
    /// Every commodity is cleared and settled.
    Clear,
    /// Agents learn from what became of their orders.
    Learn,
    /// Markets are measured, results are reported.
    Report,
}

/// What happens in a day of the crowd, or in its hour where it lives hour by hour, in this order.
#[derive(SystemSet, Debug, Clone, PartialEq, Eq, Hash)]
pub enum CrowdSystems {
    /// What has changed outside is heard: prices.
    Hear,
    /// The crowd lives its steps.
    Live,
    /// What it has done is told: demand, signals, events.
    Tell,
}

/// Adds the schedules to a world, with one executor and one strictness for all, and orders the sets.
pub fn configure(app: &mut App) {
    fn strict<L: ScheduleLabel + Clone>(app: &mut App, label: L) {
        app.init_schedule(label.clone());
        app.edit_schedule(label, |schedule| {
            schedule.set_executor(SingleThreadedExecutor::new());
            schedule.set_build_settings(ScheduleBuildSettings {
                ambiguity_detection: LogLevel::Error,
                ..ScheduleBuildSettings::default()
            });
        });
    }
    strict(app, WorldSetup);
    strict(app, WorldReady);
    strict(app, WorldStep);
    strict(app, HourlyTick);
    strict(app, DailyTick);

    app.configure_sets(WorldSetup, (SetupSystems::Domains, SetupSystems::Own).chain());
    app.configure_sets(
        WorldStep,
        (SchedulerSystems::Assign, SchedulerSystems::Plan, SchedulerSystems::Tick, SchedulerSystems::Settle).chain(),
    );
    app.configure_sets(
        WorldStep,
        (TierSystems::Detailed, TierSystems::Active, TierSystems::Ambient, TierSystems::Dormant)
            .chain()
            .in_set(SchedulerSystems::Tick),
    );
    app.configure_sets(
        HourlyTick,
        (
            EconomySystems::Review,
            EconomySystems::Produce,
            EconomySystems::Order,
            EconomySystems::Clear,
            EconomySystems::Learn,
            EconomySystems::Report,
        )
            .chain(),
    );
    for label in [HourlyTick.intern(), DailyTick.intern()] {
        // Hour by hour the crowd sees the prices of the hour that the economy has just had.
        app.configure_sets(
            label,
            (CrowdSystems::Hear, CrowdSystems::Live, CrowdSystems::Tell).chain().after(EconomySystems::Report),
        );
    }
    app.configure_sets(DailyTick, (DiplomacySystems::Hear, DiplomacySystems::Evaluate, DiplomacySystems::Tell).chain());
}
