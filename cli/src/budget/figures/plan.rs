//! `wardround budget plan`: what a promise would cost, before anything is spent.

use super::forecast::{Extent, forecast};
use super::reading::{decimals_up, power};
use super::scenario::{PlanArguments, Scenario};
use crate::exit::Failure;
use crate::output::Output;
use serde_json::json;
use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use wardround_report::{BudgetForecast, ForecastRow};

pub fn run(arguments: &PlanArguments, output: Output) -> Result<ExitCode, Failure> {
    let scenario = Scenario::of(arguments)?;
    let extent = if arguments.out.is_some() { Extent::Picture } else { Extent::Table };
    let forecast = forecast(&scenario, extent)?;
    if let Some(out) = &arguments.out {
        write(out, &forecast).map_err(|error| Failure::failed(format!("{}: {error}", out.display())))?;
    }
    let noise_multiplier = forecast.wanted.noise_multiplier;
    let result = json!({ "noise_multiplier": noise_multiplier, "sampling_rate": scenario.rate(), "forecast": forecast, "out": arguments.out });
    output.show(&result, || in_words(&forecast, arguments.out.as_deref()));
    Ok(ExitCode::SUCCESS)
}

/// The page, the same as JSON, and its picture as SVG, side by side.
fn write(out: &Path, forecast: &BudgetForecast) -> std::io::Result<()> {
    if let Some(folder) = out.parent() {
        std::fs::create_dir_all(folder)?;
    }
    std::fs::write(out, wardround_report::forecast_page(forecast))?;
    std::fs::write(out.with_extension("json"), wardround_report::to_json(forecast))?;
    std::fs::write(out.with_extension("svg"), wardround_report::forecast_chart(forecast))
}

fn in_words(forecast: &BudgetForecast, out: Option<&Path>) -> String {
    let mut text = format!("{}: a forecast, nothing is spent\n", forecast.title);
    for fact in &forecast.facts {
        let _ = writeln!(text, "  {:<36} {}", fact.name, fact.value);
    }
    let _ = writeln!(
        text,
        "\n{:>8} {:>10} {:>12} {:>14} {:>12} {:>12}  outlook, at δ = {}",
        "ε",
        "σ",
        "noise/number",
        "noise/signal",
        "in all steps",
        "odds factor",
        power(forecast.delta)
    );
    for row in &forecast.rows {
        let mark = if row.epsilon == forecast.wanted.epsilon { '>' } else { ' ' };
        let _ = writeln!(text, "{mark}{}", line(row));
    }
    let _ = writeln!(
        text,
        "noise/number is σ C / B, in clip norms C; noise/signal is in length, against the largest signal\n"
    );
    for sentence in &forecast.advice {
        let _ = writeln!(text, "- {sentence}");
    }
    if let Some(scores) = &forecast.scores {
        let _ = writeln!(
            text,
            "- Scores leave as histograms, {} times at ε = {} each: every bin is right within ±{} patients in {:.0} % of all cases.",
            scores.evaluations,
            decimals_up(scores.epsilon_each),
            scores.half_width_patients,
            scores.confidence * 100.0
        );
    }
    match out {
        Some(out) => {
            let _ = write!(text, "page: {}", out.display());
        }
        None => text.push_str("A page with a picture of the trade-off: --out FILE.html"),
    }
    text
}

fn line(row: &ForecastRow) -> String {
    format!(
        "{:>7} {:>10.4} {:>12.5} {:>14.3} {:>12.4} {:>12.1}  {}",
        row.epsilon,
        row.noise_multiplier,
        row.noise_per_coordinate,
        row.noise_over_signal,
        row.noise_over_signal_in_all,
        (row.odds_factor * 10.0).ceil() / 10.0,
        row.outlook
    )
}
