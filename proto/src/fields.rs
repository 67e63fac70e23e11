//! Single fields: wire values to the types of the house.

use wardround_plan::{Digest, PlanDigest, RoundNumber, SiteId, StudyId};
use wardround_round::{Attempt, RoundId, Summand};

/// A field that a peer filled wrongly.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {problem}")]
pub struct FieldError {
    field: &'static str,
    problem: String,
}

impl FieldError {
    /// `field` is wrong because of `problem`.
    pub fn new(field: &'static str, problem: impl ToString) -> Self {
        Self { field, problem: problem.to_string() }
    }
}

/// A SHA-256 digest: exactly 32 bytes.
pub fn digest(field: &'static str, bytes: &[u8]) -> Result<Digest, FieldError> {
    let exact = bytes.try_into().map_err(|_| FieldError::new(field, format!("{} bytes, expected 32", bytes.len())))?;
    Ok(Digest::from_bytes(exact))
}

/// A plan's digest: exactly 32 bytes.
pub fn plan_digest(field: &'static str, bytes: &[u8]) -> Result<PlanDigest, FieldError> {
    digest(field, bytes).map(PlanDigest)
}

/// A site's name.
pub fn site(field: &'static str, name: &str) -> Result<SiteId, FieldError> {
    SiteId::new(name).map_err(|error| FieldError::new(field, error))
}

/// A study's name.
pub fn study(field: &'static str, name: &str) -> Result<StudyId, FieldError> {
    StudyId::new(name).map_err(|error| FieldError::new(field, error))
}

/// A round: 1 or more.
pub fn round(field: &'static str, number: u32) -> Result<RoundNumber, FieldError> {
    RoundNumber::new(number).ok_or_else(|| FieldError::new(field, "0, expected 1 or more"))
}

/// An attempt at a round of a study, from the fields of these names.
pub fn round_id(study_name: &str, round_number: u32, attempt: u32, scores: bool) -> Result<RoundId, FieldError> {
    Ok(RoundId {
        study: study("study", study_name)?,
        round: round("round", round_number)?,
        attempt: Attempt::new(attempt).ok_or_else(|| FieldError::new("attempt", "0, expected 1 or more"))?,
        summand: if scores { Summand::Scores } else { Summand::Update },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_32_bytes_are_a_digest() {
        for length in [0, 31, 33, 64] {
            assert!(digest("sha256", &vec![7; length]).is_err(), "{length}");
        }
        assert_eq!(digest("sha256", &[7; 32]), Ok(Digest::from_bytes([7; 32])));
    }

    #[test]
    fn the_field_is_named() {
        let error = study("study", "../etc").expect_err("no name");
        assert!(error.to_string().starts_with("field `study`"), "{error}");
        assert!(round("round", 0).is_err() && site("site", "A").is_err());
    }
}
