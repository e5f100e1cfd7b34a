//! `worldtick markets report`: what the markets of a living world did, as a page of pictures.

use std::path::PathBuf;

use clap::Args;
use jiff::Timestamp;
use serde_json::Value;

use crate::cli::client::{Client, segment};
use crate::cli::commands::worlds::items;
use crate::cli::error::{CliError, Exit};
use crate::cli::files::write_over;
use crate::cli::output::tell;
use crate::components::ids::WorldId;
use crate::lab::chart::{Chart, Line, page, table};

/// Arguments of `markets report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// The world
    pub world: WorldId,
    /// So many of the latest hours, 1 to 8,760
    #[arg(long, default_value_t = 720, value_parser = clap::value_parser!(u32).range(1..=8_760))]
    pub hours: u32,
    /// The file, which is written over
    #[arg(long, value_name = "FILE", default_value = "markets.html")]
    pub out: PathBuf,
}

/// Rows that are asked for at once.
const PAGE: u32 = 500;
/// Shocks that are looked at, and listed, at most.
const SHOCKS_MAX: u32 = 200;

/// A market's clearings, the earliest first, one an hour of the economy.
struct Course {
    name: String,
    clearings: Vec<Value>,
}

impl Course {
    /// How many hours back the clearing at a place is, as a number below zero: the last is at 0 for every market.
    #[expect(clippy::cast_precision_loss, reason = "at most 8,760 hours")]
    fn hour(&self, place: usize) -> f64 {
        place as f64 - self.clearings.len().saturating_sub(1) as f64
    }
}

pub(super) fn report(client: &Client, args: &ReportArgs) -> Result<(), CliError> {
    let world = segment(args.world.as_str());
    let markets = client.get(&format!("/api/v1/worlds/{world}/markets"), &[])?;
    let mut courses = Vec::new();
    for name in items(&markets).iter().filter_map(|market| market.get("market_id")?.as_str()) {
        courses.push(course(client, &world, name, args.hours)?);
    }
    let Some(longest) = courses.iter().max_by_key(|course| course.clearings.len()) else {
        return Err(CliError::new(Exit::Failure, format!("the markets of `{}` have not been cleared yet", args.world)));
    };
    let shocks = shocks(client, args.world.as_str(), longest)?;
    let html = render(args.world.as_str(), &courses, &shocks);
    write_over(&[(args.out.clone(), html)])?;
    tell(&format!("written: {}", args.out.display()));
    Ok(())
}

fn course(client: &Client, world: &str, name: &str, hours: u32) -> Result<Course, CliError> {
    let path = format!("/api/v1/worlds/{world}/markets/{}", segment(name));
    let (mut clearings, mut before, mut left) = (Vec::new(), None, hours);
    while left > 0 {
        let limit = left.min(PAGE);
        let answer = client.get(&path, &[("limit", Some(limit.to_string())), ("before", before)])?;
        clearings.extend_from_slice(items(&answer));
        left -= limit;
        before = answer.get("next").and_then(Value::as_str).map(str::to_owned);
        if before.is_none() {
            break;
        }
    }
    clearings.reverse();
    Ok(Course { name: name.to_owned(), clearings })
}

/// Something that was told of a shock, and the hour of it.
struct Told {
    hour: f64,
    body: Value,
}

/// What was told of shocks in the hours of a course, the earliest first.
fn shocks(client: &Client, world: &str, course: &Course) -> Result<Vec<Told>, CliError> {
    let query = [
        ("world", Some(world.to_owned())),
        ("type", Some("simulation.event.market_shock".to_owned())),
        ("limit", Some(SHOCKS_MAX.to_string())),
    ];
    let answer = client.get("/api/v1/events", &query)?;
    let told = items(&answer).iter().rev().filter_map(|event| event.get("body"));
    Ok(told.filter_map(|body| Some(Told { hour: hour_of(course, body)?, body: body.clone() })).collect())
}

/// The hour in which something was told: that of its tick. What a command brought about has none, and counts to the last
/// clearing that was not after it in the world's time.
fn hour_of(course: &Course, body: &Value) -> Option<f64> {
    let is_of = |tick: &Value| course.clearings.iter().position(|clearing| clearing.get("tick_id") == Some(tick));
    let place = match body.get("tick_id") {
        Some(tick) => is_of(tick)?,
        None => {
            let time = time_of(body, "timestamp")?;
            course.clearings.iter().rposition(|clearing| time_of(clearing, "game_time").is_some_and(|at| at <= time))?
        }
    };
    Some(course.hour(place))
}

fn time_of(value: &Value, name: &str) -> Option<Timestamp> {
    value.get(name)?.as_str()?.parse().ok()
}

/// Something of a clearing.
type Measure = fn(&Value) -> Option<f64>;

/// Title, unit, whether the axis begins at 0, and what is shown of each market.
const CHARTS: [(&str, &str, bool, Measure); 8] = [
    ("Prices", "money", true, |clearing| number(clearing, "/price")),
    ("What a unit is believed to cost, median", "money", true, |clearing| number(clearing, "/measures/beliefs/median")),
    ("Volumes", "units an hour", true, |clearing| number(clearing, "/volume")),
    ("Units wanted and not bought", "units an hour", true, |clearing| number(clearing, "/bids_unfilled")),
    ("Units offered and not sold", "units an hour", true, |clearing| number(clearing, "/asks_unfilled")),
    ("Efficiency: surplus realised of what the limits allowed", "%", false, |clearing| {
        Some(number(clearing, "/measures/efficiency")? * 100.0)
    }),
    ("Needs met", "%", false, |clearing| {
        let due = number(clearing, "/measures/needs_due").filter(|due| *due > 0.0)?;
        Some(number(clearing, "/measures/needs_met")? / due * 100.0)
    }),
    ("Deviation of the prices paid (Smith's alpha over alphaHours)", "%", true, |clearing| {
        Some(number(clearing, "/measures/alpha")? * 100.0)
    }),
];

/// What everybody owns: told with each market, and the same in all.
const WEALTH: [(&str, &str); 3] = [
    ("a tenth has more", "/measures/wealth/p90"),
    ("half has more", "/measures/wealth/median"),
    ("a tenth has less", "/measures/wealth/p10"),
];

fn number(clearing: &Value, pointer: &str) -> Option<f64> {
    clearing.pointer(pointer)?.as_f64()
}

fn line(course: &Course, name: &str, value: impl Fn(&Value) -> Option<f64>) -> Line {
    let clearings = course.clearings.iter().enumerate();
    let points = clearings.filter_map(|(place, clearing)| Some((course.hour(place), value(clearing)?)));
    Line { name: name.to_owned(), points: points.collect(), band: Vec::new() }
}

fn render(world: &str, courses: &[Course], shocks: &[Told]) -> String {
    let hours = courses.iter().map(|course| course.clearings.len()).max().unwrap_or(0);
    let said = format!("The last {hours} hours of the economy, as the server has kept them. 0 is the latest clearing.");
    let name = |body: &Value| format!("{} {}", text(body, "shock_id"), text(body, "phase"));
    let marks: Vec<(f64, String)> = shocks.iter().map(|told| (told.hour, name(&told.body))).collect();
    let chart = |title: &str, unit: &str, from_zero: bool, lines: Vec<Line>| Chart {
        title: title.to_owned(),
        unit: unit.to_owned(),
        lines,
        marks: marks.clone(),
        from_zero,
    };
    let mut parts = vec![table("Markets", &last_of(courses))];
    for (title, unit, from_zero, value) in CHARTS {
        let lines = courses.iter().map(|course| line(course, &course.name, value)).collect();
        parts.push(chart(title, unit, from_zero, lines).to_html());
    }
    if let Some(any) = courses.first() {
        let lines = WEALTH.map(|(name, pointer)| line(any, name, |clearing| number(clearing, pointer)));
        parts.push(chart("Wealth, goods at market prices included", "money", true, lines.to_vec()).to_html());
        let gini = line(any, "Gini coefficient", |clearing| number(clearing, "/measures/wealth/gini"));
        parts.push(chart("Inequality of wealth", "0 to 1", true, vec![gini]).to_html());
    }
    if !shocks.is_empty() {
        parts.push(table("Shocks", &told(shocks)));
    }
    page(&format!("The markets of {world}"), &said, &parts)
}

fn text(value: &Value, name: &str) -> String {
    match value.get(name) {
        Some(Value::String(text)) => text.clone(),
        Some(Value::Null) | None => String::new(),
        Some(other) => other.to_string(),
    }
}

fn last_of(courses: &[Course]) -> Vec<Vec<String>> {
    let head = ["market", "price", "volume", "bids_unfilled", "asks_unfilled", "game_time"];
    let rows = courses.iter().filter_map(|course| {
        let last = course.clearings.last()?;
        let first = std::iter::once(course.name.clone());
        Some(first.chain(head.into_iter().skip(1).map(|name| text(last, name))).collect())
    });
    std::iter::once(head.map(|name| name.replace('_', " ")).to_vec()).chain(rows).collect()
}

fn told(shocks: &[Told]) -> Vec<Vec<String>> {
    let head = [
        "shock_id",
        "phase",
        "kind",
        "place",
        "commodity",
        "role",
        "factor",
        "quantity",
        "price",
        "cause",
        "timestamp",
    ];
    let rows = shocks.iter().map(|shock| head.into_iter().map(|name| text(&shock.body, name)).collect());
    std::iter::once(head.map(|name| name.replace('_', " ")).to_vec()).chain(rows).collect()
}
