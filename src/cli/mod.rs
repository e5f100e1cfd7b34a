//! The `worldtick` program: its commands, and how they end.
//!
//! Data goes to standard output, everything else to standard error. Exit codes: 0 done, 1 failed, 2 the command line
//! is wrong, 3 a check found something, 65 data is wrong, 69 something that is needed cannot be reached, 74 reading or
//! writing failed, 78 the configuration is wrong.

mod client;
mod command_id;
mod commands;
mod error;
mod files;
mod numbers;
mod output;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

pub use client::ClientArgs;
pub(crate) use client::DEFAULT_SERVER;
pub use command_id::CommandArgs;
pub use commands::audit::AuditCommand;
pub use commands::config::ConfigCommand;
pub use commands::crowd::CrowdCommand;
pub use commands::economy::{EconomyCommand, ExplainOutput};
pub use commands::events::EventsCommand;
pub use commands::factions::FactionsCommand;
pub use commands::health::HealthArgs;
pub use commands::markets::MarketsCommand;
pub use commands::npcs::{FocusName, NpcsCommand, TierName};
pub use commands::schemas::SchemasCommand;
pub use commands::shocks::{ShockName, ShocksCommand};
pub use commands::tasks::TasksCommand;
pub use commands::ticks::TicksCommand;
pub use commands::tokens::TokensCommand;
pub use commands::top::TopArgs;
pub use commands::topics::TopicsCommand;
pub use commands::validate::{MessageProblem, ValidateArgs, check_message};
pub use commands::worlds::WorldsCommand;
pub use error::{CliError, Exit};
pub use output::Output;
pub(crate) use output::{print, tell};

use crate::config::{FlagValue, Layers, Loaded};

/// A headless world-simulation server: Kafka ticks come in, worlds are stepped, simulation events go out.
#[derive(Debug, Parser)]
#[command(name = "worldtick", version, args_conflicts_with_subcommands = true, max_term_width = 100)]
#[command(after_help = "Examples:
  worldtick                                 run a server with what is built in
  worldtick --config server.toml            run a server as this file says
  worldtick worlds list                     ask a running server for its worlds
  worldtick npcs explain night-city npc-42  ask why somebody does what they do
  worldtick top                             watch the worlds run
  worldtick events tail                     follow what happens
  worldtick economy run city.yaml           try out the economy of a world file
  worldtick config check                    find everything that is wrong with the configuration

Exit codes: 0 done, 1 failed, 2 wrong command line, 3 a check found something, 65 wrong data,
69 something needed cannot be reached, 74 reading or writing failed, 78 wrong configuration")]
pub struct Cli {
    /// What to do; without a command, `serve`
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What `serve` is told.
    #[command(flatten)]
    pub serve: ServeArgs,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a server (this is what `worldtick` alone does)
    Serve(ServeArgs),
    /// Check or show the configuration
    Config(commands::config::ConfigArgsAndCommand),
    /// Ask for worlds and steer them
    Worlds(commands::worlds::WorldsArgs),
    /// Ask for NPCs, say why they do what they do, and steer them
    Npcs(commands::npcs::NpcsArgs),
    /// Ask for factions, how they stand to each other, and why
    Factions(commands::factions::FactionsArgs),
    /// Ask for shocks of an economy, add them and end them
    Shocks(commands::shocks::ShocksArgs),
    /// Watch worlds, steps, tiers and lag live
    Top(commands::top::TopArgs),
    /// Ask for markets and their history
    Markets(commands::markets::MarketsArgs),
    /// Try out the economy of world files at full speed, and explain it
    Economy(commands::economy::EconomyArgs),
    /// Draw the crowd of a world file
    Crowd(commands::crowd::CrowdArgs),
    /// Follow what happens
    Events(commands::events::EventsArgs),
    /// Ask for ticks and what became of them
    Ticks(commands::ticks::TicksArgs),
    /// Ask for the periodic tasks, or run one now
    Tasks(commands::tasks::TasksArgs),
    /// Ask a running server whether it is ready
    Health(commands::health::HealthArgs),
    /// Make, list and revoke tokens of the admin API
    Tokens(commands::tokens::TokensArgs),
    /// Ask who changed what through the admin API
    Audit(commands::audit::AuditArgs),
    /// Create Kafka's topics, or compare them with the catalogue
    Topics(commands::topics::TopicsArgs),
    /// Mend the outbox after a database was restored from a back-up
    Outbox(commands::outbox::OutboxArgs),
    /// Check messages: ticks and simulation events, one JSON document or a message a line
    Validate(ValidateArgs),
    /// Write or compare the JSON Schemas of messages and files
    Schemas(commands::schemas::SchemasArgs),
    /// Write completions for a shell
    Completions {
        /// The shell
        #[arg(value_enum)]
        shell: clap_complete::Shell,
    },
}

/// Where the configuration comes from.
#[derive(Debug, Clone, Default, Args)]
pub struct ConfigArgs {
    /// Configuration file (TOML); without one, that of WORLDTICK_CONFIG, or assets/config/server.toml if it is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Set a key, such as --set host.worker_threads=4; may be given several times
    #[arg(long, value_name = "KEY=VALUE", value_parser = key_and_value)]
    pub set: Vec<(String, String)>,
}

/// What a server is told.
#[derive(Debug, Clone, Default, Args)]
#[command(after_help = "Examples:
  worldtick serve
  worldtick serve --data-dir /var/lib/worldtick --listen 127.0.0.1:8081
  KAFKA_BOOTSTRAP_SERVERS=localhost:9092 DATABASE_URL=postgres://sim@localhost/sim worldtick serve")]
pub struct ServeArgs {
    /// Where the configuration comes from.
    #[command(flatten)]
    pub config: ConfigArgs,
    /// Folder for everything that is kept (server.data_dir)
    #[arg(long, value_name = "FOLDER")]
    pub data_dir: Option<String>,
    /// Address and port of the admin API (admin.listen)
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Kafka's brokers (kafka.bootstrap_servers)
    #[arg(long, value_name = "HOST:PORT,…")]
    pub bootstrap_servers: Option<String>,
    /// Folder of world files (worlds.dir)
    #[arg(long, value_name = "FOLDER")]
    pub worlds_dir: Option<String>,
    /// Level of the log (log.level)
    #[arg(long, value_name = "LEVEL")]
    pub log_level: Option<String>,
    /// Take a Kafka cluster other than the one that the database knows (kafka.accept_new_cluster)
    #[arg(long)]
    pub accept_new_cluster: bool,
}

fn key_and_value(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write it as section.key=value")?;
    Ok((key.trim().to_owned(), value.to_owned()))
}

impl ConfigArgs {
    /// The layers that these arguments and this process make.
    pub fn layers(&self) -> Layers {
        let flag = |(key, value): &(String, String)| FlagValue {
            flag: format!("--set {key}"),
            key: key.clone(),
            value: value.clone(),
        };
        let process = Layers::of_process();
        let file = self.config.clone().or(process.file);
        Layers { file, flags: self.set.iter().map(flag).collect(), environment: process.environment }
    }

    /// Puts the configuration together; warnings go to standard error.
    ///
    /// # Errors
    /// With everything that is wrong.
    pub fn load(&self) -> Result<Loaded, CliError> {
        load(&self.layers())
    }
}

fn load(layers: &Layers) -> Result<Loaded, CliError> {
    let loaded = layers.load()?;
    loaded.warnings.iter().for_each(|warning| output::tell(&format!("warning: {warning}")));
    Ok(loaded)
}

impl ServeArgs {
    /// The layers that these arguments and this process make.
    pub fn layers(&self) -> Layers {
        let mut layers = self.config.layers();
        let flags = [
            ("--data-dir", "server.data_dir", &self.data_dir),
            ("--listen", "admin.listen", &self.listen),
            ("--bootstrap-servers", "kafka.bootstrap_servers", &self.bootstrap_servers),
            ("--worlds-dir", "worlds.dir", &self.worlds_dir),
            ("--log-level", "log.level", &self.log_level),
        ];
        let mut set = |flag: &str, key: &str, value: String| {
            layers.flags.push(FlagValue { flag: flag.to_owned(), key: key.to_owned(), value });
        };
        for (flag, key, value) in flags {
            if let Some(value) = value {
                set(flag, key, value.clone());
            }
        }
        if self.accept_new_cluster {
            set("--accept-new-cluster", "kafka.accept_new_cluster", "true".to_owned());
        }
        layers
    }
}

/// Runs the program with these arguments.
pub fn main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version come this way, too; nobody can be told if the terminal is gone.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    finish(run(cli))
}

/// Says why a command failed, and makes its exit code.
pub fn finish(outcome: Result<(), CliError>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let coloured = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
            let text = error.render(coloured);
            if !text.is_empty() {
                output::tell(text.trim_end());
            }
            error.exit_code()
        }
    }
}

fn run(cli: Cli) -> Result<(), CliError> {
    match cli.command.unwrap_or(Command::Serve(cli.serve)) {
        Command::Serve(args) => commands::serve::run(load(&args.layers())?),
        Command::Config(args) => commands::config::run(&args),
        Command::Worlds(args) => commands::worlds::run(&args),
        Command::Npcs(args) => commands::npcs::run(&args),
        Command::Factions(args) => commands::factions::run(&args),
        Command::Shocks(args) => commands::shocks::run(&args),
        Command::Top(args) => commands::top::run(&args),
        Command::Markets(args) => commands::markets::run(&args),
        Command::Crowd(args) => commands::crowd::run(&args),
        Command::Economy(args) => commands::economy::run(&args),
        Command::Events(args) => commands::events::run(&args),
        Command::Ticks(args) => commands::ticks::run(&args),
        Command::Tasks(args) => commands::tasks::run(&args),
        Command::Health(args) => commands::health::run(&args),
        Command::Tokens(args) => commands::tokens::run(&args),
        Command::Audit(args) => commands::audit::run(&args),
        Command::Outbox(args) => commands::outbox::run(&args),
        Command::Topics(args) => commands::topics::run(&args),
        Command::Validate(args) => commands::validate::run(&args),
        Command::Schemas(args) => commands::schemas::run(&args),
        Command::Completions { shell } => commands::completions(shell),
    }
}
