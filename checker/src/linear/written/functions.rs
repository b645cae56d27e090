//! The functions of the language: one row each. None loops, and none looks at anything but its
//! arguments.
//!
//! Values are in canonical form (maps and sets sorted, lists as vectors), and what a function
//! gives is so again.

use std::borrow::Cow;
use std::cmp::Ordering;
use std::ops::RangeInclusive;

use crate::edn::Edn;

/// What a function takes.
pub type Arguments<'a, 'b> = &'b [Cow<'a, Edn>];

/// A function, by its name.
pub struct Function {
    /// As it is written.
    pub name: &'static str,
    /// How many arguments it takes.
    pub takes: RangeInclusive<usize>,
    /// What it gives.
    ///
    /// # Errors
    /// A clause, when it can make nothing of its arguments.
    pub call: fn(Arguments) -> Result<Edn, String>,
}

/// So many arguments, or more.
const fn many(least: usize) -> RangeInclusive<usize> {
    least..=usize::MAX
}

/// All functions.
pub const FUNCTIONS: &[Function] = &[
    Function { name: "=", takes: 2..=2, call: |a| Ok(Edn::Bool(a[0] == a[1])) },
    Function { name: "not=", takes: 2..=2, call: |a| Ok(Edn::Bool(a[0] != a[1])) },
    Function { name: "<", takes: many(2), call: |a| compare(a, Ordering::is_lt) },
    Function { name: "<=", takes: many(2), call: |a| compare(a, Ordering::is_le) },
    Function { name: ">", takes: many(2), call: |a| compare(a, Ordering::is_gt) },
    Function { name: ">=", takes: many(2), call: |a| compare(a, Ordering::is_ge) },
    Function { name: "not", takes: 1..=1, call: |a| Ok(Edn::Bool(!truth(&a[0])?)) },
    Function { name: "+", takes: many(2), call: |a| fold(a, i64::checked_add) },
    Function { name: "-", takes: many(2), call: |a| fold(a, i64::checked_sub) },
    Function { name: "*", takes: many(2), call: |a| fold(a, i64::checked_mul) },
    Function { name: "mod", takes: 2..=2, call: |a| fold(a, i64::checked_rem_euclid) },
    Function { name: "min", takes: many(1), call: |a| fold(a, |a, b| Some(a.min(b))) },
    Function { name: "max", takes: many(1), call: |a| fold(a, |a, b| Some(a.max(b))) },
    Function { name: "sum", takes: 1..=1, call: |a| sum(items(&a[0])?) },
    Function { name: "count", takes: 1..=1, call: |a| Ok(Edn::Int(length(&a[0])? as i64)) },
    Function { name: "empty?", takes: 1..=1, call: |a| Ok(Edn::Bool(length(&a[0])? == 0)) },
    Function { name: "first", takes: 1..=1, call: |a| Ok(one(items(&a[0])?.first())) },
    Function { name: "last", takes: 1..=1, call: |a| Ok(one(items(&a[0])?.last())) },
    Function { name: "rest", takes: 1..=1, call: |a| Ok(vector(items(&a[0])?.iter().skip(1))) },
    Function { name: "butlast", takes: 1..=1, call: |a| Ok(vector(all_but_last(&a[0])?)) },
    Function { name: "get", takes: 2..=3, call: get },
    Function { name: "has?", takes: 2..=2, call: has },
    Function { name: "keys", takes: 1..=1, call: |a| Ok(vector(entries(&a[0])?.map(|(k, _)| k))) },
    Function { name: "vals", takes: 1..=1, call: |a| Ok(vector(entries(&a[0])?.map(|(_, v)| v))) },
    Function { name: "conj", takes: 2..=2, call: conj },
    Function { name: "without", takes: 2..=2, call: without },
    Function { name: "assoc", takes: 3..=3, call: assoc },
    Function { name: "dissoc", takes: 2..=2, call: dissoc },
];

/// The function of this name, if there is one.
pub fn named(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// A value that decides something.
///
/// # Errors
/// A clause, when it is neither true nor false: nothing else is taken for one of them.
pub fn truth(value: &Edn) -> Result<bool, String> {
    match value {
        Edn::Bool(truth) => Ok(*truth),
        other => Err(format!("wants true or false, and {other} is neither")),
    }
}

/// The items of a vector or a set; nil has none.
///
/// # Errors
/// A clause, when it is of another kind.
pub fn items(value: &Edn) -> Result<&[Edn], String> {
    match value {
        Edn::Nil => Ok(&[]),
        value => value.as_slice().ok_or_else(|| format!("wants a vector or a set, not {value}")),
    }
}

fn entries(value: &Edn) -> Result<impl Iterator<Item = (&Edn, &Edn)>, String> {
    match value {
        Edn::Nil => Ok([].iter()),
        Edn::Map(entries) => Ok(entries.iter()),
        other => Err(format!("wants a map, not {other}")),
    }
    .map(|entries: std::slice::Iter<(Edn, Edn)>| entries.map(|(key, value)| (key, value)))
}

fn length(value: &Edn) -> Result<usize, String> {
    match value {
        Edn::Map(entries) => Ok(entries.len()),
        other => items(other).map(<[Edn]>::len),
    }
}

fn number(value: &Edn) -> Result<i64, String> {
    value.as_i64().ok_or_else(|| format!("wants whole numbers, not {value}"))
}

fn compare(arguments: Arguments, holds: fn(Ordering) -> bool) -> Result<Edn, String> {
    let is_whole = |value: &Edn| value.as_i64().is_some() || value.large_digits().is_some();
    match arguments.iter().find(|argument| !is_whole(argument)) {
        Some(other) => Err(format!("wants whole numbers, not {other}")),
        None => {
            let all = arguments.windows(2).all(|pair| holds(pair[0].compare_numbers(&pair[1])));
            Ok(Edn::Bool(all))
        }
    }
}

fn fold(arguments: Arguments, step: fn(i64, i64) -> Option<i64>) -> Result<Edn, String> {
    let mut result = number(&arguments[0])?;
    for argument in &arguments[1..] {
        let next = step(result, number(argument)?);
        result = next.ok_or("gives no number of 64 bits")?;
    }
    Ok(Edn::Int(result))
}

fn sum(items: &[Edn]) -> Result<Edn, String> {
    let add = |sum: i64, item: &Edn| {
        sum.checked_add(number(item)?).ok_or_else(|| "gives no number of 64 bits".to_owned())
    };
    items.iter().try_fold(0, add).map(Edn::Int)
}

fn one(item: Option<&Edn>) -> Edn {
    item.cloned().unwrap_or(Edn::Nil)
}

fn vector<'a>(items: impl IntoIterator<Item = &'a Edn>) -> Edn {
    Edn::Vector(items.into_iter().cloned().collect())
}

fn all_but_last(value: &Edn) -> Result<&[Edn], String> {
    let items = items(value)?;
    Ok(&items[..items.len().saturating_sub(1)])
}

/// The place of a key in a map: where it is, or where it belongs.
fn place(entries: &[(Edn, Edn)], key: &Edn) -> Result<usize, usize> {
    entries.binary_search_by(|(known, _)| known.cmp(key))
}

fn get(arguments: Arguments) -> Result<Edn, String> {
    let found = match (&*arguments[0], &*arguments[1]) {
        (Edn::Nil, _) => None,
        (Edn::Map(entries), key) => place(entries, key).ok().map(|place| &entries[place].1),
        (Edn::Vector(items), Edn::Int(place)) => {
            usize::try_from(*place).ok().and_then(|place| items.get(place))
        }
        (Edn::Vector(_), place) => return Err(format!("wants a whole number, not {place}")),
        (other, _) => return Err(format!("wants a map or a vector, not {other}")),
    };
    Ok(one(found.or(arguments.get(2).map(|otherwise| &**otherwise))))
}

fn has(arguments: Arguments) -> Result<Edn, String> {
    let (collection, item) = (&*arguments[0], &*arguments[1]);
    Ok(Edn::Bool(match collection {
        Edn::Map(entries) => place(entries, item).is_ok(),
        Edn::Set(items) => items.binary_search(item).is_ok(),
        other => items(other)?.contains(item),
    }))
}

fn conj(arguments: Arguments) -> Result<Edn, String> {
    let (collection, item) = (&*arguments[0], Edn::clone(&arguments[1]));
    Ok(match collection {
        Edn::Set(items) => match items.binary_search(&item) {
            Ok(_) => collection.clone(),
            Err(place) => {
                let mut items = items.clone();
                items.insert(place, item);
                Edn::Set(items)
            }
        },
        other => {
            let mut items = items(other)?.to_vec();
            items.push(item);
            Edn::Vector(items)
        }
    })
}

fn without(arguments: Arguments) -> Result<Edn, String> {
    let (collection, item) = (&*arguments[0], &*arguments[1]);
    let mut left = items(collection)?.to_vec();
    if let Some(place) = left.iter().position(|other| other == item) {
        left.remove(place);
    }
    Ok(if matches!(collection, Edn::Set(_)) { Edn::Set(left) } else { Edn::Vector(left) })
}

/// The entries of a map that is to be changed.
fn changeable(value: &Edn) -> Result<Vec<(Edn, Edn)>, String> {
    Ok(entries(value)?.map(|(key, value)| (key.clone(), value.clone())).collect())
}

fn assoc(arguments: Arguments) -> Result<Edn, String> {
    let (key, value) = (Edn::clone(&arguments[1]), Edn::clone(&arguments[2]));
    let mut entries = changeable(&arguments[0])?;
    match place(&entries, &key) {
        Ok(place) => entries[place].1 = value,
        Err(place) => entries.insert(place, (key, value)),
    }
    Ok(Edn::Map(entries))
}

fn dissoc(arguments: Arguments) -> Result<Edn, String> {
    let mut entries = changeable(&arguments[0])?;
    if let Ok(place) = place(&entries, &arguments[1]) {
        entries.remove(place);
    }
    Ok(Edn::Map(entries))
}
