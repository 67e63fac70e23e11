//! Sites that wait to hear that their update is in the sum.

use std::collections::BTreeMap;
use tokio::sync::oneshot;
use wardround_plan::SiteId;
use wardround_round::RoundId;
use wardround_round::coordinator::Rejection;

/// Where the receipt of an upload goes.
pub type Answer = oneshot::Sender<Result<(), Rejection>>;

/// The open calls of sites that have uploaded. A site that asks again waits beside its first call.
#[derive(Default)]
pub struct Receipts {
    waiting: BTreeMap<(SiteId, RoundId), Vec<Answer>>,
}

impl Receipts {
    /// Keeps a call open until its receipt is given.
    pub fn wait(&mut self, site: SiteId, id: RoundId, answer: Answer) {
        self.waiting.entry((site, id)).or_default().push(answer);
    }

    /// Answers every open call of this site for this round.
    pub fn give(&mut self, site: SiteId, id: RoundId, result: &Result<(), Rejection>) {
        for answer in self.waiting.remove(&(site, id)).unwrap_or_default() {
            // Whoever asked may be gone by now; then nobody needs the answer.
            let _ = answer.send(result.clone());
        }
    }
}
