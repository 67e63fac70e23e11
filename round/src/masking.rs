//! What both sides of a masked sum have to do alike: the ring, the parameters that follow from the plan, and the file in which
//! a masked update travels.
//!
//! Sums are those of ordinary rounds: fixed-point numbers with units of 2^-32 in 64 bits. So masking changes no bit of a model.

use wardround_plan::Plan;
use wardround_secagg::session::{Encoding, Lane, VectorShape};

/// Units in 1.0, and the largest magnitude of one weight of an update, as in a sum without masks.
const UNITS: f64 = 4_294_967_296.0;
const UPDATE_ABS_MAX: f64 = 1024.0;
/// Words of a chunk: 1 MiB.
const CHUNK_WORDS: u32 = 1 << 17;
/// Longest message of a masked update: a chunk with its envelope.
const MESSAGE_BYTES_MAX: usize = CHUNK_WORDS as usize * 8 + 1024;
/// What envelopes and lengths add to a masked update, at most: for each message, and there are two besides the chunks.
const FRAME_BYTES_MAX: u64 = 256;

/// The shape of the masked update of a model of so many bytes; `None` for a model that no plan has.
pub fn vector_shape(model_bytes: u64) -> Option<VectorShape> {
    VectorShape::new(Lane::Bits64, model_bytes / 4, CHUNK_WORDS).ok()
}

/// How updates become integers in the sessions of `plan`.
pub fn encoding(plan: &Plan, shape: &VectorShape) -> Encoding {
    let weight_max = plan.weight_max();
    let clip_linf = UPDATE_ABS_MAX * f64::from(weight_max);
    // Longer than any update within the bound on its coordinates: nothing is clipped.
    let clip_l2 = 2.0 * clip_linf * (shape.coordinates() as f64).sqrt();
    Encoding { scale: UNITS, clip_linf, clip_l2, weight_max }
}

/// Most bytes of a masked update: its vector, with what frames it.
pub fn masked_bytes_max(shape: &VectorShape) -> u64 {
    shape.bytes() + FRAME_BYTES_MAX * (u64::from(shape.chunks()) + 2)
}

/// Writes the length of a message of a masked update in front of it.
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
            Err(format!("a part of the masked update claims {length} bytes, at most {MESSAGE_BYTES_MAX} are possible"))
        }
    }
}
