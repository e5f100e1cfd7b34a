//! The matrix of relations as an image: a cell for each pair, coloured by its state, the stronger the further its score.

use std::fmt::Write;

use serde_json::Value;

use crate::world::spec::is_control;

/// Length of a cell's side.
const CELL: usize = 28;
/// Room for names, left and above.
const MARGIN: usize = 170;
/// Letters of a name that fit into the margin.
const LABEL_MAX: usize = 22;
/// Room for what leans out of the last columns.
const OVERHANG: usize = 90;
/// Room for the legend.
const LEGEND: usize = 360;
/// Of more factions than this, cells have no words: a picture of 60 is 0.8 MB with them.
const NAMED_CELLS_MAX: usize = 60;
/// Length of the side of a cell without words.
const SMALL_CELL: usize = 10;
/// The states, as answers have them and as people say.
const STATES: [(&str, &str); 4] =
    [("WAR", "war"), ("COLD_WAR", "cold war"), ("PEACE", "peace"), ("ALLIANCE", "alliance")];

/// The ids of the factions of a matrix.
pub(super) fn ids(matrix: &Value) -> Vec<&str> {
    let factions = matrix["factions"].as_array().map_or(&[][..], Vec::as_slice);
    factions.iter().map(|faction| faction["id"].as_str().unwrap_or_default()).collect()
}

/// The state in a cell; nothing on the diagonal.
pub(super) fn state(matrix: &Value, row: usize, column: usize) -> &str {
    matrix["cells"][row][column]["state"].as_str().unwrap_or_default()
}

fn colour(state: &str) -> &'static str {
    match state {
        "WAR" => "#b2182b",
        "COLD_WAR" => "#ef8a62",
        "PEACE" => "#e0e0e0",
        "ALLIANCE" => "#2166ac",
        _ => "#ffffff",
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// A name that fits into the margin, without letters that would turn its direction.
fn label(name: &str) -> String {
    let mut letters = name.chars().filter(|letter| !is_control(*letter));
    let mut label: String = letters.by_ref().take(LABEL_MAX).collect();
    if letters.next().is_some() {
        label.pop();
        label.push('…');
    }
    label
}

/// Draws a matrix. Of more than [`NAMED_CELLS_MAX`] factions cells are small and have colours alone.
pub(super) fn svg(matrix: &Value) -> String {
    let factions = matrix["factions"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<&str> = factions.iter().map(|faction| faction["name"].as_str().unwrap_or_default()).collect();
    let has_words = names.len() <= NAMED_CELLS_MAX;
    let cell = if has_words { CELL } else { SMALL_CELL };
    let side = MARGIN + names.len() * cell + 20;
    let (width, height) = ((MARGIN + names.len() * cell + OVERHANG).max(LEGEND), side + 40);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    if let Some(at) = matrix["at"].as_str() {
        let _ = writeln!(out, "<text x=\"20\" y=\"24\" fill=\"#555555\">{}</text>", escaped(at));
    }
    draw_names(&mut out, &names, cell);
    if has_words {
        draw_named_cells(&mut out, matrix, &names);
    } else {
        draw_small_cells(&mut out, matrix, names.len());
    }
    draw_legend(&mut out, side + 8);
    out.push_str("</svg>\n");
    out
}

/// The names, left of their rows and above their columns.
fn draw_names(out: &mut String, names: &[&str], cell: usize) {
    let (edge, size) = (MARGIN - 8, cell.min(12));
    for (row, name) in names.iter().enumerate() {
        let middle = MARGIN + row * cell + cell / 2 + 4;
        let label = escaped(&label(name));
        let _ =
            writeln!(out, "<text x=\"{edge}\" y=\"{middle}\" font-size=\"{size}\" text-anchor=\"end\">{label}</text>");
        let _ = writeln!(
            out,
            "<text transform=\"translate({middle} {edge}) rotate(-60)\" font-size=\"{size}\">{label}</text>"
        );
    }
}

/// A square for each cell, with its score, and with words for who points at it.
fn draw_named_cells(out: &mut String, matrix: &Value, names: &[&str]) {
    let names: Vec<String> = names.iter().map(|name| escaped(name)).collect();
    for (row, name) in names.iter().enumerate() {
        let at = MARGIN + row * CELL;
        for (column, title) in names.iter().enumerate() {
            let state = state(matrix, row, column);
            let score = matrix["cells"][row][column]["score"].as_f64().unwrap_or(0.0);
            let x = MARGIN + column * CELL;
            let words = if row == column { name.clone() } else { format!("{name} and {title}: {state} ({score:+.2})") };
            let _ = writeln!(
                out,
                "<rect x=\"{x}\" y=\"{at}\" width=\"{CELL}\" height=\"{CELL}\" fill=\"{}\" stroke=\"#ffffff\">\
                 <title>{words}</title></rect>",
                colour(state)
            );
            if !state.is_empty() && row != column {
                let (x, y) = (x + CELL / 2, at + CELL / 2 + 3);
                // No `-0.0`.
                let score = if score.abs() < 0.05 { 0.0 } else { score };
                let ink = if matches!(state, "WAR" | "ALLIANCE") { "#ffffff" } else { "#333333" };
                let _ = writeln!(
                    out,
                    "<text x=\"{x}\" y=\"{y}\" font-size=\"9\" text-anchor=\"middle\" fill=\"{ink}\">{score:+.1}</text>"
                );
            }
        }
    }
}

/// A path for each state: strokes as wide as a cell is high, one for the neighbours of a row that share the state. Some
/// six bytes a cell at most.
fn draw_small_cells(out: &mut String, matrix: &Value, count: usize) {
    let states: Vec<Vec<&str>> =
        (0..count).map(|row| (0..count).map(|column| state(matrix, row, column)).collect()).collect();
    for (wanted, _) in STATES {
        let mut path = String::new();
        for (row, cells) in states.iter().enumerate() {
            // Where the last stroke of this row ended.
            let (mut end, mut column) = (None, 0);
            for run in cells.chunk_by(|one, next| one == next) {
                if run.first() == Some(&wanted) {
                    let _ = match end {
                        None => write!(path, "M{column} {row}.5h{}", run.len()),
                        Some(end) => write!(path, "m{} 0h{}", column - end, run.len()),
                    };
                    end = Some(column + run.len());
                }
                column += run.len();
            }
        }
        let _ = writeln!(
            out,
            "<path transform=\"translate({MARGIN} {MARGIN}) scale({SMALL_CELL})\" stroke=\"{}\" d=\"{path}\"/>",
            colour(wanted)
        );
    }
}

fn draw_legend(out: &mut String, y: usize) {
    let mut x = 20;
    for (state, name) in STATES {
        let (text, line) = (x + 20, y + 11);
        let _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" fill=\"{}\"/>", colour(state));
        let _ = writeln!(out, "<text x=\"{text}\" y=\"{line}\">{name}</text>");
        x += 85;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn labels_fit_and_read_from_left_to_right() {
        assert_eq!(label("Militia"), "Militia");
        assert_eq!(label(&"m".repeat(22)), "m".repeat(22));
        assert_eq!(label(&"m".repeat(23)), format!("{}…", "m".repeat(21)));
        assert_eq!(label("a\u{202E}b"), "ab");
    }

    #[test]
    fn every_pair_has_a_cell_of_its_states_colour_and_names_are_text() {
        let cell = |state: &str| json!({ "state": state, "score": -0.75 });
        let matrix = json!({
            "factions": [{ "id": "a", "name": "A & <B>" }, { "id": "b", "name": "B" }, { "id": "c", "name": "C" }],
            "cells": [
                [null, cell("WAR"), cell("PEACE")], [cell("WAR"), null, cell("ALLIANCE")],
                [cell("PEACE"), cell("ALLIANCE"), null],
            ],
        });
        let drawn = svg(&matrix);
        assert!(drawn.starts_with("<svg ") && drawn.ends_with("</svg>\n"));
        assert_eq!(drawn.matches("<title>").count(), 9);
        // Twice as a cell, once in the legend.
        assert_eq!(drawn.matches(colour("WAR")).count(), 3);
        assert!(drawn.contains("A &amp; &lt;B&gt; and B: WAR (-0.75)") && !drawn.contains("<B>"));
    }

    /// Factions whose states differ from cell to cell.
    fn chequered(count: usize) -> Value {
        let states: Vec<Value> = STATES.iter().map(|(state, _)| json!({ "state": state, "score": -0.75 })).collect();
        let factions: Vec<Value> = (0..count)
            .map(|number| json!({ "id": format!("f{number}"), "name": format!("Faction {number}") }))
            .collect();
        let cell = |row: usize, column: usize| {
            if row == column { Value::Null } else { states[(row * 7 + column * 3) % 4].clone() }
        };
        let cells: Vec<Vec<Value>> =
            (0..count).map(|row| (0..count).map(|column| cell(row, column)).collect()).collect();
        json!({ "factions": factions, "cells": cells })
    }

    #[test]
    fn pictures_of_many_factions_are_bounded() {
        let of = |count: usize| svg(&chequered(count));
        let (few, many) = (of(NAMED_CELLS_MAX), of(NAMED_CELLS_MAX + 1));
        assert_eq!(few.matches("<title>").count(), NAMED_CELLS_MAX * NAMED_CELLS_MAX);
        assert!(few.len() < 1_000_000 && !many.contains("<title>"), "{}", few.len());
        assert!(of(200).len() < 400_000, "{}", of(200).len());
        assert!(of(1_000).len() < 8_000_000, "{}", of(1_000).len());
    }

    #[test]
    fn strokes_are_the_cells_of_a_row_that_share_a_state() {
        let mut matrix = chequered(NAMED_CELLS_MAX + 1);
        let peace = json!({ "state": "PEACE", "score": 0.0 });
        let war = json!({ "state": "WAR", "score": -0.9 });
        for (row, cells) in matrix["cells"].as_array_mut().expect("rows").iter_mut().enumerate() {
            for (column, cell) in cells.as_array_mut().expect("cells").iter_mut().enumerate() {
                *cell = if row == 2 && matches!(column, 5 | 6 | 9) { war.clone() } else { peace.clone() };
            }
        }
        let drawn = svg(&matrix);
        assert!(drawn.contains(&format!("stroke=\"{}\" d=\"M5 2.5h2m2 0h1\"/>", colour("WAR"))), "{drawn}");
        assert!(drawn.contains("M0 1.5h61M0 2.5h5m2 0h2m1 0h51M0 3.5h61"), "{drawn}");
        assert!(drawn.contains(">Faction 60</text>") && drawn.ends_with("</svg>\n"));
    }
}
