//! `worldtick factions`: factions and how they stand to each other.

mod render;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::worlds::items;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Column, Output, csv, list, object, print, tell};
use crate::components::ids::WorldId;

/// Arguments of `factions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick factions list night-city
  worldtick factions show night-city militia
  worldtick factions matrix night-city
  worldtick factions explain night-city militia maelstrom_gang
  worldtick factions render night-city --to relations.svg")]
pub struct FactionsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: FactionsCommand,
}

/// What can be asked of factions.
#[derive(Debug, Subcommand)]
pub enum FactionsCommand {
    /// List the factions of a world with their powers
    List {
        /// The world
        world: WorldId,
        /// Only those after this faction
        #[arg(long)]
        after: Option<String>,
    },
    /// Show one faction: powers, goals, wars and allies
    Show {
        /// The world
        world: WorldId,
        /// Its id
        faction: String,
    },
    /// Show how the factions of a world stand to each other: the first 200, or those that are named
    Matrix {
        /// The world
        world: WorldId,
        /// Only these, with commas between them
        #[arg(long)]
        factions: Option<String>,
    },
    /// Say why two factions stand as they do, and what has happened between them
    Explain {
        /// The world
        world: WorldId,
        /// One
        one: String,
        /// The other
        other: String,
    },
    /// Draw the matrix as SVG: of the first 200 factions, or of those that are named; of more than 60 without words
    Render {
        /// The world
        world: WorldId,
        /// Only these, with commas between them
        #[arg(long)]
        factions: Option<String>,
        /// The file; without it, standard output
        #[arg(long, value_name = "FILE")]
        to: Option<PathBuf>,
    },
}

const FACTIONS: [Column; 10] = [
    ("FACTION", "/id"),
    ("NAME", "/name"),
    ("POWER", "/power"),
    ("MILITARY", "/powers/military"),
    ("ECONOMY", "/powers/economy"),
    ("MORALE", "/powers/morale"),
    ("EXHAUSTION", "/exhaustion"),
    ("WARS", "/byState/war"),
    ("COLD WARS", "/byState/cold_war"),
    ("ALLIES", "/byState/alliance"),
];
const TERMS: [Column; 2] = [("PART OF THE SCORE NOW", "/name"), ("VALUE", "/value")];
const PAIRS: [Column; 4] = [("FACTION A", "/a"), ("FACTION B", "/b"), ("STATE", "/state"), ("SCORE", "/score")];
const HISTORY: [Column; 6] = [
    ("AT", "/at"),
    ("WHAT", "/what"),
    ("BY", "/by"),
    ("LOVE", "/loveChange"),
    ("TRUST", "/trustChange"),
    ("WORDS", "/words"),
];

pub(in crate::cli) fn run(args: &FactionsArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?;
    let output = args.client.output;
    let of = |world: &WorldId, rest: &str| format!("/api/v1/worlds/{}/{rest}", segment(world.as_str()));
    let matrix = |world: &WorldId, factions: &Option<String>| {
        client.get(&of(world, "relations"), &[("factions", factions.clone())])
    };
    match &args.command {
        FactionsCommand::List { world, after } => {
            let answer = client.get(&of(world, "factions"), &[("cursor", after.clone())])?;
            list(&answer, items(&answer), &FACTIONS, output)?;
            if let Some(next) = answer.get("next").and_then(Value::as_str) {
                tell(&format!("more with --after {next}"));
            }
            Ok(())
        }
        FactionsCommand::Show { world, faction } => {
            object(&client.get(&of(world, &format!("factions/{}", segment(faction))), &[])?, output)
        }
        FactionsCommand::Matrix { world, factions } => {
            let answer = matrix(world, factions)?;
            match output {
                Output::Table => print(&grid(&answer)),
                Output::Csv => print(&csv(&pairs(&answer), &PAIRS)),
                Output::Json => object(&answer, output),
            }
        }
        FactionsCommand::Explain { world, one, other } => {
            let path = format!("relations/{}/{}/explain", segment(one), segment(other));
            let answer = client.get(&of(world, &path), &[])?;
            explain(&answer, output)
        }
        FactionsCommand::Render { world, factions, to } => {
            if output != Output::Table {
                let error = CliError::new(Exit::Usage, "`factions render` draws a picture and has no other form");
                return Err(error.help("ask for the same as data with `worldtick factions matrix --output json`"));
            }
            let answer = matrix(world, factions)?;
            let shown = render::ids(&answer).len();
            if let Some(all) = answer["count"].as_u64().filter(|all| factions.is_none() && *all > shown as u64) {
                tell(&format!("the first {shown} of {all} factions: name others with --factions"));
            }
            let drawn = render::svg(&answer);
            match to {
                None => print(&drawn),
                Some(path) => {
                    std::fs::write(path, drawn).map_err(|error| CliError::io(path.display().to_string(), &error))
                }
            }
        }
    }
}

/// How they stand, their treaties, the parts of the score and what happened; as JSON all of it, as CSV the parts of the
/// score.
fn explain(answer: &Value, output: Output) -> Result<(), CliError> {
    let rows = |name: &str| answer[name].as_array().map_or(&[][..], Vec::as_slice);
    match output {
        Output::Json => return object(answer, output),
        Output::Csv => return print(&csv(rows("terms"), &TERMS)),
        Output::Table => print(&standing(answer))?,
    }
    for (name, columns) in [("terms", TERMS.as_slice()), ("history", HISTORY.as_slice())] {
        print("\n")?;
        list(answer, rows(name), columns, output)?;
    }
    Ok(())
}

/// How a pair stands, what its score has to pass, what holds its state, and which treaties there are.
fn standing(answer: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let number = |name: &str| answer[name].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:+.3}"));
    let held = &answer["held"];
    let mut told = format!(
        "{} and {}: {} since {}\n\
         score when last evaluated {}; worked out now, without the mood of a day, {}\n\
         left below {}, above {}; the mood of a day adds up to {}\n\
         lasts until {}; truce until {}{}\n",
        text(&answer["factionA"]),
        text(&answer["factionB"]),
        text(&answer["state"]),
        text(&answer["since"]),
        number("score"),
        number("scoreNow"),
        number("leavesBelow"),
        number("leavesAbove"),
        number("moodMost"),
        text(&held["stateLastsUntil"]),
        text(&held["truceUntil"]),
        if held["tooWearyForWar"] == true { "; too weary for war" } else { "" },
    );
    for treaty in answer["treaties"].as_array().into_iter().flatten() {
        let [kind, begins, ends] = ["kind", "begins", "ends"].map(|name| text(&treaty[name]));
        told.push_str(&if treaty["inForce"] == true {
            format!("treaty of {kind} in force until {ends}\n")
        } else {
            format!("treaty of {kind} signed for later: from {begins} until {ends}\n")
        });
    }
    told
}

/// A row for each pair of a matrix.
fn pairs(matrix: &Value) -> Vec<Value> {
    let ids = render::ids(matrix);
    let of_row = |(row, a): (usize, &&str)| {
        let after = ids.iter().enumerate().skip(row + 1);
        let pair = |(column, b): (usize, &&str)| {
            let cell = &matrix["cells"][row][column];
            json!({ "a": a, "b": b, "state": cell["state"], "score": cell["score"] })
        };
        after.map(pair).collect::<Vec<_>>()
    };
    ids.iter().enumerate().flat_map(of_row).collect()
}

/// The matrix in letters: W war, C cold war, . peace, A alliance.
fn grid(matrix: &Value) -> String {
    let ids: Vec<&str> = render::ids(matrix);
    let width = ids.iter().map(|id| id.chars().count()).max().unwrap_or(0);
    let mut text = String::new();
    for (row, id) in ids.iter().enumerate() {
        let cells = (0..ids.len()).map(|column| match render::state(matrix, row, column) {
            "WAR" => "W",
            "COLD_WAR" => "C",
            "PEACE" => ".",
            "ALLIANCE" => "A",
            _ => "-",
        });
        text.push_str(&format!("{:>3} {id:width$}  {}\n", row + 1, cells.collect::<Vec<_>>().join(" ")));
    }
    text.push_str("\nW war  C cold war  . peace  A alliance; columns are in the order of the rows\n");
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_told_with_both_scores_and_its_treaties() {
        let treaty = |kind: &str, holds: bool| json!({"kind": kind, "begins": "B", "ends": "E", "inForce": holds});
        let told = standing(&json!({
            "factionA": "a", "factionB": "b", "state": "PEACE", "since": "S", "score": 0.25, "scoreNow": 0.5,
            "leavesBelow": -0.3, "leavesAbove": null, "moodMost": 0.1,
            "held": { "stateLastsUntil": null, "truceUntil": null, "tooWearyForWar": false },
            "treaties": [treaty("trade", true), treaty("truce", false)],
        }));
        let lines: Vec<&str> = told.lines().collect();
        assert_eq!(lines[1], "score when last evaluated +0.250; worked out now, without the mood of a day, +0.500");
        assert_eq!(lines[4], "treaty of trade in force until E");
        assert_eq!(lines[5], "treaty of truce signed for later: from B until E");
    }

    #[test]
    fn the_grid_shows_each_state() {
        let cell = |state: &str| json!({ "state": state, "score": 0.0 });
        let matrix = json!({
            "factions": [{ "id": "a" }, { "id": "bb" }],
            "cells": [[null, cell("WAR")], [cell("WAR"), null]],
        });
        assert!(grid(&matrix).starts_with("  1 a   - W\n  2 bb  W -\n\n"), "{}", grid(&matrix));
        assert_eq!(csv(&pairs(&matrix), &PAIRS), "faction_a,faction_b,state,score\na,bb,WAR,0.0\n");
    }
}
