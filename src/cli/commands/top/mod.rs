//! `worldtick top`: worlds, their steps, tiers and lag as they run.

mod draw;
mod sample;

use std::io::IsTerminal;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use clap::Args;
use ratatui::buffer::Buffer;
use ratatui::crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use ratatui::layout::Rect;
use serde_json::Value;

use self::draw::{Screen, text};
use self::sample::{Sample, rows};
use super::worlds::items;
use crate::cli::client::{Client, ClientArgs};
use crate::cli::error::{CliError, Exit};
use crate::cli::output::{Output, csv, json, print};

/// How long a key may wait to be heard, and a new answer to be shown.
const GLANCE: Duration = Duration::from_millis(100);
/// The width of a frame that nobody looks at through a terminal.
const WIDTH: u16 = 120;

/// Arguments of `top`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  worldtick top
  worldtick top --interval 5
  worldtick top --once
  worldtick top --once --output json

Keys: q ends, ↑ and ↓ (k and j) move, PgUp and PgDn move by a page.")]
pub struct TopArgs {
    /// How to reach the server.
    #[command(flatten)]
    pub client: ClientArgs,
    /// Seconds between two looks
    #[arg(long, default_value_t = 1.0, value_name = "SECONDS", value_parser = interval)]
    pub interval: f64,
    /// Write one frame as text and end: two looks, so that it has rates
    #[arg(long)]
    pub once: bool,
}

fn interval(text: &str) -> Result<f64, String> {
    let seconds = text.parse().map_err(|_| "it is a number of seconds".to_owned())?;
    if (0.1..=3_600.0).contains(&seconds) { Ok(seconds) } else { Err("it goes from 0.1 to 3600".to_owned()) }
}

pub(in crate::cli) fn run(args: &TopArgs) -> Result<(), CliError> {
    let client = Client::new(&args.client)?;
    let interval = Duration::from_secs_f64(args.interval);
    if args.once || args.client.output != Output::Table {
        return once(&client, interval, args.client.output);
    }
    if !std::io::stdout().is_terminal() || !std::io::stdin().is_terminal() {
        let error = CliError::new(Exit::Usage, "`worldtick top` wants a terminal");
        return Err(error.help("write one frame with --once"));
    }
    // A server that is not there, or wants a token, is told of before the screen is taken.
    let first = look(&client)?;
    live(client, interval, first)
}

fn look(client: &Client) -> Result<Sample, CliError> {
    let answer = client.get("/api/v1/worlds", &[])?;
    Ok(Sample::new(now(), items(&answer)))
}

/// One frame, and no screen.
fn once(client: &Client, interval: Duration, output: Output) -> Result<(), CliError> {
    let before = look(client)?;
    rest(interval);
    let after = look(client)?;
    let found: Vec<Value> = rows(Some(&before), &after).iter().map(sample::Row::json).collect();
    match output {
        Output::Json => print(&json(&Value::Array(found))),
        Output::Csv => print(&csv(&found, &sample::COLUMNS)),
        Output::Table => {
            let mut screen = Screen::default();
            screen.take(Ok(before));
            screen.take(Ok(after));
            let width = terminal_width().unwrap_or(WIDTH);
            let area = Rect::new(0, 0, width, screen.height());
            let mut buffer = Buffer::empty(area);
            screen.draw(area, &mut buffer);
            print(&text(&buffer))
        }
    }
}

/// As wide as the terminal, or as `COLUMNS` says.
fn terminal_width() -> Option<u16> {
    let given = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    let width = given.or_else(|| ratatui::crossterm::terminal::size().ok().map(|(width, _)| width));
    width.filter(|_| std::io::stdout().is_terminal()).map(|width| width.clamp(20, 400))
}

/// What the thread that asks sends to the one that draws.
type Look = Result<Sample, CliError>;

fn live(client: Client, interval: Duration, first: Sample) -> Result<(), CliError> {
    let (looks, seen) = sync_channel::<Look>(1);
    let (stop, stopped) = sync_channel::<()>(0);
    // A server that does not answer must not keep the keys from being heard. The thread ends with the program.
    thread::spawn(move || ask(&client, interval, &looks, &stopped));
    let mut terminal = ratatui::try_init().map_err(|error| CliError::io("the terminal", &error))?;
    let mut screen = Screen::default();
    screen.take(Ok(first));
    let ended = watch(&mut terminal, &mut screen, &seen);
    drop(stop);
    let restored = ratatui::try_restore();
    ended.and(restored).map_err(|error| CliError::io("the terminal", &error))
}

fn ask(client: &Client, interval: Duration, looks: &SyncSender<Look>, stopped: &Receiver<()>) {
    // time: `top`: the next look | real | channel with time-out | interval of `--interval`
    while stopped.recv_timeout(interval) == Err(RecvTimeoutError::Timeout) {
        if looks.send(look(client)).is_err() {
            return;
        }
    }
}

fn watch(terminal: &mut ratatui::DefaultTerminal, screen: &mut Screen, seen: &Receiver<Look>) -> std::io::Result<()> {
    loop {
        terminal.draw(|frame| screen.draw(frame.area(), frame.buffer_mut()))?;
        if event::poll(GLANCE)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => match action(key) {
                    Action::Quit => return Ok(()),
                    Action::Move(by) => screen.scroll(by),
                    Action::None => {}
                },
                _ => {}
            }
        }
        match seen.try_recv() {
            Ok(look) => screen.take(look.map_err(|error| error.message)),
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => return Ok(()),
        }
    }
}

/// What a key is for.
#[derive(Debug, PartialEq, Eq)]
enum Action {
    Quit,
    /// By so many worlds.
    Move(isize),
    None,
}

fn action(key: KeyEvent) -> Action {
    match key.code {
        KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => Action::Quit,
        KeyCode::Char('q') | KeyCode::Esc => Action::Quit,
        KeyCode::Up | KeyCode::Char('k') => Action::Move(-1),
        KeyCode::Down | KeyCode::Char('j') => Action::Move(1),
        KeyCode::PageUp => Action::Move(-20),
        KeyCode::PageDown => Action::Move(20),
        KeyCode::Home => Action::Move(isize::MIN),
        KeyCode::End => Action::Move(isize::MAX),
        _ => Action::None,
    }
}

#[expect(clippy::disallowed_methods, reason = "rates are by the watch of who looks")]
fn now() -> Instant {
    // time: `top`: rates | real | std::time::Instant | read at each look
    Instant::now()
}

#[expect(clippy::disallowed_methods, reason = "a rate needs two looks, some time apart")]
fn rest(time: Duration) {
    thread::sleep(time);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_do_what_the_help_says() {
        let press = |code| action(KeyEvent::new(code, KeyModifiers::NONE));
        assert_eq!(press(KeyCode::Char('q')), Action::Quit);
        assert_eq!(press(KeyCode::Char('c')), Action::None);
        assert_eq!(action(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL)), Action::Quit);
        assert_eq!((press(KeyCode::Down), press(KeyCode::PageUp)), (Action::Move(1), Action::Move(-20)));
    }

    #[test]
    fn intervals_are_bounded() {
        assert_eq!(interval("0.5"), Ok(0.5));
        for wrong in ["0", "-1", "NaN", "4000", "soon"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }
}
