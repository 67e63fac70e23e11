//! What a coordinator may do to a session: each scheme sees every message before it arrives, and says what arrives instead.

mod again;
mod hiding;
mod own_session;
mod rewriting;
mod splitting;

use std::sync::Arc;
use wardround_secagg::roster::Roster;
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{Body, Encode, Envelope, Index, Sender};

/// A message on its way, by the indices of the session that the coordinator has opened.
pub enum Delivery {
    /// To a site, in the coordinator's name.
    ToSite(Index, Vec<u8>),
    /// To the coordinator, in a site's name.
    ToCoordinator(Index, Vec<u8>),
}

impl Delivery {
    /// The site whose stream it takes.
    pub fn end(&self) -> Index {
        match self {
            Self::ToSite(index, _) | Self::ToCoordinator(index, _) => *index,
        }
    }
}

/// What stands between the coordinator and its sites. What a scheme does not touch passes.
pub trait Scheme: Send {
    /// The coordinator means to say this.
    fn say(&mut self, _session: &SessionParams, to: Index, message: Vec<u8>) -> Vec<Delivery> {
        vec![Delivery::ToSite(to, message)]
    }

    /// A site has said this.
    fn hear(&mut self, _session: &SessionParams, from: Index, message: Vec<u8>) -> Vec<Delivery> {
        vec![Delivery::ToCoordinator(from, message)]
    }
}

/// Changes nothing.
struct Honest;

impl Scheme for Honest {}

/// What is done to the study of this name; nothing to one of another.
pub fn of_study(study: &str, roster: Arc<Roster>) -> Box<dyn Scheme> {
    let proposal = own_session::of_study(study, roster);
    let found = proposal.or_else(|| rewriting::of_study(study)).or_else(|| match study {
        "hidden-site" => Some(Box::new(hiding::Hiding::default()) as Box<dyn Scheme>),
        "split-survivors" => Some(Box::new(splitting::Splitting::with(splitting::Signatures::All))),
        "few-signatures" => Some(Box::new(splitting::Splitting::with(splitting::Signatures::Matching))),
        "second-survivors" => Some(Box::new(again::SecondSurvivors)),
        "second-attempt" => Some(Box::new(again::SecondAttempt)),
        _ => None,
    });
    found.unwrap_or_else(|| Box::new(Honest))
}

/// A message of the coordinator in this session.
fn says<T: Body>(session: &SessionParams, body: T) -> Vec<u8> {
    Envelope { session: session.session_id(), sender: Sender::Server, body }.to_bytes()
}

/// An index of a session of four.
fn index(number: u32) -> Index {
    Index::new(number).expect("counted from 1")
}
