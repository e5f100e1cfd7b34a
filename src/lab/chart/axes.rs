//! What stands around the lines of a chart: axes, and marks of what happened.

use std::fmt::Write;

use super::{BOTTOM, Chart, Frame, HEIGHT, LEFT, RIGHT, TOP, WIDTH, escaped};
use crate::lab::numbers::count;

/// Hours from which on the axis counts in days.
const IN_DAYS_FROM: f64 = 96.0;
/// Marks with their words beside them; those beyond say them when they are pointed at.
const MARKS_NAMED: usize = 12;
/// Lines of words of marks, before they begin again at the top.
const MARK_ROWS: usize = 4;

/// A step of 1, 2 or 5 times a power of ten that divides a span into about so many.
fn step(span: f64, about: f64) -> f64 {
    let mut unit = 1e-9;
    while unit * 10.0 <= span / about {
        unit *= 10.0;
    }
    let wanted = span / about / unit;
    unit * if wanted > 5.0 {
        10.0
    } else if wanted > 2.0 {
        5.0
    } else {
        2.0
    }
}

fn ticks(range: (f64, f64), step: f64) -> Vec<f64> {
    let first = (range.0 / step).ceil();
    (0..40).map(|number| (first + f64::from(number)) * step).take_while(|at| *at <= range.1 + step * 1e-6).collect()
}

/// With as many decimals as the step has.
fn label(value: f64, step: f64) -> String {
    let decimals = if step >= 1.0 {
        0
    } else if step >= 0.1 {
        1
    } else if step >= 0.01 {
        2
    } else {
        4
    };
    let text = format!("{value:.decimals$}");
    if text.trim_start_matches('-').chars().all(|c| c == '0' || c == '.') { text.replace('-', "") } else { text }
}

/// Marks with what they say, each a line lower than the one before, so that neighbours can be read.
pub(super) fn draw_marks(chart: &Chart, frame: &Frame, text: &mut String) {
    for (number, (at, what)) in chart.marks.iter().enumerate() {
        let (x, y) = (frame.x(*at), TOP + 12.0 + 14.0 * count(number % MARK_ROWS));
        let (aside, anchor) = if x > f64::midpoint(LEFT, WIDTH) { (x - 4.0, "end") } else { (x + 4.0, "start") };
        let what = escaped(what);
        let _ = writeln!(
            text,
            "<line class=\"mark\" x1=\"{x:.1}\" x2=\"{x:.1}\" y1=\"{TOP}\" y2=\"{:.1}\"><title>{what}</title></line>",
            HEIGHT - BOTTOM
        );
        if number < MARKS_NAMED {
            let _ = writeln!(text, "<text x=\"{aside:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{what}</text>");
        }
    }
}

/// Lines across with their values, hours or days along the bottom, and what both count.
pub(super) fn draw_axes(chart: &Chart, frame: &Frame, text: &mut String) {
    let upright = step(frame.y.1 - frame.y.0, 5.0);
    for value in ticks(frame.y, upright) {
        let (y, right) = (frame.y(value), WIDTH - RIGHT);
        let _ = writeln!(
            text,
            "<line class=\"grid\" x1=\"{LEFT}\" x2=\"{right}\" y1=\"{y:.1}\" y2=\"{y:.1}\"/>\
             <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
            LEFT - 8.0,
            y + 4.0,
            label(value, upright)
        );
    }
    let (unit, hours) = if frame.x.1 - frame.x.0 > IN_DAYS_FROM { ("days", 24.0) } else { ("hours", 1.0) };
    let range = (frame.x.0 / hours, frame.x.1 / hours);
    let level = step(range.1 - range.0, 8.0);
    for value in ticks(range, level) {
        let _ = writeln!(
            text,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{}</text>",
            frame.x(value * hours),
            HEIGHT - BOTTOM + 16.0,
            label(value, level)
        );
    }
    let _ = writeln!(
        text,
        "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\">{unit}</text>\
         <text transform=\"rotate(-90)\" x=\"{:.1}\" y=\"12\" text-anchor=\"middle\">{}</text>",
        f64::midpoint(LEFT, WIDTH - RIGHT),
        HEIGHT - 6.0,
        -f64::midpoint(TOP, HEIGHT - BOTTOM),
        escaped(&chart.unit)
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_round_and_few() {
        for span in [0.03, 0.9, 7.0, 42.0, 1_234.0, 98_765.0] {
            let step = step(span, 5.0);
            assert!((2..=6).contains(&ticks((0.0, span), step).len()), "{span}: {step}");
        }
        assert_eq!(label(-0.0, 0.5), "0.0");
        assert_eq!(label(12.5, 0.5), "12.5");
    }
}
