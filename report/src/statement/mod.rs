//! The privacy statement of a study at one site: what a privacy officer signs, files, and hands to who asks.

mod accounting;
mod budgets;
mod meaning;
mod page;
mod record;
#[cfg(test)]
pub(crate) mod sample;

pub use page::statement_page;
pub use record::{
    Accounting, AuditBound, BudgetLine, ChargeLine, CurvePoint, DecisionLine, LedgerState, NoisyTraining, Officers,
    PlainReading, PrivacyStatement, ProtectedUnit, SecondOpinion, Trust,
};
