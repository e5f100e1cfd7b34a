//! What an import has to say.

use std::fmt;

/// Notes that are kept at most.
const NOTES_MAX: usize = 1_000;

/// What was not understood in a world that was imported, and what became of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// The notes, in the order in which they arose.
    pub notes: Vec<ImportNote>,
    /// Notes beyond those that are kept.
    pub left_out: usize,
}

/// One thing that an import has to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportNote {
    /// JSON pointer into the text that was imported.
    pub pointer: String,
    /// What it is about.
    pub message: String,
}

impl ImportReport {
    pub(super) fn note(&mut self, pointer: impl Into<String>, message: impl Into<String>) {
        if self.notes.len() < NOTES_MAX {
            self.notes.push(ImportNote { pointer: pointer.into(), message: message.into() });
        } else {
            self.left_out += 1;
        }
    }
}

impl fmt::Display for ImportReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "{}: {}", if note.pointer.is_empty() { "/" } else { &note.pointer }, note.message)?;
        }
        if self.left_out > 0 {
            writeln!(f, "… and {} more", self.left_out)?;
        }
        Ok(())
    }
}
