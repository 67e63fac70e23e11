//! The committed code is what the protocol files say. `UPDATE_GENERATED=1` rewrites it.

use std::error::Error;
use std::path::{Path, PathBuf};

const FILE: &str = "wardround.v1.rs";
const PROTOCOLS: [&str; 4] = ["control", "enrolment", "studies", "transfer"];

#[test]
fn generated_code_is_what_the_protocol_files_say() -> Result<(), Box<dyn Error>> {
    let fresh = generate()?;
    let committed = folder().join("src/generated").join(FILE);
    if std::env::var_os("UPDATE_GENERATED").is_some() {
        std::fs::write(&committed, &fresh)?;
    }
    let same = std::fs::read_to_string(&committed)? == fresh;
    assert!(same, "{} is stale: run UPDATE_GENERATED=1 cargo test -p wardround-proto", committed.display());
    Ok(())
}

#[test]
fn every_field_and_value_is_commented() -> Result<(), Box<dyn Error>> {
    for protocol in PROTOCOLS {
        let text = std::fs::read_to_string(folder().join(source(protocol)))?;
        let lines: Vec<_> = text.lines().map(str::trim).collect();
        for pair in lines.windows(2) {
            let is_item = pair[1].ends_with(';') && pair[1].contains(" = ") && !pair[1].starts_with("syntax");
            assert!(!is_item || pair[0].starts_with("//"), "{protocol}.proto: `{}` has no comment", pair[1]);
        }
    }
    Ok(())
}

fn generate() -> Result<String, Box<dyn Error>> {
    let descriptors = protox::compile(PROTOCOLS.map(source), [folder()])?;
    let out = tempfile::tempdir()?;
    tonic_prost_build::configure().bytes(".").out_dir(out.path()).compile_fds(descriptors)?;
    Ok(std::fs::read_to_string(out.path().join(FILE))?)
}

fn source(protocol: &str) -> PathBuf {
    Path::new("wardround/v1").join(protocol).with_extension("proto")
}

fn folder() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}
