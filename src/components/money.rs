//! Money and goods: integers that are conserved.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An amount of money in minor units (hundredths). Never a float inside a world.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Money(pub i64);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// Minor units in one major unit.
    pub const MINOR_PER_MAJOR: i64 = 100;

    /// The sum, or nothing if it does not fit.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or nothing if it does not fit.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// A price times a quantity, or nothing if it does not fit.
    pub fn checked_mul(self, quantity: Goods) -> Option<Self> {
        self.0.checked_mul(quantity.0).map(Self)
    }

    /// The amount in major units, for events and people: 1,050 is 10.5.
    ///
    /// Exact to the minor unit up to 2^53 of them.
    #[expect(clippy::cast_precision_loss, reason = "a representation for readers; nothing computes with it")]
    pub fn to_major(self) -> f64 {
        self.0 as f64 / 100.0
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (sign, whole) = if self.0 < 0 { ("-", self.0.unsigned_abs()) } else { ("", self.0.unsigned_abs()) };
        write!(f, "{sign}{}.{:02}", whole / 100, whole % 100)
    }
}

/// A number of units of a good.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Goods(pub i64);

impl Goods {
    /// None.
    pub const ZERO: Self = Self(0);
}

impl fmt::Display for Goods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_reads_as_people_write_it() {
        assert_eq!(Money(1050).to_string(), "10.50");
        assert_eq!(Money(-7).to_string(), "-0.07");
        assert!((Money(1050).to_major() - 10.5).abs() < f64::EPSILON);
    }

    #[test]
    fn arithmetic_says_when_it_does_not_fit() {
        assert_eq!(Money(i64::MAX).checked_add(Money(1)), None);
        assert_eq!(Money(i64::MAX).checked_mul(Goods(2)), None);
        assert_eq!(Money(i64::MIN).checked_sub(Money(1)), None);
    }
}
