//! The house keeps its plan: which room may know which, read from the manifests; and the files that come along.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use wardround_plan::Plan;

/// What each room may know of the others. Arrows point down only; what is not listed is refused, a new room included.
const ARROWS: [(&str, &[&str]); 19] = [
    ("plan", &[]),
    ("privacy", &["plan"]),
    ("secagg", &["plan"]),
    ("strategy", &["plan"]),
    ("metrics", &["plan"]),
    ("round", &["plan", "privacy", "secagg"]),
    ("imaging", &["plan"]),
    ("models", &["plan", "imaging", "metrics"]),
    ("identity", &["plan", "secagg"]),
    ("proto", &["plan", "round"]),
    ("report", &[]),
    ("storage", &["plan"]),
    (
        "client",
        &[
            "plan", "privacy", "secagg", "strategy", "metrics", "round", "imaging", "models", "identity", "proto",
            "report", "storage",
        ],
    ),
    ("evaluation", &["plan", "metrics", "imaging", "models"]),
    ("simulator", &["plan", "privacy", "secagg", "strategy", "metrics", "round", "imaging", "models"]),
    ("coordinator", &["plan", "secagg", "strategy", "round", "identity", "proto", "report", "storage"]),
    (
        "cli",
        &[
            "plan",
            "privacy",
            "metrics",
            "round",
            "imaging",
            "models",
            "identity",
            "proto",
            "report",
            "storage",
            "client",
            "coordinator",
            "simulator",
            "evaluation",
        ],
    ),
    ("examples", &["plan", "privacy", "strategy", "metrics", "round", "imaging", "models", "simulator"]),
    ("tests", &[]),
];

/// Crates with files, sockets, a clock or a runtime in them; pure rooms have none.
const WORLDLY: [&str; 10] = [
    "tokio",
    "tokio-stream",
    "tokio-util",
    "tonic",
    "hyper-util",
    "sqlx",
    "object_store",
    "rustls",
    "tokio-rustls",
    "rustix",
];
/// Rooms that decide and touch nothing. `imaging` reads scans, and `models` runs for long; both without a runtime.
const WITHOUT_RUNTIME: [&str; 9] =
    ["plan", "privacy", "secagg", "strategy", "metrics", "round", "imaging", "models", "report"];
/// Who may name what only one room should know.
const KEPT: [(&str, &[&str]); 7] = [
    // An example shows a researcher a network of her own, which the house does not have.
    ("burn", &["models", "examples"]),
    ("opendp", &["privacy"]),
    ("rcgen", &["identity"]),
    ("rustls", &["identity"]),
    ("x509-parser", &["identity"]),
    ("clap", &["cli"]),
    ("maud", &["report", "client", "coordinator", "cli"]),
];

/// The `[dependencies]` of every member of the workspace; those for tests may be any.
fn rooms() -> BTreeMap<String, BTreeSet<String>> {
    let workspace = manifest("Cargo.toml");
    let members = workspace["workspace"]["members"].as_array().expect("a list").iter();
    let room = |member: &toml::Value| {
        let name = member.as_str().expect("a folder").to_owned();
        let manifest = manifest(&format!("{name}/Cargo.toml"));
        let dependencies = manifest.get("dependencies").and_then(toml::Value::as_table);
        (name, dependencies.into_iter().flat_map(|table| table.keys().cloned()).collect())
    };
    members.map(room).collect()
}

fn manifest(file: &str) -> toml::Value {
    toml::from_str(&read(file)).expect("cargo reads it, too")
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).parent().expect("tests is a folder of the workspace").to_owned()
}

fn read(file: &str) -> String {
    std::fs::read_to_string(root().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

#[test]
fn arrows_between_rooms_point_down_only() {
    let arrows: BTreeMap<_, _> = ARROWS.into_iter().collect();
    for (room, dependencies) in rooms() {
        let Some(allowed) = arrows.get(room.as_str()) else {
            panic!("the room `{room}` is new: say in ARROWS which rooms it may know")
        };
        for other in dependencies.iter().filter_map(|name| name.strip_prefix("wardround-")) {
            assert!(allowed.contains(&other), "{room} must not know {other}");
        }
    }
}

#[test]
fn pure_rooms_know_no_runtime_socket_or_database() {
    let rooms = rooms();
    for room in WITHOUT_RUNTIME {
        let worldly: Vec<_> = WORLDLY.iter().filter(|name| rooms[room].contains(**name)).collect();
        assert!(worldly.is_empty(), "{room} is to decide, not to act: {worldly:?}");
    }
    let round: Vec<_> = rooms["round"].iter().filter(|name| !name.starts_with("wardround-")).collect();
    assert_eq!(round, ["hex", "serde", "thiserror"], "a round is data in, data out");
}

#[test]
fn what_one_room_keeps_no_other_names() {
    for (dependency, keepers) in KEPT {
        for (room, dependencies) in rooms() {
            let named = dependencies.contains(dependency);
            assert!(!named || keepers.contains(&room.as_str()), "only {keepers:?} may name {dependency}, not {room}");
        }
    }
}

#[test]
fn only_one_file_names_opendp() {
    for member in rooms().into_keys() {
        for file in sources(&root().join(&member)) {
            let text = std::fs::read_to_string(&file).expect("a source file");
            // The crate `privacy` has a module of that name, which it may re-export; this line looks for the library.
            let names = text.replace("self::opendp::", "").contains(concat!("opendp", "::"));
            assert!(!names || file.ends_with("privacy/src/opendp.rs"), "{} names OpenDP", file.display());
        }
    }
}

/// All Rust files below a folder.
fn sources(folder: &std::path::Path) -> Vec<PathBuf> {
    let entries = folder.read_dir().expect("a folder").map(|entry| entry.expect("readable").path());
    let files = entries.flat_map(|path| if path.is_dir() { sources(&path) } else { vec![path] });
    files.filter(|path| path.extension().is_some_and(|extension| extension == "rs")).collect()
}

#[test]
fn every_version_is_set_once_in_the_workspace() {
    for room in rooms().keys() {
        let manifest = manifest(&format!("{room}/Cargo.toml"));
        for table in ["dependencies", "dev-dependencies", "build-dependencies"] {
            for (name, value) in manifest.get(table).and_then(toml::Value::as_table).into_iter().flatten() {
                let inherited = value.get("workspace").and_then(toml::Value::as_bool) == Some(true);
                assert!(inherited, "{room} sets its own version of {name}");
            }
        }
    }
}

#[test]
fn every_plan_in_configs_is_a_good_one() {
    let settings = ["coordinator.toml", "site.toml"];
    let mut plans = 0;
    for entry in root().join("configs").read_dir().expect("a folder").map(|entry| entry.expect("readable").path()) {
        let name = entry.file_name().expect("a file").to_string_lossy().into_owned();
        if settings.contains(&name.as_str()) {
            continue;
        }
        let plan = Plan::from_toml(&read(&format!("configs/{name}")));
        plans += 1;
        assert!(plan.is_ok(), "{name}: {}", plan.expect_err("refused"));
    }
    assert!(plans > 0, "there are plans to begin with");
}
