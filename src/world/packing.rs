//! Values as the bytes of postcard, written faster than postcard writes them: what is hashed after every input is most of
//! what many worlds serialise at all.
//!
//! The bytes are those of [`postcard::to_stdvec`], held to it by tests. A number of variable length is spread over a word
//! and written at once, whatever its length: the buffer has room for a whole word behind all that is written.

use postcard::Error;
use serde::Serialize;
use serde::ser;

/// Bytes that must be left behind what is written: the longest number.
const ROOM: usize = 24;
/// Bits of a number of seven bytes: what fits into a word with a mark in each byte.
const WORD_BITS: u32 = 56;

/// Writes a value into a buffer, whose former content goes, and gives its bytes.
pub(super) fn pack<'a, T: Serialize>(value: &T, buffer: &'a mut Vec<u8>) -> Result<&'a [u8], Error> {
    let mut packer = Packer { bytes: buffer, end: 0 };
    value.serialize(&mut packer)?;
    let end = packer.end;
    Ok(buffer.get(..end).unwrap_or_default())
}

/// A buffer that is being written.
struct Packer<'a> {
    bytes: &'a mut Vec<u8>,
    end: usize,
}

impl Packer<'_> {
    /// Makes room for so many bytes and a number.
    #[inline]
    fn fit(&mut self, more: usize) {
        if self.bytes.len() < self.end + more + ROOM {
            self.grow(more);
        }
    }

    #[cold]
    fn grow(&mut self, more: usize) {
        self.bytes.resize((self.end + more + ROOM).next_power_of_two(), 0);
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        self.fit(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.end..self.end + bytes.len()) {
            place.copy_from_slice(bytes);
            self.end += bytes.len();
        }
    }

    /// A number, seven bits a byte, the lowest first.
    #[inline]
    fn number(&mut self, value: u64) {
        let bits = u64::BITS - (value | 1).leading_zeros();
        if bits > WORD_BITS {
            return self.large(value.into());
        }
        let word = (value & 0x0FFF_FFFF) | (value & 0x00FF_FFFF_F000_0000) << 4;
        let word = (word & 0x0000_3FFF_0000_3FFF) | (word & 0x0FFF_C000_0FFF_C000) << 2;
        let word = (word & 0x007F_007F_007F_007F) | (word & 0x3F80_3F80_3F80_3F80) << 1;
        let length = bits.div_ceil(7);
        let marks = 0x8080_8080_8080_8080 & ((1_u64 << (8 * (length - 1))) - 1);
        self.fit(0);
        if let Some(place) = self.bytes.get_mut(self.end..self.end + 8) {
            place.copy_from_slice(&(word | marks).to_le_bytes());
            self.end += length as usize;
        }
    }

    #[cold]
    #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what is wanted")]
    fn large(&mut self, mut value: u128) {
        while value >= 0x80 {
            self.push(&[value as u8 | 0x80]);
            value >>= 7;
        }
        self.push(&[value as u8]);
    }
}

impl ser::Serializer for &mut Packer<'_> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Self;
    type SerializeTuple = Self;
    type SerializeTupleStruct = Self;
    type SerializeTupleVariant = Self;
    type SerializeMap = Self;
    type SerializeStruct = Self;
    type SerializeStructVariant = Self;

    fn is_human_readable(&self) -> bool {
        false
    }

    #[inline]
    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.serialize_u8(value.into())
    }

    #[inline]
    fn serialize_i8(self, value: i8) -> Result<(), Error> {
        self.serialize_u8(value.cast_unsigned())
    }

    #[inline]
    fn serialize_i16(self, value: i16) -> Result<(), Error> {
        self.serialize_u16((value << 1 ^ value >> (i16::BITS - 1)).cast_unsigned())
    }

    #[inline]
    fn serialize_i32(self, value: i32) -> Result<(), Error> {
        self.serialize_u32((value << 1 ^ value >> (i32::BITS - 1)).cast_unsigned())
    }

    #[inline]
    fn serialize_i64(self, value: i64) -> Result<(), Error> {
        self.serialize_u64((value << 1 ^ value >> (i64::BITS - 1)).cast_unsigned())
    }

    #[inline]
    fn serialize_i128(self, value: i128) -> Result<(), Error> {
        self.serialize_u128((value << 1 ^ value >> (i128::BITS - 1)).cast_unsigned())
    }

    #[inline]
    fn serialize_u8(self, value: u8) -> Result<(), Error> {
        self.push(&[value]);
        Ok(())
    }

    #[inline]
    fn serialize_u16(self, value: u16) -> Result<(), Error> {
        self.number(value.into());
        Ok(())
    }

    #[inline]
    fn serialize_u32(self, value: u32) -> Result<(), Error> {
        self.number(value.into());
        Ok(())
    }

    #[inline]
    fn serialize_u64(self, value: u64) -> Result<(), Error> {
        self.number(value);
        Ok(())
    }

    fn serialize_u128(self, value: u128) -> Result<(), Error> {
        self.large(value);
        Ok(())
    }

    #[inline]
    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        self.push(&value.to_bits().to_le_bytes());
        Ok(())
    }

    #[inline]
    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        self.push(&value.to_bits().to_le_bytes());
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, value: &str) -> Result<(), Error> {
        self.serialize_bytes(value.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        self.number(value.len() as u64);
        self.push(value);
        Ok(())
    }

    #[inline]
    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_u8(0)
    }

    #[inline]
    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        self.push(&[1]);
        value.serialize(self)
    }

    #[inline]
    fn serialize_unit(self) -> Result<(), Error> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        Ok(())
    }

    #[inline]
    fn serialize_unit_variant(self, _: &'static str, index: u32, _: &'static str) -> Result<(), Error> {
        self.serialize_u32(index)
    }

    #[inline]
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    #[inline]
    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        index: u32,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.number(index.into());
        value.serialize(self)
    }

    #[inline]
    fn serialize_seq(self, length: Option<usize>) -> Result<Self, Error> {
        self.number(length.ok_or(Error::SerializeSeqLengthUnknown)? as u64);
        Ok(self)
    }

    #[inline]
    fn serialize_tuple(self, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_tuple_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Error> {
        self.number(index.into());
        Ok(self)
    }

    #[inline]
    fn serialize_map(self, length: Option<usize>) -> Result<Self, Error> {
        self.serialize_seq(length)
    }

    #[inline]
    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Self, Error> {
        Ok(self)
    }

    #[inline]
    fn serialize_struct_variant(self, _: &'static str, index: u32, _: &'static str, _: usize) -> Result<Self, Error> {
        self.number(index.into());
        Ok(self)
    }
}

/// Parts of a value, one after the other.
macro_rules! parts {
    ($($kind:ident: $method:ident),*) => {
        $(impl ser::$kind for &mut Packer<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
                value.serialize(&mut **self)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })*
    };
}

parts!(
    SerializeSeq: serialize_element,
    SerializeTuple: serialize_element,
    SerializeTupleStruct: serialize_field,
    SerializeTupleVariant: serialize_field
);

/// The same where parts have names, which are not written.
macro_rules! named_parts {
    ($($kind:ident),*) => {
        $(impl ser::$kind for &mut Packer<'_> {
            type Ok = ();
            type Error = Error;

            #[inline]
            fn serialize_field<T: Serialize + ?Sized>(&mut self, _: &'static str, value: &T) -> Result<(), Error> {
                value.serialize(&mut **self)
            }

            #[inline]
            fn end(self) -> Result<(), Error> {
                Ok(())
            }
        })*
    };
}

named_parts!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for &mut Packer<'_> {
    type Ok = ();
    type Error = Error;

    #[inline]
    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        key.serialize(&mut **self)
    }

    #[inline]
    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut **self)
    }

    #[inline]
    fn end(self) -> Result<(), Error> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// Everything that serde knows.
    #[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
    enum Any {
        Unit,
        New(Box<Any>),
        Pair(i8, u16),
        Named { yes: bool, real: f64, small: f32, sign: char, much: u128, little: i128 },
        Numbers(Vec<u64>, Vec<i64>, Vec<u32>, Vec<i32>, Vec<i16>),
        Map(BTreeMap<String, Option<Any>>),
        List(Vec<Any>, (), [u8; 3]),
    }

    fn some() -> impl Strategy<Value = Any> {
        // Numbers of all lengths.
        let number = || (any::<u64>(), 0_u32..64).prop_map(|(bits, shift)| bits >> shift);
        let numbers = prop::collection::vec(number(), 0..6).prop_map(|all| {
            let signed = |value: &u64| value.cast_signed() >> 1 ^ -(value.cast_signed() & 1);
            let narrow = |value: &u64| u32::try_from(value & 0xFFFF_FFFF).expect("32 bits");
            Any::Numbers(
                all.clone(),
                all.iter().map(signed).collect(),
                all.iter().map(narrow).collect(),
                all.iter().map(|value| narrow(value).cast_signed()).collect(),
                all.iter().map(|value| (value & 0xFFFF) as u16).map(u16::cast_signed).collect(),
            )
        });
        let named = (any::<bool>(), any::<f64>(), any::<f32>(), any::<char>(), any::<u128>(), any::<i128>())
            .prop_map(|(yes, real, small, sign, much, little)| Any::Named { yes, real, small, sign, much, little });
        let leaf = prop_oneof![
            Just(Any::Unit),
            any::<(i8, u16)>().prop_map(|(one, other)| Any::Pair(one, other)),
            numbers,
            named,
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            let option = prop::option::of(inner.clone());
            prop_oneof![
                inner.clone().prop_map(|one| Any::New(Box::new(one))),
                prop::collection::btree_map(".{0,40}", option, 0..4).prop_map(Any::Map),
                (prop::collection::vec(inner, 0..4), any::<[u8; 3]>()).prop_map(|(all, three)| Any::List(all, (), three)),
            ]
        })
    }

    proptest! {
        #[test]
        fn bytes_are_those_of_postcard(values in prop::collection::vec(some(), 1..4)) {
            let mut buffer = Vec::new();
            for value in &values {
                let bytes = postcard::to_stdvec(value).expect("bytes");
                prop_assert_eq!(pack(value, &mut buffer).expect("bytes"), &bytes);
                prop_assert_eq!(&postcard::from_bytes::<Any>(&bytes).map(|_| ()), &Ok(()));
            }
        }

        #[test]
        fn every_number_is_as_long_as_in_postcard(bits in any::<u64>(), shift in 0_u32..64) {
            let (mut buffer, value) = (vec![0xFF; 3], bits >> shift);
            prop_assert_eq!(pack(&value, &mut buffer).expect("bytes"), &postcard::to_stdvec(&value).expect("bytes"));
            let signed = value.cast_signed();
            prop_assert_eq!(pack(&signed, &mut buffer).expect("bytes"), &postcard::to_stdvec(&signed).expect("bytes"));
        }
    }

    #[test]
    fn words_are_written_as_they_are_displayed() {
        struct Shown(u32);
        impl Serialize for Shown {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("number {}", self.0))
            }
        }
        assert_eq!(pack(&Shown(7), &mut Vec::new()).expect("bytes"), postcard::to_stdvec(&Shown(7)).expect("bytes"));
    }
}
