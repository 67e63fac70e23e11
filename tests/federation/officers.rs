//! Two privacy officers for each hospital, and private plans for them to decide about.

use crate::binary::succeed;
use crate::place::{Place, text};
use crate::plans::Tiny;
use serde_json::Value;
use std::path::PathBuf;

/// δ of every plan and budget here.
const DELTA: &str = "1e-5";

/// The plan with privacy at its sites.
pub fn private(plan: Tiny, epsilon: f64, spare_rounds: u32) -> String {
    let promise = format!(
        "mode = \"site\"\nepsilon = {epsilon:?}\ndelta = {DELTA}\nsampling_rate = 0.5\nclip = 1.0\nspare_rounds = {spare_rounds}"
    );
    let text = plan.text().replace("mode = \"none\"", &promise);
    let text = text.replace("batch_images = 2", "batch_images = 2\nexpected_batch_patients = 2");
    text + "epsilon_share = 0.1\n"
}

/// Names two officers of a site, who allow this ε.
pub fn allow_budget(place: &Place, site: &str, epsilon: f64) {
    let config = place.site_config(site);
    let keys = keys(place, site);
    let public = keys.each_ref().map(|key| {
        let made = succeed(&["budget", "key", "--out", text(key)]);
        made["public_key"].as_str().expect("a key").to_owned()
    });
    succeed(&["budget", "officers", "--config", text(&config), "--officer", &public[0], "--officer", &public[1]]);
    let epsilon = epsilon.to_string();
    let approve = ["budget", "approve", "--config", text(&config), "--epsilon", &epsilon, "--delta", DELTA];
    succeed(&[&approve[..], &["--key", text(&keys[0]), "--key", text(&keys[1])]].concat());
}

/// The officers' key files.
pub fn keys(place: &Place, site: &str) -> [PathBuf; 2] {
    ["a.pem", "b.pem"].map(|key| place.site(site).join(key))
}

/// What a site's ledger says of its one data set.
pub fn standing(place: &Place, site: &str) -> Value {
    let shown = succeed(&["budget", "show", "--config", text(&place.site_config(site))]);
    assert_eq!(shown["chain"], "verified", "{shown}");
    shown["data_sets"][0].clone()
}
