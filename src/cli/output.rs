//! Data on standard output: tables, JSON, CSV.

use std::io::{self, ErrorKind, Write};

use clap::ValueEnum;
use serde_json::Value;

use super::error::CliError;
use crate::world::spec::is_control;

/// In which form data is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    #[default]
    Table,
    /// JSON, as the admin API answers.
    Json,
    /// Comma-separated values with a header.
    Csv,
}

/// A column of a table: its title and the JSON pointer of its value in a row.
pub(super) type Column = (&'static str, &'static str);

/// Writes to standard output. Whoever has stopped reading (`| head`) is no error, but ends the program.
pub(crate) fn print(text: &str) -> Result<(), CliError> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => std::process::exit(0),
        Err(error) => Err(CliError::io("standard output", &error)),
    }
}

/// Writes to standard error; nobody can be told if that fails.
pub(crate) fn tell(text: &str) {
    let _ = writeln!(io::stderr(), "{text}");
}

/// The rows of an answer in the form that is wanted; `whole` is the answer itself.
pub(super) fn list(whole: &Value, rows: &[Value], columns: &[Column], output: Output) -> Result<(), CliError> {
    match output {
        Output::Json => print(&json(whole)),
        Output::Csv => print(&csv(rows, columns)),
        Output::Table if rows.is_empty() => {
            tell("nothing found");
            Ok(())
        }
        Output::Table => print(&table(rows, columns)),
    }
}

/// One object: a line for each of its values.
pub(super) fn object(whole: &Value, output: Output) -> Result<(), CliError> {
    let mut pairs = Vec::new();
    flatten("", whole, &mut pairs);
    match output {
        Output::Json => print(&json(whole)),
        Output::Csv => {
            let line = |cells: Vec<&str>| cells.into_iter().map(quoted).collect::<Vec<_>>().join(",");
            let names = line(pairs.iter().map(|(name, _)| name.as_str()).collect());
            let values = line(pairs.iter().map(|(_, value)| value.as_str()).collect());
            print(&format!("{names}\n{values}\n"))
        }
        Output::Table => {
            let width = pairs.iter().map(|(name, _)| name.chars().count()).max().unwrap_or(0);
            print(&pairs.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect::<String>())
        }
    }
}

fn flatten(name: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(object) => {
            for (key, inner) in object {
                let inner_name = if name.is_empty() { key.clone() } else { format!("{name}.{key}") };
                flatten(&inner_name, inner, pairs);
            }
        }
        _ => pairs.push((name.to_owned(), cell(value))),
    }
}

/// JSON for people and programs alike.
pub(super) fn json(value: &Value) -> String {
    let text = serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string());
    format!("{text}\n")
}

/// A value in a cell.
pub(super) fn cell(value: &Value) -> String {
    match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.chars().map(|c| if is_control(c) { ' ' } else { c }).collect(),
        Value::Number(number) => match number.as_f64() {
            // Prices and lags have fractions that nobody wants to read to the last digit.
            Some(float) if number.is_f64() => format!("{float:.2}"),
            _ => number.to_string(),
        },
        other => other.to_string(),
    }
}

pub(super) fn table(rows: &[Value], columns: &[Column]) -> String {
    let values = |row: &Value| -> Vec<(String, bool)> {
        let at = |pointer: &str| row.pointer(pointer).unwrap_or(&Value::Null);
        columns.iter().map(|(_, pointer)| (cell(at(pointer)), at(pointer).is_number())).collect()
    };
    let cells: Vec<Vec<(String, bool)>> = rows.iter().map(values).collect();
    let width = |index: usize| {
        let title = columns.get(index).map_or(0, |(title, _)| title.chars().count());
        cells.iter().filter_map(|row| row.get(index)).map(|(text, _)| text.chars().count()).chain([title]).max()
    };
    let widths: Vec<usize> = (0..columns.len()).map(|index| width(index).unwrap_or(0)).collect();
    // A column of numbers has its title above its digits.
    let is_number = |index: usize| cells.iter().any(|row| row.get(index).is_some_and(|(_, number)| *number));
    let titles = columns.iter().enumerate().map(|(index, (title, _))| ((*title).to_owned(), is_number(index)));
    let mut text = line(titles.collect(), &widths);
    for row in cells {
        text.push_str(&line(row, &widths));
    }
    text
}

fn line(cells: Vec<(String, bool)>, widths: &[usize]) -> String {
    let padded = cells
        .iter()
        .zip(widths)
        .map(|((text, right), width)| if *right { format!("{text:>width$}") } else { format!("{text:width$}") });
    format!("{}\n", padded.collect::<Vec<_>>().join("  ").trim_end())
}

pub(super) fn csv(rows: &[Value], columns: &[Column]) -> String {
    let titles: Vec<String> =
        columns.iter().map(|(title, _)| quoted(&title.to_lowercase().replace(' ', "_"))).collect();
    let mut text = format!("{}\n", titles.join(","));
    for row in rows {
        let values = columns.iter().map(|(_, pointer)| match row.pointer(pointer) {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(value)) => quoted(value),
            Some(other) => quoted(&other.to_string()),
        });
        text.push_str(&format!("{}\n", values.collect::<Vec<_>>().join(",")));
    }
    text
}

fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const COLUMNS: [Column; 2] = [("NAME", "/name"), ("PRICE", "/deep/price")];

    #[test]
    fn tables_align_and_numbers_stand_right() {
        let rows = [json!({"name": "Food", "deep": {"price": 10.5}}), json!({"name": "Tools\nx"})];
        assert_eq!(table(&rows, &COLUMNS), "NAME     PRICE\nFood     10.50\nTools x  -\n");
    }

    #[test]
    fn csv_quotes_what_needs_it() {
        let rows = [json!({"name": "a,\"b\"", "deep": {"price": 10.125}})];
        assert_eq!(csv(&rows, &COLUMNS), "name,price\n\"a,\"\"b\"\"\",10.125\n");
    }
}
