//! The few words after `--`.

use crate::trouble::Trouble;
use std::collections::BTreeMap;

/// What to measure, and how much of it.
pub struct Options {
    /// The benchmark.
    pub what: Option<String>,
    given: BTreeMap<String, String>,
}

impl Options {
    /// Reads `WHAT --key value ...`. cargo adds a `--bench` of its own.
    pub fn read(arguments: impl Iterator<Item = String>) -> Result<Self, Trouble> {
        let mut arguments = arguments.filter(|argument| argument != "--bench");
        let (what, mut given) = (arguments.next(), BTreeMap::new());
        while let Some(key) = arguments.next() {
            let value = arguments.next().ok_or_else(|| Trouble::new(format!("`{key}` needs a value")))?;
            given.insert(key.trim_start_matches('-').to_owned(), value);
        }
        Ok(Self { what, given })
    }

    /// A number, or what is used where none is given.
    pub fn number(&self, key: &str, otherwise: u32) -> Result<u32, Trouble> {
        self.given.get(key).map_or(Ok(otherwise), |text| Ok(text.parse()?))
    }

    /// True where the key is given as `yes`.
    pub fn wants(&self, key: &str) -> bool {
        self.given.get(key).is_some_and(|value| value == "yes")
    }
}
