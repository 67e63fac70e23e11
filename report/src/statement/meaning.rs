//! What ε and δ mean for one patient, without mathematics.

use super::record::PlainReading;
use crate::numbers::{power, rounded_up};
use crate::page::EPSILON_DECIMALS;
use maud::{Markup, html};

/// The reading of an ε at a δ; both ends of it are worst cases.
pub(crate) fn meaning(reading: &PlainReading, epsilon: f64, delta: f64) -> Markup {
    html! {
        ul {
            li {
                "Whatever anybody sees of this study, or of anything made from it, the odds that a certain patient took \
                 part change by a factor of at most " strong { (rounded_up(reading.odds_factor, FACTOR_DECIMALS)) }
                ", except with a probability of " (power(delta)) "."
            }
            li {
                "An attacker who has to say whether she took part, with even odds before, is right in at most "
                strong { (percent((1.0 + reading.attack_advantage) / 2.0)) }
                " of all cases; a coin is right in 50 %. This is the worst case over all attackers and all patients."
            }
            li { "Here ε is " (rounded_up(epsilon, EPSILON_DECIMALS)) ". As a rule: " (reading.band) "." }
            @if let Some(ten) = reading.epsilon_ten_years {
                li {
                    "Losses add up. Ten such studies on the same patients, one a year, come to ε = "
                    (rounded_up(ten, EPSILON_DECIMALS)) " at the same δ."
                }
            }
            li {
                "What is learned about people in general is not hidden: if the study shows that a sign predicts a disease, \
                 that is known of a patient with this sign whether she took part or not."
            }
        }
    }
}

/// A share, rounded up to a tenth of a percent and never beyond the whole.
pub(crate) fn percent(share: f64) -> String {
    format!("{} %", rounded_up((share * 100.0).min(100.0), 1))
}

const FACTOR_DECIMALS: usize = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_case_is_told_as_such() {
        let reading = PlainReading {
            odds_factor: 1_f64.exp(),
            attack_advantage: 0.462_12,
            band: "strong".into(),
            epsilon_ten_years: Some(4.2101),
        };
        let text = meaning(&reading, 1.0, 1e-5).into_string();
        for words in ["2.8", "73.2 %", "1e-5", "strong", "4.22"] {
            assert!(text.contains(words), "{words} in {text}");
        }
    }

    #[test]
    fn nobody_is_right_more_often_than_always() {
        assert_eq!(percent(1.000_1), "100.0 %");
        assert_eq!(percent(f64::NAN), "100.0 %");
    }
}
