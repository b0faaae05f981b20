//! Money as a whole number of cents: sums are exact, and stop at the largest number instead of overflowing.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, AddAssign, Sub, SubAssign};

use num_format::{Locale, ToFormattedString};
use serde::{Deserialize, Serialize};

/// An amount of money in cents; on the wire a plain integer, for people `1,234.56`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cents(pub i64);

impl Cents {
    /// An amount without a fraction: `Cents::whole(5)` is 5.00.
    pub const fn whole(amount: i64) -> Self {
        Self(amount.saturating_mul(100))
    }
}

impl Add for Cents {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl Sub for Cents {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl AddAssign for Cents {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl SubAssign for Cents {
    fn sub_assign(&mut self, other: Self) {
        *self = *self - other;
    }
}

impl Sum for Cents {
    fn sum<I: Iterator<Item = Self>>(amounts: I) -> Self {
        amounts.fold(Self::default(), Add::add)
    }
}

impl fmt::Display for Cents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let cents = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:02}", grouped(cents / 100), cents % 100)
    }
}

/// A number with a comma between each three digits.
pub fn grouped(number: u64) -> String {
    number.to_formatted_string(&Locale::en)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_read_like_money() {
        assert_eq!(Cents(221_487_109_317).to_string(), "2,214,871,093.17");
        assert_eq!(Cents(-7).to_string(), "-0.07");
        assert_eq!(Cents::whole(1_000).to_string(), "1,000.00");
    }
}
