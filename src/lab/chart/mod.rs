//! Pictures of series: inline SVG in one HTML page, without scripts and without anything from the network.

mod axes;

use std::fmt::Write;

use axes::{draw_axes, draw_marks};

use super::numbers::count;

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

/// Few enough points to draw: neighbours become their mean.
fn thinned<const N: usize>(points: &[[f64; N]]) -> Vec<[f64; N]> {
    let together = points.len().div_ceil(POINTS_MAX).max(1);
    let mean = |group: &[[f64; N]]| {
        std::array::from_fn(|place| group.iter().map(|point| point[place]).sum::<f64>() / count(group.len()))
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
        draw_axes(self, &frame, &mut text);
        draw_marks(self, &frame, &mut text);
        self.lines.iter().enumerate().for_each(|(index, line)| draw_line(index, line, &frame, &mut text));
        text.push_str("</svg>\n</figure>\n");
        text
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
