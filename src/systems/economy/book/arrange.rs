//! Sorting packed orders.
//!
//! A few words are sorted by comparison, many by radix, least significant digit first: stable, and a few passes whatever
//! the order was. Only bits in which the words differ count, and prices, quantities and traders of one book differ in few:
//! they are drawn together before they are cut into digits, so that two passes do for most books.

/// Words from which on radix passes cost less than comparisons.
const MANY: usize = 256;
/// Bits of a digit at most: the counts of so many values stay close at hand.
const DIGIT_BITS: u32 = 11;
const DIGITS: usize = 1 << DIGIT_BITS;

/// Bits of a word from `low` on, `bits` of them.
#[derive(Debug, Clone, Copy, Default)]
struct Field {
    low: u32,
    bits: u32,
}

impl Field {
    /// The bits of a field in which words differ, from the lowest to the highest.
    fn within(differing: u64, low: u32, end: u32) -> Self {
        let mask = (1_u64.checked_shl(end).unwrap_or(0)).wrapping_sub(1) & !((1 << low) - 1);
        let differing = differing & mask;
        if differing == 0 {
            return Self::default();
        }
        let low = differing.trailing_zeros();
        Self { low, bits: 64 - differing.leading_zeros() - low }
    }

    fn of(self, word: u64) -> u64 {
        (word >> self.low) & ((1 << self.bits) - 1)
    }
}

/// Sorts `words`, rising. Their fields begin at bit 0 and at each of `cuts`; `spare` is scratch space that is kept.
///
/// Words that stand in the order of their lowest field already are sorted by the others alone.
pub(super) fn sort(words: &mut Vec<u64>, spare: &mut Vec<u64>, cuts: [u32; 2]) {
    if words.len() < MANY {
        words.sort_unstable();
        return;
    }
    let lowest = (1_u64 << cuts[0]) - 1;
    let (mut any, mut all, mut last) = (0, u64::MAX, 0);
    let (mut sorted, mut lowest_sorted) = (true, true);
    for word in words.iter().copied() {
        any |= word;
        all &= word;
        sorted &= last <= word;
        lowest_sorted &= last & lowest <= word & lowest;
        last = word;
    }
    if sorted {
        return;
    }
    let differing = any & !all;
    let first = if lowest_sorted { Field::default() } else { Field::within(differing, 0, cuts[0]) };
    let second = Field::within(differing, cuts[0], cuts[1]);
    let third = Field::within(differing, cuts[1], 64);
    let total = first.bits + second.bits + third.bits;
    let key = |word: u64| {
        first.of(word) | second.of(word) << first.bits | third.of(word).unbounded_shl(first.bits + second.bits)
    };
    by_radix(words, spare, total, key);
}

/// Sorts `words` by what lies above their lowest field, rising; words that are the same there stay as they stand.
pub(super) fn by_upper(words: &mut Vec<u64>, spare: &mut Vec<u64>, cut: u32) {
    if words.len() < MANY {
        words.sort_unstable();
        return;
    }
    let (any, all) = words.iter().fold((0, u64::MAX), |(any, all), word| (any | word, all & word));
    let upper = Field::within(any & !all, cut, 64);
    by_radix(words, spare, upper.bits, |word| upper.of(word));
}

/// Sorts by the lowest `bits` of a key, which keeps the order of words whose keys are the same.
fn by_radix(words: &mut Vec<u64>, spare: &mut Vec<u64>, bits: u32, key: impl Fn(u64) -> u64) {
    let passes = bits.div_ceil(DIGIT_BITS);
    let digit_bits = bits.div_ceil(passes.max(1));
    let mask = (1_u64 << digit_bits) - 1;
    // What it holds from before is written over.
    spare.resize(words.len(), 0);
    for pass in 0..passes {
        let shift = pass * digit_bits;
        #[expect(clippy::cast_possible_truncation, reason = "a digit has 11 bits")]
        let digit = |word: u64| (key(word) >> shift & mask) as usize % DIGITS;
        let mut places = [0_u32; DIGITS];
        for word in words.iter() {
            places[digit(*word)] += 1;
        }
        let mut next = 0;
        for place in places.iter_mut().take(1 << digit_bits) {
            let count = *place;
            *place = next;
            next += count;
        }
        for word in words.iter() {
            let place = &mut places[digit(*word)];
            if let Some(slot) = spare.get_mut(*place as usize) {
                *slot = *word;
            }
            *place += 1;
        }
        std::mem::swap(words, spare);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Words whose fields are as narrow or as wide as drawn.
    fn words() -> impl Strategy<Value = (Vec<u64>, [u32; 2])> {
        let cuts = (1_u32..40).prop_flat_map(|low| (Just(low), low + 1..63)).prop_map(|(low, high)| [low, high]);
        let masks = prop_oneof![Just(u64::MAX), any::<u64>(), any::<u64>().prop_map(|mask| mask & mask.rotate_left(7))];
        (prop::collection::vec(any::<u64>(), 0..1_500), masks, any::<u64>(), cuts)
            .prop_map(|(words, mask, rest, cuts)| (words.iter().map(|word| word & mask | rest & !mask).collect(), cuts))
    }

    proptest! {
        #[test]
        fn radix_and_comparison_come_to_the_same_order((words, cuts) in words(), lowest_sorted: bool) {
            let mut words: Vec<u64> = words;
            if lowest_sorted {
                words.sort_by_key(|word| word & ((1 << cuts[0]) - 1));
            }
            let mut expected = words.clone();
            expected.sort_unstable();
            sort(&mut words, &mut Vec::new(), cuts);
            prop_assert_eq!(words, expected);
        }
    }

    #[test]
    fn what_is_sorted_stays() {
        let mut words: Vec<u64> = (0..5_000).collect();
        let expected = words.clone();
        sort(&mut words, &mut Vec::new(), [22, 42]);
        assert_eq!(words, expected);
        words.reverse();
        sort(&mut words, &mut Vec::new(), [22, 42]);
        assert_eq!(words, expected);
    }
}
