//! Names of metrics as people type them.

/// Longest name repeated in an error.
const GIVEN_CHARS_MAX: usize = 80;

/// A name that no metric has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{given}` is no {kind} metric; did you mean `{nearest}`? There are: {known}")]
pub struct UnknownMetric {
    given: String,
    kind: &'static str,
    nearest: String,
    known: String,
}

impl UnknownMetric {
    /// The error for `given`; `known` are the names there are, at least one.
    pub(crate) fn new(given: &str, kind: &'static str, known: &[&str]) -> Self {
        let given: String = given.chars().take(GIVEN_CHARS_MAX).collect();
        let nearest = known.iter().min_by_key(|name| strsim::damerau_levenshtein(&given, name));
        let nearest = nearest.map(|name| (*name).to_owned()).unwrap_or_default();
        Self { given, kind, nearest, known: known.join(", ") }
    }
}
