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
}

/// A digit of the number that some fields make together, drawn from a word by a turn and a mask for each of them.
#[derive(Debug, Clone, Copy)]
struct Digit<const FIELDS: usize>([(u32, u64); FIELDS]);

impl<const FIELDS: usize> Digit<FIELDS> {
    /// The digit of so many bits from `from` on. The first field is the lowest.
    fn of(fields: [Field; FIELDS], from: u32, bits: u32) -> Self {
        let (mut at, kept) = (0_u32, (1_u64 << bits) - 1);
        Self(fields.map(|field| {
            // Where the field is to begin within the digit, or before or behind it.
            let place = i64::from(at) - i64::from(from);
            at += field.bits;
            let all = (1_u64 << field.bits) - 1;
            let mask = match u32::try_from(place.unsigned_abs()) {
                Ok(place_up) if place >= 0 => all.unbounded_shl(place_up),
                Ok(down) => all.unbounded_shr(down),
                Err(_) => 0,
            };
            let turn = u32::try_from((i64::from(field.low) - place).rem_euclid(64)).unwrap_or(0);
            (turn, mask & kept)
        }))
    }

    #[inline]
    #[expect(clippy::cast_possible_truncation, reason = "a digit has 11 bits")]
    fn in_word(&self, word: u64) -> usize {
        self.0.iter().fold(0, |digit, (turn, mask)| digit | word.rotate_right(*turn) & mask) as usize % DIGITS
    }
}

/// Words that come one after the other. What there is to know of them for a sort is gathered as they come.
#[derive(Debug, Default)]
pub(super) struct Words {
    words: Vec<u64>,
    last: u64,
    /// Bits in which they differ.
    differing: u64,
    /// Whether their lowest field has fallen from one to the next.
    fallen: bool,
}

impl Words {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        (self.differing, self.fallen) = (0, false);
    }

    pub(super) fn reserve(&mut self, words: usize) {
        self.words.reserve(words);
    }

    /// Takes a word whose lowest field has so many bits.
    #[inline]
    pub(super) fn push(&mut self, word: u64, lowest: u32) {
        let mask = (1_u64 << lowest) - 1;
        let last = if self.words.is_empty() { word } else { self.last };
        self.differing |= last ^ word;
        self.fallen |= last & mask > word & mask;
        self.last = word;
        self.words.push(word);
    }

    pub(super) fn as_slice(&self) -> &[u64] {
        &self.words
    }

    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// Sorts the words, rising. Their fields begin at bit 0 and at each of `cuts`; `spare` is scratch space that is kept.
    ///
    /// Words that came in the order of their lowest field are sorted by the others alone.
    pub(super) fn sort(&mut self, spare: &mut Vec<u64>, cuts: [u32; 2]) {
        if self.words.len() < MANY {
            self.words.sort_unstable();
        } else {
            let field = |low, end| Field::within(self.differing, low, end);
            let [lowest, middle, highest] = [field(0, cuts[0]), field(cuts[0], cuts[1]), field(cuts[1], 64)];
            if self.fallen {
                by_radix(&mut self.words, spare, [lowest, middle, highest]);
            } else {
                by_radix(&mut self.words, spare, [middle, highest]);
            }
        }
        // What comes after may be less than what is the last now.
        self.fallen = !self.words.is_empty();
    }

    /// Sorts the words by what lies above their lowest field, rising; those that are the same there stay as they stand.
    pub(super) fn sort_by_upper(&mut self, spare: &mut Vec<u64>, cut: u32) {
        let upper = Field::within(self.differing, cut, 64);
        if self.words.len() < MANY {
            self.words.sort_unstable();
        } else {
            by_radix(&mut self.words, spare, [upper]);
        }
    }
}

/// Sorts by the number that the fields make together, of which the first is the lowest; words for which it is the same stay
/// as they stand.
fn by_radix<const FIELDS: usize>(words: &mut Vec<u64>, spare: &mut Vec<u64>, fields: [Field; FIELDS]) {
    let bits: u32 = fields.iter().map(|field| field.bits).sum();
    let passes = bits.div_ceil(DIGIT_BITS);
    let digit_bits = bits.div_ceil(passes.max(1));
    // What it holds from before is written over.
    spare.resize(words.len(), 0);
    for pass in (0..passes).step_by(2) {
        let digits = [pass, pass + 1].map(|pass| Digit::of(fields, pass * digit_bits, digit_bits));
        // How often each value of a digit is there does not depend on the order: two digits are counted at once.
        let mut counts = [[0_u32; DIGITS]; 2];
        let ([one, other], [ones, others]) = (digits, &mut counts);
        for word in words.iter().copied() {
            ones[one.in_word(word)] += 1;
            others[other.in_word(word)] += 1;
        }
        for ((_, digit), places) in (pass..passes).zip(digits).zip(&mut counts) {
            let mut next = 0;
            for place in places.iter_mut().take(1 << digit_bits) {
                let count = *place;
                *place = next;
                next += count;
            }
            for word in words.iter().copied() {
                let place = &mut places[digit.in_word(word)];
                if let Some(slot) = spare.get_mut(*place as usize) {
                    *slot = word;
                }
                *place += 1;
            }
            std::mem::swap(words, spare);
        }
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

    fn sorted(words: &[u64], cuts: [u32; 2]) -> Vec<u64> {
        let mut sorted = Words::default();
        words.iter().for_each(|word| sorted.push(*word, cuts[0]));
        sorted.sort(&mut Vec::new(), cuts);
        sorted.as_slice().to_vec()
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
            prop_assert_eq!(sorted(&words, cuts), expected);
        }
    }

    #[test]
    fn what_is_sorted_stays() {
        let mut words: Vec<u64> = (0..5_000).collect();
        let expected = words.clone();
        assert_eq!(sorted(&words, [22, 42]), expected);
        words.reverse();
        assert_eq!(sorted(&words, [22, 42]), expected);
    }

    #[test]
    fn what_is_known_of_words_ends_with_them() {
        let mut words = Words::default();
        (0..600).rev().for_each(|word| words.push(word, 22));
        words.sort(&mut Vec::new(), [22, 42]);
        words.clear();
        (0..600).map(|word| (word << 22) | (599 - word)).rev().for_each(|word| words.push(word, 22));
        assert!(!words.fallen);
        words.sort(&mut Vec::new(), [22, 42]);
        assert!(words.as_slice().is_sorted());
    }
}
