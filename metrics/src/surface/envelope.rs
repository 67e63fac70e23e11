//! The lower envelope of parabolas: the least squared distance of every place of a row, from what is known across it.

use super::nearest::{FAR, squared};
use crate::case::Grid;

/// The parabolas of one row that are somewhere the lowest, from left to right; a buffer for many rows.
#[derive(Default)]
pub struct Envelope(Vec<Parabola>);

/// The squared distance to one site along a row.
#[derive(Clone, Copy)]
struct Parabola {
    at_mm: f64,
    height: f64,
}

impl Envelope {
    /// Begins anew with a row: steps across slices to the nearest site at each column.
    pub fn raise(&mut self, steps: &[u16], grid: &Grid) {
        self.0.clear();
        for (column, steps) in steps.iter().enumerate().filter(|(_, steps)| **steps != FAR) {
            let height = squared(f64::from(*steps) * grid.steps_mm[0]);
            let next = Parabola { at_mm: column as f64 * grid.steps_mm[2], height };
            while let [.., before, last] = self.0[..]
                && is_hidden(&last, &before, &next)
            {
                self.0.pop();
            }
            self.0.push(next);
        }
    }

    /// Its height at each column; untouched where there is no site.
    pub fn heights(&self, heights: &mut [f64], grid: &Grid) {
        let mut rest = self.0.iter().peekable();
        let Some(mut lowest) = rest.next() else { return };
        for (column, height) in heights.iter_mut().enumerate() {
            let at_mm = column as f64 * grid.steps_mm[2];
            *height = lowest.at(at_mm);
            while let Some(next) = rest.next_if(|next| next.at(at_mm) <= *height) {
                (lowest, *height) = (next, next.at(at_mm));
            }
        }
    }
}

impl Parabola {
    fn at(&self, at_mm: f64) -> f64 {
        self.height + squared(at_mm - self.at_mm)
    }
}

/// Whether a parabola is nowhere below both its neighbours.
fn is_hidden(middle: &Parabola, left: &Parabola, right: &Parabola) -> bool {
    let (a, b) = (middle.at_mm - left.at_mm, right.at_mm - middle.at_mm);
    let c = a + b;
    c * middle.height - b * left.height - a * right.height > a * b * c
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::case::Axes;

    fn heights(steps: &[u16], steps_mm: [f64; 3]) -> Vec<f64> {
        let grid = Grid { shape: [1, 1, steps.len()], steps_mm, axes: Axes::Three };
        let (mut envelope, mut heights) = (Envelope::default(), vec![f64::INFINITY; steps.len()]);
        envelope.raise(&[0, 0, 0], &grid);
        envelope.raise(steps, &grid);
        envelope.heights(&mut heights, &grid);
        heights
    }

    #[test]
    fn each_column_has_the_least_of_all_parabolas() {
        assert_eq!(heights(&[FAR, 0, FAR, FAR, 1], [1.0; 3]), [1.0, 0.0, 1.0, 2.0, 1.0]);
        assert_eq!(heights(&[3, FAR, FAR, FAR], [2.0, 1.0, 0.5]), [36.0, 36.25, 37.0, 38.25]);
        assert_eq!(heights(&[0, 9, 0], [1.0; 3]), [0.0, 1.0, 0.0], "the middle is hidden");
    }

    #[test]
    fn a_row_without_a_site_is_left_alone() {
        assert_eq!(heights(&[FAR, FAR], [1.0; 3]), [f64::INFINITY; 2]);
    }
}
