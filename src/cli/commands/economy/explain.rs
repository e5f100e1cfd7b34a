//! `economy explain`.

use std::fmt::Write;

use serde_json::json;

use super::{ExplainArgs, ExplainOutput};
use crate::cli::error::{CliError, Exit};
use crate::cli::files::{tell_warnings, world_file};
use crate::cli::output::{json as as_json, print, tell};
use crate::lab::explain::{Dealings, IDLE_MAX, PriceMade, explain_agent, explain_prices, idle_agents};
use crate::lab::{Experiment, LabError};

pub(super) fn run(args: &ExplainArgs) -> Result<(), CliError> {
    let file = world_file(&args.file)?;
    tell_warnings(&file);
    let spec = file.spec;
    let seed = args.seed.unwrap_or(spec.seed);
    let mut world = Experiment::new(spec, seed, args.hours)?.begin()?;
    for _ in 0..args.hours {
        world.hours(1).map_err(LabError::Step)?.forget_journal();
        world.take_events();
    }
    let failed = |error: String| CliError::new(Exit::Failure, error);
    if let Some(agent) = args.agent {
        let dealings = explain_agent(&mut world, agent).map_err(failed)?;
        return match args.output {
            ExplainOutput::Json => print(&as_json(&json!(dealings))),
            ExplainOutput::Text => print(&agent_text(&dealings)),
        };
    }
    let prices = explain_prices(&mut world).map_err(failed)?;
    let idle = idle_agents(&mut world, IDLE_MAX);
    match args.output {
        ExplainOutput::Json => print(&as_json(&json!({ "prices": prices, "idle_agents": idle }))),
        ExplainOutput::Text => {
            print(&prices_text(&prices))?;
            tell_idle(&idle);
            Ok(())
        }
    }
}

// Writing to a string cannot fail.
pub(in crate::cli) fn agent_text(dealings: &Dealings) -> String {
    let place = dealings.place.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
    let mut text = format!("agent {}, {}{place}, with {:.2} of money\n", dealings.agent, dealings.role, dealings.money);
    for dealing in &dealings.dealings {
        let _ = writeln!(text, "  {}: {}", dealing.commodity, dealing.said);
    }
    text
}

pub(in crate::cli) fn prices_text(prices: &[PriceMade]) -> String {
    prices.iter().map(price_text).collect::<Vec<_>>().join("\n")
}

pub(in crate::cli) fn tell_idle(idle: &[u64]) {
    if !idle.is_empty() {
        let names: Vec<String> = idle.iter().map(u64::to_string).collect();
        tell(&format!("placed orders and traded nothing in the last hour, among others: {}", names.join(", ")));
    }
}

fn price_text(price: &PriceMade) -> String {
    let place = price.place.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
    let implied = price.implied.map_or_else(String::new, |implied| format!("; the world file implies {implied:.2}"));
    let mut text = format!("{}{place} costs {:.2}{implied}\n", price.commodity, price.price);
    for (maker, parts) in &price.makers {
        let parts: Vec<String> = parts.iter().map(|part| format!("{} {:.2}", part.name, part.money)).collect();
        let _ = writeln!(text, "  made by a {maker} of: {}", parts.join(", "));
    }
    for said in &price.said {
        let _ = writeln!(text, "  {said}");
    }
    text
}
