//! Releases and the right to make them.

use wardround_plan::{LedgerHead, Plan, PrivacyMode};

/// A value that may leave the site.
///
/// There is no constructor but those of this crate, and no way to write one elsewhere:
///
/// ```compile_fail
/// let forged = wardround_privacy::Released { value: 1, guarantee: wardround_privacy::Guarantee::None };
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Released<T> {
    value: T,
    guarantee: Guarantee,
}

/// What is private only together with noise that is still to be added. It may go into a masked sum with this site's share of
/// the noise, and nowhere else: what sends a value takes `Released<T>`, never `Released<Unnoised<T>>`.
#[derive(Debug, Clone, PartialEq)]
pub struct Unnoised<T>(T);

impl<T> Unnoised<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(value)
    }

    /// The value, for this site's own disk and for whoever adds the noise.
    pub fn value(&self) -> &T {
        &self.0
    }

    /// What stands for it, such as its place on disk, with the same caveat.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> Unnoised<U> {
        Unnoised(make(self.0))
    }
}

/// What a release promises to each patient.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guarantee {
    /// Nothing: no noise was added.
    None,
    /// Differential privacy, as the site's ledger accounts for it: this link records the release.
    Paid(LedgerHead),
}

/// What the hospital's policy says about plans without privacy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyStance {
    /// The policy file says `allow_without_privacy = true`.
    AllowsWithoutPrivacy,
    /// The policy file does not, or says nothing.
    RequiresPrivacy,
}

/// The hospital's consent to release without privacy, for one plan.
#[derive(Debug)]
pub struct Unprotected(());

/// No consent to release without privacy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnprotectedRefused {
    /// The hospital's policy requires privacy.
    #[error("the plan has `privacy.mode = \"none\"` and this site's policy does not allow releases without privacy")]
    Policy,
    /// The plan promises privacy; then nothing of it may leave without.
    #[error("the plan promises privacy, so nothing of its study may leave without noise and a receipt")]
    Promised,
}

impl Unprotected {
    /// Consent, if the plan asks for no privacy and the site's policy allows that.
    ///
    /// # Errors
    /// [`UnprotectedRefused`] where the policy does not say so in as many words, or the plan promises privacy.
    pub fn consent(plan: &Plan, stance: PolicyStance) -> Result<Self, UnprotectedRefused> {
        match (plan.privacy.mode, stance) {
            (PrivacyMode::None, PolicyStance::AllowsWithoutPrivacy) => Ok(Self(())),
            (PrivacyMode::None, PolicyStance::RequiresPrivacy) => Err(UnprotectedRefused::Policy),
            (PrivacyMode::Site | PrivacyMode::Distributed | PrivacyMode::Client, _) => {
                Err(UnprotectedRefused::Promised)
            }
        }
    }
}

impl<T> Released<T> {
    /// Releases `value` as it is. **No guarantee**: whoever receives it may learn about single patients.
    pub fn released_without_privacy(value: T, _consent: &Unprotected) -> Self {
        Self { value, guarantee: Guarantee::None }
    }

    /// A value that the ledger has a record of.
    pub(crate) fn paid_for(value: T, link: LedgerHead) -> Self {
        Self { value, guarantee: Guarantee::Paid(link) }
    }

    /// The same, known to be without its noise yet: it can go fewer ways then.
    pub fn unnoised(self) -> Released<Unnoised<T>> {
        Released { value: Unnoised(self.value), guarantee: self.guarantee }
    }

    /// The value.
    pub fn value(&self) -> &T {
        &self.value
    }

    /// The value, to be sent.
    pub fn into_value(self) -> T {
        self.value
    }

    /// What the release promises.
    pub fn guarantee(&self) -> Guarantee {
        self.guarantee
    }
}

impl std::fmt::Display for Guarantee {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::None => f.write_str("no guarantee"),
            Self::Paid(link) => write!(f, "paid for, link {} of the ledger", link.short()),
        }
    }
}
