//! What a site has to remember over a restart: that it opened an attempt, and that it signed.
//!
//! Nothing secret is kept, so a restarted site has dropped out of its session. What it must not do is sign two survivor
//! sets of one round: the difference of two sums is somebody's update.

use crate::wire::{Attempt, Decode, DecodeError, Encode, Reader, Round, SessionId, StudyId, Writer, refused};

/// How far a site has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum JournalStage {
    /// Before its keys leave.
    Opened,
    /// Before its signature over the sets leaves.
    Signed,
}

/// One line of the journal. It has to be durable before what follows it is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JournalRecord {
    /// The study.
    pub study: StudyId,
    /// The round.
    pub round: Round,
    /// The attempt.
    pub attempt: Attempt,
    /// The session.
    pub session: SessionId,
    /// What is about to happen.
    pub stage: JournalStage,
}

/// What the journal of a site says; all of it, or all of one study.
#[derive(Debug, Clone, Default)]
pub struct History {
    records: Vec<JournalRecord>,
}

impl History {
    /// From the stored records, in any order.
    pub fn new(records: impl IntoIterator<Item = JournalRecord>) -> Self {
        Self { records: records.into_iter().collect() }
    }

    /// Whether the round was signed for.
    pub(crate) fn has_signed(&self, study: StudyId, round: Round) -> bool {
        self.of(study, round).any(|record| record.stage == JournalStage::Signed)
    }

    /// The last attempt at the round.
    pub(crate) fn last_attempt(&self, study: StudyId, round: Round) -> Option<Attempt> {
        self.of(study, round).map(|record| record.attempt).max()
    }

    /// Attempts at the round.
    pub(crate) fn attempts(&self, study: StudyId, round: Round) -> usize {
        let mut attempts: Vec<Attempt> = self.of(study, round).map(|record| record.attempt).collect();
        attempts.sort_unstable();
        attempts.dedup();
        attempts.len()
    }

    fn of(&self, study: StudyId, round: Round) -> impl Iterator<Item = &JournalRecord> {
        self.records.iter().filter(move |record| record.study == study && record.round == round)
    }
}

impl Encode for JournalRecord {
    fn write(&self, out: &mut Writer) {
        self.study.write(out);
        out.u64(self.round.0);
        out.u32(self.attempt.0);
        self.session.write(out);
        out.u8(match self.stage {
            JournalStage::Opened => 1,
            JournalStage::Signed => 2,
        });
    }
}

impl Decode for JournalRecord {
    fn read(from: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Ok(Self {
            study: StudyId::read(from)?,
            round: Round(from.u64("round")?),
            attempt: Attempt(from.u32("attempt")?),
            session: SessionId::read(from)?,
            stage: match from.u8("stage")? {
                1 => JournalStage::Opened,
                2 => JournalStage::Signed,
                other => return Err(refused("stage", other, "1 or 2")),
            },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::Digest;

    fn record(round: u64, attempt: u32, stage: JournalStage) -> JournalRecord {
        let session = SessionId(Digest::of(&attempt.to_le_bytes()));
        JournalRecord { study: StudyId([1; 16]), round: Round(round), attempt: Attempt(attempt), session, stage }
    }

    #[test]
    fn attempts_are_counted_once_and_by_round() {
        let opened = |round, attempt| record(round, attempt, JournalStage::Opened);
        let history = History::new([opened(1, 1), opened(1, 4), record(1, 4, JournalStage::Signed), opened(2, 1)]);
        let study = StudyId([1; 16]);
        assert_eq!((history.attempts(study, Round(1)), history.attempts(study, Round(2))), (2, 1));
        assert_eq!(history.last_attempt(study, Round(1)), Some(Attempt(4)));
        assert_eq!(history.last_attempt(study, Round(3)), None);
        assert!(history.has_signed(study, Round(1)) && !history.has_signed(study, Round(2)));
        assert!(!history.has_signed(StudyId([2; 16]), Round(1)));
    }

    #[test]
    fn records_come_back_as_they_were() {
        for stage in [JournalStage::Opened, JournalStage::Signed] {
            let bytes = record(7, 2, stage).to_bytes();
            assert_eq!(JournalRecord::from_bytes(&bytes), Ok(record(7, 2, stage)));
        }
    }
}
