//! Noise of this site's own, added to its integers before they are masked. How it is drawn is another room's matter.

use crate::session::NoiseLaw;

/// A site's share of the noise in the sum.
///
/// Its draws are independent and handed out once: a second attempt at a round takes fresh ones.
pub trait NoiseShare {
    /// The distribution.
    fn law(&self) -> NoiseLaw;

    /// The variance of each draw, in squared ring units; never more than it is.
    fn variance(&self) -> f64;

    /// The next `count` sources, each for one block of words.
    ///
    /// # Errors
    /// [`NoiseFailure`] where there are no more.
    fn blocks(&mut self, count: usize) -> Result<Vec<Box<dyn BlockNoise>>, NoiseFailure>;
}

/// Noise for one block.
pub trait BlockNoise: Send {
    /// Adds one draw to each.
    fn add_to(&mut self, integers: &mut [i64]);
}

/// There is no noise to add, so nothing may leave.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no noise could be drawn: {0}")]
pub struct NoiseFailure(pub String);
