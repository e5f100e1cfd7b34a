//! Lists by page: places, filters, and the conditions they become.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::rows::ShardId;
use super::value::{Value, values};

/// The most rows of a page, whatever is asked for.
pub const PAGE_ROWS_MAX: u32 = 1_000;

/// A place in a list, to go on from. Its text form is `commit.shard.number`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    /// The commit.
    pub commit_no: i64,
    /// The shard.
    pub shard: ShardId,
    /// The row within them: its number, or its outbox id.
    pub seq: i64,
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.commit_no, self.shard, self.seq)
    }
}

/// The text is no cursor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a cursor: it has the form `commit.shard.number`, as a list gave it")]
pub struct NotACursor;

impl FromStr for Cursor {
    type Err = NotACursor;

    fn from_str(text: &str) -> Result<Self, NotACursor> {
        let mut parts = text.split('.');
        let (Some(commit_no), Some(shard), Some(seq), None) = (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(NotACursor);
        };
        Ok(Self {
            commit_no: commit_no.parse().map_err(|_| NotACursor)?,
            shard: shard.parse().map_err(|_| NotACursor)?,
            seq: seq.parse().map_err(|_| NotACursor)?,
        })
    }
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Page {
    /// The newest, newest first.
    Newest,
    /// Those before a place, newest first.
    Before(Cursor),
    /// Those after a place, oldest first: how to follow a list.
    After(Cursor),
}

/// A row and its place in the list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// Its place.
    pub cursor: Cursor,
    /// The row.
    pub row: T,
}

/// Which ticks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TickFilter {
    /// Of this world.
    pub world_id: Option<String>,
    /// Of this type (`hourly`, `daily`).
    pub tick_type: Option<String>,
    /// With this outcome.
    pub outcome: Option<String>,
    /// With this id.
    pub tick_id: Option<Uuid>,
}

/// Which events.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// On this topic.
    pub topic: Option<String>,
    /// Of this world.
    pub world_id: Option<String>,
    /// Of this type.
    pub event_type: Option<String>,
    /// Caused by this tick.
    pub tick_id: Option<Uuid>,
}

/// Conditions with their values.
#[derive(Debug)]
pub(super) struct Conditions<'a> {
    pub text: String,
    pub values: Vec<Value<'a>>,
}

impl<'a> Conditions<'a> {
    pub(super) fn new() -> Self {
        Self { text: "1 = 1".to_owned(), values: Vec::new() }
    }

    pub(super) fn equal<V: Into<Value<'a>>>(&mut self, column: &str, value: Option<V>) -> &mut Self {
        if let Some(value) = value {
            self.values.push(value.into());
            self.text.push_str(&format!(" AND {column} = ${}", self.values.len()));
        }
        self
    }

    /// Adds the place; returns the order of the list.
    pub(super) fn page(&mut self, seq: &str, page: Page) -> String {
        let (compare, cursor, order) = match page {
            Page::Newest => return format!("commit_no DESC, shard DESC, {seq} DESC"),
            Page::Before(cursor) => ("<", cursor, "DESC"),
            Page::After(cursor) => (">", cursor, "ASC"),
        };
        let first = self.values.len() + 1;
        self.values.extend(values![cursor.commit_no, cursor.shard, cursor.seq]);
        let place = format!(" AND (commit_no, shard, {seq}) {compare} (${first}, ${}, ${})", first + 1, first + 2);
        self.text.push_str(&place);
        format!("commit_no {order}, shard {order}, {seq} {order}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_survives_its_text() {
        let cursor = Cursor { commit_no: 17, shard: 3, seq: 9 };
        assert_eq!(cursor.to_string().parse(), Ok(cursor));
        for bad in ["", "1.2", "1.2.3.4", "a.b.c", "1.99999999999.3"] {
            assert_eq!(bad.parse::<Cursor>(), Err(NotACursor), "{bad}");
        }
    }
}
