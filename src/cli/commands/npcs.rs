//! `worldtick npcs`: asking for NPCs and steering them.

use clap::{ArgGroup, Args, Subcommand, ValueEnum};
use serde_json::{Value, json};

use super::worlds::{items, name};
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::command_id::CommandArgs;
use crate::cli::error::CliError;
use crate::cli::output::{Column, Output, cell, csv, list, object, print, table, tell};
use crate::components::ids::WorldId;

/// Arguments of `npcs`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick npcs list night-city --tier detailed
  worldtick npcs show night-city npc-42
  worldtick npcs explain night-city npc-42
  worldtick npcs pin night-city npc-42 detailed
  worldtick npcs focus night-city --kind scene --npc npc-42 --npc npc-43 --for 1800
  worldtick npcs focus night-city --kind player-location --place anchor-bar --for 600 --session alice-1

An NPC is named by its name or, as the ones without are, by its number: npc-42.")]
pub struct NpcsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Under which id.
    #[command(flatten)]
    pub under: CommandArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: NpcsCommand,
}

/// What can be done with NPCs.
#[derive(Debug, Subcommand)]
pub enum NpcsCommand {
    /// List the NPCs of a world
    List {
        /// The world
        world: WorldId,
        /// Only those in this tier
        #[arg(long, value_enum)]
        tier: Option<TierName>,
        /// Only those at this place
        #[arg(long)]
        place: Option<String>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<u64>,
    },
    /// Show everything about one NPC
    Show {
        /// The world
        world: WorldId,
        /// The NPC
        npc: String,
    },
    /// Say why an NPC is in its tier, when its turn is, and how it decides, factor by factor
    Explain {
        /// The world
        world: WorldId,
        /// The NPC
        npc: String,
    },
    /// Keep an NPC in a tier, before every rule and focus
    Pin {
        /// The world
        world: WorldId,
        /// The NPC
        npc: String,
        /// The tier
        #[arg(value_enum)]
        tier: TierName,
    },
    /// Take an NPC's pin away
    Unpin {
        /// The world
        world: WorldId,
        /// The NPC
        npc: String,
    },
    /// Put NPCs into focus for a while of world time
    #[command(group = ArgGroup::new("whom").required(true).args(["npcs", "place"]))]
    Focus {
        /// The world
        world: WorldId,
        /// Why
        #[arg(long, value_enum)]
        kind: FocusName,
        /// This NPC; may be given several times
        #[arg(long = "npc", value_name = "NPC")]
        npcs: Vec<String>,
        /// Everybody at this place
        #[arg(long)]
        place: Option<String>,
        /// For so many seconds of world time
        #[arg(long = "for", value_name = "SECONDS", value_parser = clap::value_parser!(u32).range(1..=604_800))]
        seconds: u32,
        /// The session whose focus it is; it must run
        #[arg(long)]
        session: Option<String>,
    },
}

/// Names of tiers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TierName {
    /// Everything an NPC can do, at the finest interval
    Detailed,
    /// Everything an NPC can do, at a coarser interval
    Active,
    /// A simplified choice from its routine
    Ambient,
    /// One coarse update when its slot comes
    Dormant,
}

/// Names of what focus is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FocusName {
    /// A player is there
    PlayerLocation,
    /// A scene runs
    Scene,
    /// A story runs
    Story,
}

const COLUMNS: [Column; 6] = [
    ("NPC", "/npcId"),
    ("NAME", "/name"),
    ("TIER", "/tier"),
    ("ACTIVITY", "/activity"),
    ("PLACE", "/place"),
    ("ENERGY", "/energy"),
];

/// What was considered in a decision. The score is the product of the factors, or 0.001 where that is less.
const DECISION: [Column; 13] = [
    ("ACTIVITY", "/activity"),
    ("SCORE", "/score"),
    ("CHANCE", "/chance"),
    ("BASE", "/factors/baseWeight"),
    ("ACTIVITY PREF", "/factors/activityPreference"),
    ("CATEGORY PREF", "/factors/categoryPreference"),
    ("TRAIT", "/factors/traitModifier"),
    ("MOOD", "/factors/moodCompatibility"),
    ("RELATIONSHIP", "/factors/relationshipBonus"),
    ("URGENCY", "/factors/urgency"),
    ("INERTIA", "/factors/inertia"),
    ("OWN", "/ownFactors"),
    ("IMPOSSIBLE BECAUSE", "/because"),
];

pub(in crate::cli) fn run(args: &NpcsArgs) -> Result<(), CliError> {
    let changes =
        !matches!(args.command, NpcsCommand::List { .. } | NpcsCommand::Show { .. } | NpcsCommand::Explain { .. });
    let client = Client::new(&args.client)?.under(args.under.id(changes)?);
    let output = args.client.output;
    let of = |world: &WorldId, rest: &str| format!("/api/v1/worlds/{}/{rest}", segment(world.as_str()));
    let npc_path = |world: &WorldId, npc: &str, rest: &str| of(world, &format!("npcs/{}{rest}", segment(npc)));
    match &args.command {
        NpcsCommand::List { world, tier, place, limit, cursor } => {
            let query = [
                ("tier", tier.map(name)),
                ("place", place.clone()),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor.map(|cursor| cursor.to_string())),
            ];
            let answer = client.get(&of(world, "npcs"), &query)?;
            list(&answer, items(&answer), &COLUMNS, output)?;
            if let Some(next) = answer.get("next").and_then(Value::as_str) {
                tell(&format!("more with --cursor {next}"));
            }
            Ok(())
        }
        NpcsCommand::Show { world, npc } => object(&client.get(&npc_path(world, npc, ""), &[])?, output),
        NpcsCommand::Explain { world, npc } => {
            let answer = client.get(&npc_path(world, npc, "/explain"), &[])?;
            match output {
                Output::Table => print(&explanation(&answer)),
                Output::Csv => print(&csv(considered(&answer["decision"]["now"]), &DECISION)),
                Output::Json => object(&answer, output),
            }
        }
        NpcsCommand::Pin { world, npc, tier } => {
            object(&client.post(&npc_path(world, npc, "/pin"), &json!({ "tier": name(*tier) }))?, output)
        }
        NpcsCommand::Unpin { world, npc } => object(&client.delete(&npc_path(world, npc, "/pin"))?, output),
        NpcsCommand::Focus { world, kind, npcs, place, seconds, session } => {
            let mut body = json!({ "kind": name(*kind).replace('-', "_"), "ttlSeconds": seconds });
            if let Some(place) = place {
                body["place"] = place.as_str().into();
            } else {
                body["npcs"] = npcs.as_slice().into();
            }
            if let Some(session) = session {
                body["sessionId"] = session.as_str().into();
            }
            object(&client.post(&of(world, "focus"), &body)?, output)
        }
    }
}

fn considered(decision: &Value) -> &[Value] {
    decision["considered"].as_array().map_or(&[], Vec::as_slice)
}

/// The explanation for people: sentences first, then a table a decision.
fn explanation(answer: &Value) -> String {
    let (tier, turn) = (&answer["tier"], &answer["tier"]["turn"]);
    let mut text = format!("{} (npc-{}): {}\n", cell(&answer["name"]), cell(&answer["npcId"]), cell(&tier["why"]));
    let mut line = |title: &str, words: String| text.push_str(&format!("  {title:<10}{words}\n"));
    line("tier", format!("{} since {}", cell(&tier["tier"]), cell(&tier["since"])));
    let wish = &tier["wish"];
    let rule = wish["rule"].as_u64().map(|rule| format!(" {rule}")).unwrap_or_default();
    line(
        "wish",
        format!("{} ({}{rule}, priority {})", cell(&wish["tier"]), cell(&wish["reason"]), cell(&wish["priority"])),
    );
    if !tier["pin"].is_null() {
        line("pin", cell(&tier["pin"]));
    }
    for focus in tier["focus"].as_array().into_iter().flatten() {
        let session = focus["session"].as_str().map(|session| format!(" of session {session}")).unwrap_or_default();
        line(
            "focus",
            format!("{} on its {}{session} until {}", cell(&focus["kind"]), cell(&focus["on"]), cell(&focus["until"])),
        );
    }
    let late = match turn["waiting"] == true {
        true => format!(", {} s late: {}", cell(&turn["lateSeconds"]), cell(&turn["why"])),
        false => String::new(),
    };
    line("turn", format!("due {} (every {} s){late}", cell(&turn["due"]), cell(&turn["intervalSeconds"])));
    let rules = &answer["decision"]["rulesNow"];
    if rules["differs"] == true {
        let rule = rules["rule"].as_u64().map_or("no rule".to_owned(), |rule| format!("rule {rule}"));
        line(
            "rules",
            format!("would have it {} by now ({rule}); they are asked at its next turn", cell(&rules["tier"])),
        );
    }
    line("decision", format!("next at {}", cell(&answer["decision"]["nextDecisionAt"])));
    if let Some(why) = answer["decision"]["why"].as_str() {
        line("decided", format!("not known: {why}"));
    }
    for (title, decision) in [("Decided", &answer["decision"]["last"]), ("Would decide", &answer["decision"]["now"])] {
        if decision.is_null() {
            continue;
        }
        let chosen = match &decision["chosen"] {
            Value::Null => "nothing".to_owned(),
            chosen => format!("{} at {}", cell(&chosen["activity"]), cell(&chosen["place"])),
        };
        let care = if decision["care"] == "simple" { " (by the weights of its routine alone)" } else { "" };
        text.push_str(&format!("\n{title} at {}: {chosen}{care}\n", cell(&decision["at"])));
        let rows = considered(decision);
        if rows.is_empty() {
            text.push_str("nothing was to be chosen from\n");
        } else {
            text.push_str(&table(rows, &DECISION));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explanation_has_a_column_for_each_factor() {
        for factor in crate::systems::npc::score::FACTORS {
            let pointer = format!("/factors/{factor}");
            assert!(DECISION.iter().any(|(_, of)| *of == pointer), "{factor}");
        }
    }

    #[test]
    fn an_explanation_says_how_a_decision_was_made_or_why_that_is_not_known() {
        let row = json!({"activity": "rest", "score": 2.0, "factors": {"baseWeight": 2.0}});
        let now =
            json!({"at": "t", "care": "simple", "considered": [row], "chosen": {"activity": "rest", "place": "hut"}});
        let mut answer = json!({
            "name": "anna", "npcId": 1, "tier": {"why": "w", "wish": {}, "turn": {}},
            "decision": {"last": null, "why": "it slept", "now": now, "rulesNow": {"differs": true, "tier": "active", "rule": 3}},
        });
        let text = explanation(&answer);
        assert!(text.contains("not known: it slept"), "{text}");
        assert!(text.contains("Would decide at t: rest at hut (by the weights of its routine alone)"), "{text}");
        assert!(text.contains("would have it active by now (rule 3)"), "{text}");
        answer["decision"]["now"]["care"] = json!("full");
        answer["decision"]["rulesNow"]["differs"] = json!(false);
        let text = explanation(&answer);
        assert!(!text.contains("weights of its routine") && !text.contains("by now"), "{text}");
    }

    #[test]
    fn names_are_those_of_the_worlds() {
        use crate::components::tier::SimulationTier;

        for (tier, expected) in TierName::value_variants().iter().zip(SimulationTier::ALL) {
            assert_eq!(name(*tier), expected.as_str());
        }
        for kind in FocusName::value_variants() {
            let text = Value::from(name(*kind).replace('-', "_"));
            assert!(serde_json::from_value::<crate::systems::scheduler::FocusKind>(text.clone()).is_ok(), "{text}");
        }
    }
}
