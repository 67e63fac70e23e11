//! A federation in a folder, made by the commands that everybody uses.

use crate::process::Running;
use crate::trouble::Trouble;
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Removed when dropped.
pub struct Place {
    folder: tempfile::TempDir,
}

/// A coordinator that serves.
pub struct Serving {
    /// Its process.
    pub process: Running,
    /// `https://HOST:PORT`.
    pub address: String,
}

impl Place {
    /// Makes a federation below `parent`.
    pub fn found(parent: &Path) -> Result<Self, Trouble> {
        let place = Self { folder: tempfile::tempdir_in(parent)? };
        let init = ["authority", "init", "--federation", "bench", "--host", "127.0.0.1", "--listen", "127.0.0.1:0"];
        done(wardround().args(init).arg("--folder").arg(place.federation()))?;
        Ok(place)
    }

    /// Everything is below this.
    pub fn root(&self) -> &Path {
        self.folder.path()
    }

    /// The authority, the coordinator and the study lead.
    pub fn federation(&self) -> PathBuf {
        self.root().join("federation")
    }

    /// Starts the coordinator; its log is thrown away.
    pub fn serve(&self) -> Result<Serving, Trouble> {
        let settings = self.federation().join("coordinator.toml");
        let mut command = wardround();
        command.args(["coordinator", "run", "--config"]).arg(settings).stderr(Stdio::null());
        let mut process = Running::start(&mut command)?;
        let listening = process.next()?;
        Ok(Serving { process, address: format!("https://{}", text(&listening, "listening")?) })
    }

    /// Invites and enrols a site; gives its own folder, with `credentials` in it.
    pub fn enrol(&self, site: &str, address: &str) -> Result<PathBuf, Trouble> {
        let invite = ["authority", "invite", site, "--auto-approve", "--folder"];
        let invitation = done(wardround().args(invite).arg(self.federation()))?;
        let home = self.root().join(site);
        let enroll = ["site", "enroll", "--coordinator", address, "--code", text(&invitation, "code")?];
        let pin = ["--ca-sha256", text(&invitation, "ca_sha256")?, "--credentials"];
        done(wardround().args(enroll).args(pin).arg(home.join("credentials")))?;
        Ok(home)
    }
}

/// The command under test, answering in JSON.
pub fn wardround() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wardround"));
    command.arg("--json").env("WARDROUND_DIE_WITH_PARENT", "1");
    command
}

/// Runs a command to its end; gives its last line.
pub fn done(command: &mut Command) -> Result<Value, Trouble> {
    let output = command.stderr(Stdio::piped()).output()?;
    if !output.status.success() {
        let [said, log] = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes));
        return Err(Trouble::new(format!("{command:?}: {}\n{said}{log}", output.status)));
    }
    let lines = String::from_utf8_lossy(&output.stdout);
    let last = lines.lines().rev().find_map(|line| serde_json::from_str(line).ok());
    last.ok_or_else(|| Trouble::new(format!("{command:?} said nothing")))
}

/// A text in what a command said.
pub fn text<'a>(value: &'a Value, key: &str) -> Result<&'a str, Trouble> {
    value[key].as_str().ok_or_else(|| Trouble::new(format!("no `{key}` in {value}")))
}
