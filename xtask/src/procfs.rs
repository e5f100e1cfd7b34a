//! Which processes there are, from `/proc`.

use std::fs;

/// A process that cannot be taken for another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    /// Its number.
    pub pid: i32,
    /// When it started, in clock ticks since the machine did.
    pub started_ticks: u64,
}

impl Identity {
    /// The process that has this number now.
    pub fn of(pid: i32) -> Option<Self> {
        stat(pid).map(|stat| Self { pid, started_ticks: stat.started_ticks })
    }

    /// Whether it still runs.
    pub fn is_alive(&self) -> bool {
        stat(self.pid).is_some_and(|stat| stat.started_ticks == self.started_ticks && !stat.is_dead)
    }
}

struct Stat {
    is_dead: bool,
    group: i32,
    started_ticks: u64,
}

fn stat(pid: i32) -> Option<Stat> {
    parse_stat(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
}

fn parse_stat(text: &str) -> Option<Stat> {
    // The name stands in parentheses and may itself hold spaces and parentheses; after the last one it is regular.
    let mut fields = text.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?;
    let group = fields.nth(1)?.parse().ok()?;
    let started_ticks = fields.nth(16)?.parse().ok()?;
    Some(Stat { is_dead: matches!(state, "Z" | "X"), group, started_ticks })
}

/// Whether a member of the process group is alive.
pub(crate) fn group_is_alive(group: i32) -> bool {
    let Ok(entries) = fs::read_dir("/proc") else { return false };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(stat)
        .any(|stat| stat.group == group && !stat.is_dead)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_of_proc_is_read_past_a_name_with_parentheses() {
        let line = "42 (a) b) S 1 7 7 0 -1 4194560 1 0 0 0 0 0 0 0 20 0 1 0 98765 2494464 200 1844 1 1 0 0 0";
        let stat = parse_stat(line).unwrap();
        assert_eq!((stat.is_dead, stat.group, stat.started_ticks), (false, 7, 98_765));
        assert!(parse_stat("42 (sh) Z 1 7").is_none());
    }

    #[test]
    fn this_process_is_alive_and_in_a_group_that_is() {
        let own = i32::try_from(std::process::id()).unwrap();
        assert!(Identity::of(own).unwrap().is_alive());
        assert!(group_is_alive(stat(own).unwrap().group));
        assert!(!Identity { pid: own, started_ticks: 0 }.is_alive());
    }
}
