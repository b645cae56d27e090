//! Numbers on the command line: each is in a range, and what is not says the range.

use std::fmt::Display;
use std::str::FromStr;

use crate::checker::availability::number;

/// More of anything than a run can use, and few enough to count with.
pub(super) const MANY: usize = 1_000_000;

/// Reads a whole number that is in a range. clap's own parser of ranges says less of what is not
/// a number at all.
pub(super) fn whole<T>(least: T, most: T) -> impl Fn(&str) -> Result<T, String> + Clone
where
    T: FromStr + PartialOrd + Display + Copy,
{
    move |text| match text.parse() {
        Ok(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a whole number from {least} to {most}")),
    }
}

/// Reads a number that is in a range. As with the original it may be a ratio: `1/2`.
pub(super) fn between(least: f64, most: f64) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| match number(text) {
        Some(number) if (least..=most).contains(&number) => Ok(number),
        _ => Err(format!("expected a number from {least} to {most}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ratio_is_a_number() {
        let read = between(0.0, 10.0);
        assert_eq!(read("1/2"), Ok(0.5));
        assert_eq!(read("2.5"), Ok(2.5));
        assert_eq!(read("20/4"), Ok(5.0));
        for wrong in ["1/0", "0/0", "1/", "/2", "1/2/3", "0.5/2", "-1/2", "21/2", "NaN", "half"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
