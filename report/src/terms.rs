//! Facts one below the other, each with its name: what is promised, and how it is kept.

use crate::text::visible;
use maud::{Markup, html};

/// A fact with its name, as it stands on a page.
pub(crate) struct Term {
    name: &'static str,
    words: String,
}

impl Term {
    /// What hides or reverses itself in the words is shown as such.
    pub(crate) fn new(name: &'static str, words: impl AsRef<str>) -> Self {
        Self { name, words: visible(words.as_ref()) }
    }
}

/// The facts as a table.
pub(crate) fn terms(terms: &[Term]) -> Markup {
    html! {
        table.terms {
            tbody { @for term in terms { tr { th scope="row" { (term.name) } td.words { (term.words) } } } }
        }
    }
}

/// Sentences, one a point.
pub(crate) fn points(sentences: &[String]) -> Markup {
    html! { ul { @for sentence in sentences { li { (visible(sentence)) } } } }
}
