//! The words that everybody here uses: names, time, messages, errors.
//!
//! Nothing in this room does anything by itself. The protocols and the state machines are
//! written with these types and with each other alone; the runtime and the storage, which meet
//! the world, are written with these types too.
//!
//! Deliberately absent: whatever only one room needs.

mod error;
mod incarnation;
pub(crate) mod json;
mod member_change;
mod message;
mod node_id;
mod time;
mod version_vector;

pub use error::{Error, ErrorCode};
pub use incarnation::Incarnation;
pub use json::Json;
pub use member_change::MemberChange;
pub use message::{Body, Message};
pub use node_id::NodeId;
pub use time::Time;
pub use version_vector::VersionVector;
