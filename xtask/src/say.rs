//! What this program prints: data on stdout, everything else on stderr.
//!
//! A reader that has gone (a closed pipe) is no reason to leave services running, so write errors are ignored.

use std::io::Write;

/// One line of progress or trouble, on stderr.
pub fn note(line: impl AsRef<str>) {
    drop(writeln!(std::io::stderr().lock(), "xtask: {}", line.as_ref()));
}

/// One line of data, on stdout.
pub fn data(line: impl AsRef<str>) {
    let mut out = std::io::stdout().lock();
    drop(writeln!(out, "{}", line.as_ref()).and_then(|()| out.flush()));
}

/// Bytes as they are, on stdout, at once.
pub fn raw(bytes: &[u8]) {
    let mut out = std::io::stdout().lock();
    drop(out.write_all(bytes).and_then(|()| out.flush()));
}
