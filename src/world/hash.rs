//! The state hash: an order-independent sum of keyed hashes, one for each persisted component and resource.
//!
//! Each part is the XXH3-64 of its serialised value, seeded by its registered name and the entity's stable id. The sum
//! wraps. Components that did not change keep their part, so hashing costs what changed, not what there is.

use std::fmt;
use std::marker::PhantomData;

use bevy_ecs::prelude::*;
use serde::{Deserialize, Serialize};
use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::registry::Persist;

/// A fingerprint of everything that persists in a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StateHash(pub u64);

impl StateHash {
    /// The same bits as a signed number, for databases.
    pub fn to_signed(self) -> i64 {
        self.0.cast_signed()
    }

    /// From the signed number of a database.
    pub fn from_signed(signed: i64) -> Self {
        Self(signed.cast_unsigned())
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

/// The part that an entity's component `T` has in the sum.
#[derive(Component, Debug)]
pub(crate) struct Part<T: Send + Sync + 'static> {
    pub(crate) hash: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> Default for Part<T> {
    fn default() -> Self {
        Self { hash: 0, kind: PhantomData }
    }
}

/// The sum over all entities of the parts of `T`.
#[derive(Resource, Debug)]
pub(crate) struct PartSum<T: Send + Sync + 'static> {
    pub(crate) sum: u64,
    kind: PhantomData<fn() -> T>,
}

impl<T: Send + Sync + 'static> Default for PartSum<T> {
    fn default() -> Self {
        Self { sum: 0, kind: PhantomData }
    }
}

/// Takes an entity's part out of the sum when its component goes.
pub(crate) fn forget_part<T: Component>(
    removed: On<Remove<T>>,
    mut parts: Query<&mut Part<T>>,
    mut sum: ResMut<PartSum<T>>,
) {
    if let Ok(mut part) = parts.get_mut(removed.event_target()) {
        sum.sum = sum.sum.wrapping_sub(part.hash);
        part.hash = 0;
    }
}

/// The hash of one value. `buffer` is scratch space.
pub(crate) fn hash_value<T: Persist>(value: &T, id: u64, buffer: &mut Vec<u8>) -> Result<u64, postcard::Error> {
    buffer.clear();
    *buffer = postcard::to_extend(value, std::mem::take(buffer))?;
    Ok(hash_bytes(T::NAME, id, buffer))
}

/// The hash of a value's postcard bytes.
pub(crate) fn hash_bytes(name: &str, id: u64, bytes: &[u8]) -> u64 {
    xxh3_64_with_seed(bytes, seed(name, id))
}

/// What the hash of a value is seeded by.
pub(super) fn seed(name: &str, id: u64) -> u64 {
    xxh3_64_with_seed(name.as_bytes(), id)
}
