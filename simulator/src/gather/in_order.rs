//! A turnstile: workers finish in any order, and their updates pass in the order of the cohort.

use super::{Arrival, Gather, NotTaken, Part};
use std::sync::{Condvar, Mutex, PoisonError};

/// Hands updates to `take` one at a time, in the order of their places. A worker waits for its turn, so that no update is
/// held longer than that.
pub(crate) struct InOrder<F> {
    turn: Mutex<Turn<F>>,
    moved: Condvar,
}

struct Turn<F> {
    next: usize,
    take: F,
}

impl<F: FnMut(usize, Arrival<'_>) -> Result<(), NotTaken> + Send> InOrder<F> {
    /// A turnstile before `take`.
    pub(crate) fn new(take: F) -> Self {
        Self { turn: Mutex::new(Turn { next: 0, take }), moved: Condvar::new() }
    }
}

impl<F: FnMut(usize, Arrival<'_>) -> Result<(), NotTaken> + Send> Gather for InOrder<F> {
    fn take(&self, _: &mut Part, place: usize, arrival: Option<Arrival<'_>>) -> Result<(), NotTaken> {
        // Jobs are handed out in the order of their places, so whoever is waited for is at work.
        let turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        let mut turn = self.moved.wait_while(turn, |turn| turn.next != place).unwrap_or_else(PoisonError::into_inner);
        let taken = arrival.map_or(Ok(()), |arrival| (turn.take)(place, arrival));
        turn.next += 1;
        drop(turn);
        self.moved.notify_all();
        taken
    }
}
