//! What replicas agree on, and how it is taken apart and put together again: the state, and
//! what is known of the sessions that brought it about.
//!
//! Both a checkpoint on disk and a state on its way to a follower are rows of pieces. A piece
//! is about as long as a message should be. It is made when it can be stored or sent, from a
//! copy of the state that shares its parts with the live one.

use serde::{Deserialize, Serialize};

use super::options::Options;
use super::sessions::Sessions;
use crate::protocols::raft::{Piece, Pieces};
use crate::state_machines::StateMachine;
use crate::types::json;

/// The replicated state: the same on every replica that has applied as much.
#[derive(Clone, Default)]
pub(super) struct Image<S> {
    pub state: S,
    pub sessions: Sessions,
}

/// What a piece says.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Content<P> {
    Sessions(Sessions),
    State(Vec<P>),
}

impl<S: StateMachine> Image<S> {
    /// What a replica with these options stores and sends of it, in pieces.
    pub fn kept(&self, options: &Options) -> Pieces {
        if options.keeps_sessions {
            return self.pieces(options.piece_bytes);
        }
        let image = Image { state: self.state.clone(), sessions: Sessions::default() };
        image.pieces(options.piece_bytes)
    }

    /// All of it as it is now, in pieces of about `piece_bytes`.
    pub fn pieces(&self, piece_bytes: usize) -> Pieces {
        let sessions = Content::<S::Part>::Sessions(self.sessions.clone());
        let sessions = serde_json::to_string(&sessions).expect("sessions are JSON");
        let mut parts = self.state.clone().into_parts();
        let pieces = std::iter::from_fn(move || state_piece(&mut parts, piece_bytes));
        let text = std::iter::once(sessions).chain(pieces);
        Box::new(text.map(|text| Piece::new(text).expect("it was written as JSON")))
    }

    /// Adds a piece to what there is.
    ///
    /// # Errors
    /// When this version did not write it.
    pub fn add(&mut self, piece: &Piece) -> Result<(), String> {
        let content: Content<S::Part> = json::read_own(piece.as_str().as_bytes())
            .map_err(|error| format!("a piece of the state cannot be read: {error}"))?;
        match content {
            Content::Sessions(sessions) => self.sessions = sessions,
            Content::State(parts) => parts.into_iter().for_each(|part| self.state.add(part)),
        }
        Ok(())
    }
}

/// The text of a [`Content::State`] with as many parts as fit, but at least one if there is one.
fn state_piece<P: Serialize>(
    parts: &mut impl Iterator<Item = P>,
    piece_bytes: usize,
) -> Option<String> {
    let mut text = br#"{"state":["#.to_vec();
    let start = text.len();
    while text.len() - start < piece_bytes
        && let Some(part) = parts.next()
    {
        if text.len() > start {
            text.push(b',');
        }
        serde_json::to_writer(&mut text, &part).expect("a state machine is made of JSON");
    }
    if text.len() == start {
        return None;
    }
    text.extend_from_slice(b"]}");
    Some(String::from_utf8(text).expect("JSON is text"))
}
