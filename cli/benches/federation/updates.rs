//! Updates that nobody trained: small numbers, other ones for each site, the same in each run.

/// The updates of a model with so many weights.
#[derive(Clone, Copy)]
pub struct Updates {
    /// Of the model.
    pub weights: u64,
}

/// The largest number in an update.
const MAGNITUDE: f32 = 0.01;

impl Updates {
    /// Of one site (xorshift64).
    pub fn of(self, site: usize) -> Vec<f32> {
        let mut state = 0x9e37_79b9_7f4a_7c15 ^ (site as u64 + 1);
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // The upper half, as a part of the largest.
            (state >> 32) as u32 as i32 as f32 / i32::MAX as f32 * MAGNITUDE
        };
        (0..self.weights).map(next).collect()
    }
}
