//! Rounds with masked updates: the study machine, real session machines at every site, and a shell in memory. Sites and the
//! coordinator are lost at every step.

use super::*;
use crate::masking::{SumTerms, frame, frame_length, session_round, vector_shape};
use crate::{FromSite, Invitation, ModelRef, ReportedScore, RoundId, Score, Summand, ToSite, UpdateRef, tally};
use rand::SeedableRng;
use rand::rngs::StdRng;
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use wardround_plan::{Digest, Duration, MetricName, Plan, SiteId, Timestamp};
use wardround_secagg::client::{self, Client, History, JournalRecord, Output, Trained};
use wardround_secagg::ring::{Rounding, Update, Weight};
use wardround_secagg::roster::{Enrolment, Roster, SigningKey};
use wardround_secagg::server::accumulate;
use wardround_secagg::session::{Lane, TAIL_WORDS};
use wardround_secagg::wire::{ClientId, ConfigDigest, FederationId, ModelDigest, StudyId};

const NAMES: [&str; 4] = ["anna", "bea", "clara", "dora"];
const COORDINATES: usize = 5000;

const PLAN: &str = r#"
[study]
name = "s"
purpose = "test"
rounds = 2
min_sites = 3
deadline_s = 100
gather_s = 10
absence_s = 20
attempts = 2
[model]
kind = "unet2d"
width = 8
depth = 2
classes = 2
channels = 1
input_px = 16
[training]
optimizer = "sgd"
learning_rate = 0.1
local_steps = 1
batch_images = 1
[privacy]
mode = "none"
[secagg]
enabled = true
[strategy]
kind = "fedavg"
weighting = "equal"
[evaluation]
metrics = ["dice.foreground"]
every = 2
"#;

/// What a site measured of every model: a mean, and patients.
fn score(name: &str) -> Score {
    let patients = u32::from(name.as_bytes()[0]) - 90;
    Score { metric: MetricName::DiceForeground, mean: f64::from(patients) / 16.0, patients }
}

/// The words of a site's scores: 2^-20 divides every sum here.
fn words(name: &str) -> Vec<i64> {
    tally::write(&plan(), &[ReportedScore::Exact(score(name))]).expect("a good score")
}

/// The score of all patients of these sites together.
fn pooled(names: &[&str]) -> ReportedScore {
    let each = names.iter().map(|name| score(name));
    let patients: u32 = each.clone().map(|score| score.patients).sum();
    let sum: f64 = each.map(|score| score.mean * f64::from(score.patients)).sum();
    ReportedScore::Exact(Score { metric: MetricName::DiceForeground, mean: sum / f64::from(patients), patients })
}

fn site(name: &str) -> SiteId {
    SiteId::new(name).expect("a name")
}

fn plan() -> Plan {
    Plan::from_toml(PLAN).expect("a plan")
}

fn submission() -> Submission {
    let model = ModelRef { digest: Digest::of(b"initial"), bytes: 4 * COORDINATES as u64 };
    Submission { plan: plan(), layout: Digest::of(b"layout"), model }
}

/// What a site adds: its own, the same in every round.
fn values(name: &str) -> Vec<f32> {
    let seed = name.len() as f32 + f32::from(name.as_bytes()[0]);
    (0..COORDINATES).map(|place| ((place as f32 + seed) * 0.37).sin() * seed).collect()
}

fn units(name: &str) -> Vec<i64> {
    values(name).iter().map(|value| (f64::from(*value) * 4_294_967_296.0).round_ties_even() as i64).collect()
}

fn sum_of(names: &[&str]) -> Vec<i64> {
    let mut sum = vec![0; COORDINATES];
    names.iter().for_each(|name| sum.iter_mut().zip(units(name)).for_each(|(sum, unit)| *sum += unit));
    sum
}

/// One hospital: its process may be lost, its journal stays.
struct Node {
    seat: client::Site,
    journal: Vec<JournalRecord>,
    session: Option<(RoundId, Client)>,
    alive: bool,
    /// Lost when it would send so many messages of a session, the masked update among them.
    dies_after: Option<usize>,
    sent: usize,
}

/// A coordinator's shell and its sites, in memory.
struct House {
    study: Study,
    roster: Arc<Roster>,
    nodes: BTreeMap<SiteId, Node>,
    blobs: BTreeMap<Digest, Vec<u8>>,
    events: Vec<Event>,
    /// When each round made its model.
    committed: Vec<Timestamp>,
    mail: VecDeque<(SiteId, ToSite)>,
    /// What was summed, and over how many sites.
    sums: Vec<(Vec<i64>, usize)>,
    now: Timestamp,
    rng: StdRng,
    /// The coordinator is lost once it has stored so many events.
    restart_after: Option<usize>,
}

impl House {
    fn new() -> Self {
        let mut rng = StdRng::seed_from_u64(7);
        let now = Timestamp::from_ms(1_800_000_000_000);
        let authority = SigningKey::generate(&mut rng);
        let keys: Vec<SigningKey> = NAMES.iter().map(|_| SigningKey::generate(&mut rng)).collect();
        let enrolment = |(place, name): (usize, &&str)| Enrolment {
            federation: FederationId([1; 16]),
            client: ClientId::of_site(&site(name)),
            name: site(name),
            key: keys[place].public(),
            tls_key_sha256: [0; 32],
            not_before: Timestamp::from_ms(0),
            not_after: Timestamp::from_ms(2_000_000_000_000),
            serial: place as u64 + 1,
        };
        let certificates = NAMES.iter().enumerate().map(enrolment).map(|one| one.certify(&authority)).collect();
        let roster = Roster::new(FederationId([1; 16]), &authority.public(), certificates, [].into());
        let roster = Arc::new(roster.expect("a roster"));
        let node = |(name, key): (&&str, SigningKey)| {
            let policy = client::Policy { threshold: client::ThresholdFloor::OneSum, ..client::Policy::default() };
            let client = ClientId::of_site(&site(name));
            let seat = client::Site { client, key: Arc::new(key), roster: roster.clone(), policy };
            let node = Node { seat, journal: vec![], session: None, alive: true, dies_after: None, sent: 0 };
            (site(name), node)
        };
        let nodes = NAMES.iter().zip(keys).map(node).collect();
        let study = Study::new(submission(), Some(roster.clone()));
        let (blobs, mail) = (BTreeMap::new(), VecDeque::new());
        let (events, committed, sums) = (vec![], vec![], vec![]);
        let mut house =
            Self { study, roster, nodes, blobs, events, committed, mail, sums, now, rng, restart_after: None };
        house.feed(Input::Roster(NAMES.iter().map(|name| site(name)).collect()));
        house
    }

    fn node(&mut self, name: &str) -> &mut Node {
        self.nodes.get_mut(&site(name)).expect("one of the four")
    }

    fn feed(&mut self, input: Input) {
        // What comes too late is rejected; nothing here depends on hearing that.
        let _ = self.study.handle(self.now, input);
        self.drain();
    }

    fn drain(&mut self) {
        while let Some(effect) = self.study.poll_effect() {
            self.perform(effect);
            if self.restart_after.is_some_and(|after| self.events.len() >= after) {
                self.restart_after = None;
                return self.restart();
            }
        }
    }

    /// Everything the process held is gone; what it stored is not. Sites see their connection break.
    fn restart(&mut self) {
        self.mail.clear();
        self.study = Study::restore(self.now, submission(), Some(self.roster.clone()), self.events.clone());
        // The clock looks before anybody has read who is enrolled.
        self.study.tick(self.now);
        self.drain();
        self.feed(Input::Roster(NAMES.iter().map(|name| site(name)).collect()));
        self.connect_all();
    }

    fn connect_all(&mut self) {
        for name in NAMES {
            if !self.node(name).alive {
                continue;
            }
            self.feed(Input::Arrived(site(name)));
            let open = self.node(name).session.as_ref().map(|(id, _)| id.clone());
            if let Some(id) = open {
                self.feed(Input::Said(site(name), FromSite::Ready(id)));
            }
        }
    }

    /// Delivers mail and lets time pass until the study is over, or waits for sites that never come.
    fn run(&mut self) {
        self.connect_all();
        for _ in 0..2000 {
            while let Some((to, message)) = self.mail.pop_front() {
                self.deliver(&to, message);
            }
            if self.study.view().outcome.is_some() {
                return;
            }
            let Some(next) = self.study.deadline() else { return };
            self.now = self.now.max(next);
            self.study.tick(self.now);
            self.drain();
        }
        panic!("the study does not end: {:?}", self.study.view());
    }

    fn perform(&mut self, effect: Effect) {
        match effect {
            Effect::Persist(recorded) => {
                self.committed.extend(matches!(recorded.event, Event::RoundCommitted { .. }).then_some(recorded.at));
                self.events.push(recorded.event);
            }
            Effect::Send(to, message) => self.mail.push_back((to, message)),
            Effect::FoldMasked(fold) => {
                let answer = match self.fold(&fold) {
                    Ok((sum, complete)) => Input::MaskedFolded(self.keep(sum), complete),
                    Err(reason) => Input::FoldRefused(Rejection::Content(reason)),
                };
                self.study.handle(self.now, answer).expect("the shell is believed");
            }
            Effect::Unmask { sum, .. } => {
                let answer = Input::Unmasked(self.unmask(sum));
                self.study.handle(self.now, answer).expect("the shell is believed");
            }
            Effect::Apply { model, sum, of } => {
                let words: Vec<i64> =
                    self.blobs[&sum].as_chunks().0.iter().map(|word| i64::from_le_bytes(*word)).collect();
                let Summed::Updates(weights) = of else { panic!("no gradients are summed here") };
                self.sums.push((words, weights.len()));
                let next = ModelRef { digest: Digest::of(model.digest.as_bytes()), bytes: model.bytes };
                self.study.handle(self.now, Input::Applied(next)).expect("the shell is believed");
            }
            Effect::Read(sum) => {
                let words = self.blobs[&sum].as_chunks().0.iter().map(|word| i64::from_le_bytes(*word)).collect();
                self.study.handle(self.now, Input::SumRead(words)).expect("the shell is believed");
            }
            Effect::Fold(_) => panic!("no update of a masked round is seen"),
            Effect::Receipt(..) | Effect::Discard(_) => {}
        }
    }

    /// Round, sites and scores of every sum of scores.
    fn scores(&self) -> Vec<(u32, u32, Vec<ReportedScore>)> {
        let summed = |event: &Event| match event {
            Event::ScoresSummed { round, sites, scores } => Some((round.get(), *sites, scores.clone())),
            _ => None,
        };
        self.events.iter().filter_map(summed).collect()
    }

    fn keep(&mut self, bytes: Vec<u8>) -> Digest {
        let digest = Digest::of(&bytes);
        self.blobs.insert(digest, bytes);
        digest
    }

    fn fold(&self, fold: &Fold) -> Result<(Vec<u8>, wardround_secagg::server::CompleteUpload), String> {
        let mut messages = messages(&self.blobs[&fold.update.digest])?;
        let trailer = messages.pop().ok_or("empty")?;
        let mut receiver = self.study.receive(&fold.site, &messages.remove(0))?;
        let mut vector = Vec::new();
        for chunk in messages {
            vector.extend(receiver.chunk(&chunk).map_err(|error| error.to_string())?);
        }
        let complete = receiver.finish(&trailer).map_err(|error| error.to_string())?;
        let mut sum = fold.onto.map_or_else(|| vec![0; vector.len()], |onto| self.blobs[&onto].clone());
        accumulate(Lane::Bits64, &mut sum, &vector);
        Ok((sum, complete))
    }

    fn unmask(&mut self, sum: Digest) -> Result<Digest, String> {
        let unmasker = self.study.unmasker()?;
        let mut words = self.blobs[&sum].clone();
        unmasker.unmask(0, &mut words);
        let tail = words.split_off(words.len() - 8 * usize::from(TAIL_WORDS));
        unmasker.total_weight(&tail).map_err(|error| error.to_string())?;
        Ok(self.keep(words))
    }

    fn deliver(&mut self, to: &SiteId, message: ToSite) {
        if !self.nodes[to].alive {
            return;
        }
        match message {
            ToSite::Offer(offer) => {
                let answer = FromSite::StudyAnswer { study: offer.study, plan: offer.plan_digest, answer: Ok(()) };
                self.feed(Input::Said(to.clone(), answer));
            }
            ToSite::Invitation(invitation) => self.begin(to, invitation),
            ToSite::Secagg(id, message) => self.hear(to, &id, &message),
            ToSite::Closed(closing) => {
                self.nodes.get_mut(to).expect("known").session.take_if(|(id, _)| *id == closing.id);
            }
            ToSite::Ended(_) | ToSite::Witness(_) => {}
        }
    }

    fn begin(&mut self, to: &SiteId, invitation: Invitation) {
        let node = self.nodes.get_mut(to).expect("known");
        if node.session.as_ref().is_none_or(|(id, _)| *id != invitation.id) {
            let vector = vector_shape(&plan(), invitation.id.summand, &invitation.model).expect("small");
            let trained = Trained {
                study: StudyId::of_study(&invitation.id.study),
                round: session_round(&invitation.id),
                model: ModelDigest(invitation.model.digest),
                config: ConfigDigest(plan().digest().0),
                coordinates: vector.coordinates(),
            };
            let client = Client::new(node.seat.clone(), trained, History::new(node.journal.iter().copied()));
            node.session = Some((invitation.id.clone(), client));
        }
        self.feed(Input::Said(to.clone(), FromSite::Ready(invitation.id)));
    }

    fn hear(&mut self, to: &SiteId, id: &RoundId, message: &[u8]) {
        let now = self.now;
        let node = self.nodes.get_mut(to).expect("known");
        let Some((_, client)) = node.session.take_if(|(open, _)| open == id) else { return };
        let begun = client.session().is_some();
        let event = if begun { client::Event::Message(message) } else { client::Event::Params(message) };
        let (client, outputs) = client.handle(now, event, &mut self.rng);
        node.session = Some((id.clone(), client));
        for output in outputs {
            match output {
                Output::Persist(record) => self.nodes.get_mut(to).expect("known").journal.push(record),
                Output::Send(message) => self.say(to, id, message),
                Output::Encode => self.upload(to, id),
                Output::Aborted(refusal) => self.refuse(to, id, refusal.to_string()),
                Output::Agreed(_) | Output::Finished => {}
            }
        }
    }

    fn say(&mut self, from: &SiteId, id: &RoundId, message: Vec<u8>) {
        if self.survives(from) {
            self.feed(Input::Said(from.clone(), FromSite::Secagg(id.clone(), message)));
        }
    }

    fn refuse(&mut self, from: &SiteId, id: &RoundId, why: String) {
        let answer = Err(crate::Refusal::new(crate::RefusalReason::PrivacyRequired, why));
        self.feed(Input::Said(from.clone(), FromSite::RoundAnswer { id: id.clone(), answer }));
    }

    /// False where the site is lost before it can send.
    fn survives(&mut self, from: &SiteId) -> bool {
        let node = self.nodes.get_mut(from).expect("known");
        if node.alive && node.dies_after == Some(node.sent) {
            (node.alive, node.session) = (false, None);
            self.feed(Input::Left(from.clone()));
            return false;
        }
        node.sent += 1;
        node.alive
    }

    fn upload(&mut self, from: &SiteId, id: &RoundId) {
        let (values, words) = (values(from.as_str()), words(from.as_str()));
        let addend = match id.summand {
            Summand::Update => Update::Reals(&values),
            Summand::Scores => Update::Integers(&words),
        };
        let now = self.now;
        let node = self.nodes.get_mut(from).expect("known");
        let Some((_, mut client)) = node.session.take() else { return };
        let params = client.params().expect("a session");
        let terms = SumTerms::of(&plan(), None, id.summand, &submission().model, params.thresholds).expect("small");
        assert_eq!((params.vector, params.encoding), (terms.vector, terms.encoding));
        let contribution = client.prepare(addend, Weight::ONE, Rounding::Nearest, &mut self.rng);
        let contribution = contribution.expect("asked for").expect("a sound update");
        let mut file = Vec::new();
        let mut write = |outputs: Vec<Output>| {
            for output in outputs {
                let Output::Send(message) = output else { panic!("{output:?}") };
                file.extend(frame(&message));
            }
        };
        let outputs;
        (client, outputs) = client.handle(now, client::Event::Contribute(contribution, None), &mut self.rng);
        write(outputs);
        while let Some(chunk) = client.next_chunk(addend).expect("the same update") {
            write(vec![Output::Send(chunk)]);
        }
        let (client, outputs) = client.handle(now, client::Event::Uploaded, &mut self.rng);
        write(outputs);
        self.nodes.get_mut(from).expect("known").session = Some((id.clone(), client));
        if !self.survives(from) {
            return;
        }
        let bytes = file.len() as u64;
        let update = UpdateRef { digest: self.keep(file) };
        if self.study.admit(from, id, &update, bytes).is_ok() {
            self.feed(Input::Uploaded(from.clone(), id.clone(), update, bytes));
        }
    }
}

fn messages(mut file: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = file.split_first_chunk() {
        let length = frame_length(*length)?;
        let (message, rest) = rest.split_at_checked(length).ok_or("it breaks off")?;
        messages.push(message.to_vec());
        file = rest;
    }
    Ok(messages)
}

#[test]
fn the_sum_of_masked_updates_is_the_sum_of_the_updates() {
    let mut house = House::new();
    house.run();
    assert_eq!(house.study.view().outcome, Some(crate::StudyOutcome::Finished));
    assert_eq!(house.sums.len(), 2, "one sum a round");
    for (sum, sites) in &house.sums {
        assert!(*sum == sum_of(&NAMES) && *sites == 4);
    }
    assert_eq!(house.scores(), [(2, 4, vec![pooled(&NAMES)])], "of the last round's model, over all four");
}

#[test]
fn a_site_lost_at_any_message_leaves_a_sum_of_the_others_or_of_all() {
    // A session is four messages of a site and its masked update: keys, shares, update, signature, shares for unmasking.
    for lost in 0..5 {
        let mut house = House::new();
        house.node("clara").dies_after = Some(lost);
        house.run();
        assert_eq!(house.study.view().outcome, Some(crate::StudyOutcome::Finished), "lost at message {lost}");
        // Whoever had uploaded is in the sum of the round in which it was lost.
        let first = if lost < 3 { sum_of(&["anna", "bea", "dora"]) } else { sum_of(&NAMES) };
        assert!(house.sums[0].0 == first, "lost at message {lost}");
        assert!(house.sums[1].0 == sum_of(&["anna", "bea", "dora"]), "lost at message {lost}");
        assert_eq!(house.sums.len(), 2);
        assert_eq!(house.scores(), [(2, 3, vec![pooled(&["anna", "bea", "dora"])])], "lost at message {lost}");
    }
}

#[test]
fn a_site_lost_while_scores_are_summed_leaves_those_of_the_others_or_of_all() {
    for lost in 0..5 {
        let mut house = House::new();
        house.node("clara").dies_after = Some(2 * 5 + lost);
        house.run();
        assert_eq!(house.study.view().outcome, Some(crate::StudyOutcome::Finished), "lost at message {lost}");
        let in_sum = if lost < 3 { &["anna", "bea", "dora"][..] } else { &NAMES };
        let sites = in_sum.len() as u32;
        assert_eq!(house.scores(), [(2, sites, vec![pooled(in_sum)])], "lost at message {lost}");
    }
}

#[test]
fn a_lost_site_holds_a_round_up_until_it_is_given_up_and_no_longer() {
    for lost in 0..5 {
        let mut house = House::new();
        let begun = house.now;
        house.node("clara").dies_after = Some(lost);
        house.run();
        assert_eq!(house.committed[0], begun + Duration::from_s(20), "lost at message {lost}: its absence_s");
    }
}

#[test]
fn a_study_ends_without_scores_where_too_few_sites_are_left_to_hide_each_other() {
    let mut house = House::new();
    house.node("clara").dies_after = Some(2 * 5);
    house.node("dora").dies_after = Some(2 * 5 + 1);
    house.run();
    assert_eq!(house.study.view().outcome, Some(crate::StudyOutcome::Finished));
    assert_eq!(house.scores(), []);
    assert!(house.events.iter().any(|event| matches!(event, Event::ScoresMissed { .. })), "and says so");
}

#[test]
fn scores_of_one_site_are_not_taken() {
    let mut house = House::new();
    house.run();
    house.study = Study::restore(house.now, submission(), None, house.events.iter().take(20).cloned());
    let scores = vec![ReportedScore::Exact(score("anna"))];
    let report = FromSite::Scores { study: plan().study.name, round: wardround_plan::RoundNumber::FIRST, scores };
    house.study.handle(house.now, Input::Roster([site("anna")].into())).expect("enrolled");
    let refused = house.study.handle(house.now, Input::Said(site("anna"), report));
    assert_eq!(refused, Err(Rejection::NotExpected(site("anna"))));
}

#[test]
fn a_coordinator_lost_after_any_event_ends_with_the_same_sums() {
    let mut house = House::new();
    house.run();
    let events = house.events.len();
    for after in 1..events {
        let mut house = House::new();
        house.restart_after = Some(after);
        house.run();
        assert_eq!(house.study.view().outcome, Some(crate::StudyOutcome::Finished), "after event {after}");
        assert!(house.sums.iter().all(|(sum, _)| *sum == sum_of(&NAMES)), "after event {after} of {events}");
        let scores = house.scores();
        assert!(scores.iter().all(|(.., score)| *score == [pooled(&NAMES)]), "after event {after}: {scores:?}");
    }
}

#[test]
fn too_few_sites_give_no_sum() {
    let mut house = House::new();
    house.node("clara").dies_after = Some(1);
    house.node("dora").dies_after = Some(2);
    house.run();
    assert_eq!(house.study.view().phase, Phase::Gathering, "the study waits for its third site");
    assert!(house.sums.is_empty());
    let signed = |node: &Node| node.journal.iter().any(|record| record.stage == client::JournalStage::Signed);
    assert!(!house.nodes.values().any(signed), "nobody signed, so nobody gave shares");
}

#[test]
fn sites_that_refuse_a_session_are_not_waited_for_and_say_why() {
    let mut house = House::new();
    let begun = house.now;
    let signed = JournalRecord {
        study: StudyId::of_study(&plan().study.name),
        round: wardround_secagg::wire::Round(1),
        attempt: wardround_secagg::wire::Attempt(1),
        session: wardround_secagg::wire::SessionId(Digest::of(b"before")),
        stage: client::JournalStage::Signed,
    };
    house.nodes.values_mut().for_each(|node| node.journal.push(signed));
    house.run();
    let Some(crate::StudyOutcome::Failed(reason)) = house.study.view().outcome else { panic!("nobody takes part") };
    let words = ["0 sites are left after Keys", "anna: ", "dora: ", "has signed for a sum of this round already"];
    assert!(words.iter().all(|words| reason.contains(words)), "{reason}");
    assert_eq!(house.now, begun, "in no time");
}

#[test]
fn one_that_refuses_a_session_is_not_waited_for_by_the_others() {
    let mut house = House::new();
    let begun = house.now;
    house.node("dora").seat.policy.cohort_min = 5;
    house.run();
    assert_eq!(house.study.view().outcome, Some(crate::StudyOutcome::Finished));
    assert!(house.sums.iter().all(|(sum, _)| *sum == sum_of(&["anna", "bea", "clara"])));
    assert_eq!(house.now, begun, "in no time");
}

#[test]
fn without_a_roster_no_round_is_made_and_the_reason_is_told() {
    let mut house = House::new();
    house.study = Study::new(submission(), None);
    house.feed(Input::Roster(NAMES.iter().map(|name| site(name)).collect()));
    house.run();
    let Some(crate::StudyOutcome::Failed(reason)) = house.study.view().outcome else { panic!("it cannot finish") };
    assert!(reason.contains("no roster"), "{reason}");
    assert!(house.sums.is_empty());
}
