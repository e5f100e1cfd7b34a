//! An hour of an economy allocates nothing once its buffers have grown.

#![expect(clippy::expect_used, reason = "a test may panic")]
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bevy_app::App;
use bevy_ecs::message::Messages;
use uuid::Uuid;
use worldtick::components::clock::{ClockSource, WorldClock};
use worldtick::messages::market::{AggregatedStats, DemandSignal, MarketCleared};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::schedules::HourlyTick;
use worldtick::world::GameWorld;
use worldtick::world::spec::{ClearingRule, EconomySpec, WorldSpec};

thread_local! {
    /// Allocations of this thread: what the test harness does beside it does not count.
    static MADE: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: everything is passed on to the system's allocator; the counter has no influence on it.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        MADE.set(MADE.get() + 1);
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Hours until everything has the size that it keeps: the samples of a week, and a day's measures.
const WARM_UP: u32 = 200;

/// Allocations in so many hours of the default world, changed.
fn allocations(hours: u32, change: impl FnOnce(&mut EconomySpec)) -> usize {
    let mut spec = WorldSpec::default_world().expect("a valid world file");
    spec.clock = ClockSource::Manual;
    change(spec.economy.as_mut().expect("an economy"));
    let mut app = App::new();
    app.add_plugins((SimulationPlugin { spec }, EconomyPlugin));
    let mut world = GameWorld::create(app, Uuid::nil()).expect("a sound world");
    let ecs = world.ecs();
    let mut made = 0;
    for hour in 0..WARM_UP + hours {
        ecs.resource_mut::<WorldClock>().runs += 1;
        let before = MADE.get();
        ecs.run_schedule(HourlyTick);
        if hour >= WARM_UP {
            made += MADE.get() - before;
        }
        // As the server does after each tick.
        ecs.resource_mut::<Messages<MarketCleared>>().clear();
        ecs.resource_mut::<Messages<DemandSignal>>().clear();
        ecs.resource_mut::<Messages<AggregatedStats>>().clear();
    }
    assert!(MADE.get() > 0, "nothing is counted");
    made
}

#[test]
fn an_hour_allocates_nothing() {
    assert_eq!(allocations(60, |_| {}), 0);
}

#[test]
fn nor_does_it_at_one_price_for_all() {
    assert_eq!(allocations(60, |economy| economy.clearing = ClearingRule::Uniform), 0);
}
