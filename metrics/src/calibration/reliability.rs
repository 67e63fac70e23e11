//! The reliability table and the expected calibration error.
//!
//! Bins of equal width follow torchmetrics 1.9 to the edge: n bins from 0 to 1, each holding its lower edge and not its upper,
//! and beyond them one more that holds exactly 1. The edges are torch's `linspace`: counted from 0 in the lower half and from 1
//! in the upper. Bins of equal mass follow scikit-learn 1.9 (`calibration_curve`, strategy `quantile`): the edges are quantiles
//! of the confidences, each bin holds its upper edge and not its lower, the first both; equal confidences share a bin, so that
//! masses are equal only where confidences differ.

use super::Claim;
use crate::quantile::quantile_of_sorted;

/// Bins that one table holds.
const BINS_MAX: u16 = 1_000;

/// How many bins: 1 to 1,000.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BinCount(u16);

/// A number of bins that makes no table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{given} bins: give 1 to {BINS_MAX}; 15 is usual")]
pub struct BinCountError {
    given: u16,
}

/// Claims by how sure they were.
#[derive(Debug, Clone, PartialEq)]
pub struct ReliabilityTable {
    rows: Vec<ReliabilityRow>,
}

/// One bin.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ReliabilityRow {
    /// Lower edge.
    pub from: f64,
    /// Upper edge; the lower one again in the bin that holds exactly 1.
    pub to: f64,
    /// Claims in it.
    pub n: u64,
    confidence_sum: f64,
    held: u64,
}

impl BinCount {
    /// What most papers use.
    pub const FIFTEEN: Self = Self(15);

    /// Checks a number of bins.
    ///
    /// # Errors
    /// [`BinCountError`] unless it is 1 to 1,000.
    pub fn new(bins: u16) -> Result<Self, BinCountError> {
        if (1..=BINS_MAX).contains(&bins) { Ok(Self(bins)) } else { Err(BinCountError { given: bins }) }
    }

    /// The number.
    pub fn get(self) -> u16 {
        self.0
    }
}

impl ReliabilityTable {
    /// Bins of equal width.
    pub fn equal_width(claims: impl IntoIterator<Item = Claim>, bins: BinCount) -> Self {
        let edges: Vec<f64> = (0..=bins.0).map(|edge| linspace(edge, bins)).collect();
        let upper = edges.iter().skip(1).chain([&1.0]);
        let mut rows: Vec<_> = edges.iter().zip(upper).map(|(from, to)| ReliabilityRow::empty(*from, *to)).collect();
        for claim in claims {
            // The first edge is 0 and no probability is below it.
            let bin = edges.partition_point(|edge| *edge <= claim.confidence.get()) - 1;
            rows[bin].add(claim);
        }
        Self { rows }
    }

    /// Bins of equal mass; none without a claim.
    pub fn equal_mass(claims: &[Claim], bins: BinCount) -> Self {
        let mut sorted: Vec<f64> = claims.iter().map(|claim| claim.confidence.get()).collect();
        sorted.sort_by(f64::total_cmp);
        let share = |edge: u16| if edge == bins.0 { 1.0 } else { f64::from(edge) * (1.0 / f64::from(bins.0)) };
        // Percentages and back, as numpy takes them: one bit more or less moves a claim that is an edge.
        let edges: Option<Vec<f64>> =
            (0..=bins.0).map(|edge| quantile_of_sorted(&sorted, share(edge) * 100.0 / 100.0)).collect();
        let Some(edges) = edges else { return Self { rows: Vec::new() } };
        let mut rows: Vec<_> = edges.windows(2).map(|pair| ReliabilityRow::empty(pair[0], pair[1])).collect();
        let inner = &edges[1..edges.len() - 1];
        for claim in claims {
            rows[inner.partition_point(|edge| *edge < claim.confidence.get())].add(*claim);
        }
        Self { rows }
    }

    /// The bins, from unsure to sure.
    pub fn rows(&self) -> &[ReliabilityRow] {
        &self.rows
    }

    /// Claims in all bins.
    pub fn n(&self) -> u64 {
        self.rows.iter().map(|row| row.n).sum()
    }

    /// Expected calibration error, 0 to 1: the distance of confidence from truth, averaged over the claims. `None` without a
    /// claim.
    pub fn expected_calibration_error(&self) -> Option<f64> {
        let n = self.n();
        let distance = |row: &ReliabilityRow| (row.held as f64 - row.confidence_sum).abs();
        (n > 0).then(|| self.rows.iter().map(distance).sum::<f64>() / n as f64)
    }
}

impl ReliabilityRow {
    fn empty(from: f64, to: f64) -> Self {
        Self { from, to, n: 0, confidence_sum: 0.0, held: 0 }
    }

    fn add(&mut self, claim: Claim) {
        self.n += 1;
        self.confidence_sum += claim.confidence.get();
        self.held += u64::from(claim.held);
    }

    /// Mean confidence; `None` in an empty bin.
    pub fn mean_confidence(&self) -> Option<f64> {
        (self.n > 0).then(|| self.confidence_sum / self.n as f64)
    }

    /// The share that was so; `None` in an empty bin.
    pub fn accuracy(&self) -> Option<f64> {
        (self.n > 0).then(|| self.held as f64 / self.n as f64)
    }
}

/// The edge numbered `edge` of `bins` bins from 0 to 1.
fn linspace(edge: u16, bins: BinCount) -> f64 {
    let (edge, bins) = (f64::from(edge), f64::from(bins.0));
    let step = 1.0 / bins;
    // torch counts its points, one more than bins, and rounds once in the upper half.
    if edge < ((bins + 1.0) / 2.0).floor() { step * edge } else { (edge - bins).mul_add(step, 1.0) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::calibration::Probability;
    use proptest::prelude::*;

    fn claim(confidence: f64, held: bool) -> Claim {
        Claim { confidence: Probability::new(confidence).expect("from 0 to 1"), held }
    }

    fn bins(bins: u16) -> BinCount {
        BinCount::new(bins).expect("some")
    }

    #[test]
    fn a_bin_of_equal_width_holds_its_lower_edge_and_one_stands_alone() {
        let claims = [0.0, 0.25, 0.5, 0.75, 1.0, 0.999].map(|confidence| claim(confidence, true));
        let table = ReliabilityTable::equal_width(claims, bins(4));
        assert_eq!(table.rows().iter().map(|row| row.n).collect::<Vec<_>>(), [1, 1, 1, 2, 1]);
        assert_eq!(table.rows().last().map(|row| (row.from, row.to)), Some((1.0, 1.0)));
    }

    #[test]
    fn equal_confidences_share_a_bin_of_equal_mass() {
        let claims = [0.1, 0.2, 0.2, 0.2, 0.2, 0.9].map(|confidence| claim(confidence, true));
        let counts =
            |bins| ReliabilityTable::equal_mass(&claims, bins).rows().iter().map(|row| row.n).collect::<Vec<_>>();
        assert_eq!(counts(bins(2)), [5, 1]);
        assert_eq!(counts(bins(3)), [5, 0, 1]);
        assert_eq!(counts(bins(1)), [6]);
    }

    #[test]
    fn the_error_agrees_with_a_count_by_hand() {
        let table = ReliabilityTable::equal_width([claim(0.9, true), claim(0.8, false), claim(0.2, false)], bins(2));
        // The lower bin is off by .2, the upper by 1.7 - 1 over two claims.
        assert!((table.expected_calibration_error().expect("claims") - (0.2 + 0.7) / 3.0).abs() < 1e-15);
        assert_eq!(table.rows()[1].accuracy(), Some(0.5));
        assert_eq!(table.rows()[2].mean_confidence(), None, "nothing was certain");
    }

    #[test]
    fn without_a_claim_there_is_no_error() {
        assert_eq!(ReliabilityTable::equal_width([], BinCount::FIFTEEN).expected_calibration_error(), None);
        assert_eq!(ReliabilityTable::equal_mass(&[], BinCount::FIFTEEN).expected_calibration_error(), None);
    }

    #[test]
    fn a_number_of_bins_without_a_table_is_refused() {
        assert!(BinCount::new(0).is_err() && BinCount::new(BINS_MAX + 1).is_err() && BinCount::new(BINS_MAX).is_ok());
    }

    proptest! {
        #[test]
        fn every_claim_is_in_one_bin_and_the_error_is_within_bounds(claims in proptest::collection::vec((0.0..=1.0f64, any::<bool>()), 1..80), count in 1u16..40) {
            let claims: Vec<_> = claims.into_iter().map(|(confidence, held)| claim(confidence, held)).collect();
            for table in [ReliabilityTable::equal_width(claims.clone(), bins(count)), ReliabilityTable::equal_mass(&claims, bins(count))] {
                prop_assert_eq!(table.n(), claims.len() as u64);
                let error = table.expected_calibration_error().expect("claims");
                prop_assert!((0.0..=1.0).contains(&error), "{error}");
            }
        }
    }
}
