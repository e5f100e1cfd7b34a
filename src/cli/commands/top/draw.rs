//! The screen of `worldtick top`.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};

use super::sample::{Row, Sample, rows};
use crate::world::spec::is_control;

/// A column: its title, how much it matters (the least first when the terminal is narrow), how its cells read.
struct Column {
    title: &'static str,
    matters: u8,
    left: bool,
    cell: fn(&Row) -> String,
}

const COLUMNS: [Column; 12] = [
    Column { title: "WORLD", matters: 12, left: true, cell: |row| clean(&row.world) },
    Column { title: "STATE", matters: 11, left: true, cell: |row| clean(&row.state) },
    Column { title: "CLOCK", matters: 1, left: true, cell: |row| clean(&row.clock) },
    Column { title: "GAME TIME", matters: 7, left: true, cell: |row| clean(row.now.get(..19).unwrap_or(&row.now)) },
    Column { title: "STEPS/S", matters: 10, left: false, cell: |row| rate(row.steps) },
    Column { title: "LAG S", matters: 9, left: false, cell: |row| format!("{:.2}", row.lag) },
    Column { title: "DEFERRED/S", matters: 8, left: false, cell: |row| rate(row.deferred) },
    Column { title: "TURNS/S", matters: 6, left: false, cell: |row| rate(row.npc_ticks) },
    Column { title: "DETAILED", matters: 5, left: false, cell: |row| row.npcs[0].to_string() },
    Column { title: "ACTIVE", matters: 4, left: false, cell: |row| row.npcs[1].to_string() },
    Column { title: "AMBIENT", matters: 3, left: false, cell: |row| row.npcs[2].to_string() },
    Column { title: "DORMANT", matters: 2, left: false, cell: |row| row.npcs[3].to_string() },
];

/// Lines that are no worlds: the summary, the titles, the footer.
const FRAME: u16 = 3;

/// What is seen, and how far down.
#[derive(Debug, Default)]
pub(super) struct Screen {
    before: Option<Sample>,
    last: Option<Sample>,
    trouble: Option<String>,
    top: usize,
}

impl Screen {
    /// The server has answered, or has not: then what it said last stays.
    pub(super) fn take(&mut self, look: Result<Sample, String>) {
        match look {
            Ok(sample) => {
                self.before = self.last.replace(sample);
                self.trouble = None;
            }
            Err(trouble) => self.trouble = Some(trouble),
        }
    }

    pub(super) fn scroll(&mut self, by: isize) {
        self.top = self.top.saturating_add_signed(by);
    }

    fn rows(&self) -> Vec<Row> {
        self.last.as_ref().map(|last| rows(self.before.as_ref(), last)).unwrap_or_default()
    }

    /// Lines that it takes to show every world.
    pub(super) fn height(&self) -> u16 {
        u16::try_from(self.rows().len()).unwrap_or(u16::MAX).saturating_add(FRAME).min(2_000)
    }

    /// Draws what fits; any size will do.
    pub(super) fn draw(&mut self, area: Rect, buffer: &mut Buffer) {
        let rows = self.rows();
        let room = usize::from(area.height.saturating_sub(FRAME));
        self.top = self.top.min(rows.len().saturating_sub(room.max(1)));
        let mut line = |number: u16, text: &str, style: Style| {
            if number < area.height {
                buffer.set_stringn(area.x, area.y + number, text, usize::from(area.width), style);
            }
        };
        let plain = Style::default();
        line(0, &summary(&rows), plain.add_modifier(Modifier::BOLD));
        let shown: Vec<&Row> = rows.iter().skip(self.top).take(room).collect();
        let columns = fitting(&rows, usize::from(area.width));
        let title = |column: &Column| column.title.to_owned();
        line(1, &joined(&columns, title), plain.add_modifier(Modifier::REVERSED));
        for (number, row) in shown.iter().enumerate() {
            let Ok(number) = u16::try_from(number) else { break };
            line(number + 2, &joined(&columns, |column| (column.cell)(row)), style(row));
        }
        let footer = area.height.saturating_sub(1).max(2);
        match &self.trouble {
            Some(trouble) => line(footer, &clean(trouble), plain.fg(Color::Red)),
            None if rows.len() > shown.len() => {
                let (from, to) = (self.top + 1, self.top + shown.len());
                line(footer, &format!("q ends · ↑↓ move · worlds {from} to {to} of {}", rows.len()), plain);
            }
            None => line(footer, "q ends", plain),
        }
    }
}

fn style(row: &Row) -> Style {
    match row.state.as_str() {
        "faulted" => Style::default().fg(Color::Red),
        "paused" => Style::default().fg(Color::DarkGray),
        _ if row.lag >= 1.0 || row.deferred.is_some_and(|deferred| deferred > 0.0) => {
            Style::default().fg(Color::Yellow)
        }
        _ => Style::default(),
    }
}

fn summary(rows: &[Row]) -> String {
    let count = |state: &str| rows.iter().filter(|row| row.state == state).count();
    let sum = |value: fn(&Row) -> Option<f64>| rows.iter().map(value).sum::<Option<f64>>();
    let npcs: u64 = rows.iter().flat_map(|row| row.npcs).sum();
    let waiting: u64 = rows.iter().map(|row| row.waiting).sum();
    let lag = rows.iter().map(|row| row.lag).fold(0.0, f64::max);
    let dropped: f64 = rows.iter().map(|row| row.dropped).sum();
    let dropped = if dropped > 0.0 { format!(", {dropped:.1} s dropped") } else { String::new() };
    format!(
        "{} worlds: {} running, {} paused, {} faulted · {} steps/s · lag {lag:.2} s{dropped} · {npcs} NPCs, {waiting} waiting",
        rows.len(),
        count("running"),
        count("paused"),
        count("faulted"),
        rate(sum(|row| row.steps)),
    )
}

/// The columns that fit into so many letters, with their widths: those that matter least are left out first.
fn fitting(rows: &[Row], width: usize) -> Vec<(&'static Column, usize)> {
    let letters = |text: &str| text.chars().count();
    let widest = |column: &Column| {
        rows.iter().map(|row| letters(&(column.cell)(row))).chain([letters(column.title)]).max().unwrap_or(0)
    };
    let mut columns: Vec<_> = COLUMNS.iter().map(|column| (column, widest(column))).collect();
    let taken = |columns: &[(&Column, usize)]| columns.iter().map(|(_, width)| width + 2).sum::<usize>();
    // The last has no gap behind it.
    while columns.len() > 1 && taken(&columns) > width + 2 {
        let least = columns.iter().map(|(column, _)| column.matters).min();
        columns.retain(|(column, _)| Some(column.matters) != least);
    }
    columns
}

fn joined(columns: &[(&Column, usize)], cell: impl Fn(&Column) -> String) -> String {
    let cells = columns.iter().map(|(column, width)| {
        let text = cell(column);
        if column.left { format!("{text:width$}") } else { format!("{text:>width$}") }
    });
    cells.collect::<Vec<_>>().join("  ")
}

fn rate(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| format!("{value:.1}"))
}

/// What a server says may have anything in it; a terminal must not obey it.
fn clean(text: &str) -> String {
    text.chars().map(|letter| if is_control(letter) { ' ' } else { letter }).collect()
}

/// A frame as lines of text.
pub(super) fn text(buffer: &Buffer) -> String {
    let area = buffer.area;
    let symbol = |x, y| buffer.cell((x, y)).map_or(" ", |cell| cell.symbol());
    let line = |y| (area.left()..area.right()).map(|x| symbol(x, y)).collect::<String>();
    (area.top()..area.bottom()).map(|y| format!("{}\n", line(y).trim_end())).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use serde_json::{Value, json};

    use super::*;

    fn world(name: &str, steps: u64) -> Value {
        json!({
            "world_id": name, "status": {"state": "running"}, "clock": "live", "now": "2077-01-01T05:00:00.25Z",
            "steps": steps, "npc_ticks": steps * 50, "deferred": 0, "lag_seconds": 0.25,
            "npcs": {"detailed": 3, "active": 40, "ambient": 500, "dormant": 6000}, "waiting": {"dormant": 8},
        })
    }

    fn screen(worlds: &[&str]) -> Screen {
        let began = super::super::now();
        let mut screen = Screen::default();
        for (second, steps) in [(0, 100), (1, 120)] {
            let items: Vec<Value> = worlds.iter().map(|name| world(name, steps)).collect();
            screen.take(Ok(Sample::new(began + Duration::from_secs(second), &items)));
        }
        screen
    }

    fn drawn(screen: &mut Screen, width: u16, height: u16) -> Vec<String> {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).expect("a terminal");
        terminal.draw(|frame| screen.draw(frame.area(), frame.buffer_mut())).expect("drawn");
        text(terminal.backend().buffer()).lines().map(str::to_owned).collect()
    }

    #[test]
    fn a_frame_has_worlds_steps_tiers_and_lag() {
        let lines = drawn(&mut screen(&["night-city"]), 120, 4);
        let summary = "1 worlds: 1 running, 0 paused, 0 faulted · 20.0 steps/s · lag 0.25 s · 6543 NPCs, 8 waiting";
        let titles = concat!(
            "WORLD       STATE    CLOCK  GAME TIME            STEPS/S  LAG S  ",
            "DEFERRED/S  TURNS/S  DETAILED  ACTIVE  AMBIENT  DORMANT",
        );
        let row = concat!(
            "night-city  running  live   2077-01-01T05:00:00     20.0   0.25  ",
            "       0.0   1000.0         3      40      500     6000",
        );
        assert_eq!(lines, [summary, titles, row, "q ends"]);
    }

    #[test]
    fn what_was_dropped_is_told_once_there_is_some() {
        let mut late = world("w", 1);
        late["dropped_seconds"] = json!(12.5);
        let mut screen = Screen::default();
        screen.take(Ok(Sample::new(super::super::now(), &[late, world("v", 1)])));
        assert!(drawn(&mut screen, 120, 5)[0].contains("lag 0.25 s, 12.5 s dropped ·"));
    }

    #[test]
    fn a_narrow_terminal_has_the_columns_that_matter() {
        let lines = drawn(&mut screen(&["night-city"]), 44, 4);
        assert_eq!(lines[1], "WORLD       STATE    STEPS/S  LAG S");
        assert_eq!(lines[2], "night-city  running     20.0   0.25");
    }

    #[test]
    fn any_size_can_be_drawn() {
        let names: Vec<String> = (0..50).map(|number| format!("world-{number:02}")).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let mut screen = screen(&names);
        for (width, height) in [(0, 0), (1, 1), (2, 3), (5, 2), (300, 1), (1, 300), (80, 24)] {
            drawn(&mut screen, width, height);
        }
        let lines = drawn(&mut screen, 80, 13);
        assert!(lines[2].starts_with("world-00") && lines[12].contains("worlds 1 to 10 of 50"), "{lines:?}");
        screen.scroll(isize::MAX);
        let lines = drawn(&mut screen, 80, 13);
        assert!(lines[2].starts_with("world-40") && lines[11].starts_with("world-49"), "{lines:?}");
        screen.scroll(isize::MIN);
        assert!(drawn(&mut screen, 80, 13)[2].starts_with("world-00"));
    }

    #[test]
    fn a_server_that_goes_away_leaves_what_it_said() {
        let mut screen = screen(&["night-city"]);
        screen.take(Err("no answer\u{1b}[2J from the server".to_owned()));
        let lines = drawn(&mut screen, 120, 5);
        assert!(lines[2].starts_with("night-city"), "{lines:?}");
        assert_eq!(lines[4], "no answer [2J from the server");
        screen.take(Ok(Sample::new(super::super::now(), &[])));
        assert_eq!(drawn(&mut screen, 120, 5)[4], "q ends");
    }
}
