//! Noise in shares, by real processes: the sum of a round carries what the patients were promised, and no site's own vector
//! ever has to.

use crate::federation::{Federation, finished_model};
use crate::officers::{allow_budget, standing};
use crate::place::{Place, SITES};
use crate::plans::{ROUNDS, Tiny, digest};
use serde_json::Value;
use std::path::Path;
use wardround_plan::{Plan, RoundNumber};
use wardround_privacy::StudyCost;

const EPSILON: f64 = 0.5;

/// One step a round, in which all three sites share the noise.
fn shared(law: &str) -> String {
    let promise = format!(
        "mode = \"distributed\"\nshare = \"{law}\"\nepsilon = {EPSILON:?}\ndelta = 1e-5\nsampling_rate = 0.5\nclip = 1.0\n\
         spare_rounds = 1"
    );
    let text = Tiny { masked: true, local_steps: 1, ..Tiny::default() }.text().replace("mode = \"none\"", &promise);
    let text = text
        .replace("optimizer = \"adam\"", "optimizer = \"sgd\"")
        .replace("learning_rate = 0.01", "learning_rate = 0.5");
    text.replace("batch_images = 2", "batch_images = 2\nexpected_batch_patients = 2") + "epsilon_share = 0.1\n"
}

fn federation(plan: &str) -> Federation {
    let place = Place::prepared().copy();
    place.plan(plan);
    SITES.iter().for_each(|site| allow_budget(&place, site, 1.0));
    let mut federation = Federation::at(place);
    federation.submit();
    SITES.iter().for_each(|site| federation.restart(site));
    federation
}

fn weights(federation: &Federation, model: &Value) -> Vec<f32> {
    let name = model["digest"].as_str().expect("a digest");
    let file = find(&federation.place.federation().join("state"), name).expect("every model is kept");
    let bytes = std::fs::read(file).expect("readable");
    bytes.as_chunks().0.iter().map(|weight| f32::from_le_bytes(*weight)).collect()
}

fn find(folder: &Path, name: &str) -> Option<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder).ok()?.filter_map(Result::ok).map(|entry| entry.path());
    entries
        .filter_map(|path| if path.is_dir() { find(&path, name) } else { path.ends_with(name).then_some(path) })
        .next()
}

#[test]
fn every_sum_carries_the_noise_that_was_promised_and_two_honest_sites_would_be_enough() {
    let _kept = Place::prepared();
    for law in ["skellam", "discrete_gaussian"] {
        let plan = Plan::from_toml(&shared(law)).expect("a plan of ours");
        let federation = federation(&shared(law));
        finished_model(&federation.finish());
        let events = federation.events("coordinator").all();
        let opened = events.iter().find(|event| event["event"] == "round_opened").expect("a first round");
        let committed = events.iter().filter(|event| event["event"] == "round_committed");
        let models: Vec<Vec<f32>> =
            std::iter::once(opened).chain(committed).map(|event| weights(&federation, &event["model"])).collect();
        assert_eq!(models.len(), 1 + ROUNDS as usize);

        // One step changes a weight by lr (g + z) / (B n): z has the variance (σ C)², times 3/2 as all three sites lived and
        // the noise of two was counted on. The gradients are a part in a thousand of that.
        let sigma = StudyCost::of(&plan).expect("kept").noise_multiplier().get();
        for (round, pair) in models.windows(2).enumerate() {
            let rate = plan.learning_rate(RoundNumber::new(round as u32 + 1).expect("not 0"), 0);
            let promised = rate * sigma / (2.0 * 3.0);
            let moved = pair[0].iter().zip(&pair[1]).map(|(before, after)| f64::from(after - before).powi(2));
            let ratio = moved.sum::<f64>() / pair[0].len() as f64 / promised.powi(2);
            // Six standard deviations of the chi-square, and the gradients.
            let around = 6.0 * 1.5 * (2.0 / pair[0].len() as f64).sqrt() + 0.01;
            assert!((ratio - 1.5).abs() < around, "{law}, round {round}: {ratio} for 1.5 ± {around}");
        }
    }
}

#[test]
fn shared_noise_is_paid_for_like_noise_of_ones_own() {
    let _kept = Place::prepared();
    let federation = federation(&shared("skellam"));
    finished_model(&federation.finish());
    for site in SITES {
        let account = standing(&federation.place, site);
        let number = |key: &str| account[key].as_f64().unwrap_or_else(|| panic!("{account}"));
        assert!(
            number("spent_epsilon_pld") > 0.0 && number("spent_epsilon_pld") <= number("reserved_epsilon"),
            "{account}"
        );
        assert!(number("reserved_epsilon") <= EPSILON && number("reserved_epsilon") > 0.95 * EPSILON, "{account}");
    }
    let said = std::fs::read_to_string(federation.place.logs().join("north.out")).expect("what it printed");
    assert!(said.contains("\"noise_shares\":2"), "the site says whose noise it counts on: {said}");
}

#[test]
fn a_site_that_asks_for_more_honest_sites_than_there_are_takes_no_part() {
    let place = Place::prepared().copy();
    let plan = shared("skellam");
    place.plan(&plan);
    SITES.iter().for_each(|site| allow_budget(&place, site, 1.0));
    let policy = format!("{}\nmin_honest = 3\n", "[policy.secagg]");
    let file = place.site_config("north");
    let text = std::fs::read_to_string(&file).expect("its settings");
    std::fs::write(&file, text + "\n" + &policy).expect("written");
    let mut federation = Federation::at(place);
    federation.submit();
    SITES.iter().for_each(|site| federation.restart(site));
    let status = federation.finish();
    assert!(status.to_string().contains("failed"), "{status}");
    assert_eq!(federation.events("coordinator").count_of("round_committed"), 0, "{}", digest(&plan));
}
