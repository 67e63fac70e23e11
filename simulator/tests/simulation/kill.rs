//! A run is killed in the middle, and goes on to the same end.

use crate::common::{SIMULATION, read, scenario_text};
use std::io::{BufRead as _, BufReader};
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use wardround_simulator::{Comparison, verify};

const SIGKILL: i32 = 9;

fn rehearse(arguments: &[&Path]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rehearse"));
    command.args(arguments).stdout(Stdio::piped());
    command
}

/// The last line of a run that ends by itself: its model.
fn finished(mut command: Command) -> String {
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().last().expect("a model").to_owned()
}

#[test]
fn a_killed_run_resumes_to_the_same_model() {
    let dir = tempfile::tempdir().expect("a folder");
    let [file, whole, killed] = ["scenario.toml", "whole", "killed"].map(|name| dir.path().join(name));
    std::fs::write(&file, scenario_text(SIMULATION, &[("rounds = 5", "rounds = 40")])).expect("written");
    let expected = finished(rehearse(&["start".as_ref(), &file, &whole, "2".as_ref()]));

    let mut child = rehearse(&["start".as_ref(), &file, &killed, "1".as_ref()]).spawn().expect("the binary runs");
    for (kills, round) in ["round 7 ", "round 19 "].into_iter().enumerate() {
        let lines = BufReader::new(child.stdout.take().expect("piped")).lines();
        let seen = lines.map(|line| line.expect("text")).any(|line| line.starts_with(round));
        assert!(seen, "the run ended before {round}");
        child.kill().expect("it is still there");
        let status = child.wait().expect("it ends");
        assert_eq!(status.signal(), Some(SIGKILL), "it was to be killed in the middle, and not to end: {status}");
        if kills == 0 {
            child = rehearse(&["resume".as_ref(), &killed, "4".as_ref()]).spawn().expect("the binary runs");
        }
    }
    // What a kill in the middle of a line leaves behind the checkpoint.
    let torn = read(&killed, "events.jsonl") + "{\"event\":\"rou";
    std::fs::write(killed.join("events.jsonl"), torn).expect("written");
    assert_eq!(finished(rehearse(&["resume".as_ref(), &killed])), expected);
    let compared = verify(&whole, &killed).expect("two runs");
    assert!(matches!(compared, Comparison::Same { events: 60 }), "{compared:?}");
    assert_eq!(read(&whole, "sites.csv"), read(&killed, "sites.csv"));
}
