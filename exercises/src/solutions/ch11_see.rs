//! Exercise 11-see, solved.
//!
//! 1. Everything is as it should be.
//! 2. Client 1 got offset 0 and then offset 2: it will never process message 2, though client 2 does.
//! 3. Within one poll as well: message 2 is acknowledged, and nobody ever got it.
//! 4. Both messages were told to be at offset 0.
//! 5. Whoever was told nothing must be ready for both: the message is there, and that is right.
//! 6. A poll may be behind. But at the end of a test all is polled to the end, and message 2 is missing.
//! 7. The second poll gives what the first one gave: client 1 processes it twice.
//! 8. The send failed, and the message is there. An error must be true.

use crate::stubs::ch11_see::judge;
use crate::{Task, answer};

/// One word for each history.
pub fn words() -> [&'static str; 8] {
    [
        "valid",
        "poll-skip",
        "lost-write",
        "inconsistent-offsets",
        "valid",
        "unseen",
        "nonmonotonic-poll",
        "G1a",
    ]
}

/// The answer above, judged.
pub fn task() -> Box<dyn Task> {
    answer(|| judge(words()))
}
