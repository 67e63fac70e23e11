//! What both sides of a masked sum have to do alike: the ring, the parameters that follow from the plan, and the file in which
//! a masked vector travels.
//!
//! Sums of updates are those of ordinary rounds: fixed-point numbers with units of 2^-32 in 64 bits. So masking changes no
//! bit of a model. Sums of scores are whole numbers ([`crate::tally`]).

use crate::{ModelRef, RoundId, Summand, tally};
use wardround_plan::Plan;
use wardround_secagg::session::{Encoding, Lane, VectorShape};
use wardround_secagg::wire::Round;

/// Units in 1.0, and the largest magnitude of one weight of an update, as in a sum without masks.
const UNITS: f64 = 4_294_967_296.0;
const UPDATE_ABS_MAX: f64 = 1024.0;
/// Words of a chunk: 1 MiB.
const CHUNK_WORDS: u32 = 1 << 17;
/// Longest message of a masked vector: a chunk with its envelope.
const MESSAGE_BYTES_MAX: usize = CHUNK_WORDS as usize * 8 + 1024;
/// What envelopes and lengths add to a masked vector, at most: for each message, and there are two besides the chunks.
const FRAME_BYTES_MAX: u64 = 256;

/// What is summed in a session: by the plan alone, so that both sides know it without being told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SumTerms {
    /// Coordinates and ring.
    pub vector: VectorShape,
    /// From numbers to units of the ring.
    pub encoding: Encoding,
}

impl SumTerms {
    /// The terms of a round of `plan` with a model of this size; `None` for a model that no plan has.
    pub fn of(plan: &Plan, summand: Summand, model: &ModelRef) -> Option<Self> {
        let (words, clip_linf, scale, weight_max) = match summand {
            Summand::Update => {
                let weight_max = plan.weight_max();
                (model.bytes / 4, UPDATE_ABS_MAX * f64::from(weight_max), UNITS, weight_max)
            }
            Summand::Scores => (tally::words(plan) as u64, tally::WORD_MAX as f64, 1.0, 1),
        };
        let vector = VectorShape::new(Lane::Bits64, words, CHUNK_WORDS).ok()?;
        // Longer than any vector within the bound on its coordinates: nothing is clipped.
        let clip_l2 = 2.0 * clip_linf * (words as f64).sqrt();
        Some(Self { vector, encoding: Encoding { scale, clip_linf, clip_l2, weight_max } })
    }
}

/// The number under which a site remembers that it took part in a sum: updates and scores of one round are two.
pub fn session_round(id: &RoundId) -> Round {
    let scores = u64::from(id.summand == Summand::Scores);
    Round(2 * u64::from(id.round.get()) + scores)
}

/// Most bytes of a masked vector, with what frames it.
pub fn masked_bytes_max(shape: &VectorShape) -> u64 {
    shape.bytes() + FRAME_BYTES_MAX * (u64::from(shape.chunks()) + 2)
}

/// Writes the length of a message of a masked vector in front of it.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("messages are at most a chunk long");
    [&length.to_le_bytes()[..], message].concat()
}

/// Reads the length of the next message.
///
/// # Errors
/// In words, for a length that no message has.
pub fn frame_length(bytes: [u8; 4]) -> Result<usize, String> {
    let length = u32::from_le_bytes(bytes) as usize;
    match length {
        1..=MESSAGE_BYTES_MAX => Ok(length),
        _ => {
            Err(format!("a part of the masked vector claims {length} bytes, at most {MESSAGE_BYTES_MAX} are possible"))
        }
    }
}
