//! Where the coordinator's messages about masked sums wait for the jobs that take part in them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::mpsc;
use wardround_round::RoundId;

/// Messages of a session that may wait: it has five.
const INBOX_MAX: usize = 16;

/// The messages of one round.
pub(in crate::work) type Inbox = mpsc::Receiver<Vec<u8>>;

/// Where the coordinator's messages about masked sums are handed to those that wait for them. Clones share it.
#[derive(Clone, Default)]
pub struct Inboxes(Arc<Mutex<BTreeMap<RoundId, mpsc::Sender<Vec<u8>>>>>);

impl Inboxes {
    /// From now on messages of this round are kept, and its end is known, for whoever reads this.
    pub(in crate::work) fn open(&self, id: &RoundId) -> Inbox {
        let (sender, inbox) = mpsc::channel(INBOX_MAX);
        self.with(|inboxes| inboxes.insert(id.clone(), sender));
        inbox
    }

    /// A message that nobody waits for, or one too many, is lost: the coordinator says it again when it matters.
    pub fn deliver(&self, id: &RoundId, message: Vec<u8>) {
        self.with(|inboxes| inboxes.get(id).map(|inbox| inbox.try_send(message)));
    }

    /// Nothing more will come for this round.
    pub fn close(&self, id: &RoundId) {
        self.with(|inboxes| inboxes.remove(id));
    }

    fn with<T>(&self, change: impl FnOnce(&mut BTreeMap<RoundId, mpsc::Sender<Vec<u8>>>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::RoundNumber;
    use wardround_round::Attempt;

    #[tokio::test]
    async fn the_end_of_a_round_is_heard_also_before_anybody_listens() {
        let study = wardround_plan::StudyId::new("s").expect("a name");
        let id = RoundId {
            study,
            round: RoundNumber::FIRST,
            attempt: Attempt::FIRST,
            summand: wardround_round::Summand::Update,
        };
        let inboxes = Inboxes::default();
        let mut inbox = inboxes.open(&id);
        inboxes.deliver(&id, vec![1]);
        inboxes.close(&id);
        inboxes.deliver(&id, vec![2]);
        assert_eq!(inbox.recv().await, Some(vec![1]));
        assert_eq!(inbox.recv().await, None);
    }
}
