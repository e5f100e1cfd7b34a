//! `worldtick chains`: stories of steps that wait in game time.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::worlds::{items, name};
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::command_id::CommandArgs;
use crate::cli::error::CliError;
use crate::cli::files::document;
use crate::cli::output::{Column, Output, cell, list, object, print, table, tell};
use crate::components::ids::WorldId;

/// Arguments of `chains`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick chains list night-city --session alice-1 --phase blocked
  worldtick chains start night-city lost_ring mara-voss --session alice-1
  worldtick chains explain night-city lost_ring mara-voss --session alice-1
  worldtick chains complete night-city lost_ring mara-voss ask --outcome accepted --session alice-1
  worldtick chains define night-city night_watch night-watch.yaml
  worldtick chains definitions night-city

A chain runs for an NPC in a session, or without --session in none.")]
pub struct ChainsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Under which id.
    #[command(flatten)]
    pub under: CommandArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: ChainsCommand,
}

/// Which chain of a world.
#[derive(Debug, Args)]
pub struct ChainOf {
    /// The world
    pub world: WorldId,
    /// The chain
    pub chain: String,
    /// The NPC
    pub npc: String,
    /// The session that it runs in; without it, none
    #[arg(long)]
    pub session: Option<String>,
}

/// What can be done with chains.
#[derive(Debug, Subcommand)]
pub enum ChainsCommand {
    /// List the chains that run
    List {
        /// The world
        world: WorldId,
        /// Only those of this session
        #[arg(long)]
        session: Option<String>,
        /// Only those of this NPC
        #[arg(long)]
        npc: Option<String>,
        /// Only this chain
        #[arg(long)]
        chain: Option<String>,
        /// Only those that wait for this
        #[arg(long, value_enum)]
        phase: Option<PhaseName>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show everything about one chain
    Show(ChainOf),
    /// Say what a chain waits for, and whether what its step asks for holds
    Explain(ChainOf),
    /// Start a chain
    Start(ChainOf),
    /// Say what came of the step at which a chain stands
    Complete {
        /// Which.
        #[command(flatten)]
        of: ChainOf,
        /// The step
        step: String,
        /// What came of it; without it, done
        #[arg(long)]
        outcome: Option<String>,
    },
    /// Pass over the optional step at which a chain stands
    Skip {
        /// Which.
        #[command(flatten)]
        of: ChainOf,
        /// The step
        step: String,
    },
    /// End a chain before its time
    Cancel(ChainOf),
    /// Forget that a chain has run, so that it can be started as if it never had
    Forget(ChainOf),
    /// List the chains that can be started
    Definitions {
        /// The world
        world: WorldId,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show how a chain is defined
    Definition {
        /// The world
        world: WorldId,
        /// The chain
        chain: String,
    },
    /// Define a chain as a file says, in the place of one that was defined before
    Define {
        /// The world
        world: WorldId,
        /// The chain
        chain: String,
        /// The definition, as under `interactions.chains.<id>` of a world file
        file: PathBuf,
    },
    /// Take a definition away; the chains that run of it are gone
    Undefine {
        /// The world
        world: WorldId,
        /// The chain
        chain: String,
    },
}

/// What chains wait for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PhaseName {
    /// For a wait to be over
    Waiting,
    /// For flags, conditions or a cooldown
    Blocked,
    /// For the game
    Open,
}

impl ChainsCommand {
    fn changes(&self) -> bool {
        !matches!(
            self,
            Self::List { .. } | Self::Show(_) | Self::Explain(_) | Self::Definitions { .. } | Self::Definition { .. }
        )
    }
}

const COLUMNS: [Column; 7] = [
    ("CHAIN", "/chain"),
    ("NPC", "/npc"),
    ("SESSION", "/sessionId"),
    ("STEP", "/step"),
    ("PHASE", "/phase"),
    ("DUE", "/due"),
    ("SECONDS", "/remainingSeconds"),
];

const DEFINITIONS: [Column; 5] = [
    ("CHAIN", "/chain"),
    ("CATEGORY", "/category"),
    ("STEPS", "/steps"),
    ("REPEATABLE", "/repeatable"),
    ("DEFINED BY", "/source"),
];

/// Where a chain of an NPC is.
fn path_of(of: &ChainOf, rest: &str) -> String {
    let (world, chain, npc) = (segment(of.world.as_str()), segment(&of.chain), segment(&of.npc));
    format!("/api/v1/worlds/{world}/chains/{chain}/npcs/{npc}{rest}")
}

/// A page of a list, and how to go on.
pub(super) fn page(answer: &Value, columns: &[Column], output: Output) -> Result<(), CliError> {
    list(answer, items(answer), columns, output)?;
    if let Some(next) = answer.get("next").and_then(Value::as_str) {
        tell(&format!("more with --cursor {next}"));
    }
    Ok(())
}

pub(in crate::cli) fn run(args: &ChainsArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?.under(args.under.id(args.command.changes())?);
    let output = args.client.output;
    let in_world = |world: &WorldId, rest: &str| format!("/api/v1/worlds/{}/{rest}", segment(world.as_str()));
    let show = |of: &ChainOf| client.get(&path_of(of, ""), &[("session", of.session.clone())]);
    let post = |of: &ChainOf, rest: &str, mut body: Value| {
        body["sessionId"] = json!(of.session);
        object(&client.post(&path_of(of, rest), &body)?, output)
    };
    match &args.command {
        ChainsCommand::List { world, session, npc, chain, phase, limit, cursor } => {
            let query = [
                ("session", session.clone()),
                ("npc", npc.clone()),
                ("chain", chain.clone()),
                ("phase", phase.map(name)),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor.clone()),
            ];
            page(&client.get(&in_world(world, "chains"), &query)?, &COLUMNS, output)
        }
        ChainsCommand::Show(of) => object(&show(of)?, output),
        ChainsCommand::Explain(of) => {
            let answer = show(of)?;
            if output == Output::Table { print(&explanation(&answer)) } else { object(&answer, output) }
        }
        ChainsCommand::Start(of) => {
            let body = json!({ "chain": of.chain, "npc": of.npc, "sessionId": of.session });
            object(&client.post(&in_world(&of.world, "chains"), &body)?, output)
        }
        ChainsCommand::Complete { of, step, outcome } => {
            post(of, "/complete", json!({ "step": step, "outcome": outcome }))
        }
        ChainsCommand::Skip { of, step } => post(of, "/skip", json!({ "step": step })),
        ChainsCommand::Cancel(of) => {
            let session = of.session.as_ref().map(|session| format!("?session={}", segment(session)));
            object(&client.delete(&path_of(of, &session.unwrap_or_default()))?, output)
        }
        ChainsCommand::Forget(of) => post(of, "/forget", json!({})),
        ChainsCommand::Definitions { world, limit, cursor } => {
            let query = [("limit", Some(limit.to_string())), ("cursor", cursor.clone())];
            page(&client.get(&in_world(world, "chain-definitions"), &query)?, &DEFINITIONS, output)
        }
        ChainsCommand::Definition { world, chain } => {
            let path = in_world(world, &format!("chain-definitions/{}", segment(chain)));
            object(&client.get(&path, &[])?, output)
        }
        ChainsCommand::Define { world, chain, file } => {
            let body = json!({ "chain": chain, "definition": document(file)? });
            object(&client.post(&in_world(world, "chain-definitions"), &body)?, output)
        }
        ChainsCommand::Undefine { world, chain } => {
            let path = in_world(world, &format!("chain-definitions/{}", segment(chain)));
            object(&client.delete(&path)?, output)
        }
    }
}

/// The explanation for people: sentences first, then what its step asks for.
fn explanation(answer: &Value) -> String {
    let session = answer["sessionId"].as_str().map(|session| format!(" in session {session}")).unwrap_or_default();
    let head = format!("{} of {}{session}", cell(&answer["chain"]), cell(&answer["npc"]));
    if answer["step"].is_null() {
        let ended = &answer["ended"];
        return format!("{head}: it has {} at {}\n", cell(&ended["end"]), cell(&ended["at"]));
    }
    let mut text = format!("{head} stands at {}: {}\n", cell(&answer["step"]), cell(&answer["why"]));
    for (title, at) in [("began", "since"), ("due", "due"), ("window ends", "windowEnds"), ("chain expires", "expires")]
    {
        if !answer[at].is_null() {
            text.push_str(&format!("  {title:<14}{}\n", cell(&answer[at])));
        }
    }
    let asks = &answer["asks"];
    let verdict = |holds: bool| if holds { "yes" } else { "no" };
    let mut rows = Vec::new();
    if !asks["interaction"].is_null() {
        let rests = asks["freeAt"].as_str().map(|at| format!("rests until {at}"));
        let words = format!("interaction {} may be used", cell(&asks["interaction"]));
        rows.push(json!({ "ask": words, "holds": rests.unwrap_or_else(|| "yes".to_owned()) }));
    }
    for flag in asks["requiredFlags"].as_array().into_iter().flatten() {
        rows.push(
            json!({ "ask": format!("flag {} is set", cell(&flag["flag"])), "holds": verdict(flag["set"] == true) }),
        );
    }
    for condition in asks["conditions"].as_array().into_iter().flatten() {
        rows.push(json!({ "ask": condition["condition"].to_string(), "holds": verdict(condition["holds"] == true) }));
    }
    if !rows.is_empty() {
        text.push_str(&table(&rows, &[("ITS STEP ASKS", "/ask"), ("HOLDS", "/holds")]));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_says_what_the_step_asks_and_what_of_it_holds() {
        let mut answer = json!({
            "chain": "lost_ring", "npc": "anna", "sessionId": "s", "step": "thank", "why": "it is asked again",
            "since": "t", "due": "u", "windowEnds": null, "expires": "e",
            "asks": {
                "interaction": "chat", "freeAt": "v", "requiredFlags": [{"flag": "ring_found", "set": false}],
                "conditions": [{"condition": {"type": "mood_in"}, "holds": true}],
            },
        });
        let text = explanation(&answer);
        for part in [
            "lost_ring of anna in session s stands at thank: it is asked again",
            "chain expires e",
            "interaction chat may be used  rests until v",
            "flag ring_found is set        no",
            r#"{"type":"mood_in"}            yes"#,
        ] {
            assert!(text.contains(part), "{part} is not in:\n{text}");
        }
        assert!(!text.contains("window"), "{text}");
        answer["asks"] = json!({"interaction": null, "requiredFlags": [], "conditions": []});
        assert!(!explanation(&answer).contains("ASKS"), "nothing is asked");
        let ended = json!({"chain": "lost_ring", "npc": "anna", "ended": {"end": "failed", "at": "t"}});
        assert_eq!(explanation(&ended), "lost_ring of anna: it has failed at t\n");
    }
}
