//! How long things lasted, and how much longer the present one may.

use serde::{Deserialize, Serialize};

/// The last few lengths.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lengths {
    last: [u16; Self::ROOM],
    /// Where the next is put.
    next: u8,
    known: u8,
}

impl Lengths {
    const ROOM: usize = 8;

    /// How many are known.
    pub(super) fn known(&self) -> usize {
        usize::from(self.known)
    }

    /// Notes one more; the oldest is forgotten.
    pub(super) fn note(&mut self, length: u32) {
        if let Some(last) = self.last.get_mut(usize::from(self.next)) {
            *last = u16::try_from(length).unwrap_or(u16::MAX);
        }
        self.next = (self.next + 1) % 8;
        self.known = (self.known + 1).min(8);
    }

    /// How much longer something is expected to last that has lasted so long: the median of those that lasted as long or
    /// longer; half as long again where none has; as long again where nothing is known.
    pub(super) fn remaining(&self, lasted: u32) -> u32 {
        if self.known == 0 {
            return lasted;
        }
        let mut longer = [0_u32; Self::ROOM];
        let mut count = 0;
        for length in self.last.iter().take(self.known()).map(|length| u32::from(*length)) {
            if let (true, Some(place)) = (length >= lasted, longer.get_mut(count)) {
                *place = length - lasted;
                count += 1;
            }
        }
        let longer = longer.get_mut(..count).unwrap_or_default();
        longer.sort_unstable();
        longer.get(count / 2).copied().unwrap_or_else(|| lasted.div_ceil(2))
    }
}

/// Lengths of one kind of thing everywhere, and how well they were foretold.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Foretold {
    pub(super) lengths: Lengths,
    ended: u32,
    error: f32,
}

impl Foretold {
    /// Something has ended that lasted so long and was foretold, when it began, to last `foretold` longer.
    #[expect(clippy::cast_precision_loss, reason = "lengths are small")]
    pub(super) fn end(&mut self, length: u32, foretold: u32) {
        self.lengths.note(length);
        self.ended = self.ended.saturating_add(1);
        let off = foretold.abs_diff(length.saturating_sub(1)) as f32;
        self.error += (off - self.error) / self.ended.min(16) as f32;
    }

    /// By how much the foretold was off on average, of the last sixteen or so. None before the first has ended.
    pub(super) fn error(&self) -> Option<f64> {
        (self.ended > 0).then_some(f64::from(self.error))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_remains_is_the_median_of_those_that_lasted_as_long() {
        let mut lengths = Lengths::default();
        assert_eq!(lengths.remaining(3), 3, "nothing is known");
        [2, 4, 6, 8, 10].into_iter().for_each(|length| lengths.note(length));
        assert_eq!((lengths.remaining(1), lengths.remaining(5), lengths.remaining(10)), (5, 3, 0));
        assert_eq!(lengths.remaining(12), 6, "longer than ever");
        for _ in 0..20_000 {
            lengths.note(7);
        }
        assert_eq!((lengths.known(), lengths.remaining(1)), (8, 6));
    }

    #[test]
    fn errors_are_averaged() {
        let mut kind = Foretold::default();
        assert_eq!(kind.error(), None);
        kind.end(5, 2);
        kind.end(5, 4);
        assert!(kind.error().is_some_and(|error| (error - 1.0).abs() < 1e-6));
    }
}
