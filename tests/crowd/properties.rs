//! What holds of every crowd: money and things are conserved, everybody is inside the grid, needs are within bounds, and
//! threads change nothing.

use bevy_tasks::{TaskPool, TaskPoolBuilder};
use proptest::prelude::*;
use worldtick::components::crowd::{Crowd, CrowdBooks, FULL, Ground, Tallies};
use worldtick::systems::crowd::{CrowdFloor, Params, Terms, found_books, found_crowd, found_ground, live_steps};
use worldtick::world::spec::{AmountRange, CrowdSpec, GridSpec, Range, RulePreset, RulesSpec, VendorsSpec};

struct Town {
    params: Params,
    terms: Terms,
    ground: Ground,
    crowd: Crowd,
    books: CrowdBooks,
    tallies: Tallies,
    floor: CrowdFloor,
}

impl Town {
    fn new(spec: &CrowdSpec, seed: u64) -> Self {
        let ground = found_ground(spec, seed);
        let crowd = found_crowd(spec, seed, &ground);
        let params = Params::new(&spec.rules.values());
        let stock = spec.grid.vendors.stock.map(|stock| u16::try_from(stock).expect("checked"));
        let terms = Terms { seed, steps_a_day: 24, hour: 0, price: params.price, stock, supply_milli: 700, samples: 0 };
        let books = found_books(spec, &crowd);
        Self { params, terms, ground, crowd, books, tallies: Tallies::default(), floor: CrowdFloor::default() }
    }

    fn live(&mut self, steps: u32, pool: Option<&TaskPool>) {
        let Self { params, terms, ground, crowd, books, tallies, floor } = self;
        live_steps(steps, terms, params, ground, crowd, books, tallies, floor, pool);
    }

    fn assert_sound(&self) {
        for chunk in &self.crowd.chunks {
            let within = |column: &[i16], end: i16| column.iter().all(|value| (0..end).contains(value));
            assert!(within(&chunk.x, self.ground.width) && within(&chunk.y, self.ground.height), "outside the grid");
            let needs = [&chunk.hunger, &chunk.drive, &chunk.energy];
            assert!(needs.into_iter().all(|need| within(need, FULL + 1)), "a need is out of bounds");
            for ((x, y), sector) in chunk.x.iter().zip(&chunk.y).zip(&chunk.sector) {
                assert_eq!(*sector, self.ground.sector(*x, *y), "a sector is wrong");
            }
        }
        let all = self.crowd.money() + self.books.vendors + self.books.employers;
        assert_eq!(all, self.books.founded_with, "money is made or lost");
        for step in 0..self.tallies.steps() {
            let rows = self.tallies.step(step);
            let agents: usize = rows.iter().map(|tally| tally.agents() as usize).sum();
            assert_eq!(agents, self.crowd.len(), "somebody is not counted");
            let balance = rows.iter().map(|tally| i64::from(tally.entered) - i64::from(tally.left)).sum::<i64>();
            assert_eq!(balance, 0, "who leaves a sector comes into another");
        }
    }
}

fn specs() -> impl Strategy<Value = CrowdSpec> {
    let sides = (1_u32..40, 1_u32..40);
    let rules =
        (any::<bool>(), prop::option::of(1_u8..9), prop::option::of(0.0..=1.0_f64), prop::option::of(0_u32..3_000));
    (1_u32..400, sides, prop::option::of(1_u32..40), rules, prop::option::of(0_i64..2_000)).prop_map(
        |(agents, (width, height), stock, (is_city, stride, chance, wage), money)| CrowdSpec {
            agents,
            grid: GridSpec {
                width,
                height,
                sector_columns: 3.min(width),
                sector_rows: 2.min(height),
                vendors: VendorsSpec { stock, ..VendorsSpec::default() },
                ..GridSpec::default()
            },
            rules: RulesSpec {
                preset: if is_city { RulePreset::City } else { RulePreset::Originals },
                stride,
                trade_chance: chance,
                hunger_rise: chance.map(|chance| Range { min: 50.0 * chance, max: 100.0 * chance }),
                wage,
                comfort: wage.map(|wage| wage * 4),
                money: money.map(|least| AmountRange { min: least, max: least + 1_000 }),
                ..RulesSpec::default()
            },
            ..CrowdSpec::default()
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_must_hold_of_every_crowd_holds(spec in specs(), seed in any::<u64>(), days in 1_u32..6) {
        let mut town = Town::new(&spec, seed);
        let things = town.crowd.things();
        town.assert_sound();
        for _ in 0..days {
            town.live(24, None);
            town.assert_sound();
        }
        prop_assert_eq!(town.crowd.things(), things);
        prop_assert_eq!(town.crowd.len(), spec.agents as usize);
    }

    /// So many steps at once are the same as one after the other.
    #[test]
    fn steps_at_once_are_steps_one_by_one(spec in specs(), seed in any::<u64>()) {
        let (mut at_once, mut by_one) = (Town::new(&spec, seed), Town::new(&spec, seed));
        at_once.live(24, None);
        for hour in 0..24 {
            by_one.terms.hour = hour;
            by_one.live(1, None);
        }
        prop_assert_eq!(at_once.crowd, by_one.crowd);
        prop_assert_eq!(at_once.books, by_one.books);
    }
}

/// What was once found and shrunk: a grid of one cell, and a crowd that begins nearly without money.
#[test]
fn what_was_once_wrong_holds() {
    let grid = |width, height, columns, rows| GridSpec {
        width,
        height,
        sector_columns: columns,
        sector_rows: rows,
        ..GridSpec::default()
    };
    let one_cell = CrowdSpec { agents: 18, grid: grid(1, 1, 1, 1), ..CrowdSpec::default() };
    let rules = RulesSpec {
        preset: RulePreset::Originals,
        money: Some(AmountRange { min: 667, max: 1_667 }),
        ..RulesSpec::default()
    };
    let poor = CrowdSpec { agents: 93, grid: grid(17, 12, 3, 2), rules, ..CrowdSpec::default() };
    for (spec, seed) in [(one_cell, 233), (poor, 3_828_059_245_446_878_805)] {
        let (mut at_once, mut by_one) = (Town::new(&spec, seed), Town::new(&spec, seed));
        let things = at_once.crowd.things();
        for _ in 0..5 {
            at_once.live(24, None);
            at_once.assert_sound();
            for hour in 0..24 {
                by_one.terms.hour = hour;
                by_one.live(1, None);
                by_one.assert_sound();
            }
        }
        assert_eq!(at_once.crowd.things(), things);
        assert_eq!((at_once.crowd, at_once.books), (by_one.crowd, by_one.books));
    }
}

#[test]
fn threads_change_nothing() {
    for preset in [RulePreset::Originals, RulePreset::City] {
        let spec = CrowdSpec {
            agents: 40_000,
            grid: GridSpec {
                width: 300,
                height: 300,
                vendors: VendorsSpec { stock: Some(20), ..VendorsSpec::default() },
                ..GridSpec::default()
            },
            rules: RulesSpec { preset, ..RulesSpec::default() },
            ..CrowdSpec::default()
        };
        let mut alone = Town::new(&spec, 5);
        alone.live(30, None);
        alone.assert_sound();
        for threads in [2, 3, 4] {
            let pool = TaskPoolBuilder::new().num_threads(threads).build();
            let mut town = Town::new(&spec, 5);
            town.live(30, Some(&pool));
            assert_eq!(town.crowd, alone.crowd, "{threads} threads");
            assert_eq!(town.books, alone.books, "{threads} threads");
            assert_eq!(town.tallies, alone.tallies, "{threads} threads");
        }
    }
}
