//! A source of randomness that plays a tape and can be recorded.

use std::collections::VecDeque;
use std::convert::Infallible;

use rand::{Rng, TryRng};
use rand_chacha::ChaCha8Rng;

/// Draws for one purpose: from a tape as long as that lasts, and then from a stream.
pub struct Draws<'a> {
    rng: &'a mut ChaCha8Rng,
    replayed: Option<&'a mut VecDeque<u64>>,
    recorded: Option<&'a mut VecDeque<u64>>,
}

impl<'a> Draws<'a> {
    pub(super) fn new(
        rng: &'a mut ChaCha8Rng,
        replayed: Option<&'a mut VecDeque<u64>>,
        recorded: Option<&'a mut VecDeque<u64>>,
    ) -> Draws<'a> {
        Draws { rng, replayed, recorded }
    }

    fn draw(&mut self, from_stream: impl FnOnce(&mut ChaCha8Rng) -> u64) -> u64 {
        let taped = self.replayed.as_mut().and_then(|replayed| replayed.pop_front());
        let drawn = taped.unwrap_or_else(|| from_stream(self.rng));
        if let Some(recorded) = &mut self.recorded {
            recorded.push_back(drawn);
        }
        drawn
    }
}

impl TryRng for Draws<'_> {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        // An edited tape may say more than 32 bits: the low ones count.
        Ok(self.draw(|rng| u64::from(rng.next_u32())) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(self.draw(Rng::next_u64))
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.draw(Rng::next_u64).to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
        Ok(())
    }
}
