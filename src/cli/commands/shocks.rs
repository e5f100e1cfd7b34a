//! `worldtick shocks`: shocks of an economy.

use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Map, Value};

use super::worlds::{items, name};
use crate::cli::client::{Client, ClientArgs, segment};
use crate::cli::command_id::CommandArgs;
use crate::cli::error::CliError;
use crate::cli::numbers::{factor, hours};
use crate::cli::output::{Column, list, object};
use crate::components::ids::WorldId;

/// Arguments of `shocks`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick shocks add night-city --kind yield --commodity Food --factor 0.5 --for 200 --id locusts
  worldtick shocks add night-city --kind demand --commodity Weapon --factor 2 --for 72 --in 24
  worldtick shocks add night-city --kind role-vanished --role Miner --for 48
  worldtick shocks add night-city --kind import --commodity Food --quantity 50 --price 12 --for 100
  worldtick shocks add two-towns --kind yield --role Miner --factor 0.3 --place hills --for 48
  worldtick shocks add night-city --kind money --factor 2
  worldtick shocks list night-city
  worldtick shocks end night-city locusts

Hours are those of the economy, one an hourly tick.")]
pub struct ShocksArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Under which id.
    #[command(flatten)]
    pub under: CommandArgs,
    /// What to do.
    #[command(subcommand)]
    pub command: ShocksCommand,
}

/// What can be done with shocks.
#[derive(Debug, Subcommand)]
pub enum ShocksCommand {
    /// Add a shock to the economy of a world
    Add {
        /// The world
        world: WorldId,
        /// What happens
        #[arg(long, value_enum)]
        kind: ShockName,
        /// Its name, once in the world; without it, `shock-<number>`
        #[arg(long)]
        id: Option<String>,
        /// The commodity
        #[arg(long)]
        commodity: Option<String>,
        /// The role
        #[arg(long)]
        role: Option<String>,
        /// The market place where it acts; without it, everywhere
        #[arg(long)]
        place: Option<String>,
        /// What is multiplied by it: 0 to 10, for money 0.1 to 10
        #[arg(long, allow_negative_numbers = true, value_parser = factor)]
        factor: Option<f64>,
        /// Units that a trader from outside trades in an hour
        #[arg(long, allow_negative_numbers = true)]
        quantity: Option<i64>,
        /// What a unit costs or brings there, in major units of money, as lists show it: 12 or 14.5
        #[arg(long, allow_negative_numbers = true, value_parser = minor)]
        price: Option<i64>,
        /// In so many hours; without it, at once
        #[arg(long = "in", value_name = "HOURS", allow_negative_numbers = true, value_parser = hours)]
        starts_in: Option<u32>,
        /// For so many hours
        #[arg(long = "for", value_name = "HOURS", allow_negative_numbers = true, value_parser = hours)]
        duration: Option<u32>,
    },
    /// List the shocks of a world: active, to come, ended
    List {
        /// The world
        world: WorldId,
    },
    /// End a shock before its time, or take one back that is to come
    End {
        /// The world
        world: WorldId,
        /// Its name
        shock: String,
    },
}

/// Names of kinds of shocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ShockName {
    /// The output of a role, or of all that make a commodity, times a factor
    Yield,
    /// What everybody needs of a commodity, times a factor
    Need,
    /// What people spend on a commodity beyond their needs, times a factor
    Demand,
    /// Everybody's money, times a factor; it stays so
    Money,
    /// Nobody can work in a role
    RoleVanished,
    /// A trader from outside sells
    Import,
    /// A trader from outside buys
    Export,
}

/// An amount in major units of money, as text, in minor units: no detour over numbers that are not exact.
fn minor(text: &str) -> Result<i64, String> {
    let wrong = || format!("`{text}` is no price: write it as 12 or 14.5, with two decimals at most");
    let (whole, part) = text.split_once('.').unwrap_or((text, "00"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(part) || part.len() > 2 {
        return Err(wrong());
    }
    format!("{whole}{part:0<2}").parse().map_err(|_| wrong())
}

const COLUMNS: [Column; 12] = [
    ("SHOCK", "/id"),
    ("STATE", "/state"),
    ("KIND", "/kind"),
    ("COMMODITY", "/commodity"),
    ("ROLE", "/role"),
    ("PLACE", "/place"),
    ("FACTOR", "/factor"),
    ("QUANTITY", "/quantity"),
    ("PRICE (MAJOR)", "/price"),
    ("FROM HOUR", "/startHour"),
    ("TO HOUR", "/endHour"),
    ("WHY", "/why"),
];

pub(in crate::cli) fn run(args: &ShocksArgs) -> Result<(), CliError> {
    let changes = !matches!(args.command, ShocksCommand::List { .. });
    let client = Client::new(&args.client)?.under(args.under.id(changes)?);
    let output = args.client.output;
    let of = |world: &WorldId, rest: &str| format!("/api/v1/worlds/{}/shocks{rest}", segment(world.as_str()));
    match &args.command {
        ShocksCommand::Add {
            world,
            kind,
            id,
            commodity,
            role,
            place,
            factor,
            quantity,
            price,
            starts_in,
            duration,
        } => {
            let text = |value: &Option<String>| value.as_deref().map(Value::from);
            let fields = [
                ("kind", Some(name(*kind).replace('-', "_").into())),
                ("id", text(id)),
                ("commodity", text(commodity)),
                ("role", text(role)),
                ("place", text(place)),
                ("factor", factor.map(Value::from)),
                ("quantity", quantity.map(Value::from)),
                ("price", price.map(Value::from)),
                ("startsInHours", starts_in.map(Value::from)),
                ("durationHours", duration.map(Value::from)),
            ];
            let given = fields.into_iter().filter_map(|(field, value)| Some((field.to_owned(), value?)));
            object(&client.post(&of(world, ""), &Value::Object(given.collect::<Map<_, _>>()))?, output)
        }
        ShocksCommand::List { world } => {
            let answer = client.get(&of(world, ""), &[])?;
            list(&answer, items(&answer), &COLUMNS, output)
        }
        ShocksCommand::End { world, shock } => {
            object(&client.delete(&of(world, &format!("/{}", segment(shock))))?, output)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_given_as_they_are_shown() {
        let given = [("12", 1_200), ("14.5", 1_450), ("0.07", 7), ("40000.00", 4_000_000)];
        for (text, expected) in given {
            assert_eq!(minor(text), Ok(expected), "{text}");
        }
        for text in ["", ".", "1.", ".5", "-1", "1.234", "1e3", "NaN", "1,5", "99999999999999999999"] {
            assert!(minor(text).is_err(), "{text}");
        }
    }

    #[test]
    fn names_are_those_of_the_worlds() {
        use crate::components::market::ShockKind;

        for (shown, kind) in ShockName::value_variants().iter().zip(ShockKind::ALL) {
            assert_eq!(name(*shown).replace('-', "_"), kind.as_str());
            assert_eq!(serde_json::to_value(kind).ok(), Some(kind.as_str().into()));
        }
    }
}
