//! For tests: how large a chi-square statistic may be.

/// A limit that a chi-square variable passes with a probability below e^-23 = 10^-10: k + 2√(kx) + 2x with x = 23
/// (Laurent and Massart 2000, lemma 1).
pub(crate) fn chi_squared_limit(freedom: f64) -> f64 {
    const X: f64 = 23.0;
    freedom + 2.0 * (freedom * X).sqrt() + 2.0 * X
}
