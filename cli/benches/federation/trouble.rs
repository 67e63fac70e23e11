//! Why a benchmark ended without a figure.

use std::fmt;

/// Any error, as text: nothing here is expected to fail, and what does ends the program.
pub struct Trouble(String);

impl Trouble {
    /// Trouble in these words.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

impl<E: std::error::Error> From<E> for Trouble {
    fn from(error: E) -> Self {
        Self(error.to_string())
    }
}

// `main` prints its error with `Debug`.
impl fmt::Debug for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
