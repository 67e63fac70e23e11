//! The page of a forecast: the answer, the table around it, the picture of the trade-off.

use super::record::{BudgetForecast, ForecastRow, ScoreForecast};
use crate::chart::{Axes, Curve, Series, figure, standalone_svg};
use crate::figures::{Figure, figures};
use crate::numbers::{bound, power, rounded_up, significant};
use crate::page::{Masthead, page_from, section};
use crate::records::Promise;
use crate::terms::points;
use crate::text::visible;
use maud::{Markup, html};

/// The forecast as a self-contained HTML page.
pub fn forecast_page(forecast: &BudgetForecast) -> String {
    let head = Masthead {
        kind: "privacy forecast",
        title: &forecast.title,
        state: "a forecast: nothing is spent",
        plan_sha256: &forecast.plan_sha256,
        promise: Promise::Patient { epsilon: forecast.wanted.epsilon, delta: forecast.delta },
        facts: Vec::new(),
    };
    let body = html! {
        p.lede { (visible(&forecast.wanted.outlook)) }
        (figures(&key_figures(&forecast.wanted)))
        (section("What to expect", points(&forecast.advice)))
        (section("The same study for other promises", table(forecast)))
        (section("Privacy against noise", chart(forecast)))
        @if let Some(scores) = &forecast.scores { (section("Validation scores", validation(scores))) }
        (section("What was assumed", assumed(forecast)))
    };
    page_from(&head, "computed from what was assumed here, not from scans", body)
}

/// The trade-off as an SVG file fit for a paper.
pub fn forecast_chart(forecast: &BudgetForecast) -> String {
    standalone_svg(&axes(), &curves(forecast))
}

fn key_figures(row: &ForecastRow) -> Vec<Figure> {
    let figure = |name, value, of: &str| Figure { name, value, of: of.into() };
    vec![
        figure("Noise multiplier σ", significant(row.noise_multiplier, DIGITS), "standard deviation over C"),
        figure("Noise per number", significant(row.noise_per_coordinate, DIGITS), "of the mean gradient, over C"),
        figure("Noise over signal", significant(row.noise_over_signal, DIGITS), "of one step, in length"),
        figure("Odds factor", rounded_up(row.odds_factor, 1), "for one patient, at worst"),
    ]
}

fn table(forecast: &BudgetForecast) -> Markup {
    html! {
        div.scroll {
            table.forecast {
                thead {
                    tr {
                        th scope="col" { "ε" }
                        th scope="col" { "σ" }
                        th scope="col" { "σ C / B, over C" }
                        th scope="col" { "Noise over signal" }
                        th scope="col" { "in all steps" }
                        th scope="col" { "Odds factor" }
                        th.words scope="col" { "Outlook" }
                    }
                }
                tbody { @for row in &forecast.rows { (line(row, row.epsilon == forecast.wanted.epsilon)) } }
            }
        }
        p.note {
            "At δ = " (power(forecast.delta)) " for all. Signal is the mean gradient at its largest: all patients pull the \
             same way at the full clip norm. Real gradients are shorter, so the true ratio is worse; over many steps noise \
             averages out and gradients do not, so it is also kinder than one step looks."
        }
    }
}

fn line(row: &ForecastRow, wanted: bool) -> Markup {
    html! {
        tr.wanted[wanted] {
            th scope="row" { (significant(row.epsilon, DIGITS)) @if wanted { ", asked" } }
            td { (significant(row.noise_multiplier, DIGITS)) }
            td { (significant(row.noise_per_coordinate, DIGITS)) }
            td { (significant(row.noise_over_signal, DIGITS)) }
            td { (significant(row.noise_over_signal_in_all, DIGITS)) }
            td { (rounded_up(row.odds_factor, 1)) }
            td.words { (visible(&row.outlook)) }
        }
    }
}

fn chart(forecast: &BudgetForecast) -> Markup {
    let level = Series::level("noise = signal", forecast.wanted.epsilon, 1.0);
    let series: Vec<Series> = Series::all(&curves(forecast)).into_iter().chain([level]).collect();
    html! {
        (figure(&axes(), &series))
        p.note { "Same patients, same number of steps. Below the level, one step holds more signal than noise." }
    }
}

fn curves(forecast: &BudgetForecast) -> Vec<Curve> {
    let name = |batch| if batch == 1 { "1 patient a step".into() } else { format!("{batch} patients a step") };
    let curve = |of: &super::BatchCurve| Curve { name: name(of.batch_patients), points: of.points.clone() };
    forecast.batches.iter().map(curve).collect()
}

fn axes() -> Axes {
    Axes {
        title: "Noise over signal of one step against ε, by batch size".into(),
        x: "ε".into(),
        y: "noise over signal".into(),
        y_range: None,
    }
}

fn validation(scores: &ScoreForecast) -> Markup {
    let confidence = significant(scores.confidence * 100.0, DIGITS);
    html! {
        p {
            "Scores leave the site as a histogram of patients with noise, " (scores.evaluations) " times, each at ε = "
            (bound(scores.epsilon_each)) ". Every bin is off by at most "
            strong { (scores.half_width_patients) } " patients in " (confidence) " % of all cases (discrete Laplace, scale "
            (significant(scores.scale, DIGITS)) "). A bin with fewer patients than that says nothing."
        }
    }
}

fn assumed(forecast: &BudgetForecast) -> Markup {
    html! {
        table.terms {
            tbody {
                @for fact in &forecast.facts {
                    tr { th scope="row" { (visible(&fact.name)) } td.words { (visible(&fact.value)) } }
                }
            }
        }
        p.note { "ε is for one patient with all her scans, at the one hospital that has them." }
    }
}

const DIGITS: usize = 3;

#[cfg(test)]
mod tests {
    use super::super::{BatchCurve, ForecastFact};
    use super::*;
    use crate::samples::{self, DIGEST, HOSTILE};
    use crate::to_json;

    fn row(epsilon: f64, noise_multiplier: f64) -> ForecastRow {
        ForecastRow {
            epsilon,
            noise_multiplier,
            noise_per_coordinate: noise_multiplier / 50.0,
            noise_over_signal: noise_multiplier * 14.0,
            noise_over_signal_in_all: noise_multiplier * 14.0 / 20.0,
            odds_factor: epsilon.exp(),
            attack_advantage: (epsilon.exp() - 1.0) / (epsilon.exp() + 1.0),
            outlook: "fine-tune few weights".into(),
        }
    }

    fn forecast() -> BudgetForecast {
        BudgetForecast {
            title: "heart-study".into(),
            plan_sha256: DIGEST.into(),
            facts: vec![ForecastFact { name: "Patients".into(), value: "500".into() }],
            wanted: row(3.0, 2.2),
            delta: 2e-4,
            advice: vec!["Take a larger batch.".into()],
            rows: vec![row(1.0, 5.33), row(3.0, 2.2), row(8.0, 1.15)],
            batches: vec![
                BatchCurve { batch_patients: 50, points: vec![(1.0, 74.6), (3.0, 30.8), (8.0, 16.1)] },
                BatchCurve { batch_patients: 100, points: vec![(1.0, 50.0), (3.0, 21.0), (8.0, 11.0)] },
            ],
            scores: Some(ScoreForecast {
                evaluations: 10,
                epsilon_each: 0.03,
                scale: 33.3,
                half_width_patients: 100,
                confidence: 0.95,
            }),
        }
    }

    #[test]
    fn the_answer_the_table_and_the_picture_are_on_the_page() {
        let page = forecast_page(&forecast());
        let asked = [
            "ε = 3, δ = 2e-4",
            "nothing is spent",
            "Take a larger batch.",
            ", asked",
            "5.33",
            "20.1",
            "50 patients a step",
            "noise = signal",
            "100</strong> patients in 95 %",
            "500",
        ];
        asked.iter().for_each(|words| assert!(page.contains(words), "{words}"));
    }

    #[test]
    fn the_page_refers_to_nothing_outside_and_hostile_names_are_only_text() {
        samples::assert_self_contained(&forecast_page(&forecast()));
        let mut hostile = forecast();
        hostile.title = HOSTILE.into();
        hostile.plan_sha256 = HOSTILE.into();
        hostile.facts[0] = ForecastFact { name: HOSTILE.into(), value: HOSTILE.into() };
        hostile.advice[0] = HOSTILE.into();
        hostile.rows[0].outlook = HOSTILE.into();
        hostile.wanted.outlook = HOSTILE.into();
        samples::assert_harmless(&forecast_page(&hostile));
    }

    #[test]
    fn a_forecast_survives_json_and_its_chart_is_a_file_of_its_own() {
        let read: BudgetForecast = serde_json::from_str(&to_json(&forecast())).expect("own JSON");
        assert_eq!((read.facts, read.batches, read.scores), (forecast().facts, forecast().batches, forecast().scores));
        let svg = forecast_chart(&forecast());
        assert!(svg.starts_with("<?xml") && svg.contains("100 patients a step"));
        samples::assert_well_formed(&svg);
    }
}
