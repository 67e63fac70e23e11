//! Saying no, with a reason.

use serde::{Deserialize, Serialize};
use std::fmt;

/// Longest text of a refusal.
const TEXT_BYTES_MAX: usize = 500;

/// A site's no: to a study, to a round, or to going on with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    reason: RefusalReason,
    text: String,
}

/// The fixed vocabulary of refusals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RefusalReason {
    /// The site's policy does not list this plan.
    PlanNotAllowed,
    /// The site's policy does not allow this purpose.
    PurposeNotAllowed,
    /// The plan has no privacy and the site's policy demands it.
    PrivacyRequired,
    /// Fewer sites are invited than the site's policy demands.
    CohortTooSmall,
    /// The plan breaks a rule or cannot be read.
    PlanUnreadable,
    /// The plan is not the one that its digest names.
    PlanDigestMismatch,
    /// The site's registry gives the plan's network another layout, or does not know it.
    ModelUnknown,
    /// The site's folder cannot serve this plan.
    DataUnusable,
    /// Training did not give a usable update.
    TrainingFailed,
    /// The site's privacy budget does not cover the study, or not another round of it.
    BudgetExceeded,
    /// The site's ledger is missing, damaged or older than it was.
    LedgerUnusable,
    /// Something at the site broke; its log says what.
    Internal,
}

impl Refusal {
    /// A refusal; the text is cut at 500 bytes. It must hold no file name and nothing of a patient.
    pub fn new(reason: RefusalReason, text: impl Into<String>) -> Self {
        let mut text = text.into();
        let end = (0..=TEXT_BYTES_MAX.min(text.len())).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        Self { reason, text }
    }

    /// Why, as a word of the protocol.
    pub fn reason(&self) -> RefusalReason {
        self.reason
    }

    /// Why, in words for people.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_at_a_character() {
        let refusal = Refusal::new(RefusalReason::Internal, "é".repeat(400));
        assert_eq!(refusal.text().len(), TEXT_BYTES_MAX);
        assert!(refusal.text().chars().all(|c| c == 'é'));
    }
}
