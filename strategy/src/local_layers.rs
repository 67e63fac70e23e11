//! Local layers: some tensors never leave their site (FedBN, Li et al., ICLR 2021, section 3.2: the normalisation layers;
//! FedPer, Arivazhagan et al., arXiv:1912.00818: the last layers).
//!
//! A site trains the common model with its own values in the local coordinates, sends zeros there, and keeps what it trained.
//! The common model never moves in these coordinates. Our networks have group normalisation: its scales and offsets, tensors
//! named `norm`, are what FedBN keeps; there are no running statistics. Everything else is FedAvg.

use crate::local::{Correction, LocalError, LocalRule, LocalSteps, Received};
use std::ops::Range;
use wardround_plan::{Layout, LocalLayersConfig, RuleError};

/// FedAvg with coordinates that stay at their site.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalLayers {
    local: Vec<Range<usize>>,
    weights: usize,
}

impl LocalLayers {
    /// The rule for a model of this layout.
    ///
    /// # Errors
    /// No names, a name that no tensor holds, or nothing left to share.
    pub fn new(config: &LocalLayersConfig, layout: &Layout) -> Result<Self, RuleError> {
        config.check()?;
        let fault = |problem| RuleError { section: "strategy", key: "tensors", problem, remedy: names(layout) };
        let holds = |name: &str, part: &String| name.contains(part.as_str());
        let known = |part: &&String| !layout.tensors().iter().any(|tensor| holds(&tensor.name, part));
        if let Some(part) = config.tensors.iter().find(known) {
            return Err(fault(format!("no tensor of the model has `{part}` in its name")));
        }
        let (mut local, mut at) = (Vec::new(), 0);
        for tensor in layout.tensors() {
            let end = at + tensor.len().unwrap_or_default();
            if config.tensors.iter().any(|part| holds(&tensor.name, part)) {
                local.push(at..end);
            }
            at = end;
        }
        let rule = Self { local, weights: layout.len() };
        if rule.count() == rule.weights {
            return Err(fault("name the whole model, and nothing is left to learn together".into()));
        }
        Ok(rule)
    }

    fn count(&self) -> usize {
        self.local.iter().map(Range::len).sum()
    }

    /// Pairs each local range of the model with its place in the site's vector.
    fn places(&self) -> impl Iterator<Item = (Range<usize>, Range<usize>)> + '_ {
        self.local.iter().scan(0, |at, range| {
            let start = *at;
            *at += range.len();
            Some((range.clone(), start..*at))
        })
    }
}

/// The first tensors by name, to choose from.
fn names(layout: &Layout) -> String {
    /// Names in a message.
    const SHOWN: usize = 6;
    let shown: Vec<&str> = layout.tensors().iter().take(SHOWN).map(|tensor| tensor.name.as_str()).collect();
    let more = layout.tensors().len().saturating_sub(SHOWN);
    let rest = if more == 0 { String::new() } else { format!(" and {more} more") };
    format!("write parts of the names {}{rest}", shown.join(", "))
}

impl LocalRule for LocalLayers {
    fn site_state_len(&self, _: usize) -> usize {
        self.count()
    }

    fn start(&self, model: &[f32], site: &mut [f32]) {
        self.places().for_each(|(range, place)| site[place].copy_from_slice(&model[range]));
    }

    fn round(
        &self,
        received: Received<'_>,
        site: &mut [f32],
        trainer: &mut dyn LocalSteps,
        message: &mut [f32],
    ) -> Result<(), LocalError> {
        let (expected, got) = (self.weights, received.model.len());
        if expected != got {
            return Err(LocalError::Length { what: "model", expected, got });
        }
        self.site_model(received.model, site, message);
        trainer.train(message, &Correction::default())?;
        for (range, place) in self.places() {
            site[place].copy_from_slice(&message[range.clone()]);
            // What the model has here was never trained: with it the difference below is zero.
            message[range.clone()].copy_from_slice(&received.model[range]);
        }
        message.iter_mut().zip(received.model).for_each(|(weight, start)| *weight -= start);
        Ok(())
    }

    fn site_model(&self, model: &[f32], site: &[f32], out: &mut [f32]) {
        out.copy_from_slice(model);
        self.places().for_each(|(range, place)| out[range].copy_from_slice(&site[place]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Quadratics, fedavg, layout};
    use crate::{Aggregation, FedAvg, Strategy};

    fn named(part: &str) -> Result<LocalLayers, RuleError> {
        LocalLayers::new(&LocalLayersConfig { tensors: vec![part.into()] }, &layout())
    }

    #[test]
    fn local_coordinates_stay_at_their_site_and_the_others_are_fedavgs() {
        let sites = Quadratics::heterogeneous().steps(10);
        let rule = named("norm").expect("a tensor has it");
        let strategy = Strategy::new(Box::new(rule.clone()), Aggregation::Mean, Box::new(FedAvg)).expect("one message");
        let (model, kept) = sites.run_with_sites(&strategy, 800);
        assert_eq!(model[0], 0.0, "the first model's value, to the bit");
        assert_eq!(model[1], sites.run(&fedavg(), 800)[1]);
        for (site, own) in kept.iter().enumerate() {
            let alone = sites.centre[site][0];
            assert!((f64::from(own[0]) - alone).abs() < 1e-3, "{own:?}: each site has found its own {alone}");
            let mut used = [0.0; 2];
            rule.site_model(&model, own, &mut used);
            assert_eq!(used, [own[0], model[1]]);
        }
    }

    #[test]
    fn a_name_that_is_nowhere_or_everywhere_is_refused_with_the_names_there_are() {
        for part in ["batch", "e"] {
            let error = named(part).expect_err("nowhere or everywhere").to_string();
            assert!(error.contains("[strategy] tensors") && error.contains("first.norm.scale"), "{error}");
        }
        assert!(named(" ").is_err() && LocalLayers::new(&LocalLayersConfig { tensors: vec![] }, &layout()).is_err());
    }

    #[test]
    fn another_model_is_refused() {
        struct Never;
        impl LocalSteps for Never {
            fn train(&mut self, _: &mut [f32], _: &Correction<'_>) -> Result<crate::Effort, LocalError> {
                Ok(crate::Effort::sgd(1, 0.1))
            }
        }
        let received = Received { model: &[0.0; 3], server: &[] };
        let rule = named("norm").expect("a tensor has it");
        let got = crate::local_round(&rule, received, &mut [0.0], &mut Never, &mut [0.0; 3]);
        assert_eq!(got, Err(LocalError::Length { what: "model", expected: 2, got: 3 }));
    }
}
