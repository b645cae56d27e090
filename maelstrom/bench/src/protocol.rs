//! What a workload asks of a node, for its documents: each kind of request with an example that
//! the workload's own client makes, and the form of the reply that this client takes.
//!
//! So the documents cannot say anything else than the bench does: a request is printed as it was
//! sent, and the forms of replies follow from the types into which they are read.

use std::collections::BTreeMap;

use gyre::Body;

use crate::client::{Client, Exact, Integer, List, Operation, Reply, Step};

/// A kind of request, and its reply.
#[derive(Clone, Debug)]
pub struct Rpc {
    /// What the request wants, in a sentence or two.
    pub about: &'static str,
    /// An example, without its `msg_id`.
    pub request: Body,
    /// The reply's type.
    pub reply: &'static str,
    /// What the reply says.
    pub reply_about: String,
    /// The reply's own keys, and what stands under each.
    pub fields: Vec<(&'static str, String)>,
}

impl Rpc {
    /// The request that a client makes of an operation, answered by `R`.
    ///
    /// # Panics
    /// When the client does not ask anything.
    pub fn of<R: Reply>(about: &'static str, client: &mut dyn Client, of: &Operation) -> Rpc {
        match client.invoke(of) {
            Step::Request(request) => Rpc::new::<R>(about, request),
            Step::Done(_) => panic!("{} asks nothing of a node", of.f),
        }
    }

    /// This request, answered by `R`.
    pub fn new<R: Reply>(about: &'static str, request: Body) -> Rpc {
        let words: Vec<&str> = R::ABOUT.iter().map(|line| line.trim()).collect();
        Rpc { about, request, reply: R::KIND, reply_about: words.join(" "), fields: R::fields() }
    }
}

/// A type of which there is a short way to say what JSON it is read from.
pub trait Described {
    /// The form of that JSON: `integer`, `[any]`, `{string: integer}`.
    fn form() -> String;
}

macro_rules! forms {
    ($($type:ty => $form:literal),* $(,)?) => {
        $(impl Described for $type {
            fn form() -> String {
                $form.into()
            }
        })*
    };
}

forms! {
    Exact => "any",
    List => "[any, ...]",
    Integer => "integer",
    String => "string",
    bool => "boolean",
    i64 => "integer",
    i128 => "integer",
    serde_json::Value => "any",
}

impl<T: Described> Described for Option<T> {
    fn form() -> String {
        match T::form() {
            // Null is among any values.
            any if any == "any" => any,
            form => format!("{form} or null"),
        }
    }
}

impl<T: Described> Described for Vec<T> {
    fn form() -> String {
        format!("[{}, ...]", T::form())
    }
}

impl<T: Described> Described for BTreeMap<String, T> {
    fn form() -> String {
        format!("{{string: {}, ...}}", T::form())
    }
}

impl<A: Described, B: Described> Described for (A, B) {
    fn form() -> String {
        format!("[{}, {}]", A::form(), B::form())
    }
}

impl<A: Described, B: Described, C: Described> Described for (A, B, C) {
    fn form() -> String {
        format!("[{}, {}, {}]", A::form(), B::form(), C::form())
    }
}
