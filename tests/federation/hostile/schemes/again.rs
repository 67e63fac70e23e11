//! A second sum of one round: the difference of the two is somebody's update.

use super::{Delivery, Scheme, index, says};
use wardround_plan::Digest;
use wardround_secagg::AbortCode;
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{
    Abort, Consistency, Decode, DetailDigest, Encode, Envelope, Index, IndexSet, Sender, Survivors,
};

/// Another set of survivors, right behind the first.
pub struct SecondSurvivors;

impl Scheme for SecondSurvivors {
    fn say(&mut self, session: &SessionParams, to: Index, message: Vec<u8>) -> Vec<Delivery> {
        let second = Envelope::<Survivors>::from_bytes(&message).ok().map(|first| {
            let dropped = if to == index(1) { index(2) } else { index(1) };
            let fewer = first.body.third_set.iter().filter(|one| *one != dropped);
            says(session, Survivors { third_set: IndexSet::of(session.participants.len(), fewer) })
        });
        [Some(message), second].into_iter().flatten().map(|message| Delivery::ToSite(to, message)).collect()
    }
}

/// Once all have signed, the session is said to have failed, and the round is tried again.
pub struct SecondAttempt;

impl Scheme for SecondAttempt {
    fn hear(&mut self, session: &SessionParams, from: Index, message: Vec<u8>) -> Vec<Delivery> {
        let message = match Envelope::<Consistency>::from_bytes(&message) {
            Ok(_) => gave_up(session, from),
            Err(_) => message,
        };
        vec![Delivery::ToCoordinator(from, message)]
    }
}

/// That a site takes no further part is not signed, either.
fn gave_up(session: &SessionParams, from: Index) -> Vec<u8> {
    let body = Abort { code: AbortCode::Deadline, detail: DetailDigest(Digest::of(b"")) };
    Envelope { session: session.session_id(), sender: Sender::Client(from), body }.to_bytes()
}
