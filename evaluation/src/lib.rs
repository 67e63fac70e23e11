//! What a model is worth on a site's own patients.
//!
//! A [`Measure`] is a metric by its full name. [`Answers`] are a model's predictions for some patients; a measure of them is one
//! [`Column`]: a score for each patient, a figure for all, and an interval over patients. [`bad_days`] asks the same of corrupted
//! scans. Everything here stays at the site; what a federation learns goes another way, through noised histograms.

mod answers;
mod bad_days;
mod column;
mod measure;
mod segmented;

pub use answers::{Answers, AnswersError, Setting};
pub use bad_days::{BadDay, BadDays, bad_days};
pub use column::Column;
pub use measure::{Measure, MeasureError};
pub use segmented::ImageSpacing;
