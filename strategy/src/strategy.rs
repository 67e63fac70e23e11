//! A whole strategy: what a site does, how the messages become one, and what the server does with it.

use crate::local::LocalRule;
use crate::message::MessageShape;
use crate::robust::RobustRule;
use crate::server::ServerRule;

/// The three parts of a strategy.
pub struct Strategy {
    local: Box<dyn LocalRule>,
    aggregation: Aggregation,
    server: Box<dyn ServerRule>,
}

/// How the messages of a round become one.
pub enum Aggregation {
    /// Their exact weighted sum, and so their mean; whether masked or not makes no difference.
    Mean,
    /// By a rule that sees each of them.
    Single(Box<dyn RobustRule>),
    /// By a rule that sees the mean of each group of sites; see [`crate::group_ranges`].
    Groups {
        /// Fewest sites of a group.
        size: usize,
        /// The rule over the groups.
        rule: Box<dyn RobustRule>,
    },
}

/// A strategy's parts do not belong together.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum StrategyError {
    /// The two sides do not speak of the same message.
    #[error("the sites send {local:?} and the server reads {server:?}: a strategy's two sides belong together")]
    Message {
        /// What a site writes.
        local: MessageShape,
        /// What the server reads.
        server: MessageShape,
    },
    /// The sites read more or fewer vectors than the server sends.
    #[error("the sites read {local} of the server's vectors, and it sends {server}")]
    Broadcast {
        /// Vectors that a site reads.
        local: usize,
        /// Vectors that the server sends.
        server: usize,
    },
    /// A robust rule over messages that are more than an update.
    #[error("robust rules judge updates alone, and the sites send {0:?}: use a strategy that sends nothing else")]
    RobustMessage(MessageShape),
}

impl Strategy {
    /// A strategy of three parts: the way in for rules of your own.
    ///
    /// # Errors
    /// [`StrategyError`]
    pub fn new(
        local: Box<dyn LocalRule>,
        aggregation: Aggregation,
        server: Box<dyn ServerRule>,
    ) -> Result<Self, StrategyError> {
        let shapes = (local.message(), server.message());
        if shapes.0 != shapes.1 {
            return Err(StrategyError::Message { local: shapes.0, server: shapes.1 });
        }
        if !matches!(aggregation, Aggregation::Mean) && shapes.0 != MessageShape::UPDATE {
            return Err(StrategyError::RobustMessage(shapes.0));
        }
        let vectors = (local.broadcast_vectors(), server.broadcast_vectors());
        if vectors.0 != vectors.1 {
            return Err(StrategyError::Broadcast { local: vectors.0, server: vectors.1 });
        }
        Ok(Self { local, aggregation, server })
    }

    /// What a site does.
    pub fn local(&self) -> &dyn LocalRule {
        self.local.as_ref()
    }

    /// How the messages become one.
    pub fn aggregation(&self) -> &Aggregation {
        &self.aggregation
    }

    /// What the server does with it.
    pub fn server(&self) -> &dyn ServerRule {
        self.server.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{FedAvg, Median, RoundFacts, Scaffold, Slice};
    use wardround_plan::ScaffoldConfig;

    #[test]
    fn sides_of_two_strategies_do_not_mix() {
        let scaffold = Scaffold::new(ScaffoldConfig { server_learning_rate: 1.0 }).expect("in range");
        let mixed = Strategy::new(Box::new(scaffold), Aggregation::Mean, Box::new(FedAvg));
        assert!(matches!(mixed.err(), Some(StrategyError::Message { .. })));
        let robust = Strategy::new(Box::new(scaffold), Aggregation::Single(Box::new(Median)), Box::new(scaffold));
        assert!(matches!(robust.err(), Some(StrategyError::RobustMessage(_))));
    }

    #[test]
    fn a_server_vector_that_no_site_reads_is_refused() {
        struct Told;
        impl ServerRule for Told {
            fn state_vectors(&self) -> usize {
                1
            }
            fn broadcast_vectors(&self) -> usize {
                1
            }
            fn apply(&self, _: &RoundFacts<'_>, _: Slice<'_>) {}
        }
        let got = Strategy::new(Box::new(FedAvg), Aggregation::Mean, Box::new(Told)).err();
        assert_eq!(got, Some(StrategyError::Broadcast { local: 0, server: 1 }));
    }
}
