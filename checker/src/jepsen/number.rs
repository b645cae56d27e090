//! Numbers as Clojure adds and compares them, as far as balances and counters need it.

use std::fmt;

use crate::edn::{Edn, Float};

/// A sum: an integer of any size that occurs, or a decimal number. The two are never equal, as
/// in Clojure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// An integer.
    Int(i128),
    /// A decimal number; a ratio counts as one.
    Decimal(f64),
}

impl Number {
    /// The number that a value is.
    ///
    /// # Errors
    /// A clause, when it is none.
    pub fn of(value: &Edn) -> Result<Number, String> {
        let number = match value {
            Edn::Int(int) => Some(Number::Int((*int).into())),
            Edn::Float(Float(decimal)) => Some(Number::Decimal(*decimal)),
            Edn::Symbol(text) => match value.large_digits() {
                // Half the width, so that no sum can overflow.
                Some(digits) => {
                    let int = digits.parse::<i128>().ok();
                    int.filter(|i| i.unsigned_abs() <= u128::from(u64::MAX)).map(Number::Int)
                }
                None => ratio(text).or_else(|| exact_decimal(text)),
            },
            _ => None,
        };
        number.ok_or_else(|| format!("{value} is no number that can be added"))
    }

    /// The sum of these values; 0 of none.
    ///
    /// # Errors
    /// A clause, when one is no number.
    pub fn sum<'a>(values: impl Iterator<Item = &'a Edn>) -> Result<Number, String> {
        let mut sum = Number::Int(0);
        for value in values {
            sum = match (sum, Number::of(value)?) {
                (Number::Int(a), Number::Int(b)) => Number::Int(a + b),
                (a, b) => Number::Decimal(a.decimal() + b.decimal()),
            };
        }
        Ok(sum)
    }

    /// Whether a value is a number below zero.
    pub fn is_negative(value: &Edn) -> bool {
        Number::of(value).is_ok_and(|number| number.decimal() < 0.0)
    }

    fn decimal(self) -> f64 {
        match self {
            Number::Int(int) => int as f64,
            Number::Decimal(decimal) => decimal,
        }
    }
}

/// `1/3`.
fn ratio(text: &str) -> Option<Number> {
    let (above, below) = text.split_once('/')?;
    let (above, below): (i64, i64) = (above.parse().ok()?, below.parse().ok()?);
    (below != 0).then(|| Number::Decimal(above as f64 / below as f64))
}

/// `0.1M`.
fn exact_decimal(text: &str) -> Option<Number> {
    text.strip_suffix('M')?.parse().ok().map(Number::Decimal)
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Number::Int(int) => write!(f, "{int}"),
            Number::Decimal(decimal) => write!(f, "{}", Float(*decimal)),
        }
    }
}
