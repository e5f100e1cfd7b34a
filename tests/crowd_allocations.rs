//! A day of a crowd allocates nothing once its buffers have grown.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use worldtick::components::crowd::Tallies;
use worldtick::systems::crowd::{CrowdFloor, Params, Terms, found_books, found_crowd, found_ground, live_steps};
use worldtick::world::spec::{CrowdSpec, GridSpec, RulePreset, RulesSpec, VendorsSpec};

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

#[test]
fn a_day_allocates_nothing() {
    for preset in [RulePreset::City, RulePreset::Originals] {
        let vendors = VendorsSpec { stock: Some(5), ..VendorsSpec::default() };
        let grid = GridSpec { width: 150, height: 150, vendors, ..GridSpec::default() };
        let rules = RulesSpec { preset, ..RulesSpec::default() };
        let spec = CrowdSpec { agents: 5_000, grid, rules, ..CrowdSpec::default() };
        let ground = found_ground(&spec, 3);
        let mut crowd = found_crowd(&spec, 3, &ground);
        let params = Params::new(&spec.rules.values());
        let terms = Terms {
            seed: 3,
            steps_a_day: 24,
            hour: 0,
            price: params.price,
            stock: Some(5),
            supply_milli: 1_000,
            samples: 3,
        };
        let mut books = found_books(&spec, &crowd);
        let (mut tallies, mut floor) = (Tallies::default(), CrowdFloor::default());
        let mut day = || {
            live_steps(24, &terms, &params, &ground, &mut crowd, &mut books, &mut tallies, &mut floor, None);
        };
        (0..10).for_each(|_| day());
        let before = MADE.get();
        (0..5).for_each(|_| day());
        assert!(before > 0, "nothing is counted");
        assert_eq!(MADE.get() - before, 0, "{preset:?}");
    }
}
