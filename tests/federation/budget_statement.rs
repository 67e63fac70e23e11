//! The privacy statement, written by the command from what a real site kept.

use crate::binary::{FAILED, refuse, succeed};
use crate::federation::{Federation, finished_model};
use crate::place::{Place, SITES, text};
use crate::plans::{ROUNDS, STUDY, Tiny};

#[test]
fn a_study_without_noise_has_a_statement_that_promises_nothing() {
    let federation = Federation::start(&Tiny::default().text());
    federation.finish();
    let config = federation.place.site_config("north");
    let out = federation.place.root().join("statement");
    let ask =
        |study: &'static str| ["budget", "statement", "--config", text(&config), "--study", study, "--out", text(&out)];
    let written = succeed(&ask(STUDY));
    assert_eq!(written["promise"], "no_guarantee", "{written}");
    let page = std::fs::read_to_string(out.join(format!("{STUDY}-privacy.html"))).expect("the page");
    for words in ["no guarantee", "north", "Nothing is promised", "nobody can raise a budget"] {
        assert!(page.contains(words), "{words}");
    }
    let json = std::fs::read_to_string(out.join(format!("{STUDY}-privacy.json"))).expect("the same for programs");
    let statement: wardround_report::PrivacyStatement = serde_json::from_str(&json).expect("a statement");
    assert_eq!((statement.site.as_str(), statement.charges.len()), ("north", 0));
    refuse(&ask("another"), FAILED, &["has not accepted"]);
}

/// The tiny plan, with a promise.
fn private() -> String {
    let terms = "mode = \"site\"\nepsilon = 6.0\ndelta = 1e-5\nsampling_rate = 0.5\nclip = 1.0";
    let text = Tiny::default().text().replace("mode = \"none\"", terms);
    text.replace("batch_images = 2", "batch_images = 2\nexpected_batch_patients = 2")
}

/// Two officers of a site allow ε = 8.
fn allow_budget(place: &Place, site: &str) {
    let config = place.site_config(site);
    let keys = ["a.pem", "b.pem"].map(|name| place.site(site).join(name));
    let public = keys.each_ref().map(|key| {
        let made = succeed(&["budget", "key", "--out", text(key)]);
        made["public_key"].as_str().expect("a key").to_owned()
    });
    let named = ["--officer", &public[0], "--officer", &public[1]];
    succeed(&[&["budget", "officers", "--config", text(&config)], &named[..]].concat());
    let signed = ["--key", text(&keys[0]), "--key", text(&keys[1])];
    succeed(
        &[&["budget", "approve", "--config", text(&config), "--epsilon", "8", "--delta", "1e-5"], &signed[..]].concat(),
    );
}

#[test]
fn a_private_study_has_a_statement_of_what_its_ledger_holds() {
    let mut federation = Federation::without_sites(&private());
    SITES.iter().for_each(|site| allow_budget(&federation.place, site));
    SITES.iter().for_each(|site| federation.restart(site));
    finished_model(&federation.finish());
    let config = federation.place.site_config("north");
    let out = federation.place.root().join("statement");
    succeed(&["budget", "statement", "--config", text(&config), "--study", STUDY, "--out", text(&out)]);
    let json = std::fs::read_to_string(out.join(format!("{STUDY}-privacy.json"))).expect("the same for programs");
    let statement: wardround_report::PrivacyStatement = serde_json::from_str(&json).expect("a statement");
    let accounting = statement.accounting.expect("counted");
    assert!(accounting.epsilon_spent > 0.0 && accounting.epsilon_spent < accounting.epsilon_planned, "{accounting:?}");
    assert!(accounting.epsilon_planned <= 6.0, "{accounting:?}");
    let steps = u64::from(ROUNDS) * u64::from(Tiny::default().local_steps);
    assert_eq!(statement.mechanism.expect("noise").steps_charged, steps);
    assert_eq!(statement.budgets.iter().map(|line| line.allowed_epsilon).collect::<Vec<_>>(), [Some(6.0), Some(8.0)]);
    assert_eq!(statement.officers.named.len(), 2);
    let page = std::fs::read_to_string(out.join(format!("{STUDY}-privacy.html"))).expect("the page");
    assert!(page.contains("ε = 6, δ = 1e-5") && !page.contains("no guarantee"));
}
