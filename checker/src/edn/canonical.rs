//! One form for values that EDN calls equal.
//!
//! The specification (section "equality") makes the order of a map's keys and of a set's
//! elements meaningless, and a list equal to a vector with the same elements. [`Edn`]'s own
//! `==` compares what was written. Where a checker asks whether two values are the same, it
//! compares canonical forms.

use std::borrow::Cow;

use super::Edn;

impl Edn {
    /// The value with its maps and sets sorted and its lists as vectors, at every depth. Two
    /// values are equal in the sense of EDN when their canonical forms are `==`.
    pub fn canonical(&self) -> Cow<'_, Edn> {
        if self.is_canonical() {
            return Cow::Borrowed(self);
        }
        let all = |items: &[Edn]| -> Vec<Edn> {
            items.iter().map(|item| item.canonical().into_owned()).collect()
        };
        Cow::Owned(match self {
            Edn::List(items) | Edn::Vector(items) => Edn::Vector(all(items)),
            Edn::Set(items) => {
                let mut items = all(items);
                items.sort_unstable();
                Edn::Set(items)
            }
            Edn::Map(entries) => {
                let pair = |(key, value): &(Edn, Edn)| {
                    (key.canonical().into_owned(), value.canonical().into_owned())
                };
                let mut entries: Vec<(Edn, Edn)> = entries.iter().map(pair).collect();
                entries.sort_unstable();
                Edn::Map(entries)
            }
            Edn::Tagged(tag, value) => {
                Edn::Tagged(tag.clone(), Box::new(value.canonical().into_owned()))
            }
            scalar => scalar.clone(),
        })
    }

    /// Whether the value certainly is its own canonical form: true of every scalar, so that
    /// the common case copies nothing.
    fn is_canonical(&self) -> bool {
        match self {
            Edn::Vector(items) => items.iter().all(Edn::is_canonical),
            Edn::List(_) | Edn::Set(_) | Edn::Map(_) | Edn::Tagged(..) => false,
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::edn::read_one;

    #[test]
    fn equal_values_have_one_form() {
        let form = |text: &str| read_one(text).unwrap().canonical().into_owned();
        for (a, b) in [
            ("{:a 1, :b [2]}", "{:b (2), :a 1}"),
            ("#{3 1 {:x 1 :y 2}}", "#{{:y 2 :x 1} 1 3}"),
            ("[[1 (2)]]", "([1 [2]])"),
            ("#tag {1 2, 3 4}", "#tag {3 4, 1 2}"),
        ] {
            assert_eq!(form(a), form(b));
        }
        for (a, b) in [("[1 2]", "[2 1]"), ("[1]", "#{1}"), ("1", "1.0"), (":a", "\"a\"")] {
            assert_ne!(form(a), form(b));
        }
    }
}
