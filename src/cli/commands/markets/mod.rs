//! `worldtick markets`: asking for markets and their history.

mod report;

use clap::{Args, Subcommand};
use serde::Deserialize;
use serde_json::{Value, json};

use self::report::{ReportArgs, report};
use super::economy::explain::{agent_text, prices_text, tell_idle};
use super::worlds::items;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::error::{CliError, Exit};
use crate::cli::numbers::whole;
use crate::cli::output::{Column, Output, list, object, print, tell};
use crate::components::ids::WorldId;
use crate::systems::economy::PriceMade;

/// Arguments of `markets`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick markets list                             the markets of every world
  worldtick markets show night-city market-Food      the latest clearings of one market
  worldtick markets explain night-city               what its prices are made of
  worldtick markets explain night-city --agent 17    why agent 17 did or did not trade
  worldtick markets ledger night-city                where its money and goods came from and went
  worldtick markets show night-city market-Food --limit 500 --output csv > food.csv
  worldtick markets report night-city --hours 720    a month of its markets, as pictures")]
pub struct MarketsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: MarketsCommand,
}

/// What can be asked about markets.
#[derive(Debug, Subcommand)]
pub enum MarketsCommand {
    /// List markets as they were last cleared
    List {
        /// The world; without it, every one
        world: Option<WorldId>,
    },
    /// Say what the prices of a living world are made of, or why an agent did not trade
    Explain {
        /// The world
        world: WorldId,
        /// The agent, by its number; without it, prices are explained
        #[arg(long, allow_negative_numbers = true, value_parser = whole)]
        agent: Option<u64>,
    },
    /// Show where the money (in major units) and goods of a living world came from and went since its beginning, by kind
    Ledger {
        /// The world
        world: WorldId,
    },
    /// Write what the markets of a living world did of late as a page of pictures (HTML), with its shocks
    Report(ReportArgs),
    /// Show the history of one market, the latest first
    Show {
        /// The world
        world: WorldId,
        /// The market, such as market-Food
        market: String,
        /// At most so many rows
        #[arg(long, default_value_t = 24, value_parser = clap::value_parser!(u32).range(1..=1_000))]
        limit: u32,
        /// Only what lies before, as the answer before said it
        #[arg(long, value_name = "CURSOR")]
        before: Option<String>,
    },
}

const COLUMNS: [Column; 8] = [
    ("WORLD", "/world_id"),
    ("MARKET", "/market_id"),
    ("COMMODITY", "/commodity"),
    ("PRICE", "/price"),
    ("VOLUME", "/volume"),
    ("BIDS UNFILLED", "/bids_unfilled"),
    ("ASKS UNFILLED", "/asks_unfilled"),
    ("GAME TIME", "/game_time"),
];

const LEDGER: [Column; 3] = [("OF", "/of"), ("KIND", "/kind"), ("SUM", "/sum")];

const HISTORY: [Column; 6] = [
    ("GAME TIME", "/game_time"),
    ("PRICE", "/price"),
    ("VOLUME", "/volume"),
    ("BIDS UNFILLED", "/bids_unfilled"),
    ("ASKS UNFILLED", "/asks_unfilled"),
    ("TICK", "/tick_id"),
];

pub(in crate::cli) fn run(args: &MarketsArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?;
    let output = args.client.output;
    match &args.command {
        MarketsCommand::List { world } => {
            let worlds = match world {
                Some(world) => vec![world.to_string()],
                None => names(&client.get("/api/v1/worlds", &[])?),
            };
            let mut rows = Vec::new();
            for world in worlds {
                let answer = client.get(&format!("/api/v1/worlds/{}/markets", segment(&world)), &[])?;
                rows.extend(items(&answer).iter().cloned().map(|row| with_world(row, &world)));
            }
            list(&json!({ "items": &rows }), &rows, &COLUMNS, output)
        }
        MarketsCommand::Explain { world, agent } => {
            let path = format!("/api/v1/worlds/{}/explain", segment(world.as_str()));
            explain(client.get(&path, &[("agent", agent.map(|agent| agent.to_string()))])?, agent.is_some(), output)
        }
        MarketsCommand::Ledger { world } => {
            let answer = client.get(&format!("/api/v1/worlds/{}/ledger", segment(world.as_str())), &[])?;
            list(&answer, &ledger_rows(&answer), &LEDGER, output)
        }
        MarketsCommand::Report(args) => report(&client, args),
        MarketsCommand::Show { world, market, limit, before } => {
            let path = format!("/api/v1/worlds/{}/markets/{}", segment(world.as_str()), segment(market));
            let answer = client.get(&path, &[("limit", Some(limit.to_string())), ("before", before.clone())])?;
            list(&answer, items(&answer), &HISTORY, output)?;
            if let Some(next) = answer.get("next").and_then(Value::as_str) {
                tell(&format!("more with --before {next}"));
            }
            Ok(())
        }
    }
}

/// A line for each sum that is not 0; then what is there.
fn ledger_rows(answer: &Value) -> Vec<Value> {
    let mut rows = Vec::new();
    let mut put = |of: &str, kind: &str, sum: &Value| {
        if sum.as_f64().is_some_and(|sum| sum.abs() > 0.0) {
            rows.push(json!({ "of": of, "kind": kind, "sum": sum }));
        }
    };
    let sums = |of: &Value| of.as_object().cloned().unwrap_or_default();
    for (kind, sum) in sums(&answer["money"]) {
        put("money", &kind, &sum);
    }
    put("money", "there, with traders", &answer["money_of_traders"]);
    put("money", "there, in the treasury", &answer["treasury"]["money"]);
    for (commodity, kinds) in sums(&answer["goods"]) {
        let kinds = sums(&kinds);
        for (kind, sum) in kinds.iter().filter(|(kind, _)| *kind != "there") {
            put(&commodity, kind, sum);
        }
        put(&commodity, "there", kinds.get("there").unwrap_or(&Value::Null));
    }
    rows
}

/// For people in sentences, for programs as the server says it.
fn explain(answer: Value, of_agent: bool, output: Output) -> Result<(), CliError> {
    if output != Output::Table {
        return object(&answer, output);
    }
    let unread = |error: serde_json::Error| CliError::new(Exit::Failure, format!("the server's answer: {error}"));
    if of_agent {
        return print(&agent_text(&serde_json::from_value(answer).map_err(unread)?));
    }
    let Explained { prices, idle_agents } = serde_json::from_value(answer).map_err(unread)?;
    print(&prices_text(&prices))?;
    tell_idle(&idle_agents);
    Ok(())
}

/// What a server says of prices.
#[derive(Deserialize)]
struct Explained {
    prices: Vec<PriceMade>,
    idle_agents: Vec<u64>,
}

fn names(answer: &Value) -> Vec<String> {
    items(answer).iter().filter_map(|world| world.get("world_id")?.as_str().map(str::to_owned)).collect()
}

fn with_world(mut row: Value, world: &str) -> Value {
    if let Value::Object(fields) = &mut row {
        fields.insert("world_id".to_owned(), world.into());
    }
    row
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ledger_is_a_line_for_each_sum_and_ends_with_what_is_there() {
        let answer = json!({
            "money": { "endowed": 60.0, "left": 0.0, "sales_tax": 4.5 },
            "money_of_traders": 55.5,
            "treasury": { "money": 4.5, "collected": 4.5, "due": 0.0, "paid": 0.0 },
            "goods": { "Food": { "eaten": 2, "endowed": 9, "there": 7, "spoiled": 0 } },
        });
        let rows = ledger_rows(&answer);
        let told: Vec<String> =
            rows.iter().map(|row| format!("{} {} {}", row["of"], row["kind"], row["sum"]).replace('"', "")).collect();
        assert_eq!(
            told,
            [
                "money endowed 60.0",
                "money sales_tax 4.5",
                "money there, with traders 55.5",
                "money there, in the treasury 4.5",
                "Food eaten 2",
                "Food endowed 9",
                "Food there 7",
            ]
        );
        assert!(ledger_rows(&json!({})).is_empty());
    }
}
