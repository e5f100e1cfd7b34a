//! Draws for very many agents: each is a function of (seed, step, what for, number of the agent), 32 bits at a time.
//!
//! The mixing has two rounds of xor-shift and multiplication, with multipliers that Wellons found by search (hash-prospector,
//! "lowbias32"), and a key before and within: it takes about a nanosecond and works on vectors. Set-up draws 64 bits with
//! the finaliser of SplitMix64 (Steele, Lea and Flood, OOPSLA 2014).

/// The step of a Weyl sequence, as in [`crate::systems::random`].
pub(super) const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;

/// The finaliser of SplitMix64.
pub(super) const fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// 64 bits for a number under a key.
pub(super) const fn bits(key: u64, number: u64) -> u64 {
    mix(mix(key.wrapping_add(GAMMA)) ^ number.wrapping_mul(GAMMA))
}

/// Evenly among 0 to `end` - 1, from 64 bits; 0 for an `end` of 0.
pub(super) const fn below(bits: u64, end: u64) -> u64 {
    ((bits as u128 * end as u128) >> 64) as u64
}

/// A key for one purpose in one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    before: u32,
    within: u32,
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
const fn key(bits: u64) -> Key {
    Key { before: bits as u32, within: (bits >> 32) as u32 }
}

impl Key {
    /// 32 random bits for an agent.
    #[inline(always)]
    pub const fn bits(self, agent: u32) -> u32 {
        let mut bits = agent.wrapping_add(self.before);
        bits ^= bits >> 16;
        bits = bits.wrapping_mul(0x7FEB_352D);
        bits ^= self.within;
        bits ^= bits >> 15;
        bits = bits.wrapping_mul(0x846C_A68B);
        bits ^ (bits >> 16)
    }
}

/// The keys of one step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StepKeys {
    /// How needs change.
    pub needs: Key,
    /// What agents do, and where they walk.
    pub choice: Key,
    /// What a meal costs and gives.
    pub meal: Key,
    /// How much a post relieves.
    pub post: Key,
    /// Who meets whom.
    pub meet: Key,
}

impl StepKeys {
    /// Those of a world's step.
    pub const fn new(seed: u64, step: u64) -> Self {
        let of_step = bits(seed ^ 0x6372_6F77_6473_7470, step);
        Self {
            needs: key(bits(of_step, 1)),
            choice: key(bits(of_step, 2)),
            meal: key(bits(of_step, 3)),
            post: key(bits(of_step, 4)),
            meet: key(bits(of_step, 5)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of the squared differences from an even spread, against what chance gives (chi-square).
    fn chi_square(counts: &[u32]) -> f64 {
        let mean = f64::from(counts.iter().sum::<u32>()) / counts.len() as f64;
        counts.iter().map(|count| (f64::from(*count) - mean).powi(2) / mean).sum()
    }

    #[test]
    fn draws_are_even_for_neighbours_and_for_steps_that_follow() {
        // 99.9% of chi-squares with 255 degrees of freedom lie below 331.
        let (mut low, mut high, mut over_steps) = (vec![0; 256], vec![0; 256], vec![0; 256]);
        let mut pairs = vec![0; 256];
        for number in 0..200_000_u32 {
            let keys = StepKeys::new(7, 3);
            let bits = keys.needs.bits(number);
            low[(bits & 255) as usize] += 1;
            high[(bits >> 24) as usize] += 1;
            pairs[(((bits >> 28) << 4) | (keys.choice.bits(number) >> 28)) as usize] += 1;
            over_steps[(StepKeys::new(7, u64::from(number)).needs.bits(11) >> 24) as usize] += 1;
        }
        for (name, counts) in [("low", low), ("high", high), ("steps", over_steps), ("pairs", pairs)] {
            assert!(chi_square(&counts) < 331.0, "{name}: {}", chi_square(&counts));
        }
    }

    #[test]
    fn keys_differ_by_seed_step_and_purpose() {
        let one = StepKeys::new(1, 1);
        assert_ne!(one, StepKeys::new(1, 2));
        assert_ne!(one, StepKeys::new(2, 1));
        assert_ne!(one.needs, one.choice);
    }
}
