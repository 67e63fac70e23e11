//! The study as data: who takes part, what is trained, and the exact bytes that everyone agrees on.
//!
//! Everything here is pure. A [`Plan`] can only be made by a constructor that checked every rule, so the
//! rest of the house never asks again whether a number in it makes sense.

mod detection;
mod digest;
mod document;
mod ids;
mod ledger_head;
mod plan;
mod privacy;
mod privacy_rules;
mod rules;
mod sections;
mod strategy;
mod streams;
mod timestamp;
mod weights;

pub use detection::DetectionSection;
pub use digest::{Digest, DigestError, Hasher};
pub use document::{DocumentError, parse_document};
pub use ids::{DataSetName, IdError, RoundNumber, SiteId, StudyId};
pub use ledger_head::{LedgerHead, LedgerHeadError};
pub use plan::{Plan, PlanDigest, PlanError};
pub use privacy::{
    Accountant, ClientPrivacy, ClipKind, NoiseKind, PatientPrivacy, PlanAdjacency, PrivacyMode, PrivacySection,
    PrivacyUnit, Sampling, ShareLaw,
};
pub use rules::RuleError;
pub use sections::{
    Augmentation, EvaluationSection, ImagingSection, MetricName, ModelKind, ModelSection, Optimizer, Schedule,
    SecaggSection, StudySection, Task, TrainingSection,
};
pub use strategy::{
    AdaptiveConfig, BoundedBy, CorruptConfig, DittoConfig, FedAdagradConfig, FedAvgmConfig, FedProxConfig,
    GeometricMedianConfig, GroupedMedianConfig, GroupedTrimmedMeanConfig, LocalLayersConfig, MultiKrumConfig,
    NoSettings, NormBoundConfig, ScaffoldConfig, StrategyConfig, StrategySection, Weighting,
};
pub use streams::{Purpose, Stream, StreamKey};
pub use timestamp::{Duration, Timestamp};
pub use weights::{Layout, LayoutError, TensorSpec, Weights, WeightsError};
