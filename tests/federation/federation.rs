//! A federation whose processes run.

use crate::binary::succeed;
use crate::events::Events;
use crate::patience::{LONG, wait_for};
use crate::place::{Place, text};
use crate::plans::STUDY;
use crate::process::Process;
use serde_json::Value;
use std::collections::BTreeMap;

/// Coordinator and sites; all killed when dropped.
pub struct Federation {
    /// Before the place: processes end before their folders are deleted.
    processes: BTreeMap<String, Process>,
    pub place: Place,
}

impl Federation {
    /// Starts the coordinator and every site of a copy of the prepared federation, and submits `plan`.
    pub fn start(plan: &str) -> Self {
        let mut federation = Self::without_sites(plan);
        federation.start_sites();
        federation
    }

    /// Starts every site.
    pub fn start_sites(&mut self) {
        self.place.sites().iter().for_each(|site| self.restart(site));
    }

    /// The same, with no site running yet.
    pub fn without_sites(plan: &str) -> Self {
        let place = Place::prepared().copy();
        place.plan(plan);
        let mut federation = Self::at(place);
        federation.submit();
        federation
    }

    /// A coordinator at `place`, and no study.
    pub fn at(place: Place) -> Self {
        Self::around(place.listen(), place)
    }

    /// What there is when this coordinator runs at `place`.
    pub fn around(coordinator: Process, place: Place) -> Self {
        Self { processes: BTreeMap::from([("coordinator".to_owned(), coordinator)]), place }
    }

    /// Submits the plan file.
    pub fn submit(&mut self) {
        let plan = self.place.plan_file();
        self.lead(&["submit", text(&plan)]);
    }

    /// A process by its name: `coordinator`, or a site's.
    pub fn process(&mut self, name: &str) -> &mut Process {
        self.processes.get_mut(name).expect("it was started")
    }

    /// SIGKILL.
    pub fn kill(&mut self, name: &str) {
        self.process(name).kill();
    }

    /// Starts a process that is not running, and waits until it is up.
    pub fn restart(&mut self, name: &str) {
        let config = self.place.site_config(name);
        let mut process = match name {
            "coordinator" => self.place.coordinator(),
            site => Process::start(site, &self.place.logs(), &["site", "run", "--config", text(&config)]),
        };
        assert!(process.ready().is_some(), "{name} does not start: {}", process.log());
        self.processes.insert(name.to_owned(), process);
    }

    /// What a process has stored.
    pub fn events(&self, name: &str) -> Events {
        Events::of(&self.place.database(name))
    }

    /// Waits until the study is over, and gives its status.
    pub fn finish(&self) -> Value {
        let events = self.events("coordinator");
        wait_for("the end of the study", LONG, || (events.count_of("study_ended") > 0).then_some(()));
        self.status()
    }

    /// The study as `study status` shows it.
    pub fn status(&self) -> Value {
        self.lead(&["status", STUDY])
    }

    /// Runs a command of the study lead.
    pub fn lead(&self, arguments: &[&str]) -> Value {
        let credentials = self.place.federation().join("lead");
        let who = ["--coordinator", &self.place.address(), "--credentials", text(&credentials)];
        succeed(&[&["study"], arguments, &who[..]].concat())
    }
}

/// The digest of the last model of a study that has finished.
pub fn finished_model(status: &Value) -> String {
    assert_eq!(status["state"], "finished", "{status}");
    status["model_sha256"].as_str().expect("a digest").to_owned()
}
