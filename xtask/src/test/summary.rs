//! Counting tests by listening to the test runner, one binary after the other.

const MARK: &str = "test result: ";
/// Longer lines are none of the runner's summaries.
const LINE_BYTES_MAX: usize = 4096;

/// How many tests there were, over all binaries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Counts {
    /// Tests that passed.
    pub(super) passed: u64,
    /// Tests that failed.
    pub(super) failed: u64,
    /// Tests that were not run.
    pub(super) ignored: u64,
}

impl Counts {
    /// Adds others.
    pub(super) fn add(&mut self, others: Counts) {
        self.passed += others.passed;
        self.failed += others.failed;
        self.ignored += others.ignored;
    }
}

/// Listens to output that comes in chunks.
#[derive(Debug, Default)]
pub(super) struct Listener {
    line: Vec<u8>,
    counts: Counts,
}

impl Listener {
    /// Takes the next chunk, which may end anywhere.
    pub(super) fn hear(&mut self, chunk: &[u8]) {
        for &byte in chunk {
            if byte == b'\n' {
                self.counts.add(std::str::from_utf8(&self.line).ok().and_then(parse).unwrap_or_default());
                self.line.clear();
            } else if self.line.len() < LINE_BYTES_MAX {
                self.line.push(byte);
            }
        }
    }

    /// What was counted so far.
    pub(super) fn counts(&self) -> Counts {
        self.counts
    }
}

/// Reads `test result: ok. 12 passed; 0 failed; 1 ignored; …`.
fn parse(line: &str) -> Option<Counts> {
    let (_, numbers) = line.strip_prefix(MARK)?.split_once(". ")?;
    let count = |name: &str| {
        let part = numbers.split("; ").find_map(|part| part.strip_suffix(name))?;
        part.trim().parse().ok()
    };
    Some(Counts { passed: count(" passed")?, failed: count(" failed")?, ignored: count(" ignored")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    const OUTPUT: &str = "\
running 3 tests
test a ... ok
test result: ok. 2 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s

     Running tests/b.rs
test result: FAILED. 10 passed; 3 failed; 0 ignored; 0 measured; 5 filtered out; finished in 1.20s
error: 1 target failed:
";

    #[test]
    fn all_binaries_are_counted_however_the_output_is_cut() {
        let wanted = Counts { passed: 12, failed: 3, ignored: 1 };
        for size in [1, 2, 7, 64, OUTPUT.len()] {
            let mut listener = Listener::default();
            OUTPUT.as_bytes().chunks(size).for_each(|chunk| listener.hear(chunk));
            assert_eq!(listener.counts(), wanted, "in chunks of {size}");
        }
    }

    #[test]
    fn what_only_looks_like_a_summary_counts_nothing() {
        for line in [
            "test result: ok",
            "test result: ok. many passed; 0 failed; 0 ignored",
            " test result: ok. 1 passed; 0 failed; 0 ignored",
        ] {
            let mut listener = Listener::default();
            listener.hear(line.as_bytes());
            listener.hear(b"\n");
            assert_eq!(listener.counts(), Counts::default(), "{line}");
        }
    }

    #[test]
    fn an_endless_line_is_not_kept() {
        let mut listener = Listener::default();
        listener.hear(&vec![b'x'; 10 * LINE_BYTES_MAX]);
        assert_eq!(listener.line.len(), LINE_BYTES_MAX);
    }
}
