//! SIGKILL at any instant, of any process, leaves a study that goes on to the very same model.
//!
//! What is compared is the digest of the last model, with that of a run from the same bytes that nobody disturbed.

use crate::federation::{Federation, finished_model};
use crate::patience::{LONG, wait_for};
use crate::place::{Place, SITES};
use crate::plans::Tiny;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Trials that run side by side: most of a trial is waiting for sites to dial again.
const SIDE_BY_SIDE: usize = 4;
/// Kills at random instants, unless `WARDROUND_CRASH_TRIALS` says how many.
const RANDOM_TRIALS: u64 = 10;
/// Of the first random trial; each has its own, which a failure prints.
const SEED: u64 = 20_261_122;

/// A run that nobody disturbed.
struct Undisturbed {
    /// Kept so that every trial of a test copies the same bytes.
    _place: Arc<Place>,
    model: String,
    /// Events that the coordinator stored, and that a site did.
    coordinator_events: usize,
    site_events: usize,
    took: Duration,
}

impl Undisturbed {
    fn run() -> Self {
        let place = Place::prepared();
        let federation = Federation::start(&Tiny::default().text());
        let begun = Instant::now();
        let model = finished_model(&federation.finish());
        let (took, north) = (begun.elapsed(), federation.events("north"));
        wait_for("the site's last event", LONG, || (north.count_of("ended") > 0).then_some(()));
        let coordinator_events = federation.events("coordinator").count();
        Self { _place: place, model, coordinator_events, site_events: north.count(), took }
    }

    /// One study, in which `victim` is killed as soon as `now` says so, and started again.
    fn check(&self, trial: &str, victim: &str, now: impl FnOnce(&Federation)) {
        let mut federation = Federation::start(&Tiny::default().text());
        now(&federation);
        federation.kill(victim);
        println!("{trial}: {} events of {victim} were stored", federation.events(victim).count());
        federation.restart(victim);
        assert_eq!(finished_model(&federation.finish()), self.model, "{trial}");
    }
}

#[test]
fn a_coordinator_killed_after_any_stored_event_goes_on_to_the_same_model() {
    let undisturbed = Undisturbed::run();
    side_by_side((1..=undisturbed.coordinator_events).collect(), |event| {
        let trial = format!("coordinator killed after event {event}");
        undisturbed.check(&trial, "coordinator", |federation| stored("coordinator", event, federation));
    });
}

#[test]
fn a_site_killed_after_any_stored_event_goes_on_to_the_same_model() {
    let undisturbed = Undisturbed::run();
    side_by_side((1..=undisturbed.site_events).collect(), |event| {
        let trial = format!("north killed after event {event}");
        undisturbed.check(&trial, "north", |federation| stored("north", event, federation));
    });
}

#[test]
fn any_process_killed_at_any_instant_leaves_the_same_model() {
    let undisturbed = Undisturbed::run();
    let trials = std::env::var("WARDROUND_CRASH_TRIALS").ok().and_then(|trials| trials.parse().ok());
    let seeds = SEED..SEED + trials.unwrap_or(RANDOM_TRIALS);
    side_by_side(seeds.collect(), |seed| {
        let mut rng = StdRng::seed_from_u64(seed);
        let everybody = [&["coordinator"], &SITES[..]].concat();
        let victim = everybody[rng.random_range(0..everybody.len())];
        let after = undisturbed.took.mul_f64(rng.random::<f64>());
        let trial = format!("seed {seed}: {victim} killed after {after:?}");
        println!("{trial}");
        // The instant is the input of this test; nothing is waited for.
        undisturbed.check(&trial, victim, |_| std::thread::sleep(after));
    });
}

/// Waits until `who` has stored so many events, or the study has ended without.
fn stored(who: &str, events: usize, federation: &Federation) {
    let (theirs, coordinators) = (federation.events(who), federation.events("coordinator"));
    let over = || coordinators.count_of("study_ended") > 0;
    wait_for("an event", LONG, || (theirs.count() >= events || over()).then_some(()));
}

/// Runs every trial, a few at a time; all are over before the first failure is reported.
pub fn side_by_side<T: Send>(trials: VecDeque<T>, check: impl Fn(T) + Sync) {
    let trials = Mutex::new(trials);
    let next = || trials.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
    std::thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(trial) = next() {
                    check(trial);
                }
            });
        }
    });
}
