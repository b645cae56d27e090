//! Several results under one roof: the top of `results.edn`, and wherever else a result has
//! parts.

use super::{CheckResult, Validity};
use crate::edn::Edn;

/// One result of named parts, in order. It is as valid as the least valid of them.
pub fn compose<'a>(parts: impl IntoIterator<Item = (&'a str, CheckResult)>) -> CheckResult {
    let mut whole = CheckResult { valid: Validity::True, entries: Vec::new() };
    for (name, part) in parts {
        whole.valid = whole.valid.and(part.valid);
        whole.entries.push((Edn::keyword(name), part.to_edn()));
    }
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_part_decides() {
        let part = |valid| CheckResult::new(valid, []);
        let (good, open, bad) =
            (part(Validity::True), part(Validity::Unknown), part(Validity::False));
        let valid = |parts: &[&CheckResult]| {
            compose(parts.iter().map(|&part| ("part", part.clone()))).valid
        };
        assert_eq!(valid(&[]), Validity::True);
        assert_eq!(valid(&[&good, &open]), Validity::Unknown);
        assert_eq!(valid(&[&open, &bad, &good]), Validity::False);
        assert_eq!(
            compose([("stats", good), ("net", bad)]).to_edn().to_string(),
            "{:valid? false, :stats {:valid? true}, :net {:valid? false}}"
        );
    }
}
