//! Every way in which a coordinator with traitors can tell each honest site other sets, exhaustively: never do t shares of
//! both kinds of one honest site come out, never two sums.

use super::fixture::index;
use super::puppet::Puppet;
use crate::session::Thresholds;
use crate::wire::{Consistency, Index, IndexSet};
use std::collections::BTreeSet;

/// The rules that sites follow, without cryptography: bit i is site i + 1, and traitors are the last.
#[derive(Clone, Copy)]
struct Model {
    sites: u32,
    threshold: u32,
    traitors: u32,
}

type Set = u32;

impl Model {
    fn honest(&self) -> u32 {
        self.sites - self.traitors
    }

    fn traitor_bits(&self) -> Set {
        ((1 << self.sites) - 1) & !((1 << self.honest()) - 1)
    }

    /// What a site accepts as U2 and U3 together.
    fn acceptable(&self, site: u32) -> Vec<(Set, Set)> {
        let good = |set: &Set| set.count_ones() >= self.threshold && set >> site & 1 == 1;
        let sets: Vec<Set> = (0..1 << self.sites).filter(good).collect();
        let pairs = sets.iter().flat_map(|second| sets.iter().map(move |third| (*second, *third)));
        pairs.filter(|(second, third)| third & !second == 0).collect()
    }

    /// Whether an honest site with these sets gets t signatures: of honest sites that were told the same, and of traitors.
    fn answers(&self, told: &[(Set, Set)], site: usize) -> bool {
        let agreeing = (0..told.len()).filter(|other| told[*other] == told[site] && told[site].1 >> other & 1 == 1);
        let traitors = (told[site].1 & self.traitor_bits()).count_ones();
        agreeing.count() as u32 + traitors >= self.threshold
    }

    /// The first rule that is broken when honest sites are told these sets.
    fn broken(&self, told: &[(Set, Set)]) -> Option<&'static str> {
        let answering: Vec<usize> = (0..told.len()).filter(|site| self.answers(told, *site)).collect();
        let sums: BTreeSet<Set> = answering.iter().map(|site| told[*site].1).collect();
        if sums.len() > 1 {
            return Some("two sums");
        }
        let both = |owner: u32| {
            let gives = |kind: u32| {
                let given = answering.iter().filter(|site| {
                    let (second, third) = told[**site];
                    second >> owner & 1 == 1 && third >> owner & 1 == kind
                });
                given.count() as u32 + self.traitors >= self.threshold
            };
            gives(0) && gives(1)
        };
        (0..self.honest()).any(both).then_some("both kinds of shares")
    }

    fn first_broken(&self) -> Option<&'static str> {
        let choices: Vec<Vec<(Set, Set)>> = (0..self.honest()).map(|site| self.acceptable(site)).collect();
        let mut places = vec![0; choices.len()];
        if choices.iter().any(Vec::is_empty) {
            return None;
        }
        loop {
            let told: Vec<_> = places.iter().zip(&choices).map(|(place, choice)| choice[*place]).collect();
            if let Some(rule) = self.broken(&told) {
                return Some(rule);
            }
            let next = (0..places.len()).find(|digit| places[*digit] + 1 < choices[*digit].len())?;
            places[next] += 1;
            places[..next].fill(0);
        }
    }
}

#[test]
fn no_assignment_of_sets_breaks_a_rule_where_the_inequality_holds() {
    for sites in 3..=5 {
        for threshold in 1..=sites {
            for traitors in 0..threshold {
                let model = Model { sites, threshold, traitors };
                // Five honest sites with a low bound have millions of assignments; those with t ≥ 4 are all done.
                if 2 * threshold > sites + traitors && !(sites == 5 && traitors == 0 && threshold == 3) {
                    assert_eq!(model.first_broken(), None, "n = {sites}, t = {threshold}, c = {traitors}");
                }
            }
        }
    }
}

#[test]
fn the_checker_finds_what_the_inequality_forbids() {
    assert_eq!(Model { sites: 4, threshold: 2, traitors: 0 }.first_broken(), Some("two sums"));
    assert_eq!(Model { sites: 5, threshold: 4, traitors: 3 }.first_broken(), Some("two sums"));
    assert!(Model { sites: 4, threshold: 3, traitors: 2 }.first_broken().is_some());
}

/// The same with real sites: each honest one is told any U3, the traitors sign whatever is wanted.
fn real_sites(sites: usize, thirds: &[IndexSet]) {
    let thresholds = Thresholds::recommended(sites as u32).expect("three or more");
    let honest = sites - thresholds.corrupt as usize;
    let everyone: Vec<u32> = (1..=sites as u32).collect();
    let mut puppet = Puppet::of(sites, |_| {}).advertised().shared(&everyone).uploaded(&everyone);
    let session = puppet.params.session_id();
    let mut willing = Vec::new();
    for (place, third) in thirds.iter().enumerate() {
        let survivors = crate::wire::Survivors { third_set: third.clone() };
        if puppet.say(Index::of_place(place), survivors).is_ok() {
            willing.push(place);
        }
    }
    for place in willing {
        let sets = puppet.signatures[&Index::of_place(place)].sets;
        for traitor in honest..sites {
            let statement = sets.statement(session, Index::of_place(traitor));
            let signature = puppet.federation.keys[traitor].sign(&statement);
            puppet.signatures.insert(Index::of_place(traitor), Consistency { sets, signature });
        }
        let agree = |number: &u32| {
            let signed = puppet.signatures.get(&index(*number)).is_some_and(|one| one.sets == sets);
            signed && thirds[place].contains(index(*number))
        };
        let signers: Vec<u32> = everyone.iter().copied().filter(agree).collect();
        let signatures = puppet.signature_set(&signers);
        // A refusal is what most of them get.
        let _ = puppet.say(Index::of_place(place), signatures);
    }
    let sums: BTreeSet<Vec<u32>> =
        puppet.answers.keys().map(|from| thirds[from.place()].iter().map(Index::get).collect()).collect();
    assert!(sums.len() <= 1, "two sums of {thirds:?}");
    for owner in (0..honest).map(Index::of_place) {
        let seeds = puppet.answers.keys().filter(|from| thirds[from.place()].contains(owner)).count();
        let secrets = puppet.answers.len() - seeds;
        let enough = |given: usize| given + thresholds.corrupt as usize >= thresholds.threshold as usize;
        assert!(!(enough(seeds) && enough(secrets)), "both kinds of {owner} for {thirds:?}");
    }
}

#[test]
fn real_sites_follow_the_model() {
    for sites in [4_usize, 5] {
        let thresholds = Thresholds::recommended(sites as u32).expect("three or more");
        let members = |bits: usize| (0..sites).filter(move |site| bits >> site & 1 == 1).map(Index::of_place);
        let sets: Vec<IndexSet> = (0..1 << sites)
            .map(|bits| IndexSet::of(sites, members(bits)))
            .filter(|set| set.len() >= thresholds.threshold as usize)
            .collect();
        let honest = sites as u32 - thresholds.corrupt;
        for number in 0..sets.len().pow(honest) {
            let told = (0..honest).map(|site| sets[number / sets.len().pow(site) % sets.len()].clone());
            real_sites(sites, &told.collect::<Vec<_>>());
        }
    }
}
