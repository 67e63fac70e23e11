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
        line: error.span().map(|span| line_of_mistake(text, line_of(text, span.start), error.message())),
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

/// Where a section is read as a whole, the place given is its first line: the unknown word is on it or below, before the next
/// section.
fn line_of_mistake(text: &str, first: usize, message: &str) -> usize {
    let Some(word) = unknown_word(message) else { return first };
    let below = text.lines().enumerate().skip(first.saturating_sub(1));
    let section = below.take_while(|(index, line)| index + 1 == first || !line.trim_start().starts_with('['));
    let names = |line: &str| line.split(['=', '"', '[', ']']).any(|part| part.trim() == word);
    section.into_iter().find(|(_, line)| names(line)).map_or(first, |(index, _)| index + 1)
}

/// serde writes "unknown field `x`, expected one of `a`, `b`": the quoted words are the key and its alternatives.
fn suggestion(message: &str) -> Option<String> {
    let given = unknown_word(message)?;
    let quoted = message.split('`').skip(3).step_by(2);
    quoted
        .map(|known| (strsim::damerau_levenshtein(given, known), known))
        .min()
        .filter(|(distance, known)| *distance <= known.chars().count().max(3) / 2)
        .map(|(_, known)| known.to_owned())
}

fn unknown_word(message: &str) -> Option<&str> {
    message.strip_prefix("unknown ").and_then(|rest| rest.split('`').nth(1))
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
    fn a_mistake_in_a_section_read_as_a_whole_has_its_own_line() {
        #[derive(Debug, serde::Deserialize)]
        #[serde(tag = "kind")]
        enum Part {
            Small(#[expect(dead_code, reason = "only parsing is tested")] Small),
        }
        #[derive(Debug, serde::Deserialize)]
        struct Whole {
            #[expect(dead_code, reason = "only parsing is tested")]
            part: Part,
        }
        let text = "[part]\nkind = \"Small\"\nruonds = 3\n[other]\nruonds = 4\n";
        let error = parse_document::<Whole>(text).expect_err("`ruonds` is unknown");
        assert_eq!((error.line(), error.suggestion()), (Some(3), Some("rounds")));
        assert_eq!(line_of_mistake("[part]\nrounds = 1\n[other]\nruonds = 4", 1, "unknown field `ruonds`"), 1);
    }

    #[test]
    fn a_key_like_nothing_known_gets_no_suggestion() {
        let error = parse_document::<Small>("rounds = 1\nzzzzzzzzzz = 3\n").expect_err("unknown");
        assert_eq!(error.suggestion(), None);
    }
}
