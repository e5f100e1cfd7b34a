//! Running a program to its end: with a limit, stopped when the user asks, its output shown or kept.

use std::io::{PipeReader, Read};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::time::Duration;

use crate::clock::Deadline;
use crate::process::{Ask, Running, Scope};
use crate::{Error, Result, interrupt};

const LOOK_AGAIN: Duration = Duration::from_millis(30);
/// How long a program may take to stop when it is asked to.
const GRACE: Duration = Duration::from_secs(10);
/// How long to listen on after the end, should a descendant still hold the pipe.
const LAST_WORDS: Duration = Duration::from_secs(2);
/// Output is kept for messages and for small lists; of more than this only the end.
const KEPT_BYTES_MAX: usize = 1 << 20;
const CHUNKS_MAX: usize = 64;

/// Told of every program that is started, so that it can be put on record.
pub type OnStart<'a> = &'a mut dyn FnMut(&Running) -> Result<()>;

/// What is done with a program's output.
pub enum Output<'a> {
    /// It goes where ours goes.
    Shown,
    /// stdout and stderr, in their order, chunk by chunk.
    Given(&'a mut dyn FnMut(&[u8])),
}

/// Runs `command` in a group of its own, without input, until it ends.
pub fn to_end(
    name: &str,
    command: &mut Command,
    deadline: Deadline,
    output: Output<'_>,
    on_start: OnStart<'_>,
) -> Result<ExitStatus> {
    command.stdin(Stdio::null());
    match output {
        Output::Shown => {
            let mut running = Running::spawn(name, command, Scope::OwnGroup, Ask::Terminate, GRACE)?;
            on_start(&running)?;
            wait(&mut running, deadline, || interrupt::pause(LOOK_AGAIN))
        }
        Output::Given(take) => {
            let (reader, writer) = std::io::pipe().map_err(|error| Error::failure(format!("no pipe: {error}")))?;
            let copy = writer.try_clone().map_err(|error| Error::failure(format!("no pipe: {error}")))?;
            command.stdout(copy).stderr(writer);
            let running = Running::spawn(name, command, Scope::OwnGroup, Ask::Terminate, GRACE);
            // Our own ends of the pipe must go, or it would never end.
            command.stdout(Stdio::null()).stderr(Stdio::null());
            let mut running = running?;
            on_start(&running)?;
            let chunks = listen(reader);
            let status = wait(&mut running, deadline, || {
                interrupt::check()?;
                pass_on(&chunks, take, LOOK_AGAIN);
                Ok(())
            });
            running.stop();
            let last_words = Deadline::after(LAST_WORDS);
            while pass_on(&chunks, take, LOOK_AGAIN) && !last_words.passed() {}
            status
        }
    }
}

/// Runs `command` and keeps what it says.
pub fn quietly(
    name: &str,
    command: &mut Command,
    limit: Duration,
    on_start: OnStart<'_>,
) -> Result<(ExitStatus, String)> {
    let mut kept = Vec::new();
    let mut keep = |chunk: &[u8]| keep_end(&mut kept, chunk, KEPT_BYTES_MAX);
    let status = to_end(name, command, Deadline::after(limit), Output::Given(&mut keep), on_start)?;
    Ok((status, String::from_utf8_lossy(&kept).into_owned()))
}

/// Runs `command` at the user's terminal: it may ask for a password there, and gets Ctrl-C itself.
pub fn at_terminal(name: &str, command: &mut Command, limit: Duration) -> Result<ExitStatus> {
    let mut running = Running::spawn(name, command, Scope::ParentsGroup, Ask::Terminate, GRACE)?;
    wait(&mut running, Deadline::after(limit), || interrupt::pause(LOOK_AGAIN))
}

/// Fails unless the program ended well.
pub fn expect_success(name: &str, status: ExitStatus, said: &str) -> Result<()> {
    if status.success() {
        return Ok(());
    }
    Err(Error::failure(format!("{name} failed ({status}):\n{}", last_lines(said, 20))))
}

/// The last `count` lines of a text.
pub fn last_lines(text: &str, count: usize) -> String {
    let lines: Vec<&str> = text.trim_end().lines().collect();
    lines[lines.len().saturating_sub(count)..].join("\n")
}

/// For programs that are over so soon that nobody needs to know of them.
pub fn unrecorded(_: &Running) -> Result<()> {
    Ok(())
}

fn wait(running: &mut Running, deadline: Deadline, mut pause: impl FnMut() -> Result<()>) -> Result<ExitStatus> {
    loop {
        if let Some(status) = running.exited() {
            return Ok(status);
        }
        if deadline.passed() {
            running.stop();
            let limit = deadline.limit().as_secs();
            return Err(Error::failure(format!("{} was stopped: its limit of {limit} s is over", running.name())));
        }
        pause()?;
    }
}

fn listen(mut reader: PipeReader) -> Receiver<Vec<u8>> {
    let (sender, receiver): (SyncSender<Vec<u8>>, _) = mpsc::sync_channel(CHUNKS_MAX);
    std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        while let Ok(count @ 1..) = reader.read(&mut buffer) {
            if sender.send(buffer[..count].to_vec()).is_err() {
                return;
            }
        }
    });
    receiver
}

/// Hands on what has come, waiting for it a moment; false when there will be no more.
fn pass_on(chunks: &Receiver<Vec<u8>>, take: &mut dyn FnMut(&[u8]), moment: Duration) -> bool {
    match chunks.recv_timeout(moment) {
        Ok(chunk) => {
            take(&chunk);
            chunks.try_iter().take(CHUNKS_MAX).for_each(|chunk| take(&chunk));
            true
        }
        Err(RecvTimeoutError::Timeout) => true,
        Err(RecvTimeoutError::Disconnected) => {
            // Nothing to listen to any more; do not spin until the program ends.
            interrupt::settle(moment);
            false
        }
    }
}

fn keep_end(kept: &mut Vec<u8>, chunk: &[u8], max: usize) {
    kept.extend_from_slice(chunk);
    let surplus = kept.len().saturating_sub(max);
    kept.drain(..surplus);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[test]
    fn both_outputs_are_kept_in_their_order_with_the_status() {
        let script = "echo one; echo two >&2; echo three; exit 7";
        let (status, said) = quietly("sh", &mut shell(script), Duration::from_secs(20), &mut unrecorded).unwrap();
        assert_eq!(status.code(), Some(7));
        assert_eq!(said, "one\ntwo\nthree\n");
    }

    #[test]
    fn what_takes_too_long_is_stopped_and_named() {
        let error =
            quietly("sleeper", &mut shell("sleep 600"), Duration::from_millis(50), &mut unrecorded).unwrap_err();
        assert!(error.to_string().starts_with("sleeper was stopped"), "{error}");
    }

    #[test]
    fn a_descendant_that_holds_the_pipe_is_stopped_with_its_group() {
        let deadline = Deadline::after(Duration::from_secs(60));
        let (status, said) =
            quietly("sh", &mut shell("sleep 600 & echo done"), Duration::from_secs(20), &mut unrecorded).unwrap();
        assert!(status.success());
        assert_eq!(said, "done\n");
        assert!(!deadline.passed());
    }

    #[test]
    fn of_a_flood_the_end_is_kept() {
        let mut kept = Vec::new();
        keep_end(&mut kept, b"abcdef", 4);
        keep_end(&mut kept, b"gh", 4);
        assert_eq!(kept, b"efgh");
    }

    #[test]
    fn the_last_lines_are_the_last_lines() {
        assert_eq!(last_lines("a\nb\nc\n", 2), "b\nc");
        assert_eq!(last_lines("a", 2), "a");
        assert_eq!(last_lines("", 2), "");
    }
}
