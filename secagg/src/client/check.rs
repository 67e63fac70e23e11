//! Every reason for which a site takes no part is a named check, and each is made in one place.
//!
//! The names exist so that a test can leave out one at a time and show what would come through without it.

use crate::refusal::Refusal;

macro_rules! checks {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// What a site checks of what the coordinator sends.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Check {
            $($(#[$doc])* $name,)*
        }

        impl Check {
            /// All there are.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
        }
    };
}

checks! {
    /// M0: the algorithms are known.
    Suite,
    /// M0: the federation is this site's.
    Federation,
    /// M0: the study is the one that was trained for.
    Study,
    /// M0: the round is the one that was trained for.
    Round,
    /// M0: the roster is the pinned one.
    Roster,
    /// M0: every participant is enrolled.
    Enrolled,
    /// M0: three sites or more, and as many as policy asks for.
    Cohort,
    /// M0: the threshold can be reached.
    ThresholdReachable,
    /// M0: the threshold is as high as policy asks for.
    ThresholdFloor,
    /// M0: 2t > n + c.
    OneSum,
    /// M0: as many traitors are assumed as policy does.
    Corrupt,
    /// M0: t - c is as large as the session, policy and reason ask for.
    Honest,
    /// M0: the graph is one that policy allows.
    Graph,
    /// M0: the model is the one that was trained from.
    Model,
    /// M0: the configuration is the one that was allowed.
    Config,
    /// M0: the vector is as long as the model.
    Dimension,
    /// M0: no sum can leave the ring.
    NoWrap,
    /// M0: the noise is as much as policy asks for.
    NoiseFloor,
    /// M0: noise is counted from honest survivors only.
    NoiseShares,
    /// M0: with noise, all weights are 1: a weight is not noised.
    NoiseWeights,
    /// M0: the round was not signed for.
    NotSigned,
    /// M0: the attempt is a new one.
    NewAttempt,
    /// M0: the round was not tried too often.
    AttemptBudget,
    /// All: the message belongs to the session and comes from the coordinator.
    Session,
    /// M2: every entry is a participant's.
    AdvertListed,
    /// M2: every entry is signed by its site.
    AdvertSigned,
    /// M2: no two sites have one key.
    KeysDistinct,
    /// M2: no key is of small order.
    KeysContribute,
    /// M2: the own entry is what was sent.
    OwnAdvert,
    /// M2: |U1| ≥ t.
    FirstSetSize,
    /// M4: U2 is a set of this session and a part of U1.
    SecondSetInFirst,
    /// M4: this site is in U2.
    SecondSetHasOwn,
    /// M4: |U2| ≥ t.
    SecondSetSize,
    /// M4: one ciphertext from each in U2, and no other.
    SharesComplete,
    /// M4: every ciphertext opens.
    SharesOpen,
    /// M4: every share is a canonical scalar.
    SharesCanonical,
    /// M6: U3 is a set of this session and a part of U2.
    ThirdSetInSecond,
    /// M6: this site is in U3.
    ThirdSetHasOwn,
    /// M6: |U3| ≥ t.
    ThirdSetSize,
    /// M8: every signer is in U3.
    SignersInThirdSet,
    /// M8: every signature is over the sets that this site saw.
    SetsSigned,
    /// M8: t signatures or more.
    SignersEnough,
    /// Own: what is sent is the update that was bounded.
    OwnUpdate,
    /// Own: the noise is the share that was agreed on.
    OwnNoise,
    /// All: messages come in their order, and a second one of a kind is the first again.
    Order,
}

impl Check {
    /// Refuses unless the check holds.
    pub(crate) fn requires(self, holds: bool, refusal: impl FnOnce() -> Refusal) -> Result<(), Refusal> {
        #[cfg(test)]
        let holds = holds || omission::is_omitted(self);
        if holds { Ok(()) } else { Err(refusal()) }
    }
}

/// Leaves out one check in the tests of this crate; there is no such thing in any other build.
#[cfg(test)]
pub(crate) mod omission {
    use super::Check;
    use std::cell::Cell;

    thread_local! {
        static OMITTED: Cell<Option<Check>> = const { Cell::new(None) };
    }

    /// Runs `work` with one check left out, or none.
    pub(crate) fn without<T>(check: Option<Check>, work: impl FnOnce() -> T) -> T {
        let before = OMITTED.replace(check);
        let result = work();
        OMITTED.set(before);
        result
    }

    pub(super) fn is_omitted(check: Check) -> bool {
        OMITTED.get() == Some(check)
    }
}
