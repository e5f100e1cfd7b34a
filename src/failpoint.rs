//! Named places at which a test may kill the process.
//!
//! `WORLDTICK_FAILPOINT=<name>[:<count>][@<file>]` aborts the process when the named place is passed for the
//! `count`th time (the first, if no count is given). With a file only passages count that find it there, so that a test
//! decides what the process is doing when it dies. Nothing is flushed and no destructor runs, as with `kill -9`. Without
//! the variable a place costs one load and one comparison.

use std::path::PathBuf;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

/// The variable that arms a place.
pub const VARIABLE: &str = "WORLDTICK_FAILPOINT";

static ARMED: OnceLock<Option<Armed>> = OnceLock::new();

#[derive(Debug)]
struct Armed {
    name: String,
    /// How often the place may still be passed before it kills.
    left: AtomicU64,
    /// Without which no passage counts.
    file: Option<PathBuf>,
}

impl Armed {
    /// Reads `<name>[:<count>][@<file>]`; a count that is no number above zero counts as one.
    fn parse(text: &str) -> Option<Self> {
        let (place, file) = match text.split_once('@') {
            Some((place, file)) => (place, Some(PathBuf::from(file))),
            None => (text, None),
        };
        let (name, count) = match place.rsplit_once(':') {
            Some((name, count)) => (name, count.parse().unwrap_or(1)),
            None => (place, 1_u64),
        };
        (!name.is_empty()).then(|| Self { name: name.to_owned(), left: AtomicU64::new(count.max(1)), file })
    }

    /// Whether this passage is the one that kills.
    fn is_due(&self, name: &str) -> bool {
        self.name == name
            && self.file.as_ref().is_none_or(|file| file.exists())
            && self.left.fetch_sub(1, Ordering::Relaxed) == 1
    }
}

/// Passes the place `name`: aborts the process if it is armed and this is its turn.
pub fn hit(name: &'static str) {
    let armed = ARMED.get_or_init(|| std::env::var(VARIABLE).ok().as_deref().and_then(Armed::parse));
    if armed.as_ref().is_some_and(|armed| armed.is_due(name)) {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::Armed;

    #[test]
    fn a_name_alone_is_due_the_first_time_and_never_again() {
        let armed = Armed::parse("store.commit.before").unwrap();
        assert!(!armed.is_due("store.commit.after_commit"));
        assert!(armed.is_due("store.commit.before"));
        assert!(!armed.is_due("store.commit.before"));
    }

    #[test]
    fn a_count_says_which_passage_kills() {
        let armed = Armed::parse("a.b:3").unwrap();
        assert_eq!([armed.is_due("a.b"), armed.is_due("a.b"), armed.is_due("a.b")], [false, false, true]);
    }

    #[test]
    fn with_a_file_only_passages_count_that_find_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("now:2");
        let armed = Armed::parse(&format!("a.b:2@{}", file.display())).unwrap();
        assert_eq!([armed.is_due("a.b"), armed.is_due("a.b"), armed.is_due("a.b")], [false; 3]);
        std::fs::write(&file, "").unwrap();
        assert_eq!([armed.is_due("a.b"), armed.is_due("a.b"), armed.is_due("a.b")], [false, true, false]);
    }

    #[test]
    fn an_empty_name_arms_nothing() {
        assert!(Armed::parse("").is_none());
        assert!(Armed::parse(":4").is_none());
        assert!(Armed::parse("@file").is_none());
    }
}
