//! The economy's section of a world file: what is wrong with it is said all at once.

use worldtick::world::spec::{ClearingRule, WorldSpec};

fn read(economy: &str) -> Result<WorldSpec, String> {
    let text: String = economy.lines().map(|line| format!("  {line}\n")).collect();
    WorldSpec::from_yaml(&format!("id: w\neconomy:\n{text}")).map_err(|error| error.report)
}

const SMALL: &str = "\
commodities:
  - { name: Bread, need: 1 }
  - { name: Toys, spendingShare: 1 }
roles:
  - { name: Baker, output: Bread, quantity: 3 }
  - { name: Carver, output: Toys, quantity: 1, inputs: { Bread: 0.5 } }
";

#[test]
fn a_small_file_gets_every_default() {
    let economy = read(SMALL).expect("valid").economy.expect("an economy");
    assert_eq!(economy.population.count, 400);
    assert_eq!(economy.clearing, ClearingRule::Midpoint);
    assert!((economy.parameters.spending_hours - 50.0).abs() < f64::EPSILON);
}

#[test]
fn prices_follow_from_work_and_money_alone() {
    let economy = read(SMALL).expect("valid").economy.expect("an economy");
    let implied = economy.implied().expect("sound");
    // Bread takes 1/3 hour. A toy takes an hour and half a loaf: 7/6 hours.
    let wage = 150_000.0 / 50.0 / 1.35;
    for (price, hours) in implied.prices.iter().zip([1.0 / 3.0, 7.0 / 6.0]) {
        assert!((price - hours * wage).abs() < 1e-6, "{implied:?}");
    }
    // A loaf for everybody is a third of the hours' work of skill 1; the rest goes into toys.
    let toys = (1.35 - 1.0 / 3.0) / (7.0 / 6.0);
    let bakers = (1.0 + 0.5 * toys) / 3.0;
    assert!((implied.shares[0] - bakers / 1.35).abs() < 1e-9, "{implied:?}");
}

#[test]
fn all_errors_are_reported_at_once_with_their_lines() {
    let report = read(
        "\
commodities:
  - { name: Bread, need: 1, spoilage: 0.9 }
  - { name: Bread, initialPrice: 3 }
  - { name: 'no name', spendingShare: 0.7 }
  - { name: Gems, spendingShare: 0.2 }
roles:
  - { name: Baker, output: Bread, quantity: 0, inputs: { Flour: 1 } }
  - { name: Baker, output: Bread, quantity: 1, share: 0.4, count: 900 }
population:
  count: 800
  moneyPerHead: -5
  skill: { min: 2, max: 1 }
  learningRate: { min: 0, max: 1 }
parameters:
  doubtMin: 0.1
  doubtMax: 0.05
  spendingHours: 1
",
    )
    .expect_err("refused");
    for part in [
        "spoilage",
        "`Bread` is there twice",
        "initialPrice",
        "spending shares add up to 0.8999",
        "people want `Gems`, but no role makes it",
        "there is no commodity `Flour`",
        "`Baker` is there twice",
        "add up to 0.4",
        "count 900 agents, but the population is 800",
        "a count or a share, not both",
        "quantity",
        "moneyPerHead",
        "its min 2 is above its max 1",
        "within 0.01 to 1",
        "below the least",
        "spendingHours",
    ] {
        assert!(report.contains(part), "no `{part}` in:\n{report}");
    }
    assert!(report.contains("line 4") || report.contains(":4:"), "names lines:\n{report}");
}

#[test]
fn recipes_that_cannot_be_are_refused() {
    let cycle = SMALL.replace("quantity: 3 }", "quantity: 3, inputs: { Toys: 9 } }");
    let report = read(&cycle).expect_err("refused");
    assert!(report.contains("use up more than they make"), "{report}");

    let hungry = SMALL.replace("need: 1 ", "need: 9 ");
    let report = read(&hungry).expect_err("refused");
    assert!(report.contains("hours of work in an hour"), "{report}");

    let cheap = format!("{SMALL}population: {{ moneyPerHead: 1000 }}");
    let report = read(&cheap).expect_err("refused");
    assert!(report.contains("imply a price of"), "{report}");

    let lonely = SMALL.replace("output: Bread", "output: Toys");
    let report = read(&lonely).expect_err("refused");
    assert!(report.contains("no role makes"), "{report}");
}

#[test]
fn what_overflows_is_refused() {
    for bad in [
        "population: { count: 1000000, moneyPerHead: 1000000000 }\nparameters: { spendingHours: 1000 }",
        "population: { count: 99999999 }",
        "population: { moneyPerHead: 99999999999999999999 }",
        "population: { beliefFactor: .nan }",
        "parameters: { quoteMargin: .inf }",
        "population: { skill: { min: .nan, max: 1 } }",
    ] {
        assert!(read(&format!("{SMALL}{bad}")).is_err(), "{bad}");
    }
    for quantity in [".nan", ".inf", "-1", "1e300"] {
        let inputs = SMALL.replace("Bread: 0.5", &format!("Bread: {quantity}"));
        assert!(read(&inputs).is_err(), "inputs of {quantity}");
    }
}
