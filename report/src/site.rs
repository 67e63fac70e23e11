//! The hospital's own page: how the federated model does on its own patients, in numbers and in pictures.

use crate::chart::{Axes, Curve, Series, figure};
use crate::figures::{Figure, figures};
use crate::numbers::{NONE, count, difference, score};
use crate::page::{Masthead, page, section};
use crate::pictures;
use crate::records::SiteRecord;
use crate::scores::title;
use crate::text::visible;
use maud::{Markup, html};

/// The report of a site as a self-contained HTML page. It shows patients, so it is for the hospital only.
pub fn site_page(site: &SiteRecord) -> String {
    let head = Masthead {
        kind: "site report",
        title: &site.site,
        state: &site.state,
        plan_sha256: &site.plan_sha256,
        promise: site.promise,
        facts: vec![("Study", visible(&site.study))],
    };
    let body = html! {
        p.stays role="note" {
            strong { "This page stays at the hospital." }
            " It shows images of its own patients, and Wardround sends it to nobody."
        }
        (figures(&key_figures(site)))
        (section(&format!("{} by round", title(&site.metric)), chart(site)))
        (section("Predictions on validation images", pictured(site)))
    };
    page(&head, body)
}

fn key_figures(site: &SiteRecord) -> Vec<Figure> {
    let last = site.scores.iter().rev().find(|score| score.score.is_finite());
    let alone = site.alone.filter(|alone| alone.is_finite());
    let patients = last.map(|last| format!("{}, round {}", count(last.patients as usize, "patient"), last.round));
    let gain = last.zip(alone).map(|(last, alone)| difference(last.score - alone));
    let value = |number: Option<f64>| number.map_or_else(|| NONE.into(), score);
    let of = |words: Option<String>| words.unwrap_or_else(|| "not measured".into());
    vec![
        Figure { name: "Federated", value: value(last.map(|last| last.score)), of: of(patients) },
        Figure { name: "Alone", value: value(alone), of: of(alone.map(|_| "trained at this site only".into())) },
        Figure {
            name: "Federated − alone",
            of: of(gain.as_ref().map(|_| "on the same patients".into())),
            value: gain.unwrap_or_else(|| NONE.into()),
        },
    ]
}

fn chart(site: &SiteRecord) -> Markup {
    let points = site.scores.iter().map(|score| (f64::from(score.round), score.score)).collect();
    let federated = Curve { name: "federated".into(), points };
    let first_round = site.scores.first().map_or(1.0, |score| f64::from(score.round));
    let alone = site.alone.map(|alone| Series::level("alone", first_round, alone));
    let axes = Axes {
        title: format!("Mean {} on this site’s validation patients", title(&site.metric)),
        x: "round".into(),
        y: title(&site.metric),
        y_range: Some((0.0, 1.0)),
    };
    let lines: Vec<Series> = Series::all(&[federated]).into_iter().chain(alone).collect();
    html! {
        (figure(&axes, &lines))
        @if site.alone.is_none() { p.note { "This site trained no model alone, so there is nothing to compare with." } }
    }
}

fn pictured(site: &SiteRecord) -> Markup {
    if site.pictures.is_empty() {
        return html! { p.note { "No pictures were made." } };
    }
    pictures::grid(&site.pictures)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::{self, HOSTILE};

    #[test]
    fn the_page_says_where_it_belongs() {
        let page = site_page(&samples::site());
        for words in ["This page stays at the hospital.", "no guarantee", "north", "heart-study", samples::DIGEST] {
            assert!(page.contains(words), "{words}");
        }
        assert!(page.contains(">alone<") && page.contains("data:image/png;base64,"));
    }

    #[test]
    fn hostile_names_are_only_text() {
        let mut site = samples::site();
        site.site = HOSTILE.into();
        site.study = HOSTILE.into();
        site.state = HOSTILE.into();
        site.plan_sha256 = HOSTILE.into();
        site.pictures[0].caption = HOSTILE.into();
        samples::assert_harmless(&site_page(&site));
    }

    #[test]
    fn the_page_refers_to_nothing_outside() {
        samples::assert_self_contained(&site_page(&samples::site()));
    }

    #[test]
    fn nothing_measured_is_said() {
        let site = SiteRecord { scores: vec![], alone: None, pictures: vec![], ..samples::site() };
        let page = site_page(&site);
        for words in ["not measured", "trained no model alone", "No pictures were made", "No values yet"] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn a_level_that_is_no_number_is_left_out_and_said() {
        let site = SiteRecord { alone: Some(f64::NAN), ..samples::site() };
        assert!(site_page(&site).contains("not finite numbers: alone (1)"));
    }
}
