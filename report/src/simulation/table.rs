//! Every run as a row of CSV, for programs and spreadsheets.

use super::record::{RunRecord, SimulationRecord};
use std::collections::BTreeSet;

const BEFORE: [&str; 1] = ["name"];
const AFTER: [&str; 15] = [
    "seed",
    "complete",
    "rounds",
    "measured_round",
    "metric",
    "mean",
    "worst",
    "sites",
    "epsilon",
    "down_bytes",
    "up_bytes",
    "wall_s",
    "virtual_s",
    "model_sha256",
    "data_sha256",
];

/// One row a run; the settings have a column each. What is not known is an empty cell.
pub fn simulation_csv(record: &SimulationRecord) -> String {
    let keys: BTreeSet<&str> =
        record.runs.iter().flat_map(|run| run.settings.iter().map(|setting| setting.key.as_str())).collect();
    let head = BEFORE.iter().chain(&keys).chain(&AFTER).map(|name| cell(name)).collect();
    let rows = record.runs.iter().map(|run| row(run, &keys, &record.metric));
    let lines: Vec<Vec<String>> = std::iter::once(head).chain(rows).collect();
    lines.iter().map(|cells| cells.join(",") + "\n").collect()
}

fn row(run: &RunRecord, keys: &BTreeSet<&str>, metric: &str) -> Vec<String> {
    let setting = |key: &&str| run.settings.iter().find(|setting| setting.key == *key);
    let settings = keys.iter().map(|key| setting(key).map_or(String::new(), |setting| cell(&setting.value)));
    let last = run.last();
    let traffic = run.traffic;
    let numbers = [
        run.seed.to_string(),
        run.complete.to_string(),
        run.rounds.last().map_or(0, |round| round.round).to_string(),
        last.map_or(String::new(), |last| last.round.to_string()),
        cell(metric),
        number(last.and_then(|last| last.mean)),
        number(last.and_then(|last| last.worst)),
        run.sites.len().to_string(),
        number(run.epsilon),
        traffic.map_or(String::new(), |traffic| traffic.down_bytes.to_string()),
        traffic.map_or(String::new(), |traffic| traffic.up_bytes.to_string()),
        number(Some(run.wall_s())),
        number(run.virtual_s()),
        cell(&run.model_sha256),
        cell(&run.data_sha256),
    ];
    std::iter::once(cell(&run.name)).chain(settings).chain(numbers).collect()
}

/// All digits: a spreadsheet rounds for itself.
fn number(value: Option<f64>) -> String {
    value.filter(|value| value.is_finite()).map_or(String::new(), |value| value.to_string())
}

/// Quoted where it has to be (RFC 4180).
fn cell(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.into() }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn every_run_is_a_row_with_as_many_cells() {
        let csv = simulation_csv(&sample::sweep());
        let lines: Vec<&str> = csv.lines().collect();
        assert_eq!(lines.len(), 9);
        assert!(
            lines[0].starts_with("name,privacy.epsilon,strategy.kind,seed,complete,rounds,measured_round,metric,mean,")
        );
        assert!(lines.iter().all(|line| line.split(',').count() == 18), "{csv}");
        assert!(lines[1].starts_with("epsilon-3_kind-fedavg_seed-1,3,fedavg,1,true,4,4,dice.foreground,0.6,"), "{csv}");
    }

    #[test]
    fn commas_and_quotes_stay_in_their_cell_and_nan_is_empty() {
        let mut record = sample::sweep();
        record.runs.truncate(1);
        record.runs[0].name = "a,\"b\"\n".into();
        record.runs[0].epsilon = Some(f64::NAN);
        record.runs[0].evaluations.clear();
        let csv = simulation_csv(&record);
        assert!(csv.contains("\"a,\"\"b\"\"\n\",3,fedavg,1,true,4,,dice.foreground,,,4,,"), "{csv}");
    }
}
