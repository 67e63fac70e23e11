//! The coordinator's machine with a shell of one page: three sites move a one-weight model to the mean of their numbers.

use std::collections::{BTreeMap, BTreeSet};
use wardround_plan::{Digest, Plan, SiteId, Timestamp};
use wardround_round::coordinator::{Effect, Input, Study, Submission, Summed};
use wardround_round::{FromSite, ModelRef, RoundId, StudyOutcome, ToSite, UpdateRef};
use wardround_strategy::{FedAvg, Mean, ServerState, TotalWeight, fold};

const PLAN: &str = include_str!("plan.toml");

/// A shell: performs effects in memory. Blobs are kept by their digest, as on disk.
struct Shell {
    study: Study,
    now: Timestamp,
    sums: BTreeMap<Digest, i64>,
    values: BTreeMap<Digest, f32>,
    numbers: BTreeMap<SiteId, f32>,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let plan = Plan::from_toml(PLAN)?;
    let numbers = [("anna", 1.0), ("bernd", 2.0), ("clara", 6.0)];
    let mut shell = Shell::new(plan, numbers.map(|(name, number)| (SiteId::new(name).expect("a name"), number)).into());
    let roster: BTreeSet<SiteId> = shell.numbers.keys().cloned().collect();
    shell.feed(Input::Roster(roster.clone()));
    for site in roster {
        shell.feed(Input::Arrived(site));
    }
    let view = shell.study.view();
    println!("{:?} at {}", view.outcome, shell.values[&view.model.digest]);
    assert_eq!(view.outcome, Some(StudyOutcome::Finished));
    Ok(())
}

impl Shell {
    fn new(plan: Plan, numbers: BTreeMap<SiteId, f32>) -> Self {
        let (digest, values) = stored(0.0);
        let model = ModelRef { digest, bytes: 4 };
        let study = Study::new(Submission { plan, layout: Digest::of(b"one weight"), model }, None);
        Self { study, now: Timestamp::from_ms(0), sums: BTreeMap::new(), values, numbers }
    }

    /// Feeds the machine, then drains it.
    fn feed(&mut self, input: Input) {
        if let Err(rejection) = self.study.handle(self.now, input) {
            println!("rejected: {rejection}");
        }
        while let Some(effect) = self.study.poll_effect() {
            self.perform(effect);
        }
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Send(site, message) => self.deliver(site, message),
            Effect::Fold(job) => {
                let mut sum = [job.onto.map_or(0, |onto| self.sums[&onto])];
                fold(&mut sum, &[self.values[&job.update.digest]], job.weight).expect("a sound update");
                let digest = Digest::of(&sum[0].to_le_bytes());
                self.sums.insert(digest, sum[0]);
                self.feed(Input::Folded(digest));
            }
            Effect::Apply { model, sum, of } => {
                let Summed::Updates(weights) = of else { unreachable!("the plan shares no noise") };
                let (sum, total) = ([self.sums[&sum]], TotalWeight::of(weights).expect("somebody took part"));
                let mut state = ServerState::new(&FedAvg, vec![self.values[&model.digest]]);
                state.step(&FedAvg, 1.0, Mean::Sum(&sum, total)).expect("one weight each");
                let (digest, value) = stored(state.model()[0]);
                self.values.extend(value);
                self.feed(Input::Applied(ModelRef { digest, bytes: 4 }));
            }
            // A real shell stores events before it goes on, and answers uploads.
            Effect::Persist(recorded) => println!("{:?}", recorded.event),
            Effect::Receipt(..) | Effect::Discard(_) => {}
            // Only of plans with secure aggregation.
            Effect::FoldMasked(_) | Effect::Unmask { .. } | Effect::Read(_) => {}
        }
    }

    /// What a site does: says yes, and answers an invitation with the difference to its number.
    fn deliver(&mut self, site: SiteId, message: ToSite) {
        match message {
            ToSite::Offer(offer) => {
                let answer = FromSite::StudyAnswer { study: offer.study, plan: offer.plan_digest, answer: Ok(()) };
                self.feed(Input::Said(site, answer));
            }
            // In round 2 Clara's line is cut before she can answer.
            ToSite::Invitation(invitation) if site.as_str() == "clara" && invitation.id.round.get() == 2 => {
                self.feed(Input::Left(site));
                self.now = invitation.closes_at;
                self.study.tick(self.now);
            }
            ToSite::Invitation(invitation) => self.upload(site, invitation.id, invitation.model),
            ToSite::Closed(_) | ToSite::Ended(_) | ToSite::Witness(_) | ToSite::Secagg(..) => {}
        }
    }

    fn upload(&mut self, site: SiteId, id: RoundId, model: ModelRef) {
        let (digest, update) = stored(self.numbers[&site] - self.values[&model.digest]);
        self.values.extend(update);
        self.feed(Input::Uploaded(site, id, UpdateRef { digest }, 4));
    }
}

fn stored(value: f32) -> (Digest, BTreeMap<Digest, f32>) {
    let digest = Digest::of(&value.to_le_bytes());
    (digest, BTreeMap::from([(digest, value)]))
}

#[cfg(test)]
mod tests {
    #[test]
    fn three_hospitals_agree_after_one_has_left() {
        super::main().expect("as its README says");
    }
}
