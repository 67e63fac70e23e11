//! Updates to ring words and back (specification, 5.8 and 5.9).

mod contribution;
mod noise;
mod quantise;
mod sum;
mod words;

pub(crate) use contribution::sum_of_squares;
pub use contribution::{Contribution, Rounding, Update, Weight};
pub use noise::{BlockNoise, NoiseFailure, NoiseShare};
pub use sum::{DecodeSum, SumError, TotalWeight};
pub use words::{load_words, store_words};

#[cfg(test)]
mod tests;
