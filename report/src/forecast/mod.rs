//! What a promise would cost, before anything is spent: for a privacy officer and a study lead at one table.

mod page;
mod record;

pub use page::{forecast_chart, forecast_page};
pub use record::{BatchCurve, BudgetForecast, ForecastFact, ForecastRow, ScoreForecast};
