//! What every page has: its style, its head, and the stamp that says what the study promises.

use crate::numbers::{NONE, bound, power};
use crate::records::Promise;
use crate::text::visible;
use maud::{DOCTYPE, Markup, PreEscaped, html};

/// Nothing may be fetched, run or framed; only the style and the pictures inside the page count.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; img-src data:";
const STYLE: &str = include_str!("page.css");

/// The head of a page: what it is about and in which state.
pub(crate) struct Masthead<'a> {
    /// Which page this is.
    pub(crate) kind: &'a str,
    /// The largest line.
    pub(crate) title: &'a str,
    /// In words.
    pub(crate) state: &'a str,
    /// SHA-256 of the plan, hex.
    pub(crate) plan_sha256: &'a str,
    /// What the study promises.
    pub(crate) promise: Promise,
    /// Further facts with their names.
    pub(crate) facts: Vec<(&'static str, String)>,
}

/// Decimals of an ε on a page.
pub(crate) const EPSILON_DECIMALS: usize = 2;

/// A whole page of what was recorded.
pub(crate) fn page(head: &Masthead, body: Markup) -> String {
    page_from(head, "made from recorded numbers only", body)
}

/// A whole page that says at its end where its numbers come from.
pub(crate) fn page_from(head: &Masthead, source: &str, body: Markup) -> String {
    let title = format!("{} · {}", visible(head.title), head.kind);
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { main { (masthead(head)) (body) footer { "Wardround · " (source) } } }
        }
    }
    .into_string()
}

/// A part of the page under its own heading.
pub(crate) fn section(heading: &str, content: Markup) -> Markup {
    html! { section { h2 { (heading) } (content) } }
}

fn masthead(head: &Masthead) -> Markup {
    html! {
        header {
            p.kind { "Wardround · " (head.kind) }
            h1 { (visible(head.title)) }
            dl.facts {
                div { dt { "State" } dd { (visible(head.state)) } }
                @for (name, fact) in &head.facts { div { dt { (name) } dd { (fact) } } }
                div.digest { dt { "Plan, SHA-256" } dd { code { (digest(head.plan_sha256)) } } }
            }
            (stamp(head.promise))
        }
    }
}

/// A digest in full, or a dash where none is known.
pub(crate) fn digest(sha256: &str) -> String {
    if sha256.is_empty() { NONE.into() } else { visible(sha256) }
}

fn stamp(promise: Promise) -> Markup {
    let (kept, word, meaning) = match promise {
        Promise::NoGuarantee => (
            false,
            "no guarantee".to_owned(),
            "No noise was added to what left the sites, so nothing limits what the model or these numbers may reveal \
             about a single patient.",
        ),
        Promise::Simulated => (
            false,
            "no guarantee".to_owned(),
            "A simulation: its coins and its noise repeat from a public seed, so it protects nobody. Where ε is named, it is \
             what a federation would account for by the same plan.",
        ),
        Promise::Patient { epsilon, delta } => (
            true,
            format!("ε = {}, δ = {}", bound(epsilon), power(delta)),
            "Differential privacy for each patient with all her images, added by her own site: whatever anybody concludes \
             from the model or these numbers, the odds are at most e^ε times what they would be without her, but for a \
             probability δ. The site’s own privacy statement names the mechanism and every assumption.",
        ),
        Promise::Site { epsilon, delta } => (
            true,
            format!("ε = {}, δ = {} per site", bound(epsilon), power(delta)),
            "Differential privacy for each site as a whole, added to the sum of the updates by whoever computes it: \
             single updates are not hidden from that party.",
        ),
    };
    let class = if kept { "stamp kept" } else { "stamp" };
    html! { div class=(class) role="note" aria-label="Privacy" { strong { (word) } p { (meaning) } } }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_promise_is_stamped_with_its_epsilon_never_rounded_down() {
        let page = stamp(Promise::Patient { epsilon: 2.000_01, delta: 1e-5 }).into_string();
        assert!(page.contains("ε = 2.0001, δ = 1e-5") && !page.contains("no guarantee"), "{page}");
        let page = stamp(Promise::Site { epsilon: f64::NAN, delta: 1e-5 }).into_string();
        assert!(page.contains("ε = –"), "{page}");
    }
}
