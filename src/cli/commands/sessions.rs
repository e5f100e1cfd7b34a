//! `worldtick sessions`: playthroughs of a world.

use std::collections::BTreeMap;

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::chains::page;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::command_id::CommandArgs;
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Column, object};
use crate::components::ids::WorldId;

/// Arguments of `sessions`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick sessions list night-city
  worldtick sessions start night-city alice-1 met_mara=true
  worldtick sessions set night-city alice-1 met_mara=null
  worldtick sessions copy night-city alice-1 alice-2
  worldtick sessions end night-city alice-2

A flag is KEY=VALUE: true, false, a number or a text; null takes it away.")]
pub struct SessionsArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Under which id.
    #[command(flatten)]
    pub under: CommandArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: SessionsCommand,
}

/// Which session of a world.
#[derive(Debug, Args)]
pub struct SessionOf {
    /// The world
    pub world: WorldId,
    /// The session
    pub session: String,
}

/// What can be done with sessions.
#[derive(Debug, Subcommand)]
pub enum SessionsCommand {
    /// List the sessions that run
    List {
        /// The world
        world: WorldId,
        /// At most so many
        #[arg(long, default_value_t = 50, value_parser = clap::value_parser!(u32).range(1..=500))]
        limit: u32,
        /// Go on where the answer before ended
        #[arg(long)]
        cursor: Option<String>,
    },
    /// Show one session: flags, preferences, focus
    Show(SessionOf),
    /// Start a session
    Start {
        /// Which.
        #[command(flatten)]
        of: SessionOf,
        /// Its flags
        #[arg(value_name = "KEY=VALUE")]
        flags: Vec<String>,
    },
    /// Set flags of a session
    Set {
        /// Which.
        #[command(flatten)]
        of: SessionOf,
        /// The flags
        #[arg(value_name = "KEY=VALUE", required = true)]
        flags: Vec<String>,
    },
    /// Start another session that is as this one is now: flags, focus, chains, cooldowns and intents
    Copy {
        /// Which.
        #[command(flatten)]
        of: SessionOf,
        /// The id of the new one
        new: String,
    },
    /// End a session, with all that is its own
    End(SessionOf),
}

const COLUMNS: [Column; 4] =
    [("SESSION", "/sessionId"), ("STARTED", "/started"), ("FLAGS", "/flags"), ("FOCUS", "/focus")];

/// Flags as they are given: what is no JSON is a text.
fn flags_of(given: &[String]) -> Result<BTreeMap<&str, Value>, CliError> {
    let flag = |text: &'_ String| {
        let wrong = || CliError::new(Exit::Usage, format!("`{text}` is no flag: write KEY=VALUE"));
        let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or_else(wrong)?;
        Ok((key.len(), serde_json::from_str(value).unwrap_or_else(|_| Value::from(value))))
    };
    given.iter().map(|text| flag(text).map(|(end, value)| (text.get(..end).unwrap_or_default(), value))).collect()
}

pub(in crate::cli) fn run(args: &SessionsArgs) -> Result<(), CliError> {
    let changes = !matches!(args.command, SessionsCommand::List { .. } | SessionsCommand::Show(_));
    let client = Client::new(&args.client)?.under(args.under.id(changes)?);
    let output = args.client.output;
    let all = |world: &WorldId| format!("/api/v1/worlds/{}/sessions", segment(world.as_str()));
    let one = |of: &SessionOf, rest: &str| format!("{}/{}{rest}", all(&of.world), segment(&of.session));
    match &args.command {
        SessionsCommand::List { world, limit, cursor } => {
            let query = [("limit", Some(limit.to_string())), ("cursor", cursor.clone())];
            page(&client.get(&all(world), &query)?, &COLUMNS, output)
        }
        SessionsCommand::Show(of) => object(&client.get(&one(of, ""), &[])?, output),
        SessionsCommand::Start { of, flags } => {
            let body = json!({ "sessionId": of.session, "flags": flags_of(flags)? });
            object(&client.post(&all(&of.world), &body)?, output)
        }
        SessionsCommand::Set { of, flags } => {
            let body = json!({ "flags": flags_of(flags)? });
            object(&client.patch_untagged(&one(of, ""), &body)?, output)
        }
        SessionsCommand::Copy { of, new } => {
            object(&client.post(&one(of, "/copy"), &json!({ "newSessionId": new }))?, output)
        }
        SessionsCommand::End(of) => object(&client.delete(&one(of, ""))?, output),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_json_where_they_can_be_and_text_otherwise() {
        let given = ["met=true", "gold=12", "name=Mara Voss", "old=null", "eq=a=b"].map(str::to_owned);
        let flags = flags_of(&given).expect("flags");
        assert_eq!(json!(flags), json!({"met": true, "gold": 12, "name": "Mara Voss", "old": null, "eq": "a=b"}));
        for wrong in ["met", "=true"] {
            assert!(flags_of(&[wrong.to_owned()]).is_err(), "{wrong}");
        }
    }
}
