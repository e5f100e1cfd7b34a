//! `worldtick factions`: factions and how they stand to each other.

mod render;

use std::path::PathBuf;

use clap::{Args, Subcommand};
use serde_json::Value;

use super::worlds::items;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::error::CliError;
use crate::cli::output::{Column, Output, list, object, print, tell};
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
    /// Draw the matrix as SVG: of the first 200 factions, or of those that are named
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
const TERMS: [Column; 2] = [("PART OF THE SCORE", "/name"), ("VALUE", "/value")];
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
            if output == Output::Json { object(&answer, output) } else { print(&grid(&answer)) }
        }
        FactionsCommand::Explain { world, one, other } => {
            let path = format!("relations/{}/{}/explain", segment(one), segment(other));
            let answer = client.get(&of(world, &path), &[])?;
            explain(&answer, output)
        }
        FactionsCommand::Render { world, factions, to } => {
            let drawn = render::svg(&matrix(world, factions)?);
            match to {
                None => print(&drawn),
                Some(path) => {
                    std::fs::write(path, drawn).map_err(|error| CliError::io(path.display().to_string(), &error))
                }
            }
        }
    }
}

/// The parts of the score, then what happened; as JSON all of it.
fn explain(answer: &Value, output: Output) -> Result<(), CliError> {
    if output == Output::Json {
        return object(answer, output);
    }
    let text = |name: &str| answer[name].as_str().unwrap_or("-").to_owned();
    let number = |name: &str| answer[name].as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:+.3}"));
    print(&format!(
        "{} and {}: {} since {}\nscore {}; left below {}, above {}; the day's mood adds up to {}\nlasts until {}; truce until {}{}\n",
        text("factionA"),
        text("factionB"),
        text("state"),
        text("since"),
        number("scoreNow"),
        number("leavesBelow"),
        number("leavesAbove"),
        number("moodMost"),
        answer["held"]["stateLastsUntil"].as_str().unwrap_or("-"),
        answer["held"]["truceUntil"].as_str().unwrap_or("-"),
        if answer["held"]["tooWearyForWar"] == true { "; too weary for war" } else { "" },
    ))?;
    for (name, columns) in [("terms", TERMS.as_slice()), ("history", HISTORY.as_slice())] {
        print("\n")?;
        list(answer, answer[name].as_array().map_or(&[], Vec::as_slice), columns, output)?;
    }
    Ok(())
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
    use serde_json::json;

    #[test]
    fn the_grid_shows_each_state() {
        let cell = |state: &str| json!({ "state": state, "score": 0.0 });
        let matrix = json!({
            "factions": [{ "id": "a" }, { "id": "bb" }],
            "cells": [[null, cell("WAR")], [cell("WAR"), null]],
        });
        assert!(grid(&matrix).starts_with("  1 a   - W\n  2 bb  W -\n\n"), "{}", grid(&matrix));
    }
}
