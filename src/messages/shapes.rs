//! Reading JSON values of one shape, with words that say which.

use std::fmt;
use std::marker::PhantomData;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};

/// A JSON object. To serde a list with the fields in their order would do as well; to the schema it does not.
pub(super) struct Object<T>(pub(super) T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        object(deserializer).map(Self)
    }
}

/// An object. A list of its fields in order, which serde would take as well, is none.
pub(super) fn object<'de, D: Deserializer<'de>, T: Deserialize<'de>>(deserializer: D) -> Result<T, D::Error> {
    struct FromMap<T>(PhantomData<T>);

    impl<'de, T: Deserialize<'de>> Visitor<'de> for FromMap<T> {
        type Value = T;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<T, A::Error> {
            T::deserialize(MapAccessDeserializer::new(map))
        }
    }

    deserializer.deserialize_map(FromMap(PhantomData))
}

/// A whole number, or none. JSON does not tell 14 from 14.0, and some producers write the latter.
pub(super) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<i64>, D::Error> {
    struct Whole;

    impl<'de> Visitor<'de> for Whole {
        type Value = Option<i64>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a whole number")
        }

        fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
            Ok(Some(value))
        }

        fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
            i64::try_from(value).map(Some).map_err(|_| E::custom(format!("{value} is too large")))
        }

        fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
            // Up to 2^53 a float says exactly which whole number it is.
            if value.fract() == 0.0 && value.abs() <= 9_007_199_254_740_992.0 {
                #[expect(clippy::cast_possible_truncation, reason = "it is whole and fits")]
                return Ok(Some(value as i64));
            }
            Err(E::custom(format!("{value} is no whole number")))
        }

        fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok(None)
        }

        fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
            deserializer.deserialize_any(self)
        }
    }

    deserializer.deserialize_option(Whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    struct Hour {
        #[serde(default, deserialize_with = "whole")]
        hour: Option<i64>,
    }

    #[test]
    fn a_float_that_is_whole_is_a_whole_number() {
        let read = |text: &str| serde_json::from_str::<Hour>(text).map(|hour| hour.hour);
        for (text, hour) in [("14", Some(14)), ("14.0", Some(14)), ("-1", Some(-1)), ("1e1", Some(10)), ("null", None)]
        {
            assert_eq!(read(&format!("{{\"hour\":{text}}}")).expect("whole"), hour, "{text}");
        }
        assert_eq!(read("{}").expect("it may be missing"), None);
        for text in ["14.5", "1e300", "18446744073709551615", "\"14\"", "[14]"] {
            assert!(read(&format!("{{\"hour\":{text}}}")).is_err(), "{text}");
        }
    }
}
