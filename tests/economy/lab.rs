//! The laboratory: what it measures is what happened, again and on any number of threads.

use worldtick::components::market::WealthStatistics;
use worldtick::lab::chart::Chart;
use worldtick::lab::compare::{Group, comparison, figures, to_csv};
use worldtick::lab::explain::{explain_agent, explain_prices, idle_agents};
use worldtick::lab::report::report;
use worldtick::lab::{Experiment, HOURS_MAX, LabError, Record, Spread, Summary, ensemble};
use worldtick::world::spec::WorldSpec;

fn village() -> WorldSpec {
    WorldSpec::from_yaml(include_str!("../cmd/economy.in/village.yaml")).expect("a valid world file")
}

fn run(seed: u64, hours: u32) -> Record {
    Experiment::new(village(), seed, hours).expect("an experiment").run(|_, _| Ok(())).expect("a run")
}

fn is_close(a: f64, b: f64) -> bool {
    (a - b).abs() < 1e-9
}

#[test]
fn the_same_seed_gives_the_same_bytes_on_any_number_of_threads_and_another_seed_others() {
    let csv = |threads| ensemble(4, threads, |seed| run(seed as u64, 50).to_csv());
    let alone = csv(1);
    assert_eq!(csv(2), alone);
    assert_eq!(csv(4), alone);
    assert_ne!(alone[0], alone[1]);
    assert_eq!(report(&run(3, 50), 10), report(&run(3, 50), 10));
}

#[test]
fn a_record_has_every_hour_and_its_csv_a_column_for_everything() {
    let record = run(1, 60);
    assert_eq!(record.samples.len(), 60);
    assert!(record.samples.iter().zip(1..).all(|(sample, hour)| sample.hour == hour));
    let csv = record.to_csv();
    let columns = csv.lines().next().expect("a header").split(',').count();
    assert_eq!(columns, 1 + 2 * 8 + 2 * 2 + 3 + 2 * 5);
    assert_eq!(csv.lines().count(), 61);
    assert!(csv.lines().all(|line| line.split(',').count() == columns));
    // Whatever was made or consumed was so in some hour: the sums are those of a run without hours.
    let consumed: i64 = record.samples.iter().map(|sample| sample.markets[0].consumed).sum();
    let eaten: u64 = record.samples.iter().map(|sample| sample.meals_met).sum();
    assert_eq!(consumed, i64::try_from(eaten).expect("few"), "bread is eaten, and not enjoyed");
}

#[test]
fn what_is_done_before_an_hour_is_done_once_for_each() {
    let mut hours = Vec::new();
    let experiment = Experiment::new(village(), 1, 30).expect("an experiment");
    let record = experiment.run(|hour, world| {
        assert_eq!(world.events().len(), 0, "an hour's events are taken away");
        assert!(world.journal().is_empty());
        hours.push(hour);
        Ok(())
    });
    assert_eq!(record.expect("a run").samples.len(), 30);
    assert!(hours.into_iter().eq(1..=30));
}

#[test]
fn statistics_are_those_of_the_hours_that_are_asked_for() {
    let mut record = run(1, 48);
    for sample in &mut record.samples {
        let late = sample.hour > 24;
        sample.markets[0].price = if late { 1_000.0 + 100.0 * f64::from(sample.hour % 2) } else { 1.0 };
        sample.markets[1].volume = i64::from(!late);
        (sample.meals_due, sample.meals_met) = if sample.hour == 25 { (10, 4) } else { (10, 10) };
        sample.roles[0].count = u64::from(sample.hour < 45);
    }
    let summary = Summary::of(&record, 24);
    assert!(is_close(summary.markets[0].price, 1_050.0));
    assert!(is_close(summary.markets[0].deviation, 50.0 / 1_050.0));
    assert!(is_close(summary.markets[0].lowest, 1_000.0) && !summary.markets[0].at_bound);
    assert_eq!((summary.markets[0].days_without_trade, summary.markets[1].days_without_trade), (0, 1));
    assert!(is_close(summary.worst_day, 234.0 / 240.0));
    assert!(is_close(summary.meals, 474.0 / 480.0));
    assert_eq!(summary.role_extinct_hours, 4);
    assert!(Summary::of(&record, 0).markets[0].at_bound, "a price of 1 is the least there is");
}

#[test]
fn consumption_is_held_against_the_work_there_was_and_leaves_imports_out() {
    let mut record = run(1, 48);
    for sample in &mut record.samples {
        sample.work_force = if sample.hour > 24 { 20.0 } else { 10.0 };
        sample.markets.iter_mut().for_each(|market| (market.consumed, market.imported) = (0, 0));
        sample.markets[0].consumed = 9;
    }
    let work = record.implied.least_work[0];
    assert!(is_close(Summary::of(&record, 0).consumption, 9.0 * work / 15.0));
    assert!(is_close(Summary::of(&record, 24).consumption, 9.0 * work / 20.0));
    record.samples.iter_mut().for_each(|sample| sample.markets[0].imported = 4);
    assert!(is_close(Summary::of(&record, 24).consumption, 5.0 * work / 20.0));
}

#[test]
fn the_worst_day_is_a_whole_one_where_there_is_any() {
    let mut record = run(1, 48);
    for sample in &mut record.samples {
        (sample.meals_due, sample.meals_met) = if sample.hour == 48 { (10, 0) } else { (10, 10) };
    }
    assert!(is_close(Summary::of(&record, 20).worst_late_day, 1.0), "four hours are no day");
    assert!(is_close(Summary::of(&record, 24).worst_late_day, 23.0 / 24.0));
    assert!(is_close(Summary::of(&record, 38).worst_late_day, 0.9), "of less than a day, of all of it");
    // The worst day of the whole run is never better than all of its meals.
    (record.samples[3].meals_due, record.samples[3].meals_met) = (10, 0);
    let summary = Summary::of(&record, 24);
    assert!(is_close(summary.worst_day, 23.0 / 24.0) && summary.worst_day <= summary.meals, "{summary:?}");
    record.samples[3].meals_due = 100;
    assert!(is_close(Summary::of(&record, 24).worst_day, 230.0 / 330.0));
}

#[test]
fn the_lab_measures_as_the_world_does() {
    let record = run(1, 1);
    let mut world = Experiment::new(village(), 1, 1).expect("an experiment").begin().expect("a world");
    world.hours(1).expect("it lives");
    let known = *world.world().ecs().resource::<WealthStatistics>();
    let same = |found: Spread, known: worldtick::components::market::Distribution| {
        assert!(is_close(found.low, known.p10) && is_close(found.median, known.median), "{found:?}, {known:?}");
        assert!(is_close(found.high, known.p90) && is_close(found.gini, known.gini), "{found:?}, {known:?}");
    };
    let sample = &record.samples[0];
    same(sample.money, known.money);
    same(sample.wealth, known.wealth);
    assert!(is_close(sample.money.top_share, known.richest_share));
    assert!(sample.wealth.low > sample.money.low, "goods are wealth, too");
}

/// What came from outside is counted, and what it came to is not work done here.
#[test]
fn imports_are_written_down() {
    let text = include_str!("../cmd/economy.in/village.yaml").replace(
        "  population:",
        "  shocks:\n    - { id: ships, kind: import, commodity: Bread, quantity: 9, price: 1, durationHours: 10 }\n  population:",
    );
    let spec = WorldSpec::from_yaml(&text).expect("a valid world file");
    let record = Experiment::new(spec, 1, 20).expect("an experiment").run(|_, _| Ok(())).expect("a run");
    let imported: Vec<i64> = record.samples.iter().map(|sample| sample.markets[0].imported).collect();
    assert!(imported[..10].iter().all(|units| (0..=9).contains(units)) && imported[..10].iter().sum::<i64>() > 50);
    assert!(imported[10..].iter().all(|units| *units == 0), "{imported:?}");
    assert!(record.samples.iter().all(|sample| sample.markets[1].imported == 0));
}

#[test]
fn a_page_is_whole_and_asks_for_nothing_from_outside() {
    let html = report(&run(2, 60), 10);
    for part in [
        "<!doctype html>",
        "Prices",
        "Volumes",
        "Efficiency",
        "Money",
        "Wealth, goods",
        "Roles",
        "prefers-color",
        "Bread",
    ] {
        assert!(html.contains(part), "{part} is missing");
    }
    for outside in ["<script", "http:", "https:", "<link", "<img", "@import", "url("] {
        assert!(!html.contains(outside), "{outside}");
    }
    assert_eq!(html.matches("<svg").count(), html.matches("</svg>").count());
    let odd = Chart { title: "<script>".into(), ..Chart::default() }.to_html();
    assert!(!odd.contains("<script"));
}

#[test]
fn a_page_marks_the_hours_of_shocks() {
    let text = include_str!("../cmd/economy.in/village.yaml").replace(
        "  population:",
        "  shocks:\n    - { id: blight, kind: yield, role: Baker, factor: 0.5, startsInHours: 19, durationHours: 20 }\n  population:",
    );
    let spec = WorldSpec::from_yaml(&text).expect("a valid world file");
    let record = Experiment::new(spec, 1, 61).expect("an experiment").run(|_, _| Ok(())).expect("a run");
    let html = report(&record, 10);
    // It acts from hour 20 on, and no more in hour 40; the picture is 782 wide from hour 1 to hour 61.
    for (hour, what) in [(20.0, "blight started"), (40.0, "blight ended")] {
        let x = 64.0 + (hour - 1.0) / 60.0 * 782.0;
        let mark = format!("<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\"");
        let marks: Vec<&str> = html.lines().filter(|line| line.starts_with(&mark)).collect();
        assert_eq!(marks.len(), html.matches("<figure>").count(), "one in each picture at hour {hour}: {marks:?}");
        assert!(marks.iter().all(|line| line.contains(&format!("<title>{what}</title>"))), "{marks:?}");
        assert!(html.contains(&format!("<td>{hour}</td><td>simulation.event.market_shock</td>")), "{what}");
    }
}

#[test]
fn groups_are_compared_by_their_bands() {
    let group =
        |name: &str, seeds: [u64; 3]| Group { name: name.into(), records: seeds.map(|seed| run(seed, 30)).to_vec() };
    let groups = [group("one", [1, 2, 3]), group("other", [4, 5, 6])];
    let price = &figures(&groups, 10)[0];
    assert_eq!(price.name, "price of Bread");
    let band = price.bands[0].expect("a band");
    assert!(band.low <= band.median && band.median <= band.high && band.low < band.high, "{band:?}");
    assert!(comparison(&groups, 10).contains("price of Wood"));
    let csv = to_csv(&groups);
    assert_eq!(csv.lines().count(), 1 + 2 * 30 * 5);
    assert!(csv.lines().nth(1).is_some_and(|line| line.starts_with("one,price of Bread,1,")), "{csv}");
}

#[test]
fn prices_and_agents_are_explained() {
    let mut world = Experiment::new(village(), 3, 1).expect("an experiment").begin().expect("a world");
    world.hours(48).expect("it lives");
    let prices = explain_prices(&mut world).expect("an economy");
    for made in &prices {
        let [(_, parts)] = made.makers.as_slice() else { panic!("one trade makes {}", made.commodity) };
        assert!(is_close(parts.iter().map(|part| part.money).sum(), made.price), "the parts are the price: {made:?}");
    }
    assert_eq!(
        prices[0].makers[0].1.iter().map(|part| part.name.as_str()).collect::<Vec<_>>(),
        ["Wood", "work", "left over"]
    );
    let dealings = explain_agent(&mut world, 5).expect("an agent");
    assert_eq!(dealings.dealings.len(), 2);
    for idle in idle_agents(&mut world, 40) {
        let dealings = explain_agent(&mut world, idle).expect("an agent").dealings;
        assert!(dealings.iter().all(|dealing| dealing.traded == 0));
        assert!(
            dealings.iter().any(|dealing| dealing.wanted > 0 && dealing.said.contains("traded nothing")),
            "{dealings:?}"
        );
    }
    assert!(explain_agent(&mut world, 9_999).is_err_and(|error| error.contains("run from")));
}

#[test]
fn what_cannot_be_run_is_refused() {
    let quiet = WorldSpec::from_yaml("id: quiet").expect("a world file");
    assert!(matches!(Experiment::new(quiet, 1, 1), Err(LabError::NoEconomy(_))));
    assert!(matches!(Experiment::new(village(), 1, 0), Err(LabError::Hours(0))));
    assert!(matches!(Experiment::new(village(), 1, HOURS_MAX + 1), Err(LabError::Hours(_))));
}
