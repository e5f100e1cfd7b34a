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

/// Bread takes flour and an oven that wears out; flour comes with bran.
const BAKERY: &str = "\
commodities:
  - { name: Bread, need: 1 }
  - { name: Flour }
  - { name: Oven, spendingShare: 0.5 }
  - { name: Bran, spendingShare: 0.5 }
roles:
  - { name: Baker, output: Bread, quantity: 8, chance: 0.5, inputs: { Flour: 1 }, tools: { Oven: 0.02 }, idleCost: 5 }
  - { name: Miller, output: Flour, quantity: 4, byProducts: { Bran: 0.5 }, hourlyMax: 9, storeMax: 80 }
  - { name: Mason, output: Oven, quantity: 0.5 }
  - { name: Sifter, output: Bran, quantity: 4 }
";

#[test]
fn tools_chance_and_by_products_enter_into_what_a_file_implies() {
    let implied = read(BAKERY).expect("valid").economy.expect("an economy").implied().expect("sound");
    // An oven takes 2 hours, bran 1/4. Flour takes an hour less half a unit of bran, for 4 units.
    let (oven, bran) = (2.0, 0.25);
    let flour = (1.0 - 0.5 * bran) / 4.0;
    let bread = (1.0 + flour + 0.02 * oven) / 4.0;
    for (found, expected) in implied.work.iter().zip([bread, flour, oven, bran]) {
        assert!((found - expected).abs() < 1e-9, "{:?}", implied.work);
    }
    assert!((implied.shares.iter().sum::<f64>() - 1.0).abs() < 1e-9);
}

#[test]
fn what_spoils_in_stock_must_be_made_as_well() {
    let file = "\
commodities:
  - { name: Bread, need: 1, spoilage: 0.02 }
  - { name: Grain, spoilage: 0.01 }
  - { name: Wine, spendingShare: 1 }
roles:
  - { name: Baker, output: Bread, quantity: 4, inputs: { Grain: 2 } }
  - { name: Reaper, output: Grain, quantity: 5 }
  - { name: Vintner, output: Wine, quantity: 1 }
population: { skill: { min: 1, max: 1 } }
parameters: { pantryHours: 10, inputHours: 24, outputHours: 5 }
";
    let implied = read(file).expect("valid").economy.expect("an economy").implied().expect("sound");
    // Of an hour's 5 of grain, 25 wait to be sold and lose 0.25 for each hour's sale of 5: 1.05 are made for 1 sold.
    let grain = 1.05 / 5.0;
    // 48 units of grain and an hour's 2 wait to be baked, and lose a half; of bread 1.1 are made for 1 sold.
    let taken = 2.0 + 0.01 * (48.0 + 2.0);
    let bread = 1.1 * (1.0 + taken * grain) / 4.0;
    for (found, expected) in implied.work.iter().zip([bread, grain, 1.0]) {
        assert!((found - expected).abs() < 1e-9, "{:?}", implied.work);
    }
    for (found, expected) in implied.least_work.iter().zip([0.35, 0.2, 1.0]) {
        assert!((found - expected).abs() < 1e-9, "{:?}", implied.least_work);
    }
    // Ten units in the pantry lose 0.2 in an hour: they are paid for, and no part of the price.
    let bakers = 1.2 * 1.1 / 4.0;
    let reapers = bakers * taken * 1.05 / 5.0;
    assert!((implied.consumption[0] - 1.0).abs() < 1e-9 && (implied.consumption[2] - (1.0 - 1.2 * bread)).abs() < 1e-9);
    for (found, expected) in implied.shares.iter().zip([bakers, reapers, 1.0 - bakers - reapers]) {
        assert!((found - expected).abs() < 1e-9, "{:?}", implied.shares);
    }
}

#[test]
fn recipes_that_make_goods_from_nothing_are_refused_all_at_once() {
    let report = read(
        "\
commodities:
  - { name: Bread, need: 1 }
  - { name: Flour }
  - { name: Oven, spendingShare: 1 }
roles:
  - { name: Baker, output: Bread, quantity: 8, inputs: { Flour: 1, Oven: -2 }, tools: { Oven: 7, Spade: 0.1 }, subsistence: 0 }
  - { name: Miller, output: Flour, quantity: 4, chance: 1.5, inputs: { Bread: 1 }, byProducts: { Bread: 1, Flour: 1 }, subsistence: 0 }
  - { name: Mason, output: Oven, quantity: 1, hourlyMax: 0, storeMax: 0, idleCost: -1, byProducts: { Gold: 1 } }
population: { count: 100, initialStockHours: 0, renewal: { minimum: 200, maximum: 50, brokeBelow: 10, newcomerMoney: 1, brokeHours: 0 } }
treasury: { salesTax: 0.9, incomeTax: .nan, initialMoney: -1, relief: { below: 0, amount: 5 }, wages: { below: 1, utilisationBelow: 2, amount: 1 } }
chronicle: { everyHours: 0, samples: 5000 }
",
    )
    .expect_err("refused");
    for part in [
        "-2 units in an hour is outside",
        "7 as a chance of wear is outside",
        "there is no commodity `Spade`",
        "`Oven` is an input already",
        "`Bread` goes in and comes out again",
        "`Flour` is the output already",
        "there is no commodity `Gold`",
        "chance",
        "hourlyMax",
        "storeMax",
        "idleCost",
        "nobody can ever begin to make `Bread`: it takes `Flour`",
        "nobody can ever begin to make `Flour`: it takes `Bread`",
        "200 is above the 100 agents",
        "50 is below the 100 agents",
        "broke from the start",
        "brokeHours",
        "salesTax",
        "incomeTax",
        "initialMoney",
        "relief",
        "utilisationBelow",
        "everyHours",
        "samples",
    ] {
        assert!(report.contains(part), "no `{part}` in:\n{report}");
    }
    assert!(report.contains("line 8") || report.contains(":8:"), "names lines:\n{report}");
}

#[test]
fn a_circle_of_listed_agents_begins_with_what_they_hold_or_not_at_all() {
    let file = |stocks: &str| {
        read(&format!(
            "\
commodities:
  - {{ name: Bread, need: 1 }}
  - {{ name: Flour }}
roles:
  - {{ name: Baker, output: Bread, quantity: 8, inputs: {{ Flour: 1 }}, subsistence: 0 }}
  - {{ name: Miller, output: Flour, quantity: 4, inputs: {{ Bread: 0.5 }}, subsistence: 0 }}
population:
  agents: [{{ role: Baker, money: 90000{stocks} }}, {{ role: Miller, money: 90000 }}]
"
        ))
    };
    // What agents that are drawn would begin with is nothing to those that are listed.
    for nothing in ["", ", stocks: { Flour: 0 }"] {
        let report = file(nothing).expect_err("refused");
        for output in ["Bread", "Flour"] {
            assert!(report.contains(&format!("nobody can ever begin to make `{output}`")), "{report}");
        }
        assert!(report.contains("`stocks` to begin with"), "{report}");
    }
    for begun in ["Flour: 1", "Bread: 1"] {
        file(&format!(", stocks: {{ {begun} }}")).expect("valid");
    }
}

#[test]
fn what_a_file_implies_knows_the_most_that_an_hour_makes() {
    let file = |rest: &str| read(&SMALL.replace("quantity: 3 }", &format!("quantity: 10{rest} }}")));
    let work = |rest: &str| file(rest).expect("valid").economy.expect("an economy").implied().expect("sound").work[0];
    assert!((work("") - 0.1).abs() < 1e-9);
    // Mean skill 1.35 would make 13.5 in an hour, and makes 2: 1.35 hours' work of skill 1 for 2 units.
    assert!((work(", hourlyMax: 2") - 1.35 / 2.0).abs() < 1e-9);
    assert!((work(", hourlyMax: 14") - 0.1).abs() < 1e-9);
    assert!((work(", hourlyMax: 2, chance: 0.8") - 1.35 / 1.6).abs() < 1e-9);
    // Nine tenths of a unit in an hour are less than each eats.
    let report = file(", hourlyMax: 1, chance: 0.9").expect_err("refused");
    assert!(report.contains("the needs of an agent take 1.50 hours of work"), "{report}");
}

#[test]
fn a_chronicle_that_no_machine_could_hold_is_refused() {
    // With two commodities a sample takes 32 bytes.
    let file = |rest: &str| read(&format!("{SMALL}{rest}"));
    let all = "population: { count: 1000000 }\nchronicle: { samples: ";
    file(&format!("{all}62 }}")).expect("just fits");
    let report = file(&format!("{all}63 }}")).expect_err("refused");
    assert!(report.contains("63 samples of each of 1000000 agents"), "{report}");
    assert!(report.contains("keep 62 at most, or have fewer agents"), "{report}");
    file("chronicle: { samples: 1000 }").expect("few agents");
    let growing = "population: { renewal: { minimum: 2, maximum: 1000000, brokeBelow: 1, newcomerMoney: 1 } }\n";
    let report = file(&format!("{growing}chronicle: {{ samples: 1000 }}")).expect_err("refused");
    assert!(report.contains("of each of 1000000 agents"), "{report}");
}

#[test]
fn by_products_worth_more_than_the_work_are_refused() {
    let rich = BAKERY.replace("byProducts: { Bran: 0.5 }", "byProducts: { Bran: 5 }");
    let report = read(&rich).expect_err("refused");
    assert!(report.contains("`Flour` would come from nothing"), "{report}");
}

/// With all else that is wrong, each at the roles that are to blame.
#[test]
fn everything_that_comes_from_nothing_is_told_with_the_rest_at_its_recipe() {
    let report = read(
        "\
commodities:
  - { name: Bread, need: 1 }
  - { name: Flour }
  - { name: Bran, spendingShare: 0.5 }
  - { name: Ore }
  - { name: Slag, spendingShare: 0.4 }
  - { name: Coal }
  - { name: Pick }
  - { name: Rope }
  - { name: Lamp }
roles:
  - { name: Baker, output: Bread, quantity: 8, inputs: { Flour: 1 } }
  - { name: Miller, output: Flour, quantity: 4, byProducts: { Bran: 5 } }
  - { name: Sifter, output: Bran, quantity: 4 }
  - { name: Miner, output: Ore, quantity: 1, byProducts: { Slag: 9 } }
  - { name: Raker, output: Slag, quantity: 2 }
  - { name: Collier, output: Coal, quantity: 1, inputs: { Pick: 0.5, Lamp: 1 } }
  - { name: Toolmaker, output: Pick, quantity: 1, inputs: { Coal: 3 } }
  - { name: Roper, output: Rope, quantity: 1, inputs: { Rope: 1 } }
  - { name: Lampmaker, output: Lamp, quantity: 1 }
treasury: { salesTax: 0.9 }
shocks: [{ kind: need, commodity: Gold, factor: 2, durationHours: 9 }]
population: { moneyPerHead: -5 }
",
    )
    .expect_err("refused");
    for part in ["add up to 0.9", "salesTax", "`Gold`", "moneyPerHead", "outside"] {
        assert!(report.contains(part), "no `{part}` in:\n{report}");
    }
    // Two lines stand before the first of the file.
    for (line, part) in [
        (15, "`Flour` would come from nothing"),
        (17, "`Ore` would come from nothing"),
        (19, "round and round, through `Coal`, `Pick`, the work"),
        (20, "round and round, through `Coal`, `Pick`, the work"),
        (21, "round and round, through `Rope`, the work"),
    ] {
        let blamed = |block: &str| block.starts_with(&format!("{line} ")) && block.contains(part);
        assert!(report.split("error: line ").any(blamed), "no `{part}` in line {line}:\n{report}");
    }
    let told = |words: &str| report.lines().filter(|line| line.starts_with("error: ") && line.contains(words)).count();
    assert_eq!((told("would come from nothing"), told("round and round")), (2, 3), "{report}");
}

/// A circle of so many roles: each hands on to the one before what is kept of the next one's product, and takes a little
/// of all others but for the first.
fn circle(length: usize, kept: f64) -> String {
    let name = |number: usize| format!("G{}", number % length);
    let wanted = |number: usize| if number == 0 { ", spendingShare: 1" } else { "" };
    let good = |number: usize| format!("  - {{ name: {}{} }}\n", name(number), wanted(number));
    let recipe = |number: usize| {
        let others = (2..length).filter(|_| number > 0).map(|other| format!(", {}: 0.001", name(number + other)));
        format!(
            "  - {{ name: R{number}, output: {}, quantity: 100, inputs: {{ {}: {}{} }} }}\n",
            name(number),
            name(number + 1),
            100.0 * kept,
            others.collect::<String>()
        )
    };
    let (goods, roles) = ((0..length).map(good), (0..length).map(recipe));
    format!("commodities:\n{}roles:\n{}", goods.collect::<String>(), roles.collect::<String>())
}

/// Substitution alone takes rounds without end where a circle keeps nearly all of itself.
#[test]
fn circles_that_keep_nearly_all_are_told_from_those_that_keep_more() {
    for kept in [0.9, 0.998, 0.9999] {
        let economy = read(&circle(2, kept)).unwrap_or_else(|report| panic!("{kept}: {report}")).economy;
        let implied = economy.expect("an economy").implied().expect("sound");
        let expected = 0.01 / (1.0 - kept);
        assert!(implied.work.iter().all(|hours| (hours / expected - 1.0).abs() < 1e-6), "{kept}: {:?}", implied.work);
        // Of the second the first's whole product takes as much as is kept.
        let shares = [1.0 / (1.0 + kept), kept / (1.0 + kept)];
        assert!(implied.shares.iter().zip(shares).all(|(found, share)| (found - share).abs() < 1e-6), "{implied:?}");
    }
    // So much work that nobody could pay for it, but no word of more than there is.
    let report = read(&circle(2, 1.0 - 1e-7)).expect_err("refused");
    assert!(report.contains("imply a price of") && !report.contains("round and round"), "{report}");
    for kept in [1.0, 1.0 + 1e-9, 1.0001, 1.2] {
        let report = read(&circle(2, kept)).expect_err("refused");
        assert!(report.contains("round and round, through `G0`, `G1`, the work"), "{kept}: {report}");
    }
    // The largest that a file may have: what each takes of the others makes it a little more.
    read(&circle(64, 0.998)).unwrap_or_else(|report| panic!("{report}"));
    let report = read(&circle(64, 1.0)).expect_err("refused");
    let words = "round and round, through `G0`, `G1`, `G2`";
    let told = report.lines().filter(|line| line.starts_with("error: ") && line.contains(words));
    assert_eq!(told.count(), 64, "{report}");
}
