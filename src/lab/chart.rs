//! Pictures of series: inline SVG in one HTML page, without scripts and without anything from the network.

use std::fmt::Write;

/// A line of a chart.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Line {
    /// What it shows.
    pub name: String,
    /// Its points, by rising x.
    pub points: Vec<(f64, f64)>,
    /// What lies around it: x, low, high.
    pub band: Vec<(f64, f64, f64)>,
}

/// A picture of some lines over time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Chart {
    /// What it shows.
    pub title: String,
    /// What is on the upright axis, with its unit.
    pub unit: String,
    /// The lines. The x of their points are hours.
    pub lines: Vec<Line>,
    /// Hours at which something happened, and what.
    pub marks: Vec<(f64, String)>,
    /// Whether the upright axis begins at 0.
    pub from_zero: bool,
}

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 260.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 10.0;
const BOTTOM: f64 = 40.0;
/// Points of a line at most; beyond, neighbours are drawn as their mean.
const POINTS_MAX: usize = 600;
/// Hours from which on the axis counts in days.
const IN_DAYS_FROM: f64 = 96.0;
/// Marks with their words beside them; those beyond say them when they are pointed at.
const MARKS_NAMED: usize = 12;
/// Lines of words of marks, before they begin again at the top.
const MARK_ROWS: usize = 4;
/// Lines that have a colour of their own; then they begin again, dashed.
const COLOURS: usize = 8;

const STYLE: &str = ":root{color-scheme:light dark;--bg:#fff;--fg:#1c2330;--soft:#5b6675;--grid:#e3e7ec;--c0:#0b62c4;\
--c1:#c2410c;--c2:#15803d;--c3:#9d174d;--c4:#6d28d9;--c5:#0f766e;--c6:#a16207;--c7:#475569}\
@media(prefers-color-scheme:dark){:root{--bg:#12161d;--fg:#e6eaf0;--soft:#9aa6b5;--grid:#2a313c;--c0:#6cb2ff;\
--c1:#ff9a62;--c2:#5fd38a;--c3:#ff86b8;--c4:#b79bff;--c5:#4fd1c5;--c6:#e8c35a;--c7:#a9b4c2}}\
body{background:var(--bg);color:var(--fg);font:15px/1.5 system-ui,sans-serif;max-width:900px;margin:2rem auto;padding:0 1rem}\
h1{font-size:1.5rem;margin:0}h2{font-size:1.05rem;margin:2rem 0 .3rem}p{color:var(--soft);margin:.2rem 0 1rem}\
figure{margin:0}svg{width:100%;height:auto;display:block}svg text{font:12px system-ui,sans-serif;fill:var(--soft)}\
.grid{stroke:var(--grid)}.mark{stroke:var(--soft);stroke-dasharray:2 4}.line{fill:none;stroke-width:1.6;stroke-linejoin:round}\
.area{stroke:none;opacity:.16}.dash{stroke-dasharray:6 4}ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.2rem 1.1rem;padding:0;margin:.2rem 0}\
ul.legend svg{display:inline-block;width:22px;height:8px;margin-right:.4rem}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}th,td{padding:.25rem .6rem;border-bottom:1px solid var(--grid);text-align:right}\
th:first-child,td:first-child{text-align:left}th{color:var(--soft);font-weight:600}.scroll{overflow-x:auto}";

/// A whole page: a heading, what is said below it, and then what there is, as HTML.
pub fn page(title: &str, said: &str, parts: &[String]) -> String {
    let mut text = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" \
         content=\"width=device-width,initial-scale=1\">\n<title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<p>{said}</p>\n",
        title = escaped(title),
        said = escaped(said)
    );
    parts.iter().for_each(|part| text.push_str(part));
    text.push_str("</body>\n</html>\n");
    text
}

/// A table as HTML; the first row is its head.
pub fn table(title: &str, rows: &[Vec<String>]) -> String {
    let mut text = format!("<h2>{}</h2>\n<div class=\"scroll\"><table>\n", escaped(title));
    for (index, row) in rows.iter().enumerate() {
        let tag = if index == 0 { "th" } else { "td" };
        let cells: String = row.iter().map(|cell| format!("<{tag}>{}</{tag}>", escaped(cell))).collect();
        let _ = writeln!(text, "<tr>{cells}</tr>");
    }
    text.push_str("</table></div>\n");
    text
}

/// A text as HTML shows it.
pub fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// Where a chart's values lie on the picture.
struct Frame {
    x: (f64, f64),
    y: (f64, f64),
}

impl Frame {
    fn of(chart: &Chart) -> Self {
        let mut x = (f64::INFINITY, f64::NEG_INFINITY);
        let mut y = x;
        let widen = |range: &mut (f64, f64), value: f64| {
            if value.is_finite() {
                *range = (range.0.min(value), range.1.max(value));
            }
        };
        for line in &chart.lines {
            line.points.iter().for_each(|(at, value)| {
                widen(&mut x, *at);
                widen(&mut y, *value);
            });
            line.band.iter().for_each(|(_, low, high)| {
                widen(&mut y, *low);
                widen(&mut y, *high);
            });
        }
        if chart.from_zero {
            widen(&mut y, 0.0);
        }
        let sound = |range: (f64, f64)| match range {
            (low, high) if low > high => (0.0, 1.0),
            (low, high) if high - low < 1e-9 => (low - 0.5, high + 0.5),
            both => both,
        };
        let (x, y) = (sound(x), sound(y));
        let room = (y.1 - y.0) * 0.05;
        Self { x, y: (if chart.from_zero { y.0 } else { y.0 - room }, y.1 + room) }
    }

    fn x(&self, value: f64) -> f64 {
        LEFT + (value - self.x.0) / (self.x.1 - self.x.0) * (WIDTH - LEFT - RIGHT)
    }

    fn y(&self, value: f64) -> f64 {
        HEIGHT - BOTTOM - (value - self.y.0) / (self.y.1 - self.y.0) * (HEIGHT - TOP - BOTTOM)
    }
}

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

/// Few enough points to draw: neighbours become their mean.
fn thinned<const N: usize>(points: &[[f64; N]]) -> Vec<[f64; N]> {
    let together = points.len().div_ceil(POINTS_MAX).max(1);
    let mean = |group: &[[f64; N]]| {
        std::array::from_fn(|place| {
            group.iter().map(|point| point[place]).sum::<f64>() / super::numbers::count(group.len())
        })
    };
    points.chunks(together).map(mean).collect()
}

impl Chart {
    /// The picture with its title and legend, as HTML.
    pub fn to_html(&self) -> String {
        let frame = Frame::of(self);
        let mut text = format!("<h2>{}</h2>\n<figure>\n<ul class=\"legend\">", escaped(&self.title));
        for (index, line) in self.lines.iter().enumerate() {
            let _ = write!(
                text,
                "<li><svg viewBox=\"0 0 22 8\" aria-hidden=\"true\"><path class=\"line{}\" stroke=\"var(--c{})\" \
                 d=\"M0 4H22\"/></svg>{}</li>",
                dash(index),
                index % COLOURS,
                escaped(&line.name)
            );
        }
        let _ = write!(
            text,
            "</ul>\n<svg viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" aria-label=\"{}\">\n",
            escaped(&self.title)
        );
        self.draw_axes(&frame, &mut text);
        self.draw_marks(&frame, &mut text);
        self.lines.iter().enumerate().for_each(|(index, line)| draw_line(index, line, &frame, &mut text));
        text.push_str("</svg>\n</figure>\n");
        text
    }

    /// Marks with what they say, each a line lower than the one before, so that neighbours can be read.
    fn draw_marks(&self, frame: &Frame, text: &mut String) {
        for (number, (at, what)) in self.marks.iter().enumerate() {
            let (x, y) = (frame.x(*at), TOP + 12.0 + 14.0 * super::numbers::count(number % MARK_ROWS));
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

    fn draw_axes(&self, frame: &Frame, text: &mut String) {
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
            escaped(&self.unit)
        );
    }
}

fn dash(index: usize) -> &'static str {
    if index < COLOURS { "" } else { " dash" }
}

fn draw_line(index: usize, line: &Line, frame: &Frame, text: &mut String) {
    let colour = index % COLOURS;
    let path = |points: &mut dyn Iterator<Item = (f64, f64)>| {
        points.map(|(x, y)| format!("{:.1} {:.1}", frame.x(x), frame.y(y))).collect::<Vec<_>>().join("L")
    };
    if !line.band.is_empty() {
        let band = thinned(&line.band.iter().map(|(x, low, high)| [*x, *low, *high]).collect::<Vec<_>>());
        let there = band.iter().map(|[x, low, _]| (*x, *low));
        let back = band.iter().rev().map(|[x, _, high]| (*x, *high));
        let _ =
            writeln!(text, "<path class=\"area\" fill=\"var(--c{colour})\" d=\"M{}Z\"/>", path(&mut there.chain(back)));
    }
    let finite = line.points.iter().filter(|(_, value)| value.is_finite());
    let points = thinned(&finite.map(|(x, y)| [*x, *y]).collect::<Vec<_>>());
    if !points.is_empty() {
        let _ = writeln!(
            text,
            "<path class=\"line{}\" stroke=\"var(--c{colour})\" d=\"M{}\"/>",
            dash(index),
            path(&mut points.iter().map(|[x, y]| (*x, *y)))
        );
    }
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

    #[test]
    fn what_is_odd_is_still_a_picture() {
        let mut chart = Chart { title: "a <b> & \"c\"".into(), ..Chart::default() };
        assert!(chart.to_html().contains("a &lt;b&gt; &amp; &quot;c&quot;"));
        for points in [vec![(1.0, 5.0)], vec![(1.0, f64::NAN), (2.0, 1.0)], vec![(0.0, 0.0), (1.0, 0.0)]] {
            chart.lines = vec![Line { name: "x".into(), points, band: Vec::new() }];
            let html = chart.to_html();
            assert!(!html.contains("NaN") && !html.contains("inf"), "{html}");
        }
    }

    #[test]
    fn long_lines_are_thinned_to_their_means() {
        let points: Vec<[f64; 2]> = (0..6_000).map(|at| [f64::from(at), 3.0]).collect();
        let thin = thinned(&points);
        assert_eq!(thin.len(), POINTS_MAX);
        assert!(thin.iter().all(|point| (point[1] - 3.0).abs() < 1e-12));
    }
}
