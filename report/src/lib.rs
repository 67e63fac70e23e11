//! What people read of a study: self-contained pages with curves, and the same as JSON.
//!
//! Pure: records in, text out. A page loads nothing: style, curves and pictures are inside it, there is no script,
//! and a content security policy forbids the browser to fetch anything even if some text tried to make it.
//!
//! - [`study_page`]: for the study lead; numbers of all sites, no pictures.
//! - [`site_page`]: for the hospital; with pictures of its own patients, so it stays there.
//! - [`statement_page`]: for the privacy officer; what a study promises to patients, how, and what it rests on.
//! - [`forecast_page`]: for the officer and the study lead; what a promise would cost, before anything is spent.
//! - [`simulation_page`]: for researchers; simulated runs side by side, also as pictures and CSV.
//! - [`study_chart`]: the curves alone, as an SVG file.
//! - [`to_json`]: the same records for programs.
//! - [`chart`]: line charts, on a page or as a file for a paper.

pub mod chart;
mod comparison;
mod figures;
mod forecast;
mod json;
mod numbers;
mod page;
mod pictures;
mod records;
mod rounds;
#[cfg(test)]
mod samples;
mod scores;
mod simulation;
mod site;
mod statement;
mod study;
mod tensorboard;
mod terms;
mod text;

pub use chart::{Axes, Curve, standalone_svg};
pub use forecast::{
    BatchCurve, BudgetForecast, ForecastFact, ForecastRow, ScoreForecast, forecast_chart, forecast_page,
};
pub use json::to_json;
pub use records::{Comparison, Picture, Promise, RoundRecord, RoundScore, SiteRecord, SiteScore, StudyRecord};
pub use scores::study_chart;
pub use simulation::{
    RunRecord, RunSetting, SimulatedRound, SimulatedScores, SimulatedSite, SimulatedTraffic, SimulationRecord,
    simulation_charts, simulation_csv, simulation_page,
};
pub use site::site_page;
pub use statement::{
    Accounting, AuditBound, BudgetLine, ChargeLine, CurvePoint, DecisionLine, LedgerState, NoisyTraining, Officers,
    PlainReading, PrivacyStatement, ProtectedUnit, SecondOpinion, Trust, statement_page,
};
pub use study::study_page;
pub use tensorboard::tensorboard_events;
