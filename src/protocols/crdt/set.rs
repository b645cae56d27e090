//! A set that only grows.

use std::collections::BTreeSet;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use serde_json::value::RawValue;

use super::Crdt;

/// A set that only grows: its join is the union, and an addition's delta is the new element
/// alone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent, bound(deserialize = "T: Ord + Deserialize<'de>"))]
pub struct GSet<T>(BTreeSet<T>);

impl<T> GSet<T> {
    /// The elements, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &T> {
        self.0.iter()
    }
}

impl<T: Ord> GSet<T> {
    /// The delta that adds an element.
    pub fn add(element: T) -> GSet<T> {
        GSet(BTreeSet::from([element]))
    }
}

impl<T> Default for GSet<T> {
    /// The empty set.
    fn default() -> GSet<T> {
        GSet(BTreeSet::new())
    }
}

impl<T: Ord + Clone> Crdt for GSet<T> {
    fn join(&mut self, other: &GSet<T>) {
        self.0.extend(other.0.iter().cloned());
    }

    fn minus(&self, known: &GSet<T>) -> GSet<T> {
        // Not `difference`: it walks all of a set that is much greater than the delta.
        GSet(self.0.iter().filter(|element| !known.0.contains(element)).cloned().collect())
    }

    fn is_bottom(&self) -> bool {
        self.0.is_empty()
    }
}

/// Any JSON value as an element of a set, for JSON values have no order of their own: this one
/// is ordered by its text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Element(Box<str>);

impl From<&Value> for Element {
    fn from(value: &Value) -> Element {
        Element(value.to_string().into())
    }
}

impl Serialize for Element {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let json: &RawValue = serde_json::from_str(&self.0).map_err(serde::ser::Error::custom)?;
        json.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Element {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Element, D::Error> {
        // Through a value, so that equal values have equal texts, however they were written.
        Ok(Element::from(&Value::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_json_is_an_element() {
        let text = r#"[null,true,-1,2.5,"a\"b",[1,[]],{"b":1,"a":{}}, 1, {"a":{},"b":1}]"#;
        let set: GSet<Element> = serde_json::from_str(text).unwrap();
        assert_eq!(set.iter().len(), 8, "an object's keys have no order");
        let again: GSet<Element> =
            serde_json::from_str(&serde_json::to_string(&set).unwrap()).unwrap();
        assert_eq!(again, set);
    }
}
