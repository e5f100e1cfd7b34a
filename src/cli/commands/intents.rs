//! `worldtick intents`: what NPCs propose, and what rests after its use.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::chains::page;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::command_id::CommandArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Column, object};
use crate::components::ids::WorldId;

/// Arguments of `intents`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick intents list night-city --handed-out true
  worldtick intents propose night-city ask_for_help mara-voss --session alice-1 --target player --priority 5
  worldtick intents acknowledge night-city 9001 --outcome accepted
  worldtick intents decline night-city 9001
  worldtick intents cooldowns night-city --npc mara-voss --session alice-1
  worldtick intents status night-city")]
pub struct IntentsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Under which id.
    #[command(flatten)]
    pub under: CommandArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: IntentsCommand,
}

/// Which intent of a world.
#[derive(Debug, Args)]
pub struct IntentOf {
    /// The world
    pub world: WorldId,
    /// The intent, by its number
    pub intent: u64,
}

/// Whose cooldowns.
#[derive(Debug, Args)]
pub struct CooldownsOf {
    /// The world
    pub world: WorldId,
    /// The NPC
    #[arg(long)]
    pub npc: Option<String>,
    /// The session
    #[arg(long)]
    pub session: Option<String>,
}

/// What can be done with intents and cooldowns.
#[derive(Debug, Subcommand)]
pub enum IntentsCommand {
    /// List what NPCs propose, each with what it waits for
    List {
        /// The world
        world: WorldId,
        /// Only those of this session
        #[arg(long)]
        session: Option<String>,
        /// Only those of this NPC
        #[arg(long)]
        npc: Option<String>,
        /// Only those that are handed out, or only the others
        #[arg(long)]
        handed_out: Option<bool>,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<u64>,
    },
    /// Show one intent, with its data and what it waits for
    Show(IntentOf),
    /// Have an NPC propose an interaction
    Propose {
        /// The world
        world: WorldId,
        /// The kind of interaction
        kind: String,
        /// The NPC
        npc: String,
        /// The session that it is meant for; without it, all
        #[arg(long)]
        session: Option<String>,
        /// To whom: a word of the game
        #[arg(long)]
        target: Option<String>,
        /// How urgent it is; without it, as its kind
        #[arg(long, allow_negative_numbers = true)]
        priority: Option<i16>,
        /// Not before so many seconds of world time
        #[arg(long = "in", value_name = "SECONDS")]
        delay_seconds: Option<u32>,
        /// Worth nothing so many seconds of world time after that
        #[arg(long = "for", value_name = "SECONDS")]
        expires_after_seconds: Option<u32>,
        /// What the game gets with it, as JSON
        #[arg(long)]
        data: Option<String>,
    },
    /// Say that an intent happens
    Acknowledge {
        /// Which.
        #[command(flatten)]
        of: IntentOf,
        /// What came of it: completes the step of the chain that it comes from
        #[arg(long)]
        outcome: Option<String>,
    },
    /// Say that an intent does not happen
    Decline(IntentOf),
    /// Take an intent back
    Withdraw(IntentOf),
    /// List what rests for an NPC in a session, and for how long
    Cooldowns(CooldownsOf),
    /// Say that an interaction is used: its cooldowns begin
    Use {
        /// The kind of interaction
        #[arg(long)]
        kind: String,
        /// Whose.
        #[command(flatten)]
        of: CooldownsOf,
    },
    /// End cooldowns before their time, of exactly this NPC and session
    Clear {
        /// Only those of this kind of interaction
        #[arg(long)]
        kind: Option<String>,
        /// Whose.
        #[command(flatten)]
        of: CooldownsOf,
    },
    /// Show how much runs and waits, the limits, and what has come of it
    Status {
        /// The world
        world: WorldId,
    },
}

impl IntentsCommand {
    fn changes(&self) -> bool {
        !matches!(self, Self::List { .. } | Self::Show(_) | Self::Cooldowns(_) | Self::Status { .. })
    }
}

const COLUMNS: [Column; 7] = [
    ("INTENT", "/intentId"),
    ("KIND", "/kind"),
    ("NPC", "/npc"),
    ("SESSION", "/sessionId"),
    ("PRIORITY", "/priority"),
    ("HANDED OUT", "/handedOut"),
    ("WHY", "/why"),
];

const COOLDOWNS: [Column; 4] =
    [("KIND", "/kind"), ("SCOPE", "/scope"), ("FREE AT", "/freeAt"), ("SECONDS", "/remainingSeconds")];

/// The fields that are given.
fn given<const N: usize>(fields: [(&str, Value); N]) -> Value {
    fields.into_iter().filter(|(_, value)| !value.is_null()).map(|(name, value)| (name.to_owned(), value)).collect()
}

fn json_of(text: &str) -> Result<Value, CliError> {
    let read = serde_json::from_str(text);
    read.map_err(|error| CliError::new(Exit::Usage, format!("--data is no JSON: {error}")))
}

pub(in crate::cli) fn run(args: &IntentsArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?.under(args.under.id(args.command.changes())?);
    let output = args.client.output;
    let in_world = |world: &WorldId, rest: &str| format!("/api/v1/worlds/{}/{rest}", segment(world.as_str()));
    let one = |of: &IntentOf, rest: &str| in_world(&of.world, &format!("intents/{}{rest}", of.intent));
    match &args.command {
        IntentsCommand::List { world, session, npc, handed_out, limit, cursor } => {
            let query = [
                ("session", session.clone()),
                ("npc", npc.clone()),
                ("handedOut", handed_out.map(|out| out.to_string())),
                ("limit", Some(limit.to_string())),
                ("cursor", cursor.map(|cursor| cursor.to_string())),
            ];
            page(&client.get(&in_world(world, "intents"), &query)?, &COLUMNS, output)
        }
        IntentsCommand::Show(of) => object(&client.get(&one(of, ""), &[])?, output),
        IntentsCommand::Propose {
            world,
            kind,
            npc,
            session,
            target,
            priority,
            delay_seconds,
            expires_after_seconds,
            data,
        } => {
            let body = given([
                ("kind", json!(kind)),
                ("npc", json!(npc)),
                ("sessionId", json!(session)),
                ("target", json!(target)),
                ("priority", json!(priority)),
                ("delaySeconds", json!(delay_seconds)),
                ("expiresAfterSeconds", json!(expires_after_seconds)),
                ("data", data.as_deref().map(json_of).transpose()?.unwrap_or_default()),
            ]);
            object(&client.post(&in_world(world, "intents"), &body)?, output)
        }
        IntentsCommand::Acknowledge { of, outcome } => {
            object(&client.post(&one(of, "/acknowledge"), &given([("outcome", json!(outcome))]))?, output)
        }
        IntentsCommand::Decline(of) => object(&client.post(&one(of, "/decline"), &json!({}))?, output),
        IntentsCommand::Withdraw(of) => object(&client.delete(&one(of, ""))?, output),
        IntentsCommand::Cooldowns(of) => {
            let query = [("npc", of.npc.clone()), ("session", of.session.clone())];
            page(&client.get(&in_world(&of.world, "cooldowns"), &query)?, &COOLDOWNS, output)
        }
        IntentsCommand::Use { kind, of } => {
            let body = given([("kind", json!(kind)), ("npc", json!(of.npc)), ("sessionId", json!(of.session))]);
            object(&client.post(&in_world(&of.world, "cooldowns"), &body)?, output)
        }
        IntentsCommand::Clear { kind, of } => {
            let body = given([("kind", json!(kind)), ("npc", json!(of.npc)), ("sessionId", json!(of.session))]);
            object(&client.post(&in_world(&of.world, "cooldowns/clear"), &body)?, output)
        }
        IntentsCommand::Status { world } => object(&client.get(&in_world(world, "interactions"), &[])?, output),
    }
}
