//! What a site sends in a round: one vector, whose sum over the sites is all that the server's rule needs.
//!
//! The vector is made of parts as long as the model, one behind the other, and of a few numbers at its end. It is summed as a
//! whole, masked or not: a strategy that sends more sends a longer vector, and nothing else in the house has to know.

/// Most parts of a message that are as long as the model.
pub const MESSAGE_VECTORS_MAX: usize = 2;

/// How a message is made up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageShape {
    /// Parts as long as the model, 1 to [`MESSAGE_VECTORS_MAX`]; the first is the update.
    pub vectors: usize,
    /// Numbers behind them.
    pub scalars: usize,
}

impl MessageShape {
    /// The update and nothing else.
    pub const UPDATE: Self = Self { vectors: 1, scalars: 0 };

    /// Numbers in a message for a model of `weights` weights.
    pub fn len(&self, weights: usize) -> usize {
        self.vectors * weights + self.scalars
    }
}
