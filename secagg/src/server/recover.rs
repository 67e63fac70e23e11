//! From shares to the secrets that unmask the sum, each compared with what its owner had advertised.
//!
//! A site that lies about a share cannot make the sum wrong, only late: what is put together has to reproduce the
//! advertised key or commitment. If it does not, other sets of shares are tried, and the polynomial that fits tells who lied.

use super::Server;
use super::rejection::{Failure, ServerStage};
use super::unmask::Unmasker;
use crate::keys::{KeySchedule, PairEnds};
use crate::mask::{MaskSum, Sign};
use crate::shamir::{Coefficients, Interpolation, SecretScalar};
use crate::wire::{AdvertKeys, Index};
use std::collections::{BTreeMap, BTreeSet};
use subtle::ConstantTimeEq;

/// Sets of shares that are tried for one secret. Two liars among a hundred sites are found within it.
const TRIES_MAX: usize = 4096;

/// A share that is not on the polynomial of the others. Its holder lied, or its owner had sent it that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Blame {
    /// Whose secret it is a share of.
    pub owner: Index,
    /// Who gave it.
    pub holder: Index,
}

/// What depends on the points alone, and what takes the values there to the secret and to the other points.
struct Points {
    interpolation: Interpolation,
    to_secret: Coefficients,
    to_points: BTreeMap<Index, Coefficients>,
}

struct Recovery<'a> {
    server: &'a Server,
    schedule: KeySchedule,
    /// Nearly always one set of responders for all secrets.
    points: BTreeMap<Vec<Index>, Points>,
    blamed: BTreeSet<Blame>,
}

impl Server {
    /// Puts the secrets together and makes what takes the masks off the sum.
    ///
    /// # Errors
    /// [`Failure`] before the last stage is over, and where shares fit nothing that was advertised.
    pub fn recover(&self) -> Result<Unmasker, Failure> {
        if self.stage != ServerStage::Closed {
            return Err(Failure::NotClosed { stage: self.stage });
        }
        let schedule = KeySchedule::new(self.session);
        let mut recovery = Recovery { server: self, schedule, points: BTreeMap::new(), blamed: BTreeSet::new() };
        let mut masks = MaskSum::new(self.params.vector.lane);
        for owner in self.second_set.iter() {
            let secret = recovery.secret(owner)?;
            match self.third_set.contains(owner) {
                true => masks.push(Sign::Minus, &schedule.self_mask(owner, &secret)),
                false => recovery.push_pairs(owner, &secret, &mut masks),
            }
        }
        Ok(Unmasker::new(self.params.clone(), self.third_set.clone(), masks, recovery.blamed))
    }
}

impl Recovery<'_> {
    /// What survivors had added because of a site that fell out. Pairs of two that fell out are in no sum.
    fn push_pairs(&self, owner: Index, sigma: &SecretScalar, masks: &mut MaskSum) {
        let secret = self.schedule.mask_secret(owner, sigma);
        let near = self.server.neighbourhoods.of(owner);
        for (peer, advert) in &self.server.adverts {
            if !self.server.third_set.contains(*peer) || !near.contains(*peer) {
                continue;
            }
            let Some(keys) = self.server.keys(owner) else { continue };
            // Keys of small order were rejected with M1.
            if let Some(agreed) = secret.agree(&advert.keys.mask.0) {
                let ends = PairEnds::new((owner, keys.mask), (*peer, advert.keys.mask));
                let added = Sign::of_pair(*peer, owner);
                masks.push(added.reversed(), &self.schedule.pair_mask(&agreed, &ends));
            }
        }
    }

    /// β of a survivor, σ of a site that fell out.
    fn secret(&mut self, owner: Index) -> Result<SecretScalar, Failure> {
        let holders = self.holders(owner);
        let threshold = self.server.params.thresholds.threshold as usize;
        for chosen in subsets(&holders, threshold).take(TRIES_MAX) {
            let secret = self.combine(owner, &chosen);
            if let Some(secret) = secret.filter(|secret| self.is_advertised(owner, secret)) {
                self.blame(owner, &chosen, &holders);
                return Ok(secret);
            }
        }
        Err(Failure::Shares { owner, holders })
    }

    /// Who gave a share of it; those who lied before come last.
    fn holders(&self, owner: Index) -> Vec<Index> {
        let shares = self.server.revealed.iter().filter(|(_, shares)| shares.contains_key(&owner));
        let mut holders: Vec<Index> = shares.map(|(holder, _)| *holder).collect();
        holders.sort_by_key(|holder| self.blamed.iter().any(|blame| blame.holder == *holder));
        holders
    }

    fn combine(&mut self, owner: Index, chosen: &[Index]) -> Option<SecretScalar> {
        if !self.points.contains_key(chosen) {
            let interpolation = Interpolation::new(chosen).ok()?;
            let (to_secret, to_points) = (interpolation.to_secret(), BTreeMap::new());
            self.points.insert(chosen.to_vec(), Points { interpolation, to_secret, to_points });
        }
        let shares = self.server.shares_of(owner, chosen);
        self.points.get(chosen)?.to_secret.combine(&shares).ok()
    }

    fn is_advertised(&self, owner: Index, secret: &SecretScalar) -> bool {
        let Some(keys) = self.server.keys(owner) else {
            return false;
        };
        match self.server.third_set.contains(owner) {
            true => self.schedule.seed_commitment(owner, secret) == keys.seed,
            false => self.schedule.mask_secret(owner, secret).public() == keys.mask.0,
        }
    }

    /// Compares the shares that were not used with the polynomial of those that were.
    fn blame(&mut self, owner: Index, chosen: &[Index], holders: &[Index]) {
        let Some(Points { interpolation, to_points, .. }) = self.points.get_mut(chosen) else {
            return;
        };
        let used = self.server.shares_of(owner, chosen);
        for holder in holders.iter().filter(|holder| !chosen.contains(holder)) {
            let coefficients = to_points.entry(*holder).or_insert_with(|| interpolation.to_point(*holder));
            let expected = coefficients.combine(&used).ok();
            let given = self.server.shares_of(owner, &[*holder]).first().copied();
            let agrees = expected.zip(given).is_some_and(|(expected, given)| bool::from(expected.ct_eq(given)));
            if !agrees {
                self.blamed.insert(Blame { owner, holder: *holder });
            }
        }
    }
}

impl Server {
    fn shares_of(&self, owner: Index, holders: &[Index]) -> Vec<&SecretScalar> {
        holders.iter().filter_map(|holder| self.revealed.get(holder)?.get(&owner)).collect()
    }

    fn keys(&self, index: Index) -> Option<&AdvertKeys> {
        self.adverts.get(&index).map(|advert| &advert.keys)
    }
}

/// The first `count` of `all`, then those with one exchanged for a spare one, then with two.
fn subsets(all: &[Index], count: usize) -> impl Iterator<Item = Vec<Index>> {
    let count = count.min(all.len());
    let (first, spare) = all.split_at(count);
    let exchange = |exchanges: Vec<(usize, usize)>| {
        let mut chosen = first.to_vec();
        exchanges.iter().for_each(|(out, spare_place)| chosen[*out] = spare[*spare_place]);
        chosen.sort_unstable();
        chosen
    };
    let (spares, firsts) = (spare.len(), first.len());
    let one = (0..spares).flat_map(move |spare| (0..firsts).map(move |out| vec![(out, spare)]));
    let two = (0..spares).flat_map(move |b| (0..b).map(move |a| (a, b))).flat_map(move |(a, b)| {
        (0..firsts).flat_map(move |second| (0..second).map(move |first| vec![(first, a), (second, b)]))
    });
    std::iter::once(Vec::new()).chain(one).chain(two).map(exchange)
}
