//! What a sweep changes: one key of a scenario, and the values it takes in turn.

use super::SweepError;
use serde::{Deserialize, Serialize};
use std::str::FromStr;

/// The word for "without this key".
const ABSENT: &str = "none";

/// `KEY=V1,V2`: a key with its sections, and its values. A value is a TOML literal; a bare word is a string; `none` takes the
/// key away, and `"none"` in quotes is the word.
#[derive(Debug, Clone, PartialEq)]
pub struct Override {
    /// As it was written: `privacy.epsilon`.
    key: String,
    choices: Vec<Choice>,
}

/// One key with one of its values, in words.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Setting {
    /// With its sections: `privacy.epsilon`.
    pub key: String,
    /// As it was written; `none` where the key was taken away.
    pub value: String,
}

/// One value of an override.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Choice {
    /// As it was written.
    pub(super) text: String,
    /// `None` takes the key away.
    pub(super) value: Option<toml::Value>,
}

impl Override {
    pub(super) fn key(&self) -> &str {
        &self.key
    }

    pub(super) fn choices(&self) -> &[Choice] {
        &self.choices
    }

    /// The key without its sections.
    pub(super) fn last(&self) -> &str {
        self.key.rsplit('.').next().unwrap_or(&self.key)
    }
}

impl FromStr for Override {
    type Err = SweepError;

    fn from_str(text: &str) -> Result<Self, SweepError> {
        let refuse = |problem: &str| SweepError::Override { text: text.into(), problem: problem.into() };
        let (key, values) = text.split_once('=').ok_or_else(|| refuse("it has no `=`"))?;
        let key = key.trim();
        let is_name = |part: &str| !part.is_empty() && part.chars().all(is_bare);
        if !key.contains('.') || !key.split('.').all(is_name) {
            return Err(refuse("the key has to be named with its section"));
        }
        let choices: Option<Vec<Choice>> = parted(values).into_iter().map(Choice::read).collect();
        let choices = choices.ok_or_else(|| refuse("a value is neither a TOML literal nor one word"))?;
        Ok(Self { key: key.into(), choices })
    }
}

impl Choice {
    fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let of = |value| Some(Self { text: text.into(), value });
        if text == ABSENT {
            return of(None);
        }
        let read = toml::from_str::<toml::Table>(&format!("value = {text}")).ok();
        // One key and no more: a value with a line break could smuggle in others.
        match read.filter(|table| table.len() == 1).and_then(|mut table| table.remove("value")) {
            Some(value) => of(Some(value)),
            None if !text.is_empty() && text.chars().all(is_bare) => of(Some(toml::Value::String(text.into()))),
            None => None,
        }
    }

    /// For the name of a folder.
    pub(super) fn slug(&self) -> String {
        let words = match &self.value {
            Some(toml::Value::String(word)) => word,
            _ => &self.text,
        };
        words.chars().map(|c| if is_bare(c) || c == '.' { c } else { '-' }).collect()
    }
}

/// What TOML allows in a bare key.
fn is_bare(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// The values between commas that stand in no bracket and no quotes.
fn parted(values: &str) -> Vec<&str> {
    let (mut parts, mut start, mut depth, mut quote) = (Vec::new(), 0, 0_i32, None);
    for (at, c) in values.char_indices() {
        match (quote, c) {
            (Some(open), _) => quote = (c != open).then_some(open),
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{') => depth += 1,
            (None, ']' | '}') => depth -= 1,
            (None, ',') if depth == 0 => {
                parts.push(&values[start..at]);
                start = at + 1;
            }
            (None, _) => {}
        }
    }
    parts.push(&values[start..]);
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Override {
        text.parse().expect(text)
    }

    fn values(text: &str) -> Vec<Option<toml::Value>> {
        read(text).choices.into_iter().map(|choice| choice.value).collect()
    }

    #[test]
    fn literals_are_literals_and_bare_words_are_strings() {
        use toml::Value::{Array, Boolean, Float, Integer, String};
        let word = |word: &str| Some(String(word.into()));
        assert_eq!(values("a.b=1,2.5, none"), [Some(Integer(1)), Some(Float(2.5)), None]);
        assert_eq!(values("a.b=fedavg,multi_krum"), [word("fedavg"), word("multi_krum")]);
        assert_eq!(values("a.b=\"none\",'x,y'"), [word("none"), word("x,y")]);
        let list = Array(vec![String("flip".into()), String("shift".into())]);
        assert_eq!(values("a.b=[\"flip\", \"shift\"],true"), [Some(list), Some(Boolean(true))]);
        assert!(values("a.b={ median = 1.0, between_sites = 0.5 }")[0].as_ref().is_some_and(toml::Value::is_table));
    }

    #[test]
    fn what_is_no_override_is_refused_with_its_text() {
        for text in ["epsilon=1", "privacy.epsilon", "privacy.=1", ".epsilon=1", "a b.c=1", "=1", ""] {
            let error = text.parse::<Override>().expect_err(text).to_string();
            assert!(error.contains(&format!("`{text}`")) && error.contains("privacy.epsilon=1,3"), "{error}");
        }
        for text in ["a.b=", "a.b=1,", "a.b=two words", "a.b=[1", "a.b=1\nother = 2", "a.b=\"open"] {
            assert!(text.parse::<Override>().is_err(), "{text}");
        }
    }

    #[test]
    fn names_of_folders_hold_nothing_that_a_path_would_mean() {
        let slugs: Vec<_> = read("a.b=\"../x\",[1, 2],\"a/b\",-1e-5").choices.iter().map(Choice::slug).collect();
        assert_eq!(slugs, ["..-x", "-1--2-", "a-b", "-1e-5"]);
    }
}
