//! Where every message of secure aggregation passes: a scheme changes it, a silence keeps it back, the transcript has it.

use super::schemes::{self, Delivery, Scheme};
use super::silence::Silence;
use super::transcript::{Direction, Transcript, kind};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::{mpsc, watch};
use tonic::Status;
use wardround_plan::SiteId;
use wardround_proto::v1::{FromSite, Secagg, ToSite, from_site, to_site};
use wardround_secagg::roster::Roster;
use wardround_secagg::session::SessionParams;
use wardround_secagg::wire::{ClientId, Decode, Index};

/// The two ends of one site's stream.
#[derive(Clone)]
pub struct Ends {
    /// As if the site had said it.
    pub to_coordinator: mpsc::Sender<Result<FromSite, Status>>,
    /// As if the coordinator had.
    pub to_site: mpsc::Sender<Result<ToSite, Status>>,
}

/// What all streams of the coordinator share.
pub struct Stage {
    inner: Mutex<Inner>,
    silence: Option<Silence>,
    /// Whether whom the silence is about has come to its instant and is gone.
    gone: watch::Sender<bool>,
}

struct Inner {
    roster: Arc<Roster>,
    transcript: Transcript,
    /// With the number of the visit.
    sites: BTreeMap<SiteId, (u64, Ends)>,
    visits: u64,
    plots: BTreeMap<String, Plot>,
    /// Those that have said what a silence is about.
    fell_silent: BTreeSet<SiteId>,
}

/// One site's stream.
#[derive(Clone)]
pub struct Visit {
    stage: Arc<Stage>,
    site: SiteId,
    number: u64,
}

/// What is done to one study.
struct Plot {
    scheme: Box<dyn Scheme>,
    /// Of the session that the coordinator has opened last.
    session: Option<SessionParams>,
}

impl Stage {
    /// Nobody is here yet.
    pub fn new(roster: Roster, transcript: Transcript, silence: Option<Silence>) -> Self {
        let (sites, plots, fell_silent) = (BTreeMap::new(), BTreeMap::new(), BTreeSet::new());
        let inner = Inner { roster: Arc::new(roster), transcript, sites, visits: 0, plots, fell_silent };
        Self { inner: Mutex::new(inner), silence, gone: watch::Sender::new(false) }
    }

    /// A site has opened its stream.
    pub fn enter(self: &Arc<Self>, site: &SiteId, ends: Ends) -> Visit {
        let number = self.with(|inner| {
            inner.visits += 1;
            inner.sites.insert(site.clone(), (inner.visits, ends));
            inner.visits
        });
        Visit { stage: self.clone(), site: site.clone(), number }
    }

    /// The silence, until whom it is about is gone.
    fn silence(&self) -> Option<&Silence> {
        self.silence.as_ref().filter(|_| !*self.gone.borrow())
    }

    fn with<T>(&self, work: impl FnOnce(&mut Inner) -> T) -> T {
        work(&mut self.inner.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Visit {
    /// The site says something; returns when it is heard.
    pub async fn hear(&self, carried: Secagg) {
        let (site, kind) = (self.site.as_str(), kind(&carried.message));
        if self.stage.silence().is_some_and(|silence| silence.delays(site, &kind)) {
            // The sender is ours, so this cannot fail.
            let _ = self.stage.gone.subscribe().wait_for(|gone| *gone).await;
        }
        let silence = self.stage.silence();
        self.stage.with(|inner| {
            inner.transcript.note(Direction::Heard, &carried.study, &self.site, &carried.message);
            if silence.is_some_and(|silence| silence.withholds(site, &kind)) {
                inner.fell_silent.insert(self.site.clone());
            }
            let Some(plot) = inner.plots.get_mut(&carried.study) else { return };
            let Some((session, index)) = plot.place_of(&self.site) else { return };
            let deliveries = plot.scheme.hear(&session, index, carried.message.to_vec());
            inner.deliver(deliveries, &carried, silence);
        });
    }

    /// The coordinator means to say something.
    pub fn say(&self, carried: Secagg) {
        let silence = self.stage.silence();
        self.stage.with(|inner| {
            let roster = inner.roster.clone();
            let make = || Plot { scheme: schemes::of_study(&carried.study, roster), session: None };
            let plot = inner.plots.entry(carried.study.clone()).or_insert_with(make);
            if let Ok(opened) = SessionParams::from_bytes(&carried.message) {
                plot.session = Some(opened);
            }
            let Some((session, index)) = plot.place_of(&self.site) else { return };
            let deliveries = plot.scheme.say(&session, index, carried.message.to_vec());
            inner.deliver(deliveries, &carried, silence);
        });
    }

    /// One side of the stream has ended, and with it the other, unless the site has opened a newer one.
    pub fn end(&self) {
        let fell_silent = self.stage.with(|inner| {
            let current = inner.sites.get(&self.site).is_some_and(|(number, _)| *number == self.number);
            if current {
                inner.sites.remove(&self.site);
            }
            current && inner.fell_silent.contains(&self.site)
        });
        if fell_silent {
            self.stage.gone.send_replace(true);
        }
    }
}

impl Plot {
    fn place_of(&self, site: &SiteId) -> Option<(SessionParams, Index)> {
        let session = self.session.as_ref()?;
        Some((session.clone(), session.index_of(ClientId::of_site(site))?))
    }
}

impl Inner {
    fn deliver(&mut self, deliveries: Vec<Delivery>, like: &Secagg, silence: Option<&Silence>) {
        for delivery in deliveries {
            let Some(site) = self.site(&like.study, delivery.end()) else { continue };
            let Some((_, ends)) = self.sites.get(&site).cloned() else { continue };
            let carried = |message: Vec<u8>| Secagg { message: message.into(), ..like.clone() };
            // A full queue or a stream that has ended is a message lost on the way.
            match delivery {
                Delivery::ToSite(_, message)
                    if silence.is_some_and(|one| one.withholds(site.as_str(), &kind(&message))) =>
                {
                    self.transcript.note(Direction::Withheld, &like.study, &site, &message);
                    self.fell_silent.insert(site);
                }
                Delivery::ToSite(_, message) => {
                    self.transcript.note(Direction::Said, &like.study, &site, &message);
                    let message = to_site::Message::Secagg(carried(message));
                    let _ = ends.to_site.try_send(Ok(ToSite { message: Some(message) }));
                }
                Delivery::ToCoordinator(_, message) => {
                    let message = from_site::Message::Secagg(carried(message));
                    let _ = ends.to_coordinator.try_send(Ok(FromSite { message: Some(message) }));
                }
            }
        }
    }

    fn site(&self, study: &str, index: Index) -> Option<SiteId> {
        let client = self.plots.get(study)?.session.as_ref()?.client_at(index)?;
        self.sites.keys().find(|site| ClientId::of_site(site) == client).cloned()
    }
}
