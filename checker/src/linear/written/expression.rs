//! Expressions: what is written, understood once, and evaluated as often as the search likes.
//!
//! Every expression has a value or is in error. There is no recursion, and what loops does so over
//! the items of a collection, so every evaluation ends. It is also short: each takes note of the
//! values that it looks at and makes, and is in error beyond [`MOST_WORK`].

use std::borrow::Cow;
use std::cell::Cell;

use super::functions::{FUNCTIONS, Function, items, named, truth};
use crate::edn::Edn;

/// So many values may be looked at or made by one step of an object.
pub const MOST_WORK: u64 = 1_000_000;

/// Deeper than this nobody writes.
const MOST_DEPTH: usize = 64;

/// An expression.
pub enum Expression {
    /// A value that stands for itself.
    Value(Edn),
    /// What a name stands for: so many scopes further out, at this place.
    Name(usize, usize),
    /// Another form, with what it is written as.
    Form(Form, String),
}

/// What is made of other expressions.
pub enum Form {
    Vector(Vec<Expression>),
    Set(Vec<Expression>),
    Map(Vec<(Expression, Expression)>),
    If(Box<[Expression; 3]>),
    /// Whether all hold, or any: those behind the first that decides are not looked at.
    All(Vec<Expression>),
    Any(Vec<Expression>),
    /// The value of the second where a name stands for that of the first.
    Let(Box<[Expression; 2]>),
    /// The same for each item of the first.
    Each(Loop, Box<[Expression; 2]>),
    Call(&'static Function, Vec<Expression>),
}

/// What is made of the values for each item.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Loop {
    Every,
    Some,
    Filter,
    Map,
}

const LOOPS: [(&str, Loop); 4] =
    [("every", Loop::Every), ("some", Loop::Some), ("filter", Loop::Filter), ("map", Loop::Map)];

/// What is written otherwise than a function.
const FORMS: [&str; 8] = ["if", "and", "or", "let", "every", "some", "filter", "map"];

/// What can be called: all functions and forms.
pub fn callable() -> Vec<&'static str> {
    FUNCTIONS.iter().map(|function| function.name).chain(FORMS).collect()
}

/// The names that an expression may mention, the innermost scope last.
pub struct Names<'a> {
    /// The names of each scope.
    pub scopes: Vec<Vec<&'a str>>,
    /// Those of the first scope that were mentioned.
    pub mentioned: Vec<usize>,
}

/// What names stand for.
pub struct Scope<'a> {
    /// In this scope.
    pub values: &'a [Edn],
    /// In those around it.
    pub outer: Option<&'a Scope<'a>>,
}

/// How much work is left.
pub struct Work(Cell<u64>);

impl Default for Work {
    fn default() -> Work {
        Work(Cell::new(MOST_WORK))
    }
}

impl Work {
    fn spend(&self, work: u64) -> Result<(), String> {
        let left = self.0.get().checked_sub(work);
        self.0.set(left.ok_or_else(|| format!("it takes more than {MOST_WORK} values"))?);
        Ok(())
    }
}

/// How many values a value is made of.
pub fn size(value: &Edn) -> u64 {
    1 + match value {
        Edn::List(items) | Edn::Vector(items) | Edn::Set(items) => items.iter().map(size).sum(),
        Edn::Map(entries) => entries.iter().map(|(key, value)| size(key) + size(value)).sum(),
        Edn::Tagged(_, value) => size(value),
        _ => 0,
    }
}

impl<'n> Names<'n> {
    fn find(&mut self, name: &str) -> Result<Expression, String> {
        let scopes = self.scopes.iter().enumerate().rev();
        let mut found = scopes.filter_map(|(number, names)| {
            Some((number, names.iter().position(|known| *known == name)?))
        });
        let Some((number, place)) = found.next() else {
            let known: Vec<&str> = self.scopes.concat();
            return Err(format!("nothing is called {name}; there are {}", known.join(", ")));
        };
        if number == 0 {
            self.mentioned.push(place);
        }
        Ok(Expression::Name(self.scopes.len() - 1 - number, place))
    }

    /// Understands what is written.
    ///
    /// # Errors
    /// A clause, when it is no expression.
    pub fn expression(&mut self, written: &'n Edn) -> Result<Expression, String> {
        if self.scopes.len() > MOST_DEPTH {
            return Err(format!("names are nested more than {MOST_DEPTH} deep"));
        }
        let form = match written {
            Edn::Symbol(name) if written.large_digits().is_none() => return self.find(name),
            Edn::Vector(items) => Form::Vector(self.all(items)?),
            Edn::Set(items) => Form::Set(self.all(items)?),
            Edn::Map(entries) => {
                let entries = entries.iter();
                let entry = |(key, value)| Ok((self.expression(key)?, self.expression(value)?));
                Form::Map(entries.map(|(k, v)| (k, v)).map(entry).collect::<Result<_, String>>()?)
            }
            Edn::List(items) => {
                self.list(items).map_err(|problem| format!("{problem}, in {written}"))?
            }
            Edn::Tagged(..) => return Err(format!("{written} has a tag, and means nothing here")),
            plain => return Ok(Expression::Value(plain.clone())),
        };
        Ok(Expression::Form(form, written.to_string()))
    }

    fn all(&mut self, written: &'n [Edn]) -> Result<Vec<Expression>, String> {
        written.iter().map(|written| self.expression(written)).collect()
    }

    fn list(&mut self, items: &'n [Edn]) -> Result<Form, String> {
        let Some((Edn::Symbol(name), arguments)) = items.split_first() else {
            return Err("the first word of a list is what to do".into());
        };
        if let Some(function) = named(name) {
            let arguments = self.all(arguments)?;
            if function.takes.contains(&arguments.len()) {
                return Ok(Form::Call(function, arguments));
            }
            let (least, most) = (function.takes.start(), function.takes.end());
            let takes = match most {
                most if most == least => least.to_string(),
                &usize::MAX => format!("{least} or more"),
                most => format!("{least} to {most}"),
            };
            return Err(format!("{name} takes {takes} values, not {}", arguments.len()));
        }
        match (&**name, arguments) {
            ("and", _) => return Ok(Form::All(self.all(arguments)?)),
            ("or", _) => return Ok(Form::Any(self.all(arguments)?)),
            ("if", [_, _, _]) => {
                let parts = self.all(arguments)?.try_into();
                return Ok(Form::If(Box::new(parts.map_err(drop).expect("there are three"))));
            }
            ("if", _) => return Err("if is like (if condition then else)".into()),
            _ => {}
        }
        let each = LOOPS.iter().find(|(known, _)| *known == &**name).map(|(_, each)| *each);
        if each.is_none() && &**name != "let" {
            return Err(format!("there is no {name}; there are {}", callable().join(" ")));
        }
        let wrong = || format!("{name} is like ({name} [name value] body)");
        let [Edn::Vector(binding), body] = arguments else { return Err(wrong()) };
        let [Edn::Symbol(bound), value] = &binding[..] else { return Err(wrong()) };
        let value = self.expression(value)?;
        self.scopes.push(vec![bound]);
        let body = self.expression(body);
        self.scopes.pop();
        let parts = Box::new([value, body?]);
        Ok(match each {
            None => Form::Let(parts),
            Some(each) => Form::Each(each, parts),
        })
    }
}

impl Expression {
    /// Its value.
    ///
    /// # Errors
    /// A clause, when it has none.
    pub fn value<'a>(&'a self, scope: &'a Scope<'a>, work: &Work) -> Result<Cow<'a, Edn>, String> {
        work.spend(1)?;
        match self {
            Expression::Value(value) => Ok(Cow::Borrowed(value)),
            Expression::Name(0, place) => Ok(Cow::Borrowed(&scope.values[*place])),
            Expression::Name(out, place) => {
                let mut scope = scope;
                for _ in 0..*out {
                    scope = scope.outer.expect("names were found in these scopes");
                }
                Ok(Cow::Borrowed(&scope.values[*place]))
            }
            Expression::Form(form, written) => {
                let value = form.value(scope, work, written)?;
                if let Cow::Owned(value) = &value {
                    work.spend(size(value))?;
                }
                Ok(value)
            }
        }
    }

    /// Whether it is true.
    ///
    /// # Errors
    /// A clause, when it has no value, or another than true and false.
    pub fn holds(&self, scope: &Scope, work: &Work) -> Result<bool, String> {
        truth(&*self.value(scope, work)?)
    }
}

impl Form {
    fn value<'a>(
        &'a self,
        scope: &'a Scope<'a>,
        work: &Work,
        written: &str,
    ) -> Result<Cow<'a, Edn>, String> {
        let all = |parts: &'a [Expression]| -> Result<Vec<Edn>, String> {
            parts.iter().map(|part| Ok(part.value(scope, work)?.into_owned())).collect()
        };
        let condition = |part: &Expression| {
            let value = part.value(scope, work)?;
            truth(&value).map_err(|problem| format!("{written} {problem}"))
        };
        Ok(Cow::Owned(match self {
            Form::Vector(items) => Edn::Vector(all(items)?),
            Form::Set(items) => {
                let mut items = all(items)?;
                items.sort_unstable();
                items.dedup();
                Edn::Set(items)
            }
            Form::Map(entries) => {
                let mut map = Vec::with_capacity(entries.len());
                for (key, value) in entries {
                    let key = key.value(scope, work)?.into_owned();
                    map.push((key, value.value(scope, work)?.into_owned()));
                }
                map.sort_unstable();
                if map.windows(2).any(|pair| pair[0].0 == pair[1].0) {
                    return Err(format!("{written} has a key twice"));
                }
                Edn::Map(map)
            }
            Form::If(parts) => {
                let [deciding, then, otherwise] = &**parts;
                let part = if condition(deciding)? { then } else { otherwise };
                return part.value(scope, work);
            }
            Form::All(parts) | Form::Any(parts) => {
                let is_any = matches!(self, Form::Any(_));
                for part in parts {
                    if condition(part)? == is_any {
                        return Ok(Cow::Owned(Edn::Bool(is_any)));
                    }
                }
                Edn::Bool(!is_any)
            }
            Form::Let(parts) => {
                let values = [parts[0].value(scope, work)?.into_owned()];
                let inner = Scope { values: &values, outer: Some(scope) };
                parts[1].value(&inner, work)?.into_owned()
            }
            Form::Each(each, parts) => {
                let collection = parts[0].value(scope, work)?;
                let of_items = each.value(&collection, &parts[1], scope, work);
                of_items.map_err(|problem| format!("{written}: {problem}"))?
            }
            Form::Call(function, arguments) => {
                let arguments: Result<Vec<_>, String> =
                    arguments.iter().map(|argument| argument.value(scope, work)).collect();
                let called = (function.call)(&arguments?);
                called.map_err(|problem| format!("{written}: {} {problem}", function.name))?
            }
        }))
    }
}

impl Loop {
    fn value(
        self,
        collection: &Edn,
        body: &Expression,
        scope: &Scope,
        work: &Work,
    ) -> Result<Edn, String> {
        let mut made = Vec::new();
        for item in items(collection)? {
            let inner = Scope { values: std::slice::from_ref(item), outer: Some(scope) };
            let value = body.value(&inner, work)?;
            match self {
                Loop::Map => made.push(value.into_owned()),
                Loop::Filter if truth(&value)? => made.push(item.clone()),
                Loop::Filter => {}
                Loop::Every | Loop::Some => {
                    let is_some = self == Loop::Some;
                    if truth(&value)? == is_some {
                        return Ok(Edn::Bool(is_some));
                    }
                }
            }
        }
        Ok(match self {
            Loop::Every => Edn::Bool(true),
            Loop::Some => Edn::Bool(false),
            Loop::Filter if matches!(collection, Edn::Set(_)) => Edn::Set(made),
            Loop::Filter | Loop::Map => Edn::Vector(made),
        })
    }
}
