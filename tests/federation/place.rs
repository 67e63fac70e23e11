//! A federation's folders before its processes start: three enrolled hospitals with scans, keys and secrets.
//!
//! It is prepared once by the commands that everybody uses, and copied for each trial, so that all trials of one test
//! start from the same bytes: a site's stream key among them, without which two runs would not give the same model.

use crate::binary::succeed;
use crate::process::Process;
use crate::{plans, scans};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use tempfile::TempDir;

/// The hospitals.
pub const SITES: [&str; 3] = ["north", "south", "west"];
/// One more: a masked sum of four can lose one, a sum of three none.
pub const FOUR_SITES: [&str; 4] = ["north", "south", "west", "east"];

/// Ports below those that the system gives to outgoing connections: a site that dials while its coordinator is down
/// can otherwise be connected to itself.
const PORTS: std::ops::Range<u16> = 10_000..32_000;

/// The prepared folders; deleted when the last test that uses them is over.
static PREPARED: Mutex<Weak<Place>> = Mutex::new(Weak::new());
static PREPARED_FOR_FOUR: Mutex<Weak<Place>> = Mutex::new(Weak::new());
static NEXT_PORT: AtomicU16 = AtomicU16::new(0);

/// The folders of one federation.
pub struct Place {
    root: TempDir,
    sites: &'static [&'static str],
}

impl Place {
    /// The prepared federation, which no process uses.
    pub fn prepared() -> Arc<Self> {
        Self::kept(&PREPARED, &SITES)
    }

    /// The prepared federation of four.
    pub fn prepared_for_four() -> Arc<Self> {
        Self::kept(&PREPARED_FOR_FOUR, &FOUR_SITES)
    }

    fn kept(prepared: &Mutex<Weak<Self>>, sites: &'static [&'static str]) -> Arc<Self> {
        let mut prepared = prepared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(place) = prepared.upgrade() {
            return place;
        }
        let place = Arc::new(Self::founded_by(sites));
        *prepared = Arc::downgrade(&place);
        place
    }

    /// Founds a federation and enrols everybody. Another one has the same names and other keys.
    pub fn founded() -> Self {
        Self::founded_by(&SITES)
    }

    fn founded_by(sites: &'static [&'static str]) -> Self {
        let place = Self { root: tempfile::tempdir().expect("room for a folder"), sites };
        std::fs::create_dir(place.logs()).expect("a folder of ours");
        let fed = place.federation();
        let init = ["authority", "init", "--folder", text(&fed), "--federation", "trial", "--host", "127.0.0.1"];
        succeed(&init);
        let mut coordinator = place.listen();
        for (number, site) in sites.iter().enumerate() {
            place.enrol(site);
            scans::write(&place.site(site).join("scans"), number as u32 + 1);
            place.allow(site, &[]);
        }
        place.pin_roster();
        coordinator.kill();
        for site in sites {
            // The first start makes the site's secret.
            let config = place.site_config(site);
            Process::start(site, &place.logs(), &["site", "run", "--config", text(&config)]).ready().expect("starts");
        }
        place
    }

    /// The same bytes in another folder, for one trial.
    pub fn copy(&self) -> Self {
        let root = tempfile::tempdir().expect("room for a folder");
        copy(self.root.path(), root.path());
        Self { root, sites: self.sites }
    }

    /// Starts the coordinator on a free port, which every site is told. Tried once more if somebody is faster.
    pub fn listen(&self) -> Process {
        self.listen_with(Self::coordinator)
    }

    /// The same with a coordinator that `start` starts.
    pub fn listen_with(&self, start: impl Fn(&Self) -> Process) -> Process {
        for _ in 0..2 {
            self.move_to(free_port());
            let mut coordinator = start(self);
            if coordinator.ready().is_some() {
                return coordinator;
            }
        }
        panic!("the coordinator does not start; the logs are in {}", self.logs().display());
    }

    /// Starts the coordinator where it was.
    pub fn coordinator(&self) -> Process {
        let config = self.federation().join("coordinator.toml");
        Process::start("coordinator", &self.logs(), &["coordinator", "run", "--config", text(&config)])
    }

    fn move_to(&self, port: u16) {
        let settings = self.federation().join("coordinator.toml");
        replace_line(&settings, "listen =", &format!("listen = \"127.0.0.1:{port}\""));
        for site in self.sites.iter().map(|site| self.site_config(site)).filter(|file| file.is_file()) {
            replace_line(&site, "coordinator =", &format!("coordinator = \"https://127.0.0.1:{port}\""));
        }
    }

    /// Signs the roster of all who are enrolled; every site approves it.
    fn pin_roster(&self) {
        let federation = self.federation();
        let signed = succeed(&["authority", "sign-roster", "--folder", text(&federation)]);
        let digest = signed["digest"].as_str().expect("a digest");
        for site in self.sites {
            let config = self.site_config(site);
            let file = federation.join("federation.roster");
            let from = ["site", "roster", "--config", text(&config), "--file", text(&file)];
            succeed(&[&from[..], &["--approve", digest]].concat());
        }
    }

    fn enrol(&self, site: &str) {
        let credentials = self.site(site).join("credentials");
        let (code, pin) = self.invite(site);
        let enroll = ["site", "enroll", "--coordinator", &self.address(), "--code", &code, "--ca-sha256", &pin];
        succeed(&[&enroll[..], &["--credentials", text(&credentials)]].concat());
    }

    /// Invites a site: its code, and the authority's fingerprint.
    pub fn invite(&self, site: &str) -> (String, String) {
        let federation = self.federation();
        let invitation = succeed(&["authority", "invite", site, "--folder", text(&federation), "--auto-approve"]);
        let string = |key: &str| invitation[key].as_str().expect("a string").to_owned();
        (string("code"), string("ca_sha256"))
    }

    /// Writes a site's settings, which allow the plans with these digests.
    pub fn allow(&self, site: &str, plans: &[&str]) {
        let settings = format!(
            "coordinator = \"{}\"\ncredentials = \"credentials\"\nstate = \"state\"\n\n[data]\nfolder = \"scans\"\n\n\
             [policy]\nplans = {plans:?}\nmin_cohort = 2\nallow_without_privacy = true\nallow_visible_updates = true\n\n\
             [compute]\nthreads = 1\n",
            self.address(),
        );
        std::fs::write(self.site_config(site), settings).expect("a folder of ours");
    }

    /// Writes the plan that will be submitted; every site allows it.
    pub fn plan(&self, text: &str) {
        std::fs::write(self.plan_file(), text).expect("a folder of ours");
        let digest = plans::digest(text);
        self.sites.iter().for_each(|site| self.allow(site, &[&digest]));
    }

    /// `https://127.0.0.1:PORT`.
    pub fn address(&self) -> String {
        let settings = std::fs::read_to_string(self.federation().join("coordinator.toml")).expect("a file of ours");
        let listen = settings.lines().find_map(|line| line.strip_prefix("listen = ")).expect("it says where");
        format!("https://{}", listen.trim_matches('"'))
    }

    /// The hospitals.
    pub fn sites(&self) -> &'static [&'static str] {
        self.sites
    }

    pub fn root(&self) -> &Path {
        self.root.path()
    }

    pub fn federation(&self) -> PathBuf {
        self.root().join("federation")
    }

    pub fn logs(&self) -> PathBuf {
        self.root().join("logs")
    }

    pub fn plan_file(&self) -> PathBuf {
        self.root().join("plan.toml")
    }

    pub fn site(&self, site: &str) -> PathBuf {
        self.root().join("sites").join(site)
    }

    pub fn site_config(&self, site: &str) -> PathBuf {
        self.site(site).join("site.toml")
    }

    /// The file that holds a process's events; the coordinator's, or a site's by its name.
    pub fn database(&self, who: &str) -> PathBuf {
        match who {
            "coordinator" => self.federation().join("state/coordinator.sqlite"),
            site => self.site(site).join("state/site.sqlite"),
        }
    }
}

/// A path of ours as an argument.
pub fn text(path: &Path) -> &str {
    path.to_str().expect("temporary folders have names that are text")
}

/// A port that nobody listens on now. Tests of one process get different ones.
fn free_port() -> u16 {
    let span = PORTS.end - PORTS.start;
    let first = (std::process::id() as u16).wrapping_mul(97);
    loop {
        let next = first.wrapping_add(NEXT_PORT.fetch_add(1, Ordering::Relaxed));
        let port = PORTS.start + next % span;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

fn replace_line(file: &Path, begins: &str, line: &str) {
    let settings = std::fs::read_to_string(file).expect("a file of ours");
    let lines = settings.lines().map(|old| if old.starts_with(begins) { line } else { old });
    std::fs::write(file, lines.collect::<Vec<_>>().join("\n") + "\n").expect("a file of ours");
}

/// Copies a folder with its permissions: keys stay readable by their owner alone.
pub fn copy(from: &Path, to: &Path) {
    for entry in from.read_dir().expect("a folder of ours") {
        let entry = entry.expect("readable");
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            std::fs::create_dir(&target).expect("a folder of ours");
            let mode = source.metadata().expect("readable").permissions();
            std::fs::set_permissions(&target, mode).expect("a folder of ours");
            copy(&source, &target);
        } else {
            std::fs::copy(&source, &target).expect("room for a file");
        }
    }
}
