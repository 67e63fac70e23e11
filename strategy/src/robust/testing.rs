//! Poisoned federations for the tests of the robust rules.

use super::{RobustError, RobustRule, Updates, combine};

/// What `rule` makes of `list`.
pub(super) fn of(rule: &dyn RobustRule, list: &[&[f32]]) -> Vec<f64> {
    let updates = Updates::new(list).expect("of one length");
    let mut mean = vec![f64::NAN; updates.weights()];
    combine(rule, &updates, &mut mean).expect("enough updates");
    mean
}

/// A rule among so many sites.
pub(super) fn check_rule(rule: &dyn RobustRule, sites: usize) -> Check<'_> {
    Check { rule, sites }
}

pub(super) struct Check<'a> {
    rule: &'a dyn RobustRule,
    sites: usize,
}

/// Honest updates are within this of 1 in each coordinate.
const SPREAD: f32 = 0.1;
/// How far from the honest ones a result may be that holds; one that breaks is beyond.
const NEAR: f64 = 1.0;
/// What corrupt sites send in every coordinate.
const ATTACKS: [f32; 4] = [-1000.0, 1000.0, -60.0, 300.0];

impl Check<'_> {
    /// Whatever so many corrupt sites send together, the result is near the honest updates, in any order of arrival.
    pub(super) fn holds_with(&self, corrupt: usize) -> &Self {
        for attack in ATTACKS {
            let far = self.farthest(corrupt, attack);
            assert!(far < NEAR, "{corrupt} of {} with {attack} moved it by {far}", self.sites);
        }
        self
    }

    /// So many corrupt sites move the result as far as they like.
    pub(super) fn breaks_with(&self, corrupt: usize) -> &Self {
        let far = ATTACKS.map(|attack| self.farthest(corrupt, attack) / f64::from(attack.abs()));
        let worst = far.iter().copied().fold(0.0, f64::max);
        assert!(worst > 0.05, "{corrupt} of {} moved it by {worst} of what they sent", self.sites);
        self
    }

    /// There are too few sites for what the rule promises.
    pub(super) fn is_refused(&self) {
        let list = self.updates(0, 0.0);
        let refs: Vec<&[f32]> = list.iter().map(Vec::as_slice).collect();
        let updates = Updates::new(&refs).expect("of one length");
        let got = combine(self.rule, &updates, &mut vec![0.0; updates.weights()]);
        assert_eq!(got, Err(RobustError::TooFew { needed: self.rule.sites_min(), got: self.sites }));
        assert!(self.rule.sites_min() > self.sites);
    }

    fn farthest(&self, corrupt: usize, attack: f32) -> f64 {
        let mut list = self.updates(corrupt, attack);
        let forward = of(self.rule, &list.iter().map(Vec::as_slice).collect::<Vec<_>>());
        list.rotate_left(self.sites / 3);
        list.reverse();
        let shuffled = of(self.rule, &list.iter().map(Vec::as_slice).collect::<Vec<_>>());
        assert!(forward.iter().zip(&shuffled).all(|(a, b)| a.to_bits() == b.to_bits()), "the order changed a bit");
        forward.iter().map(|value| (value - 1.0).abs()).fold(0.0, f64::max)
    }

    /// Honest updates that differ a little everywhere, and corrupt ones that agree.
    fn updates(&self, corrupt: usize, attack: f32) -> Vec<Vec<f32>> {
        let honest = |site: usize, at: usize| 1.0 + SPREAD * ((site * 7 + at * 3) as f32).sin();
        let update = |site: usize| match site < corrupt {
            true => vec![attack; 6],
            false => (0..6).map(|at| honest(site, at)).collect(),
        };
        (0..self.sites).map(update).collect()
    }
}
