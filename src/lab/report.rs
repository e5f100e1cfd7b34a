//! A page about one run.

use super::chart::{Chart, Line, page, table};
use super::numbers::{number, real, share};
use super::record::{NotedEvent, Record, Sample, Spread};
use super::summary::Summary;
use crate::messages::SimulationEvent;
use crate::messages::shock::MarketShock;

/// Events that the page lists at most.
const LISTED_MAX: usize = 200;

/// A run as one HTML file: its figures, and pictures of prices, volumes, efficiency, needs, money, wealth, roles and
/// shocks.
/// Statistics are of the hours after `settled`.
pub fn report(record: &Record, settled: u32) -> String {
    let summary = Summary::of(record, settled);
    let hours = record.samples.len();
    let said = format!(
        "Seed {}, {} agents, {hours} hours. Statistics are of the hours after {settled}; meals of all. Money is in major units.",
        record.seed, record.agents
    );
    let mut parts = vec![table("Figures", &figures(&summary)), table("Markets", &markets(record, &summary))];
    parts.extend(charts(record).iter().map(Chart::to_html));
    if !record.events.is_empty() {
        parts.push(table("Events", &events(record)));
    }
    page(&format!("The economy of {}", record.world), &said, &parts)
}

fn row<const N: usize>(cells: [&str; N]) -> Vec<String> {
    cells.map(str::to_owned).to_vec()
}

/// The figures of a run: what they are called, and how they read.
pub(super) fn figures(summary: &Summary) -> Vec<Vec<String>> {
    let mut rows = vec![row(["figure", "value"])];
    rows.extend(values(summary).into_iter().map(|(name, value)| vec![name.to_owned(), format!("{value:.4}")]));
    rows
}

/// The figures of a run by name.
pub fn values(summary: &Summary) -> Vec<(&'static str, f64)> {
    let idle: u32 = summary.markets.iter().map(|market| market.days_without_trade).sum();
    vec![
        ("largest deviation of a price about its mean", summary.worst_deviation()),
        ("largest distance of a mean price from what the file implies", summary.worst_off_implied()),
        ("consumption against a planner's optimum", summary.consumption),
        ("meals eaten", summary.meals),
        ("meals eaten on the worst day", summary.worst_day),
        ("Gini coefficient of money, lowest", summary.gini_low),
        ("Gini coefficient of money, highest", summary.gini_high),
        ("money of the richest hundredth, highest", summary.top_share),
        ("hours in which a role had nobody", f64::from(summary.role_extinct_hours)),
        ("days on which a commodity was not traded", f64::from(idle)),
    ]
}

fn markets(record: &Record, summary: &Summary) -> Vec<Vec<String>> {
    let mut rows = vec![row([
        "commodity",
        "mean price",
        "implied",
        "off",
        "deviation",
        "lowest",
        "highest",
        "volume",
        "efficiency",
    ])];
    for (market, implied) in summary.markets.iter().zip(&record.implied.prices) {
        rows.push(vec![
            market.name.clone(),
            format!("{:.2}", market.price / 100.0),
            if *implied > 0.0 { format!("{:.2}", implied / 100.0) } else { String::new() },
            if *implied > 0.0 { format!("{:+.1}%", market.off_implied * 100.0) } else { String::new() },
            format!("{:.1}%", market.deviation * 100.0),
            format!("{:.2}", market.lowest / 100.0),
            format!("{:.2}", market.highest / 100.0),
            format!("{:.1}", market.volume),
            format!("{:.3}", market.efficiency),
        ]);
    }
    rows
}

fn events(record: &Record) -> Vec<Vec<String>> {
    let mut rows = vec![row(["hour", "event", "what it says"])];
    for NotedEvent { hour, event_type, payload } in record.events.iter().take(LISTED_MAX) {
        let said = serde_json::Value::Object(payload.clone()).to_string();
        rows.push(vec![hour.to_string(), event_type.clone(), said]);
    }
    let left = record.events.len().saturating_sub(LISTED_MAX) + record.events_left_out;
    if left > 0 {
        rows.push(vec![String::new(), format!("and {left} more"), String::new()]);
    }
    rows
}

fn line(record: &Record, name: &str, value: impl Fn(&Sample) -> Option<f64>) -> Line {
    let points = record.samples.iter().filter_map(|sample| Some((f64::from(sample.hour), value(sample)?)));
    Line { name: name.to_owned(), points: points.collect(), band: Vec::new() }
}

fn spread(record: &Record, of: &dyn Fn(&Sample) -> Spread) -> Vec<Line> {
    vec![
        line(record, "a tenth has more", |sample| Some(of(sample).high / 100.0)),
        line(record, "half has more", |sample| Some(of(sample).median / 100.0)),
        line(record, "a tenth has less", |sample| Some(of(sample).low / 100.0)),
    ]
}

fn charts(record: &Record) -> Vec<Chart> {
    let is_mark = |event: &&NotedEvent| event.event_type == MarketShock::EVENT_TYPE;
    let name = |event: &NotedEvent| {
        let word = |name: &str| event.payload.get(name).and_then(serde_json::Value::as_str).unwrap_or_default();
        format!("{} {}", word("shock_id"), word("phase"))
    };
    let marks: Vec<(f64, String)> =
        record.events.iter().filter(is_mark).map(|event| (f64::from(event.hour), name(event))).collect();
    let chart = |title: &str, unit: &str, from_zero: bool, lines: Vec<Line>| Chart {
        title: title.to_owned(),
        unit: unit.to_owned(),
        lines,
        marks: marks.clone(),
        from_zero,
    };
    let by_market = |value: &dyn Fn(usize, &Sample) -> Option<f64>| -> Vec<Line> {
        let names = record.commodities.iter().enumerate();
        names.map(|(index, name)| line(record, name, |sample| value(index, sample))).collect()
    };
    let by_role = |value: &dyn Fn(usize, &Sample) -> Option<f64>| -> Vec<Line> {
        let names = record.roles.iter().enumerate();
        names.map(|(index, name)| line(record, name, |sample| value(index, sample))).collect()
    };
    let implied = |index: usize| record.implied.prices.get(index).copied().filter(|price| *price > 0.0);
    let hundredths = |value: f64| Some(value * 100.0);
    vec![
        chart("Prices", "money", true, by_market(&|index, sample| Some(sample.markets.get(index)?.price / 100.0))),
        chart(
            "Prices against what the world file implies",
            "ratio",
            false,
            by_market(&|index, sample| Some(sample.markets.get(index)?.price / implied(index)?)),
        ),
        chart(
            "Volumes",
            "units an hour",
            true,
            by_market(&|index, sample| Some(real(sample.markets.get(index)?.volume))),
        ),
        chart(
            "Efficiency: surplus realised of what the limits allowed",
            "%",
            false,
            by_market(&|index, sample| hundredths(sample.markets.get(index)?.efficiency?)),
        ),
        chart(
            "Needs met",
            "%",
            false,
            vec![line(record, "meals", |sample| hundredths(share(sample.meals_met, sample.meals_due)))],
        ),
        chart("Money", "money", true, spread(record, &|sample| sample.money)),
        chart("Wealth, goods at market prices included", "money", true, spread(record, &|sample| sample.wealth)),
        chart(
            "Inequality",
            "0 to 1",
            true,
            vec![
                line(record, "Gini coefficient of money", |sample| Some(sample.money.gini)),
                line(record, "money of the richest hundredth", |sample| Some(sample.money.top_share)),
                line(record, "Gini coefficient of wealth", |sample| Some(sample.wealth.gini)),
                line(record, "wealth of the richest hundredth", |sample| Some(sample.wealth.top_share)),
            ],
        ),
        chart("Roles", "agents", true, by_role(&|index, sample| Some(number(sample.roles.get(index)?.count)))),
        chart(
            "Work done of what skills allow",
            "%",
            true,
            by_role(&|index, sample| hundredths(sample.roles.get(index)?.utilisation)),
        ),
    ]
}
