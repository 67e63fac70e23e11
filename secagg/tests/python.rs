//! Whether a second implementation, in another language and from the specification alone, makes the same messages.

use std::path::PathBuf;
use std::process::Command;

#[test]
fn python_makes_the_same_messages() {
    let script = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../tests/vectors/secagg.py");
    let ready = Command::new("python3").args(["-c", "import cryptography"]).output();
    if !ready.is_ok_and(|output| output.status.success()) {
        println!("skipped: no python3 with the package `cryptography` is here");
        return;
    }
    let output = Command::new("python3").arg(&script).output().expect("python3 has just run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(said.lines().filter(|line| line.contains("the same")).count(), 3, "three sessions: {said}");
}
