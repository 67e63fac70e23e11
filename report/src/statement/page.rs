//! The page, top down: the promise, what it means, how it is kept, what it rests on.

use super::record::{AuditBound, LedgerState, NoisyTraining, PrivacyStatement, ProtectedUnit, Trust};
use super::{accounting, budgets, meaning};
use crate::numbers::{date, rounded_down, significant};
use crate::page::{Masthead, digest, page, section};
use crate::records::Promise;
use crate::terms::{Term, points, terms};
use crate::text::visible;
use maud::{Markup, html};

/// The privacy statement as a self-contained HTML page, made to be printed and filed.
pub fn statement_page(statement: &PrivacyStatement) -> String {
    let head = Masthead {
        kind: "privacy statement",
        title: &statement.study,
        state: &statement.state,
        plan_sha256: &statement.plan_sha256,
        promise: statement.promise,
        facts: vec![
            ("Hospital", visible(&statement.site)),
            ("Written", date(statement.written_ms)),
            ("By", visible(&statement.software)),
        ],
    };
    page(&head, body(statement))
}

fn body(statement: &PrivacyStatement) -> Markup {
    html! {
        p.lede { "Purpose: " (visible(&statement.purpose)) }
        (section("What this means for one patient", meant(statement)))
        (section("Who is protected", terms(&protected(&statement.unit))))
        (section("How the promise is kept", kept(statement.mechanism.as_ref())))
        @if let Some(accounting) = &statement.accounting {
            (section("What it costs", accounting::accounting(accounting)))
        }
        (section("What was released", accounting::charges(&statement.charges)))
        (section("Budgets", budgets::budgets(&statement.budgets)))
        (section("Who may change a budget", budgets::officers(&statement.officers)))
        (section("Whom one has to trust", terms(&trust(&statement.trust))))
        (section("Public data", public_data(&statement.public_data)))
        (section("Audit", audit(statement.audit.as_ref())))
        (section("What this rests on", points(&statement.assumptions)))
        (section("The record behind it", ledger(&statement.ledger)))
    }
}

fn meant(statement: &PrivacyStatement) -> Markup {
    match (statement.promise, &statement.reading) {
        (Promise::Patient { epsilon, delta }, Some(reading)) => meaning::meaning(reading, epsilon, delta),
        _ => html! {
            p { "Nothing is promised. What this site sent may reveal whether a patient took part, and what her scans show." }
        },
    }
}

fn protected(unit: &ProtectedUnit) -> Vec<Term> {
    let images =
        unit.images_per_patient_max.map(|most| format!("at most {most} in one step; of more, as many are drawn"));
    vec![
        Term::new("Unit of privacy", &unit.unit),
        Term::new("Images of one patient", images.unwrap_or_else(|| "not bounded".into())),
        Term::new("Neighbouring data", &unit.adjacency),
    ]
}

fn kept(training: Option<&NoisyTraining>) -> Markup {
    match training {
        Some(training) => terms(&mechanism(training)),
        None => html! { p.note { "No noise was added." } },
    }
}

fn mechanism(training: &NoisyTraining) -> Vec<Term> {
    let steps = format!(
        "T = {}, of which {} are for repeated rounds; {} charged so far",
        training.steps_planned, training.steps_spare, training.steps_charged
    );
    let clip = format!("C = {}, {}", significant(training.clip, DIGITS), training.clip_kind);
    vec![
        Term::new("Mechanism", &training.name),
        Term::new("Noise multiplier", format!("σ = {}", rounded_down(training.noise_multiplier, SIGMA_DECIMALS))),
        Term::new("Clip norm", clip),
        Term::new("Sampling rate", format!("q = {}", significant(training.sampling_rate, DIGITS))),
        Term::new("Divided by", format!("{} patients, a public number", training.expected_batch_patients)),
        Term::new("Steps", steps),
        Term::new("Sampling, as planned", &training.sampling_planned),
        Term::new("Sampling, as executed", &training.sampling_executed),
        Term::new("Noise", &training.noise),
        Term::new("Random numbers", &training.generator),
        Term::new("Arithmetic", &training.arithmetic),
    ]
}

fn trust(trust: &Trust) -> Vec<Term> {
    vec![
        Term::new("Sees sums without noise", &trust.sees_unnoised),
        Term::new("Sees what this site sends", &trust.sees_updates),
        Term::new("Sites that may collude", &trust.colluders),
        Term::new("Sites that drop out", &trust.dropouts),
    ]
}

fn public_data(data: &[String]) -> Markup {
    match data {
        [] => html! { p { "None is named by the plan; its first model is drawn at random from a public seed." } },
        data => points(data),
    }
}

fn audit(bound: Option<&AuditBound>) -> Markup {
    let Some(bound) = bound else {
        return html! { p.note { "No attack was tried on this study. None that fails would prove anything." } };
    };
    let confidence = significant(bound.confidence * 100.0, DIGITS);
    html! {
        p {
            "An attack shows ε ≥ " strong { (rounded_down(bound.epsilon_at_least, 2)) } ", with a confidence of "
            (confidence) " %. " (visible(&bound.how))
        }
        p.note { "An audit can refute a promise and never confirm one: a low number here certifies nothing." }
    }
}

fn ledger(ledger: &LedgerState) -> Markup {
    html! {
        p {
            "The site’s ledger has " (ledger.entries) " entries, each chained to the one before. The last is "
            code { (digest(&ledger.head_sha256)) } ". " (visible(&ledger.verified))
        }
        p.note { "All numbers of this page are in the JSON file beside it." }
    }
}

const DIGITS: usize = 4;
const SIGMA_DECIMALS: usize = 6;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples;
    use crate::statement::sample;
    use crate::to_json;

    #[test]
    fn everything_an_officer_has_to_know_is_on_the_page() {
        let page = statement_page(&sample::statement());
        let asked = [
            "one patient with all her scans",
            "at most 4 in one step",
            "with and without one patient",
            "DP-SGD",
            "σ = 1.234567",
            "fewer than 100000",
            "C = 1",
            "q = 0.1",
            "T = 440",
            "400 charged",
            "a coin for each patient",
            "PLD",
            "wardround-privacy 0.2.0",
            "Second opinion",
            "order 6.5",
            "1.60 at 1e-4",
            "1.60 at 1e-4",
            "ChaCha20",
            "64-bit",
            "the hospital alone",
            "any number",
            "two officers",
            "one officer",
            "evaluation",
            "tuning",
            "None is named by the plan",
            "ε ≥ <strong>1.50",
            "95 %",
            "disjoint",
            "88.1 %",
            "chained",
            samples::DIGEST,
        ];
        for words in asked {
            assert!(page.contains(words), "{words}");
        }
        assert!(!page.contains("anonymous"), "a claim with its evidence, never an adjective");
    }

    #[test]
    fn a_study_without_noise_says_so_first() {
        let statement = PrivacyStatement {
            promise: Promise::NoGuarantee,
            reading: None,
            mechanism: None,
            accounting: None,
            charges: vec![],
            ..sample::statement()
        };
        let page = statement_page(&statement);
        for words in ["no guarantee", "Nothing is promised", "No noise was added", "Nothing has been charged"] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn a_statement_survives_json() {
        let statement = sample::statement();
        let read: PrivacyStatement = serde_json::from_str(&to_json(&statement)).expect("own JSON");
        assert_eq!(read, statement);
    }

    #[test]
    fn hostile_words_are_only_text() {
        samples::assert_harmless(&statement_page(&sample::hostile()));
    }

    #[test]
    fn the_page_refers_to_nothing_outside() {
        samples::assert_self_contained(&statement_page(&sample::statement()));
    }

    #[test]
    fn no_number_is_ever_shown_as_nan() {
        let mut statement = sample::statement();
        statement.promise = Promise::Patient { epsilon: f64::NAN, delta: f64::NAN };
        statement.budgets[0].spent_epsilon = f64::NAN;
        let page = statement_page(&statement);
        assert!(!page.contains("NaN") && !page.contains(">inf"), "{page}");
    }
}
