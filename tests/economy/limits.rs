//! The limits that packed orders impose: what a world file and the outside may say stays within them, and so does what
//! agents make of it.

use bevy_app::App;
use bevy_ecs::prelude::With;
use worldtick::components::clock::ClockSource;
use worldtick::components::market::{Beliefs, CommodityId, PlaceId, SHOCKS_MAX, Trader};
use worldtick::plugins::economy::EconomyPlugin;
use worldtick::plugins::simulation::SimulationPlugin;
use worldtick::systems::economy::Floor;
use worldtick::systems::economy::book::{PRICE_MAX, QUANTITY_MAX, TRADERS_MAX};
use worldtick::testing::{StepError, Stepper};
use worldtick::world::spec::{FACTOR_RANGE, OUTSIDE_PRICE_MAX, OUTSIDE_QUANTITY_MAX, WorldSpec};

/// Agents that a world file may have at most, at first and by renewal.
const AGENTS: usize = 1_000_000;
/// The highest price that a world file may imply or begin with.
const PRICE: u32 = 400_000;

fn read(economy: &str) -> Result<WorldSpec, String> {
    let text: String = economy.lines().map(|line| format!("  {line}\n")).collect();
    WorldSpec::from_yaml(&format!("id: w\neconomy:\n{text}")).map_err(|error| error.report)
}

fn file(price: i64, rest: &str) -> String {
    format!(
        "\
commodities:
  - {{ name: Bread, need: 1, initialPrice: {price} }}
  - {{ name: Toys, spendingShare: 1 }}
roles:
  - {{ name: Baker, output: Bread, quantity: 3 }}
  - {{ name: Carver, output: Toys, quantity: 1, inputs: {{ Bread: 0.5 }} }}
{rest}
"
    )
}

#[test]
fn what_may_be_written_fits_what_a_book_takes() {
    assert!(AGENTS + SHOCKS_MAX < TRADERS_MAX as usize);
    assert!(f64::from(PRICE) * FACTOR_RANGE.1 < f64::from(PRICE_MAX));
    assert!(OUTSIDE_PRICE_MAX <= i64::from(PRICE_MAX) && OUTSIDE_QUANTITY_MAX <= i64::from(QUANTITY_MAX));
}

#[test]
fn files_are_taken_up_to_the_limits_and_refused_beyond_with_their_place() {
    let shock = |price, quantity| {
        format!(
            "shocks: [{{ kind: import, commodity: Bread, price: {price}, quantity: {quantity}, durationHours: 1 }}]"
        )
    };
    let agents = |count: usize| format!("population: {{ count: {count} }}");
    let price = i64::from(PRICE);
    for taken in
        [file(price, ""), file(price, &agents(AGENTS)), file(price, &shock(OUTSIDE_PRICE_MAX, OUTSIDE_QUANTITY_MAX))]
    {
        assert!(read(&taken).is_ok(), "{taken}\n{:?}", read(&taken));
    }
    let renewal = "population: { count: 100, renewal: { minimum: 2, maximum: 1000001, brokeBelow: 10, newcomerMoney: 100, brokeHours: 5 } }".to_owned();
    for (refused, part) in [
        (file(price + 1, ""), "initialPrice"),
        (file(0, ""), "initialPrice"),
        (file(-1, ""), "initialPrice"),
        (file(price, &agents(AGENTS + 1)), "count"),
        (file(price, &renewal), "maximum"),
        (file(price, &shock(OUTSIDE_PRICE_MAX + 1, 1)), "price"),
        (file(price, &shock(0, 1)), "price"),
        (file(price, &shock(1, OUTSIDE_QUANTITY_MAX + 1)), "quantity"),
        (file(price, &shock(1, 0)), "quantity"),
        (file(price, "population: { moneyPerHead: 900000000 }"), "imply a price"),
    ] {
        let report = read(&refused).expect_err(&refused);
        assert!(report.contains(part) && report.contains("line "), "no `{part}` with its line in:\n{report}");
    }
}

/// One shock of money after the other must leave it within its bounds, in the order in which they start.
#[test]
fn money_shocks_of_a_file_are_refused_where_they_come_to_too_much() {
    let shocks = |shocks: &[(f64, u32)]| {
        let shock =
            |(factor, starts): &(f64, u32)| format!("  - {{ kind: money, factor: {factor}, startsInHours: {starts} }}");
        file(900, &format!("shocks:\n{}", shocks.iter().map(shock).collect::<Vec<_>>().join("\n")))
    };
    for taken in [&[(10.0, 5)][..], &[(10.0, 5), (10.0, 9), (0.1, 7)], &[(0.1, 0), (10.0, 0), (10.0, 0), (0.1, 0)]] {
        assert!(read(&shocks(taken)).is_ok(), "{taken:?}: {:?}", read(&shocks(taken)));
    }
    // The second would make it a hundredfold, and is passed over: the third finds what the first has left.
    let report =
        read(&shocks(&[(10.0, 5), (10.0, 9), (0.1, 11), (0.05, 1), (0.2, 12), (0.1, 12)])).expect_err("refused");
    for words in ["everybody's money would be 100 times", "everybody's money would be 0.02", "0.05 is outside"] {
        assert!(report.contains(words), "no `{words}` in:\n{report}");
    }
    let told = report.lines().filter(|line| line.starts_with("error: ") && line.contains("everybody's money would be"));
    assert_eq!(told.count(), 2, "{report}");
    assert!(report.contains(":11:") && report.contains(":15:"), "names lines:\n{report}");
    // Nor may it come to more than an amount can be, if there is much from the start.
    let much =
        |factor: f64| {
            file(900, &format!(
            "population: {{ count: 1000000, moneyPerHead: 1000000000 }}\nparameters: {{ spendingHours: 1000 }}\n\
             shocks: [{{ kind: money, factor: {factor} }}]"
        ))
        .replace("quantity: 3", "quantity: 9")
        .replace("quantity: 1,", "quantity: 9,")
        };
    assert!(read(&much(8.9)).is_ok(), "{:?}", read(&much(8.9)));
    let report = read(&much(9.1)).expect_err("refused");
    assert!(report.contains("9000000000000000 minor units in all"), "{report}");
}

/// Full stores of an able people that believes in prices at the limit, and trade from outside at the limits.
#[test]
fn agents_at_the_limits_order_within_them() -> Result<(), StepError> {
    let agent = |role, kind| {
        format!("{{ role: {role}, money: 300000000, skill: 10, riskTolerance: 1, stocks: {{ {kind}: 1000000 }} }}")
    };
    let pair = [agent("Baker", "Bread"), agent("Carver", "Toys")].join(", ");
    let agents = [pair.as_str(); 4].join(", ");
    let trade = |kind, commodity, price| {
        format!("{{ kind: {kind}, commodity: {commodity}, price: {price}, quantity: 1000000, durationHours: 90 }}")
    };
    let shocks = [trade("import", "Bread", 1), trade("export", "Toys", OUTSIDE_PRICE_MAX)].join(", ");
    let rest = format!(
        "population: {{ beliefFactor: 100, agents: [{agents}] }}\nshocks: [{shocks}]\nparameters: {{ capacityHours: 1000 }}"
    );
    let text =
        file(i64::from(PRICE), &rest).replace("quantity: 3", "quantity: 900").replace("quantity: 1,", "quantity: 900,");
    let mut spec = read(&text).unwrap_or_else(|report| panic!("{report}"));
    spec.clock = ClockSource::Manual;
    let mut world = Stepper::new(move || {
        let mut app = App::new();
        app.add_plugins((SimulationPlugin { spec: spec.clone() }, EconomyPlugin));
        app
    })?;
    let mut largest = 0;
    for hour in 0..120 {
        world.hours(1)?;
        let ecs = world.world().ecs();
        let floor = ecs.resource::<Floor>();
        for (trader, commodity) in (0..10).flat_map(|trader| [(trader, CommodityId(0)), (trader, CommodityId(1))]) {
            let Some(order) = floor.order(PlaceId::default(), trader, commodity) else { continue };
            assert!(
                (1..=PRICE_MAX).contains(&order.price) && (1..=PRICE_MAX).contains(&order.limit),
                "{hour}: {order:?}"
            );
            assert!((1..=QUANTITY_MAX).contains(&order.quantity), "{hour}: {order:?}");
            largest = largest.max(order.quantity);
        }
        let mut beliefs = ecs.query_filtered::<&Beliefs, With<Trader>>();
        let within = |beliefs: &Beliefs| beliefs.0.iter().all(|b| (1.0..=f64::from(PRICE_MAX)).contains(&b.price));
        assert!(beliefs.iter(ecs).all(within), "{hour}");
    }
    assert!(largest >= 500_000, "no order was larger than {largest}");
    Ok(())
}
