//! TOML read for people: every refusal names the line and says what to write instead.

use serde::de::DeserializeOwned;
use std::fmt;

/// A mistake in a TOML document, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentError {
    line: Option<usize>,
    message: String,
    suggestion: Option<String>,
}

/// Reads `text` as a `T`. Types should be `deny_unknown_fields`; a mistyped key is answered with the nearest known one.
///
/// # Errors
/// [`DocumentError`] with the line, what is wrong, and what to write instead where that can be guessed.
pub fn parse_document<T: DeserializeOwned>(text: &str) -> Result<T, DocumentError> {
    toml::from_str(text).map_err(|error| DocumentError {
        line: error.span().map(|span| line_of(text, span.start)),
        suggestion: suggestion(error.message()),
        message: error.message().trim_end().to_owned(),
    })
}

impl DocumentError {
    /// The line of the mistake, from 1, where it is known.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// What to write instead, where it can be guessed.
    pub fn suggestion(&self) -> Option<&str> {
        self.suggestion.as_deref()
    }
}

impl fmt::Display for DocumentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        f.write_str(&self.message)?;
        match &self.suggestion {
            Some(known) => write!(f, "; did you mean `{known}`?"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for DocumentError {}

/// The line of a key in `text`, to place an error of a rule that concerns `[section] key`.
pub(crate) fn line_of_key(text: &str, section: &str, key: &str) -> Option<usize> {
    let mut current = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        if let Some(header) = line.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            current = header.trim().to_owned();
        }
        let named = line.split('=').next().map(str::trim);
        if current == section && named == Some(key) {
            return Some(index + 1);
        }
    }
    None
}

fn line_of(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

/// serde writes "unknown field `x`, expected one of `a`, `b`": the quoted words are the key and its alternatives.
fn suggestion(message: &str) -> Option<String> {
    if !message.starts_with("unknown ") {
        return None;
    }
    let mut quoted = message.split('`').skip(1).step_by(2);
    let given = quoted.next()?;
    quoted
        .map(|known| (strsim::damerau_levenshtein(given, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.chars().count().max(3) / 2)
        .map(|(_, known)| known.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, serde::Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Small {
        #[expect(dead_code, reason = "only parsing is tested")]
        rounds: u32,
    }

    #[test]
    fn a_mistyped_key_is_named_with_its_line_and_a_suggestion() {
        let error = parse_document::<Small>("rounds = 1\nruonds = 3\n").expect_err("`ruonds` is unknown");
        assert_eq!(error.line(), Some(2));
        assert_eq!(error.suggestion(), Some("rounds"));
        assert!(error.to_string().contains("line 2"), "{error}");
    }

    #[test]
    fn a_key_like_nothing_known_gets_no_suggestion() {
        let error = parse_document::<Small>("rounds = 1\nzzzzzzzzzz = 3\n").expect_err("unknown");
        assert_eq!(error.suggestion(), None);
    }
}
