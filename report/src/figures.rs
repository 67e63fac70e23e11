//! The few numbers to read first.

use maud::{Markup, html};

/// A number with its name and what it is a number of.
pub(crate) struct Figure {
    pub(crate) name: &'static str,
    pub(crate) value: String,
    pub(crate) of: String,
}

/// The numbers side by side.
pub(crate) fn figures(figures: &[Figure]) -> Markup {
    html! {
        dl.figures {
            @for figure in figures {
                div { dt { (figure.name) } dd { (figure.value) } dd.of { (figure.of) } }
            }
        }
    }
}
