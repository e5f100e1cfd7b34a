//! Agents as a CSV file: a line with the names of the fields, then a line for each agent.

use std::collections::BTreeSet;
use std::ops::Range;

use super::{AGENTS_MAX, AgentSpec, FLAWS_MAX};
use crate::world::spec::economy::EconomySpec;

/// Something wrong with a CSV file of agents.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentFlaw {
    /// Where, in bytes of the text.
    pub span: Range<usize>,
    /// What.
    pub message: String,
}

/// The byte-order mark.
const MARK: char = '\u{feff}';

/// A piece of a line, without the blanks and quotes around it.
struct Cell<'a> {
    text: &'a str,
    span: Range<usize>,
}

/// Reads agents from CSV: the first line names fields of [`AgentSpec`] (`role`, `money`, `skill`, `stocks.Food`,
/// `beliefs.Food`, …), each other line is an agent. A cell that is empty leaves its field out. Cells may stand in double
/// quotes; none holds a comma, a quote or a line's end.
///
/// # Errors
/// With everything that is wrong with it, up to a hundred things, in the order of the text.
pub fn agents_from_csv(text: &str, economy: &EconomySpec) -> Result<Vec<AgentSpec>, Vec<AgentFlaw>> {
    let mut lines = lines_of(text);
    let mut flaws = Vec::new();
    let Some(head) = lines.next() else {
        return Err(vec![AgentFlaw {
            span: 0..0,
            message: "the file is empty: its first line names the fields".into(),
        }]);
    };
    let head: Vec<Cell<'_>> = cells(head);
    check_head(&head, economy, &mut flaws);
    if !flaws.is_empty() {
        return Err(flaws);
    }
    let mut agents = Vec::new();
    for line in lines {
        let span = line.span.clone();
        let row = cells(line);
        if row.len() != head.len() {
            let message = format!("the line has {} fields, the first line names {}", row.len(), head.len());
            flaws.push(AgentFlaw { span, message });
        } else {
            agents.push(agent(&head, &row, economy, &mut flaws));
        }
        if agents.len() > AGENTS_MAX {
            let message = format!("there are more than {AGENTS_MAX} agents");
            flaws.push(AgentFlaw { span: row.first().map_or(0..0, |cell| cell.span.clone()), message });
            break;
        }
        if flaws.len() >= FLAWS_MAX {
            break;
        }
    }
    if agents.len() < 2 && flaws.is_empty() {
        let message = format!("there are {} agents; it takes 2 to {AGENTS_MAX}", agents.len());
        flaws.push(AgentFlaw { span: 0..0, message });
    }
    flaws.truncate(FLAWS_MAX);
    if flaws.is_empty() { Ok(agents) } else { Err(flaws) }
}

/// Lines that are not empty, each with its place.
fn lines_of(text: &str) -> impl Iterator<Item = Cell<'_>> {
    // Spreadsheets write a mark before the first line that says how the text is encoded.
    let unmarked = text.strip_prefix(MARK).unwrap_or(text);
    let mut at = text.len() - unmarked.len();
    unmarked.split_inclusive('\n').filter_map(move |line| {
        let start = at;
        at += line.len();
        let text = line.trim_end_matches(['\n', '\r']);
        (!text.trim().is_empty()).then(|| Cell { text, span: start..start + text.len() })
    })
}

fn cells(line: Cell<'_>) -> Vec<Cell<'_>> {
    let mut at = line.span.start;
    line.text
        .split(',')
        .map(|part| {
            let start = at + (part.len() - part.trim_start().len());
            at += part.len() + 1;
            let trimmed = part.trim();
            let span = start..start + trimmed.len();
            let inner = trimmed.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
            Cell { text: inner.unwrap_or(trimmed).trim(), span }
        })
        .collect()
}

const PLAIN: [&str; 9] =
    ["role", "place", "money", "capacity", "skill", "riskTolerance", "impatience", "socialInfluence", "learningRate"];

fn check_head(head: &[Cell<'_>], economy: &EconomySpec, flaws: &mut Vec<AgentFlaw>) {
    let mut seen = BTreeSet::new();
    for cell in head {
        let mut refuse = |message: String| flaws.push(AgentFlaw { span: cell.span.clone(), message });
        let good = cell.text.strip_prefix("stocks.").or_else(|| cell.text.strip_prefix("beliefs."));
        match good {
            Some(name) if economy.commodity_index(name).is_none() => refuse(format!("there is no commodity `{name}`")),
            None if !PLAIN.contains(&cell.text) => refuse(format!(
                "there is no field `{}`: it takes {}, `stocks.<commodity>` and `beliefs.<commodity>`",
                cell.text,
                PLAIN.map(|name| format!("`{name}`")).join(", ")
            )),
            _ => {}
        }
        if !seen.insert(cell.text) {
            flaws.push(AgentFlaw { span: cell.span.clone(), message: format!("`{}` is there twice", cell.text) });
        }
    }
    for needed in ["role", "money"] {
        if !seen.contains(needed) {
            flaws.push(AgentFlaw { span: 0..0, message: format!("the field `{needed}` is missing") });
        }
    }
}

/// Reads one line. What is no number is told, and read as if it were left out.
fn agent(head: &[Cell<'_>], row: &[Cell<'_>], economy: &EconomySpec, flaws: &mut Vec<AgentFlaw>) -> AgentSpec {
    let mut agent = AgentSpec::default();
    let before = flaws.len();
    for (name, cell) in head.iter().zip(row) {
        if let Err(message) = set(&mut agent, name.text, cell.text) {
            flaws.push(AgentFlaw { span: cell.span.clone(), message });
        }
    }
    let unreadable: Vec<Range<usize>> = flaws.iter().skip(before).map(|flaw| flaw.span.clone()).collect();
    for (field, message) in agent.flaws(economy) {
        // What is wrong with all stocks together is told of the first.
        let named = |name: &str| name == field || (field == "stocks" && name.starts_with("stocks."));
        let cell = head.iter().zip(row).find(|(name, _)| named(name.text)).map(|(_, cell)| cell).or(row.first());
        let span = cell.map_or(0..0, |cell| cell.span.clone());
        if !unreadable.contains(&span) {
            flaws.push(AgentFlaw { span, message });
        }
    }
    agent
}

fn set(agent: &mut AgentSpec, field: &str, text: &str) -> Result<(), String> {
    if text.is_empty() {
        return match field {
            "role" | "money" => Err(format!("`{field}` is left out")),
            _ => Ok(()),
        };
    }
    let whole = || text.parse::<i64>().map_err(|_| format!("`{text}` is no whole number"));
    let real = || text.parse::<f64>().map(Some).map_err(|_| format!("`{text}` is no number"));
    match field {
        "role" => text.clone_into(&mut agent.role),
        "place" => agent.place = Some(text.to_owned()),
        "money" => agent.money = whole()?,
        "capacity" => agent.capacity = Some(whole()?),
        "skill" => agent.skill = real()?,
        "riskTolerance" => agent.risk_tolerance = real()?,
        "impatience" => agent.impatience = real()?,
        "socialInfluence" => agent.social_influence = real()?,
        "learningRate" => agent.learning_rate = real()?,
        other => match other.split_once('.') {
            Some(("stocks", name)) => drop(agent.stocks.insert(name.to_owned(), whole()?)),
            Some((_, name)) => drop(agent.beliefs.insert(name.to_owned(), whole()?)),
            None => {}
        },
    }
    Ok(())
}
