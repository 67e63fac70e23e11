//! The study lead's page: was it worth it, how did it go, how can it be repeated.

use crate::chart::{Series, figure};
use crate::comparison::{self, Verdict};
use crate::figures::{Figure, figures};
use crate::numbers::{count, date, difference, duration, score};
use crate::page::{Masthead, digest, page, section};
use crate::records::StudyRecord;
use crate::text::visible;
use crate::{rounds, scores};
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The report of a study as a self-contained HTML page.
pub fn study_page(study: &StudyRecord) -> String {
    let head = Masthead {
        kind: "study report",
        title: &study.study,
        state: &study.state,
        plan_sha256: &study.plan_sha256,
        promise: study.promise,
        facts: times(study),
    };
    let verdict = Verdict::of(&study.comparison);
    let body = html! {
        @if let Some(verdict) = &verdict { p.lede { (verdict.sentence(&measured(study))) } }
        (figures(&key_figures(study, verdict.as_ref())))
        (section("Scores by round", charts(study)))
        (section("Alone and federated", compared(study)))
        (section("Rounds", rounds::table(&study.rounds)))
        (section("How to reproduce this", reproduce(study)))
    };
    page(&head, body)
}

fn times(study: &StudyRecord) -> Vec<(&'static str, String)> {
    let (Some(first), Some(last)) = (study.rounds.first(), study.rounds.last()) else { return Vec::new() };
    vec![("First round", date(first.started_ms)), ("Last commit", date(last.committed_ms))]
}

fn key_figures(study: &StudyRecord, verdict: Option<&Verdict>) -> Vec<Figure> {
    let metric = scores::metrics(study).first().copied();
    let latest = metric.and_then(|metric| Some((metric, scores::latest(study, metric)?)));
    let mut list = vec![took(study), sites(study)];
    if let Some((metric, latest)) = latest {
        let of = format!("{} in round {}", count(latest.sites(), "site"), latest.round);
        list.push(Figure { name: "Validation patients", value: latest.patients().to_string(), of });
        let of = format!("{metric}, round {}", latest.round);
        list.push(Figure { name: "Mean of sites", value: score(latest.mean()), of });
    }
    if let Some(verdict) = verdict {
        let of = format!("mean {} of {}", measured(study), count(verdict.sites, "site"));
        list.push(Figure { name: "Federated − alone", value: difference(verdict.difference()), of });
    }
    list
}

fn took(study: &StudyRecord) -> Figure {
    let ends = study.rounds.first().zip(study.rounds.last());
    let of = ends.map(|(first, last)| format!("committed in {}", duration(first.started_ms, last.committed_ms)));
    Figure { name: "Rounds", value: study.rounds.len().to_string(), of: of.unwrap_or_else(|| "none committed".into()) }
}

fn sites(study: &StudyRecord) -> Figure {
    let included: BTreeSet<&String> = study.rounds.iter().flat_map(|round| &round.included).collect();
    Figure { name: "Sites", value: included.len().to_string(), of: "in at least one round".into() }
}

fn charts(study: &StudyRecord) -> Markup {
    let metrics = scores::metrics(study);
    html! {
        @for metric in &metrics { (figure(&scores::axes(metric), &lines(study, metric))) }
        @if metrics.is_empty() { p.note { "No site has reported a score yet." } }
        @else { p.note { "A mean of sites counts each site once. It is of the sites that reported in that round." } }
        @for round in &study.rounds {
            @if let Some(reason) = &round.scores_missing {
                p.note { "Round " (round.round) " has no scores: " (visible(reason)) "." }
            }
        }
    }
}

fn lines(study: &StudyRecord, metric: &str) -> Vec<Series> {
    let sites = scores::site_curves(study, metric);
    let mean = (sites.len() > 1).then(|| Series::mean(&scores::mean_curve(study, metric)));
    mean.into_iter().chain(Series::all(&sites)).collect()
}

fn compared(study: &StudyRecord) -> Markup {
    if study.comparison.is_empty() {
        return html! { p.note { "Not measured: no score of a model that a site trained alone is recorded." } };
    }
    html! {
        (comparison::table(&study.comparison, &measured(study)))
        p.note {
            (measured(study)) " on each site’s own validation patients. Alone: the model that the site could train by itself in the \
             same number of local steps. One run, without confidence intervals: a difference as small as that between \
             two runs means nothing."
        }
    }
}

/// What the study is judged by, in a word.
fn measured(study: &StudyRecord) -> String {
    scores::metrics(study).first().map_or_else(|| "score".into(), |metric| scores::title(metric))
}

fn reproduce(study: &StudyRecord) -> Markup {
    html! {
        ol {
            li {
                "Take the plan whose SHA-256 is " code { (digest(&study.plan_sha256)) }
                ". Any changed number changes this digest, and a site runs only a plan that its policy names by digest."
            }
            li { "With the same sites and the same data, submit it: " code { "wardround study submit PLAN" } "." }
            li {
                "Compare the models’ SHA-256 with those of the rounds above: where they are equal, the models are equal \
                 in every byte. All numbers of this page are in the JSON file beside it."
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::records::Comparison;
    use crate::samples::{self, HOSTILE};

    #[test]
    fn the_page_says_what_happened() {
        let page = study_page(&samples::study());
        for words in ["heart-study", "finished", "no guarantee", samples::DIGEST, "0123456789ab", "mean of sites"] {
            assert!(page.contains(words), "{words}");
        }
        assert!(page.contains("Over 2 sites, mean Dice is"));
    }

    #[test]
    fn hostile_names_are_only_text() {
        let mut study = samples::study();
        study.study = HOSTILE.into();
        study.state = HOSTILE.into();
        study.plan_sha256 = HOSTILE.into();
        study.comparison[0].site = HOSTILE.into();
        study.rounds[0].included.push(HOSTILE.into());
        study.rounds[0].model_sha256 = HOSTILE.into();
        study.rounds[0].scores[0].site = HOSTILE.into();
        study.rounds[0].scores[1].metric = HOSTILE.into();
        samples::assert_harmless(&study_page(&study));
    }

    #[test]
    fn the_page_refers_to_nothing_outside() {
        samples::assert_self_contained(&study_page(&samples::study()));
    }

    #[test]
    fn a_study_before_its_first_round_has_a_page() {
        let study = StudyRecord { rounds: vec![], comparison: vec![], ..samples::study() };
        let page = study_page(&study);
        for words in ["No round is committed yet", "No site has reported", "Not measured", "no guarantee"] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn scores_that_are_no_numbers_are_dashes() {
        let mut study = samples::study();
        study.rounds.iter_mut().flat_map(|round| &mut round.scores).for_each(|score| score.mean = f64::NAN);
        study.comparison =
            vec![Comparison { site: "a".into(), patients: 0, alone: f64::NAN, federated: f64::INFINITY }];
        let page = study_page(&study);
        assert!(!page.contains("NaN") && !page.contains(">inf"));
        assert!(page.contains("Points left out because they are not finite numbers"));
    }
}
