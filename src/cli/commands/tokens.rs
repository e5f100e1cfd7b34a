//! `worldtick tokens`: who may use the admin API.

#![expect(clippy::disallowed_methods, reason = "tokens end by wall time")]

use clap::{Args, Subcommand};
use jiff::{Span, Timestamp, Zoned};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};

use super::worlds::items;
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::output::{Column, list, object, tell};
use crate::cli::{CliError, ConfigArgs, Exit};
use crate::plugins::admin::scope::Scope;
use crate::plugins::admin::secret::{Minted, mint};
use crate::plugins::store::{AuditEnd, AuditOutcome, NewAudit, Store, StoreConfig, StoreError, TokenMade};

/// Who has made a token without a server.
const OFFLINE: &str = "offline";

/// Arguments of `tokens`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick tokens create grafana --scope read --expires 90d
  worldtick tokens create anna --scope operate --scope config:write
  worldtick tokens create root --scope admin --offline --config server.toml
  worldtick tokens list
  worldtick tokens revoke grafana")]
pub struct TokensArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: TokensCommand,
}

/// What can be done with tokens.
#[derive(Debug, Subcommand)]
pub enum TokensCommand {
    /// Make a token; its text is shown this once
    Create {
        /// What to call it: 1 to 64 of A-Z a-z 0-9 . _ -
        name: String,
        /// What it allows: read, operate, config:write or admin; may be given several times
        #[arg(long = "scope", required = true, value_name = "SCOPE")]
        scopes: Vec<Scope>,
        /// For so long, such as 12h or 90d; without it, until it is revoked
        #[arg(long, value_name = "TIME")]
        expires: Option<Span>,
        /// Write it into the store, without a server; for the first one, and for when none is left
        #[arg(long)]
        offline: bool,
        /// With --offline, where the configuration comes from: that of the server.
        #[command(flatten)]
        config: ConfigArgs,
    },
    /// List tokens, and those that were revoked
    List,
    /// Revoke a token, for good
    Revoke {
        /// Its name or its id
        #[arg(value_name = "NAME|ID")]
        which: String,
    },
}

const COLUMNS: [Column; 8] = [
    ("NAME", "/name"),
    ("ID", "/id"),
    ("STATE", "/state"),
    ("SCOPES", "/scopes_text"),
    ("CREATED", "/created_at"),
    ("BY", "/created_by"),
    ("EXPIRES", "/expires_at"),
    ("LAST USED", "/last_used_at"),
];

/// Runs the command.
///
/// # Errors
/// When the server, or with `--offline` the store, refuses or cannot be reached.
pub(in crate::cli) fn run(args: &TokensArgs) -> Result<(), CliError> {
    let output = args.client.output;
    match &args.command {
        TokensCommand::Create { name, scopes, expires, offline, config } => {
            let expires_at = expires.map(instant_after).transpose()?;
            let made = if *offline {
                create_offline(name, scopes, expires_at, config)?
            } else {
                let body = json!({ "name": name, "scopes": scopes, "expires_at": expires_at.map(|at| at.to_string()) });
                Client::new(&args.client)?.post("/api/v1/tokens", &body)?
            };
            tell("keep the token now: it is not shown again");
            object(&made, output)
        }
        TokensCommand::List => {
            let answer = Client::new(&args.client)?.get("/api/v1/tokens", &[])?;
            let rows: Vec<Value> = items(&answer).iter().map(with_words).collect();
            list(&answer, &rows, &COLUMNS, output)
        }
        TokensCommand::Revoke { which } => {
            let path = format!("/api/v1/tokens/{}/revoke", segment(which));
            object(&Client::new(&args.client)?.post(&path, &json!({}))?, output)
        }
    }
}

/// The scopes as one text, for a cell.
fn with_words(row: &Value) -> Value {
    let mut row = row.clone();
    let scopes = row.get("scopes").and_then(Value::as_array).cloned().unwrap_or_default();
    let words: Vec<&str> = scopes.iter().filter_map(Value::as_str).collect();
    let text = words.join(" ");
    if let Some(object) = row.as_object_mut() {
        object.insert("scopes_text".into(), text.into());
    }
    row
}

fn instant_after(span: Span) -> Result<Timestamp, CliError> {
    let wrong = || CliError::new(Exit::Usage, "--expires takes a time to come, such as 12h or 90d");
    // time: command line: when a new token ends | real | jiff::Zoned | once
    let at = Zoned::now().checked_add(span).map_err(|_| wrong())?.timestamp();
    if at > Timestamp::now() { Ok(at) } else { Err(wrong()) }
}

fn create_offline(
    name: &str,
    scopes: &[Scope],
    expires_at: Option<Timestamp>,
    config: &ConfigArgs,
) -> Result<Value, CliError> {
    // time: command line: when a token was made offline | real | jiff::Timestamp | once
    let now = Timestamp::now().as_microsecond();
    let minted = mint(name, scopes, expires_at.map(Timestamp::as_microsecond), OFFLINE, now)
        .map_err(|error| CliError::new(Exit::BadData, error.to_string()))?;
    let config = config.load()?.config;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| CliError::io("the runtime cannot be started", &error))?;
    let url = config.store.url_in(&config.server.data_dir).to_secret_string();
    let store_config = StoreConfig {
        operation_timeout: config.store.operation_timeout_seconds.duration(),
        ..StoreConfig::new(url.expose_secret())
    };
    let made = runtime.block_on(store(&store_config, &minted)).map_err(|error| {
        let exit = if error.is_transient() { Exit::Unavailable } else { Exit::Failure };
        let in_use = matches!(error, StoreError::InUse { .. });
        let error = CliError::new(exit, error.to_string());
        if in_use { error.help("leave out --offline to ask the server, or stop it first") } else { error }
    })?;
    match made {
        TokenMade::Done => {}
        TokenMade::NameTaken => {
            let error = CliError::new(Exit::Failure, format!("there is a token `{name}` already"));
            return Err(error.help("take another name, or revoke that one"));
        }
        TokenMade::TooMany => return Err(CliError::new(Exit::Failure, "there are too many tokens: revoke some first")),
    }
    Ok(json!({
        "id": minted.row.token_id, "name": name, "scopes": scopes, "created_by": OFFLINE,
        "expires_at": expires_at.map(|at| at.to_string()), "token": minted.text.expose_secret(),
    }))
}

/// Stores the token, with its row in the audit. Needs no lease: tokens are nobody's who runs worlds. On SQLite the data
/// folder is taken for as long, so that a server that runs on it refuses.
async fn store(config: &StoreConfig, minted: &Minted) -> Result<TokenMade, StoreError> {
    let store = Store::open(config).await?;
    let made = store_token(&store, minted).await;
    store.close().await;
    made
}

async fn store_token(store: &Store, minted: &Minted) -> Result<TokenMade, StoreError> {
    let scopes: Vec<&str> = minted.row.scopes.split(' ').collect();
    let row = NewAudit {
        at: minted.row.created_at,
        who: OFFLINE.into(),
        token_id: None,
        scope: Scope::Admin.to_string(),
        source: OFFLINE.into(),
        method: "CLI".into(),
        route: "tokens create --offline".into(),
        world_id: None,
        summary: json!({ "body": { "name": minted.row.name, "scopes": scopes } }).to_string(),
        outcome: AuditOutcome::Begun,
        status: None,
    };
    let seq = store.audit(&row).await?;
    let end = AuditEnd { seq, at: minted.row.created_at, outcome: AuditOutcome::Done, status: 201 };
    let made = store.create_token(&minted.row, Some(end)).await?;
    if made != TokenMade::Done {
        store.complete_audit(AuditEnd { outcome: AuditOutcome::Refused, status: 409, ..end }).await?;
    }
    Ok(made)
}
