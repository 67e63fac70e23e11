//! Which of a row of cells: exactly by weights of 128 bits, at the price of 64 random bits but once in 10^9 draws.
//!
//! A uniform number of 128 bits is compared with cumulative weights (inversion), its upper half first; the lower half is
//! drawn only where the upper one does not tell. A guide table (Chen and Asau 1974) says where to begin.

use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

/// The guide has one entry for each value of so many leading bits.
const GUIDE_BITS: u32 = 11;

/// Cells to draw from. What their weights leave of 2^128 is drawn again.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cells {
    /// Upper halves of the sums of weights up to each cell and with it, and one entry that nothing is above.
    high: Vec<u64>,
    low: Vec<u64>,
    guide: Vec<u16>,
}

impl Cells {
    /// From weights whose sum is below 2^128; fewer than 2^16 of them.
    pub fn new(weights: impl Iterator<Item = u128>) -> Self {
        let cumulative = weights.scan(0_u128, |sum, weight| {
            *sum = sum.checked_add(weight).expect("weights are scaled to a sum below 2^128");
            Some(*sum)
        });
        let cumulative: Vec<u128> = cumulative.collect();
        let low = cumulative.iter().map(|sum| *sum as u64).collect();
        let high: Vec<u64> = cumulative.iter().map(|sum| (sum >> 64) as u64).chain([u64::MAX]).collect();
        let first_from = |leading: u64| high.partition_point(|sum| *sum < leading << (64 - GUIDE_BITS));
        let guide = (0..1 << GUIDE_BITS).map(|leading| u16::try_from(first_from(leading)).expect("fewer than 2^16"));
        Self { guide: guide.collect(), high, low }
    }

    /// A cell, with the probability that its weight has in all weights.
    #[inline]
    pub fn draw(&self, bits: &mut ChaCha20Rng) -> usize {
        loop {
            let high = bits.next_u64();
            let mut cell = usize::from(self.guide[(high >> (64 - GUIDE_BITS)) as usize]);
            while self.high[cell] < high {
                cell += 1;
            }
            if self.high[cell] > high && cell < self.low.len() {
                return cell;
            }
            if let Some(cell) = self.settled(cell, high, bits) {
                return cell;
            }
        }
    }

    /// The upper half is that of `cell`, or beyond all: the lower half decides.
    #[cold]
    fn settled(&self, cell: usize, high: u64, bits: &mut ChaCha20Rng) -> Option<usize> {
        let low = bits.next_u64();
        let ties = self.high[cell..self.low.len()].iter().take_while(|sum| **sum == high).count();
        let within = self.low[cell..cell + ties].partition_point(|sum| *sum <= low);
        let settled = cell + within;
        (settled < self.low.len()).then_some(settled)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::noise::testing::chi_squared_limit;
    use rand_chacha::rand_core::SeedableRng;

    #[test]
    fn cells_are_drawn_by_their_weights_and_the_rest_is_drawn_again() {
        const DRAWS: usize = 1_000_000;
        let unit = u128::MAX / 100;
        // Cells of no weight, of neighbouring sums, and beyond a guide's entry; a tenth is left over.
        let weights = [10 * unit, 0, unit, unit, 0, 70 * unit, 8 * unit, 0];
        let cells = Cells::new(weights.into_iter());
        let mut bits = ChaCha20Rng::from_seed([1; 32]);
        let mut seen = [0.0; 8];
        (0..DRAWS).for_each(|_| seen[cells.draw(&mut bits)] += 1.0);
        let expected = weights.map(|weight| (weight / unit) as f64 / 90.0 * DRAWS as f64);
        let used = seen.iter().zip(expected).filter(|(_, expected)| *expected > 0.0);
        let statistic: f64 = used.map(|(seen, expected)| (seen - expected).powi(2) / expected).sum();
        assert!(statistic < chi_squared_limit(4.0), "{statistic}: {seen:?}");
        assert_eq!([seen[1], seen[4], seen[7]], [0.0; 3]);
    }

    #[test]
    fn lower_halves_decide_among_cells_that_share_an_upper_one() {
        let cells = Cells::new([1 << 64, 3, 0, 1 << 62, 1 << 64].into_iter());
        let mut bits = ChaCha20Rng::from_seed([2; 32]);
        let mut count = [0; 5];
        for _ in 0..40_000 {
            if let Some(cell) = cells.settled(0, 1, &mut bits) {
                count[cell] += 1;
            }
        }
        assert_eq!(count[..3], [0, 0, 0], "three of 2^64 are not seen");
        assert!((9_000..11_000).contains(&count[3]), "a quarter of what shares the upper half: {count:?}");
        assert_eq!(count[3] + count[4], 40_000, "what is beyond belongs to the next");
        assert_eq!(cells.settled(5, u64::MAX, &mut bits), None, "what is beyond all is nobody's");
    }
}
