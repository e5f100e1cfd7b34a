//! The matrix of relations as an image: a cell for each pair, coloured by its state, the stronger the further its score.

use std::fmt::Write;

use serde_json::Value;

/// Length of a cell's side.
const CELL: usize = 28;
/// Room for names, left and above.
const MARGIN: usize = 170;
/// Letters of a name that fit into the margin.
const LABEL_MAX: usize = 22;
/// Room for what leans out of the last columns.
const OVERHANG: usize = 90;

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
    let turns = |letter: char| matches!(letter, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}');
    let mut letters = name.chars().filter(|letter| !turns(*letter));
    let mut label: String = letters.by_ref().take(LABEL_MAX).collect();
    if letters.next().is_some() {
        label.pop();
        label.push('…');
    }
    label
}

/// Draws a matrix.
pub(super) fn svg(matrix: &Value) -> String {
    let factions = matrix["factions"].as_array().map_or(&[][..], Vec::as_slice);
    let names: Vec<String> =
        factions.iter().map(|faction| escaped(faction["name"].as_str().unwrap_or_default())).collect();
    let side = MARGIN + names.len() * CELL + 20;
    let (width, height) = (MARGIN + names.len() * CELL + OVERHANG, side + 40);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n"
    );
    if let Some(at) = matrix["at"].as_str() {
        let _ = writeln!(out, "<text x=\"20\" y=\"24\" fill=\"#555555\">{}</text>", escaped(at));
    }
    for (row, name) in names.iter().enumerate() {
        let at = MARGIN + row * CELL;
        let middle = at + CELL / 2 + 4;
        let edge = MARGIN - 8;
        let label = escaped(&label(factions.get(row).and_then(|faction| faction["name"].as_str()).unwrap_or_default()));
        let _ = writeln!(out, "<text x=\"{edge}\" y=\"{middle}\" text-anchor=\"end\">{label}</text>");
        let _ = writeln!(out, "<text transform=\"translate({middle} {edge}) rotate(-60)\">{label}</text>");
        for column in 0..names.len() {
            let state = state(matrix, row, column);
            let score = matrix["cells"][row][column]["score"].as_f64().unwrap_or(0.0);
            let (x, title) = (MARGIN + column * CELL, names.get(column).map_or("", String::as_str));
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
    let mut x = 20;
    let y = side + 8;
    for (state, name) in [("WAR", "war"), ("COLD_WAR", "cold war"), ("PEACE", "peace"), ("ALLIANCE", "alliance")] {
        let (text, line) = (x + 20, y + 11);
        let _ = writeln!(out, "<rect x=\"{x}\" y=\"{y}\" width=\"14\" height=\"14\" fill=\"{}\"/>", colour(state));
        let _ = writeln!(out, "<text x=\"{text}\" y=\"{line}\">{name}</text>");
        x += 85;
    }
    out.push_str("</svg>\n");
    out
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
}
