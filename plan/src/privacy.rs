//! `[privacy]`: what is promised to a patient. The file holds optional keys; [`PrivacySection::patients`] gives the terms of a
//! checked plan without any "maybe".

use serde::{Deserialize, Serialize};

/// `[privacy]`: what is promised to a patient. Noise is nowhere in it: its scale follows from ε.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PrivacySection {
    /// Where noise is added, if at all.
    pub mode: PrivacyMode,
    /// Whose contribution is meant by one.
    #[serde(default)]
    pub unit: PrivacyUnit,
    /// ε of the whole study for each patient of each site.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub epsilon: Option<f64>,
    /// δ of the whole study.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delta: Option<f64>,
    /// Probability with which each patient (mode "client": each site) takes part in one step. Public, and the same for all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling_rate: Option<f64>,
    /// L2 norm to which one patient's gradient (mode "client": one site's update) is clipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip: Option<f64>,
    /// How contributions are brought below the clip norm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_kind: Option<ClipKind>,
    /// How the noise is drawn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<NoiseKind>,
    /// Mode "distributed": the distribution of each site's share of the noise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub share: Option<ShareLaw>,
    /// Rounds beyond the study's that the noise is made for, so that a site may train a round again after a crash.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spare_rounds: Option<u32>,
    /// Which data sets are neighbours.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adjacency: Option<PlanAdjacency>,
    /// How the patients of a step are chosen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sampling: Option<Sampling>,
    /// What turns noise into ε.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accountant: Option<Accountant>,
    /// Mode "client": the quantile of the update norms that the clip norm follows (Andrew et al. 2021); without it the clip
    /// norm stays as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub clip_quantile: Option<f64>,
}

/// Where noise is added.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyMode {
    /// Each site adds it to every gradient step: differentially private SGD (Abadi et al. 2016) for its patients.
    Site,
    /// Each site adds a share of it to its masked contribution, so that only their sum has enough: central differentially private
    /// SGD for the patients of all sites, without anybody who is trusted with a sum (Kairouz, Liu and Steinke 2021).
    Distributed,
    /// Whoever sums adds it to the sum of whole updates: DP-FedAvg (McMahan et al. 2018) with the site as the unit.
    Client,
    /// No noise and **no guarantee**; only a site whose policy says so takes part.
    None,
}

/// The unit of privacy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PrivacyUnit {
    /// One person with all her scans.
    #[default]
    Patient,
    /// One whole site, for simulations of many.
    Site,
}

/// How a contribution is brought below the clip norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClipKind {
    /// Shortened to the clip norm if it is longer (Abadi et al. 2016).
    Flat,
    /// Always scaled to just below the clip norm: AUTO-S (Bu et al. 2023).
    #[default]
    Automatic,
}

/// How noise is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoiseKind {
    /// Rounded Gaussian; rests on the floating-point sampler being Gaussian.
    #[default]
    Fast,
    /// Discrete Gaussian by integer arithmetic alone.
    Exact,
}

/// How a site's share of the noise of a sum is distributed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ShareLaw {
    /// Sums of it are again Skellam (Agarwal, Kairouz and Liu 2021).
    #[default]
    Skellam,
    /// Sums of it are nearly discrete Gaussian (Kairouz, Liu and Steinke 2021).
    DiscreteGaussian,
}

/// Which data sets are neighbours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PlanAdjacency {
    /// With and without one patient.
    #[default]
    AddOrRemoveOne,
    /// One patient exchanged for another.
    ReplaceOne,
}

/// How the patients of a step are chosen. Only one of these has an accountant here; the others are refused by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sampling {
    /// A coin for each patient and step.
    #[default]
    Poisson,
    /// The same number of patients in every step.
    FixedBatch,
    /// Every patient once an epoch, in random order.
    Shuffle,
}

/// What turns noise into ε.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Accountant {
    /// Privacy loss distributions, rounded up: the tight one.
    #[default]
    Pld,
    /// Rényi differential privacy: looser, and valid when later charges depend on earlier results.
    Rdp,
}

/// What modes "site" and "distributed" promise to each patient, complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PatientPrivacy {
    /// ε of the whole study.
    pub epsilon: f64,
    /// δ of the whole study.
    pub delta: f64,
    /// q
    pub sampling_rate: f64,
    /// C
    pub clip: f64,
    /// How contributions are brought below C.
    pub clip_kind: ClipKind,
    /// How noise is drawn, where each site adds all of it.
    pub noise: NoiseKind,
    /// How a site's share of it is distributed, where only the sum of all has enough.
    pub share: Option<ShareLaw>,
    /// Rounds beyond the study's that are paid for.
    pub spare_rounds: u32,
    /// Which data sets are neighbours.
    pub adjacency: PlanAdjacency,
    /// What turns noise into ε.
    pub accountant: Accountant,
}

/// The terms of `mode = "client"`, complete.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClientPrivacy {
    /// ε of the whole study for each site.
    pub epsilon: f64,
    /// δ of the whole study.
    pub delta: f64,
    /// Probability of each site to be in a round.
    pub sampling_rate: f64,
    /// The clip norm of the first round.
    pub clip: f64,
    /// The quantile it follows, if any.
    pub clip_quantile: Option<f64>,
}

impl PrivacySection {
    /// The terms of modes "site" and "distributed"; `None` in another mode, or before the rules were checked.
    pub fn patients(&self) -> Option<PatientPrivacy> {
        let share = match self.mode {
            PrivacyMode::Site => None,
            PrivacyMode::Distributed => Some(self.share.unwrap_or_default()),
            PrivacyMode::Client | PrivacyMode::None => return None,
        };
        Some(PatientPrivacy {
            share,
            epsilon: self.epsilon?,
            delta: self.delta?,
            sampling_rate: self.sampling_rate?,
            clip: self.clip?,
            clip_kind: self.clip_kind.unwrap_or_default(),
            noise: self.noise.unwrap_or_default(),
            spare_rounds: self.spare_rounds.unwrap_or(SPARE_ROUNDS),
            adjacency: self.adjacency.unwrap_or_default(),
            accountant: self.accountant.unwrap_or_default(),
        })
    }

    /// The terms of `mode = "client"`; `None` in another mode, or before the rules were checked.
    pub fn client(&self) -> Option<ClientPrivacy> {
        if self.mode != PrivacyMode::Client {
            return None;
        }
        Some(ClientPrivacy {
            epsilon: self.epsilon?,
            delta: self.delta?,
            sampling_rate: self.sampling_rate?,
            clip: self.clip?,
            clip_quantile: self.clip_quantile,
        })
    }
}

/// Spare rounds of a plan that names none: two crashes of a site, or two rounds that were tried again.
const SPARE_ROUNDS: u32 = 2;
