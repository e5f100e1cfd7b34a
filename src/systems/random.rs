//! Random draws without a stream: each is a function of (world seed, run, system, stable id, number).
//!
//! Who draws, how often and in which order changes nothing for anybody else. The generator is Philox4x32-10 of Salmon,
//! Moraes, Dror and Shaw, "Parallel random numbers: as easy as 1, 2, 3" (SC 2011), a keyed counter with no state.
//!
//! Where a hundred thousand entities draw ten times an hour, [`SystemDraws::light_for_id`] costs a tenth: a Weyl sequence
//! through the finaliser of SplitMix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA
//! 2014), begun anew for each entity from the same keys.

// time: random draws: the run is part of the key | world | `WorldClock` (number of runs) | each run of a schedule

use bevy_ecs::prelude::*;
use bevy_ecs::system::SystemParam;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64;

use crate::components::clock::WorldClock;
use crate::components::ids::StableId;

const MULTIPLIERS: [u32; 2] = [0xD251_1F53, 0xCD9E_8D57];
const WEYL: [u32; 2] = [0x9E37_79B9, 0xBB67_AE85];
const ROUNDS: u32 = 10;

/// One block of Philox4x32-10: 128 random bits of a counter under a key.
#[expect(clippy::cast_possible_truncation, reason = "the generator is defined on the halves of a product")]
fn philox(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..ROUNDS {
        if round > 0 {
            key = [key[0].wrapping_add(WEYL[0]), key[1].wrapping_add(WEYL[1])];
        }
        let left = u64::from(MULTIPLIERS[0]) * u64::from(counter[0]);
        let right = u64::from(MULTIPLIERS[1]) * u64::from(counter[2]);
        counter = [
            (right >> 32) as u32 ^ counter[1] ^ key[0],
            right as u32,
            (left >> 32) as u32 ^ counter[3] ^ key[1],
            left as u32,
        ];
    }
    counter
}

/// The seed of a world: every draw depends on it. Persisted, so that a restart draws the same.
#[derive(Resource, Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct WorldSeed(pub u64);

/// Random draws for systems.
#[derive(SystemParam)]
pub struct Draws<'w> {
    seed: Res<'w, WorldSeed>,
    clock: Res<'w, WorldClock>,
}

impl Draws<'_> {
    /// The draws of one system in this run: give it a name of its own that never changes.
    pub fn of(&self, system: &str) -> SystemDraws {
        SystemDraws::new(self.seed.0, self.clock.runs, system)
    }
}

/// The draws of one system in one run.
#[derive(Debug, Clone, Copy)]
pub struct SystemDraws {
    key: [u32; 2],
    run: u32,
}

impl SystemDraws {
    /// Keyed by the world's seed, the number of the run and the system's name.
    pub fn new(seed: u64, run: u64, system: &str) -> Self {
        // Seed, system and the upper half of the run make the key, so that no two systems share a counter.
        let mixed = seed ^ xxh3_64(system.as_bytes()).rotate_left(32) ^ (run >> 32).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        let [low, high] = halves(mixed);
        Self { key: [low, high], run: halves(run)[0] }
    }

    /// The draws for one entity.
    pub fn for_id(&self, id: StableId) -> Draw {
        let [low, high] = halves(id.0);
        Draw { key: self.key, counter: [low, high, self.run, 0], block: [0; 4], used: 4 }
    }

    /// Draws for the row of an entity in dense data, where each column wants one number: as light as can be.
    pub fn row(&self, id: StableId) -> RowDraws {
        RowDraws { key: halves(self.light_for_id(id).state)[1] }
    }

    /// Draws for one entity that cost little, with less of a proof of their quality. Others than those of
    /// [`for_id`](Self::for_id).
    pub fn light_for_id(&self, id: StableId) -> LightDraw {
        let key = u64::from(self.key[0]) | u64::from(self.key[1]) << 32;
        // Twice mixed: neither ids nor runs that follow each other are near each other in the sequence.
        let run = mix(key.wrapping_add(u64::from(self.run).wrapping_mul(GAMMA)));
        LightDraw { state: mix(run ^ id.0.wrapping_mul(ID_STEP)) }
    }
}

/// The draws of one row of dense data in one system and run: one number for each column. Thirty-two bits of key and a
/// finaliser of thirty-two bits (MurmurHash3's, by Appleby): enough for a mood, and four at a time on any machine.
#[derive(Debug, Clone, Copy)]
pub struct RowDraws {
    key: u32,
}

/// A column's part of the key.
#[derive(Debug, Clone, Copy, Default)]
pub struct RowKey(u32);

impl RowKey {
    /// Of the entity that the column stands for.
    pub fn of(id: StableId) -> Self {
        Self(halves(mix(id.0.wrapping_add(GAMMA)))[0])
    }
}

impl RowDraws {
    /// Evenly in [0, 1), in steps of 2^-24, for a column.
    #[inline]
    #[expect(clippy::cast_precision_loss, reason = "24 bits are exact")]
    pub fn unit(self, column: RowKey) -> f32 {
        let bits = self.key ^ column.0;
        let bits = (bits ^ (bits >> 16)).wrapping_mul(0x85EB_CA6B);
        let bits = (bits ^ (bits >> 13)).wrapping_mul(0xC2B2_AE35);
        let bits = bits ^ (bits >> 16);
        // As a signed number, because that becomes a float in one step.
        (bits >> 8).cast_signed() as f32 * (1.0 / 16_777_216.0)
    }
}

/// The step of the Weyl sequence: 2^64 over the golden ratio, odd.
const GAMMA: u64 = 0x9E37_79B9_7F4A_7C15;
/// What ids are spread by, odd: the first multiplier of the finaliser.
const ID_STEP: u64 = 0xBF58_476D_1CE4_E5B9;

/// The finaliser of SplitMix64: each bit of the result depends on each bit of the state.
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    state ^ (state >> 31)
}

/// Something that gives numbers by chance.
pub trait Chance {
    /// Evenly in [0, 1), in steps of 2^-53.
    fn unit(&mut self) -> f64;

    /// True with this probability.
    fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

impl Chance for Draw {
    fn unit(&mut self) -> f64 {
        Self::unit(self)
    }
}

/// The light draws of one entity in one system and run, one after the other.
#[derive(Debug, Clone)]
pub struct LightDraw {
    state: u64,
}

impl Chance for LightDraw {
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    fn unit(&mut self) -> f64 {
        self.state = self.state.wrapping_add(GAMMA);
        (mix(self.state) >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }
}

#[expect(clippy::cast_possible_truncation, reason = "the two halves are what is wanted")]
fn halves(value: u64) -> [u32; 2] {
    [value as u32, (value >> 32) as u32]
}

/// The draws of one entity in one system and run, one after the other.
#[derive(Debug, Clone)]
pub struct Draw {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Draw {
    fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox(self.counter, self.key);
            self.counter[3] = self.counter[3].wrapping_add(1);
            self.used = 0;
        }
        let word = self.block[self.used];
        self.used += 1;
        word
    }

    /// 64 random bits.
    pub fn bits(&mut self) -> u64 {
        u64::from(self.next_u32()) | u64::from(self.next_u32()) << 32
    }

    /// Evenly among 0 to `end` - 1; 0 for an `end` of 0. (Lemire's multiplication; its bias is below 2^-32 for ends
    /// below 2^32.)
    pub fn below(&mut self, end: u64) -> u64 {
        halves_of_product(self.bits(), end)
    }

    /// Evenly in [0, 1), in steps of 2^-53.
    #[expect(clippy::cast_precision_loss, reason = "53 bits are exact")]
    pub fn unit(&mut self) -> f64 {
        (self.bits() >> 11) as f64 * (1.0 / 9_007_199_254_740_992.0)
    }

    /// Evenly in [`low`, `high`).
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.unit()
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }
}

fn halves_of_product(bits: u64, end: u64) -> u64 {
    ((u128::from(bits) * u128::from(end)) >> 64) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn philox_gives_the_published_vectors() {
        assert_eq!(philox([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
    }

    #[test]
    fn draws_depend_on_each_of_their_keys() {
        let base = SystemDraws::new(1, 2, "a").for_id(StableId(3)).bits();
        assert_eq!(SystemDraws::new(1, 2, "a").for_id(StableId(3)).bits(), base);
        assert_ne!(SystemDraws::new(9, 2, "a").for_id(StableId(3)).bits(), base);
        assert_ne!(SystemDraws::new(1, 9, "a").for_id(StableId(3)).bits(), base);
        assert_ne!(SystemDraws::new(1, 2 | 1 << 40, "a").for_id(StableId(3)).bits(), base);
        assert_ne!(SystemDraws::new(1, 2, "b").for_id(StableId(3)).bits(), base);
        assert_ne!(SystemDraws::new(1, 2, "a").for_id(StableId(4)).bits(), base);
    }

    #[test]
    fn light_draws_depend_on_each_of_their_keys_and_are_even() {
        let of =
            |seed, run, system, id| SystemDraws::new(seed, run, system).light_for_id(StableId(id)).unit().to_bits();
        let base = of(1, 2, "a", 3);
        assert_eq!(of(1, 2, "a", 3), base);
        assert!(
            [of(9, 2, "a", 3), of(1, 9, "a", 3), of(1, 2 | 1 << 40, "a", 3), of(1, 2, "b", 3), of(1, 2, "a", 4)]
                .into_iter()
                .all(|other| other != base)
        );
        // First draws of neighbours, as hours use them, and their pairs with those of the next hour.
        let (mut tenths, mut pairs) = ([0_u32; 10], [0_u32; 4]);
        for id in 0..40_000 {
            let unit = |run| SystemDraws::new(5, run, "even").light_for_id(StableId(id)).unit();
            let (now, next) = (unit(7), unit(8));
            assert!((0.0..1.0).contains(&now));
            tenths[(0..9).filter(|tenth| now >= f64::from(tenth + 1) / 10.0).count()] += 1;
            pairs[usize::from(now < 0.5) * 2 + usize::from(next < 0.5)] += 1;
        }
        assert!(tenths.iter().all(|count| (3_700..4_300).contains(count)), "{tenths:?}");
        assert!(pairs.iter().all(|count| (9_600..10_400).contains(count)), "{pairs:?}");
    }

    #[test]
    fn rows_are_even_and_depend_on_each_of_their_keys() {
        let of =
            |run, row, column| SystemDraws::new(5, run, "rows").row(StableId(row)).unit(RowKey::of(StableId(column)));
        let others = [of(8, 1, 2), of(7, 2, 2), of(7, 1, 3), of(7, 2, 1)];
        assert!(others.iter().all(|other| other.to_bits() != of(7, 1, 2).to_bits()));
        let (mut tenths, mut pairs) = ([0_u32; 10], [0_u32; 4]);
        for (row, column) in (0..200).flat_map(|row| (0..200).map(move |column| (row, column))) {
            let (here, next) = (of(7, row, column), of(7, row, column + 1));
            assert!((0.0..1.0).contains(&here));
            tenths[(1_u8..10).filter(|tenth| here >= f32::from(*tenth) / 10.0).count()] += 1;
            pairs[usize::from(here < 0.5) * 2 + usize::from(next < 0.5)] += 1;
        }
        assert!(tenths.iter().all(|count| (3_700..4_300).contains(count)), "{tenths:?}");
        assert!(pairs.iter().all(|count| (9_600..10_400).contains(count)), "{pairs:?}");
    }

    #[test]
    fn units_are_even() {
        let mut draw = SystemDraws::new(5, 0, "even").for_id(StableId(1));
        let mut tenths = [0_u32; 10];
        for _ in 0..10_000 {
            let tenth = usize::try_from(draw.below(10)).expect("small");
            tenths[tenth] += 1;
            assert!((0.0..1.0).contains(&draw.unit()));
        }
        assert!(tenths.iter().all(|count| (850..1150).contains(count)), "{tenths:?}");
    }
}
