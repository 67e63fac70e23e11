//! Small variances: a table of all probabilities that a draw can show.

use super::cells::Cells;
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::Rng;

/// One cell for each magnitude.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Narrow(Cells);

impl Narrow {
    pub fn new(variance: f64) -> Self {
        let ratios = ratios_to_zero(variance);
        // A little is left of 2^128, for the rounding of the sum.
        let scale = 2.0_f64.powi(128) * (1.0 - 1e-9) / ratios.iter().sum::<f64>();
        Self(Cells::new(ratios.iter().map(|ratio| (ratio * scale) as u128).take_while(|weight| *weight > 0)))
    }

    pub fn draw(&self, bits: &mut ChaCha20Rng) -> i64 {
        loop {
            let magnitude = self.0.draw(bits) as i64;
            match bits.next_u32() & 1 {
                0 => return magnitude,
                _ if magnitude == 0 => {}
                _ => return -magnitude,
            }
        }
    }
}

/// P(k) / P(0) = I_k(v) / I_0(v) for k from 0 to where nothing is left, by the continued fraction of I_k / I_{k-1} from its
/// tail up (Gautschi 1967): all terms are positive, and an error shrinks with every step.
pub(super) fn ratios_to_zero(variance: f64) -> Vec<f64> {
    let reach = (14.0 * variance.sqrt()) as usize + 60;
    let mut to_previous = vec![0.0; reach + 1];
    let mut ratio = 0.0;
    for k in (1..=2 * reach).rev() {
        ratio = 1.0 / (2.0 * k as f64 / variance + ratio);
        if let Some(place) = to_previous.get_mut(k) {
            *place = ratio;
        }
    }
    to_previous[0] = 1.0;
    let products = to_previous.iter().scan(1.0, |product, ratio| {
        *product *= ratio;
        Some(*product)
    });
    products.collect()
}
