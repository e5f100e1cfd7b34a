//! Values from outside as types of Rust, where JSON leaves a choice.
//!
//! A whole number may be written as `5.0`: JSON Schema calls that an integer, serde does not.

use serde::de::DeserializeOwned;
use serde_json::{Number, Value};

/// Whole numbers beyond this are not all exact in what `5.0` is read as.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Why a value is none of a type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unfit {
    /// The place, as Rust writes it: `roles[0].quantity`; `.` for all of it.
    pub(crate) path: String,
    /// What is wrong, in words for people.
    pub(crate) message: String,
}

impl Unfit {
    /// The place and what is wrong there, as refusals of worlds are written.
    pub(crate) fn told(&self) -> String {
        let plain = self.path.replace('[', ".").replace(']', "");
        match plain.trim_matches('.') {
            "" => self.message.clone(),
            path => format!("/{}: {}", path.replace('.', "/"), self.message),
        }
    }
}

/// Reads a value.
///
/// # Errors
/// With the first thing that does not fit.
pub(crate) fn read<T: DeserializeOwned>(value: &Value) -> Result<T, Unfit> {
    let first = match serde_path_to_error::deserialize::<_, T>(value) {
        Ok(read) => return Ok(read),
        Err(error) => error,
    };
    let mut whole = value.clone();
    let error = if make_whole(&mut whole) {
        match serde_path_to_error::deserialize::<_, T>(&whole) {
            Ok(read) => return Ok(read),
            Err(error) => error,
        }
    } else {
        first
    };
    Err(Unfit { path: error.path().to_string(), message: in_words(&error.inner().to_string()) })
}

/// Writes `5.0` as `5` wherever it stands. Whether there was any.
fn make_whole(value: &mut Value) -> bool {
    match value {
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
            Some(whole) => {
                *number = whole;
                true
            }
            None => false,
        },
        Value::Array(items) => items.iter_mut().fold(false, |any, item| make_whole(item) | any),
        Value::Object(table) => table.values_mut().fold(false, |any, item| make_whole(item) | any),
        _ => false,
    }
}

#[expect(clippy::cast_possible_truncation, reason = "whole and within 2^53")]
fn whole(number: f64) -> Option<Number> {
    (number.fract() == 0.0 && number.abs() <= EXACT).then(|| Number::from(number as i64))
}

/// Without the names of Rust's types.
fn in_words(message: &str) -> String {
    let Some((before, expected)) = message.rsplit_once("expected ") else { return message.to_owned() };
    match expected {
        "u8" | "u16" | "u32" | "u64" | "usize" => format!("{before}expected a whole number that is not negative"),
        "i8" | "i16" | "i32" | "i64" | "isize" => format!("{before}expected a whole number"),
        "f32" | "f64" => format!("{before}expected a number"),
        _ => message.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_whole_number_may_be_written_with_a_nought_behind_the_point() {
        assert_eq!(read::<u32>(&json!(5.0)), Ok(5));
        assert_eq!(read::<Vec<u64>>(&json!([1, 2.0])), Ok(vec![1, 2]));
        assert_eq!(read::<f64>(&json!(5.0)), Ok(5.0));
        // What is any number stays as it was written.
        assert_eq!(read::<Value>(&json!(5.0)), Ok(json!(5.0)));
        let unfit = read::<Vec<u32>>(&json!([1, 2.5])).expect_err("no whole number");
        let words = "/1: invalid type: floating point `2.5`, expected a whole number that is not negative";
        assert_eq!(unfit.told().replace("invalid value", "invalid type"), words);
        assert!(read::<u32>(&json!(1e30)).is_err());
    }
}
