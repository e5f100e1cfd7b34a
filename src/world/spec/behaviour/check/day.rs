//! Parts of the day: when nodes hold, and when the ways to them do.

use crate::world::spec::behaviour::TimeRangeSpec;

/// Seconds of a day.
pub(super) const DAY: u32 = 86_400;

/// A part of the day: spans of seconds in their order, of which none touches the next.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Part(Vec<(u32, u32)>);

impl Part {
    /// The whole day.
    pub(super) fn whole() -> Self {
        Self(vec![(0, DAY)])
    }

    /// What a node's time covers; one without is the whole day. An end that is not after the start passes midnight.
    pub(super) fn of(range: Option<TimeRangeSpec>) -> Self {
        match range {
            None => Self::whole(),
            Some(TimeRangeSpec { start, end }) if start < end => Self::joined(vec![(start, end)]),
            Some(TimeRangeSpec { start, end }) => Self::joined(vec![(start, DAY), (0, end)]),
        }
    }

    /// Spans put in order. Seconds beyond the day are refused elsewhere.
    fn joined(mut spans: Vec<(u32, u32)>) -> Self {
        spans.retain(|(start, end)| start < end);
        spans.sort_unstable();
        let mut all: Vec<(u32, u32)> = Vec::with_capacity(spans.len());
        for (start, end) in spans {
            match all.last_mut() {
                Some((_, until)) if start <= *until => *until = end.max(*until),
                _ => all.push((start, end)),
            }
        }
        Self(all)
    }

    /// Adds another part.
    pub(super) fn add(&mut self, other: &Self) {
        if self.is_empty() {
            self.clone_from(other);
        } else if !other.is_empty() {
            let spans = self.0.iter().chain(&other.0).copied().collect();
            *self = Self::joined(spans);
        }
    }

    /// What both have.
    pub(super) fn common(&self, other: &Self) -> Self {
        let (mut one, mut two) = (self.0.iter().peekable(), other.0.iter().peekable());
        let mut both = Vec::new();
        while let (Some((from, until)), Some((other_from, other_until))) = (one.peek(), two.peek()) {
            both.push((*from.max(other_from), *until.min(other_until)));
            if until <= other_until {
                one.next();
            } else {
                two.next();
            }
        }
        Self::joined(both)
    }

    /// Whether there is no time in it.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Its spans.
    pub(super) fn spans(&self) -> &[(u32, u32)] {
        &self.0
    }

    /// What it leaves out of the day, as people write it.
    pub(super) fn gaps(&self) -> Vec<String> {
        let mut covered = 0;
        let mut gaps = Vec::new();
        for (start, end) in self.0.iter().copied().chain([(DAY, DAY)]) {
            if start > covered {
                gaps.push(format!("{} to {}", clock(covered), clock(start)));
            }
            covered = covered.max(end);
        }
        gaps
    }
}

fn clock(second: u32) -> String {
    format!("{:02}:{:02}", second / 3_600, second / 60 % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(start: u32, end: u32) -> Part {
        Part::of(Some(TimeRangeSpec { start: start * 3_600, end: end * 3_600 }))
    }

    #[test]
    fn parts_of_the_day_pass_midnight_and_are_cut_with_one_another() {
        let night = hours(22, 6);
        assert_eq!(night.spans(), [(0, 21_600), (79_200, DAY)]);
        assert_eq!(night.common(&hours(4, 23)).spans(), [(14_400, 21_600), (79_200, 82_800)]);
        assert_eq!(hours(20, 3).common(&night).spans(), [(0, 10_800), (79_200, DAY)]);
        assert!(hours(6, 12).common(&hours(12, 22)).is_empty(), "an end is not in it");
        let mut all = hours(6, 12);
        all.add(&hours(12, 22));
        assert_eq!(all.spans(), [(21_600, 79_200)]);
        all.add(&night);
        assert_eq!(all, Part::whole());
        assert_eq!(hours(6, 22).gaps(), ["00:00 to 06:00", "22:00 to 24:00"]);
        assert!(Part::of(Some(TimeRangeSpec { start: 90_000, end: 90_000 })).spans().len() <= 1, "beyond the day");
    }
}
