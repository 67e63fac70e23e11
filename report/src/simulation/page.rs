//! The page: which setting was best for whom, and what it took.

use super::charts::{convergence, privacy, sites};
use super::cost::cost;
use super::fairness::fairness;
use super::group::Group;
use super::lasted;
use super::record::{RunRecord, SimulationRecord};
use super::runs::runs;
use crate::figures::{Figure, figures};
use crate::numbers::{count, score};
use crate::page::{Masthead, page, section};
use crate::records::Promise;
use crate::text::visible;
use maud::{Markup, html};
use std::collections::BTreeSet;

/// The runs as a self-contained HTML page.
pub fn simulation_page(record: &SimulationRecord) -> String {
    let groups = Group::all(record);
    let head = Masthead {
        kind: "simulation report",
        title: &record.title,
        state: &state(record),
        plan_sha256: "",
        promise: Promise::Simulated,
        facts: vec![("Score", visible(&record.metric))],
    };
    let body = html! {
        (figures(&key_figures(record, &groups)))
        @for warning in warnings(record) { p.note { (warning) } }
        (section("Convergence", curves(record, &groups)))
        @if let Some(body) = utility(record, &groups) { (section("Privacy against utility", body)) }
        (section("How sites are spread", spread(record, &groups)))
        (section("Fairness: the worst site", fairness(&groups)))
        (section("Communication and time", cost(&groups)))
        (section("Runs", runs(record)))
    };
    page(&head, body)
}

fn state(record: &SimulationRecord) -> String {
    let open = record.runs.iter().filter(|run| !run.complete).count() + record.not_begun.len();
    let all = count(record.runs.len() + record.not_begun.len(), "run");
    if open == 0 { "finished".into() } else { format!("{open} of {all} not finished") }
}

fn key_figures(record: &SimulationRecord, groups: &[Group]) -> Vec<Figure> {
    let wall_s: f64 = record.runs.iter().map(RunRecord::wall_s).sum();
    let of_runs = format!("{} with repetitions", count(groups.len(), "setting"));
    let mut list = vec![
        Figure { name: "Runs", value: record.runs.len().to_string(), of: of_runs },
        Figure { name: "Time", value: lasted(Some(wall_s)), of: "on this machine, all runs".into() },
    ];
    list.extend(best("Best mean of sites", groups, |run| run.last()?.mean));
    list.extend(best("Best worst site", groups, |run| run.last()?.worst));
    list
}

/// The highest mean over seeds, and whose it is.
fn best(name: &'static str, groups: &[Group], number: fn(&RunRecord) -> Option<f64>) -> Option<Figure> {
    let means = groups.iter().filter_map(|group| Some((group.over(number)?.mean, group.name())));
    let (value, of) = means.max_by(|(a, _), (b, _)| a.total_cmp(b))?;
    Some(Figure { name, value: score(value), of: visible(&of) })
}

/// What would make the comparison mean something else than it seems to.
fn warnings(record: &SimulationRecord) -> Vec<String> {
    let mut warnings = Vec::new();
    if record.runs.iter().any(|run| !run.complete) {
        warnings.push("Runs that are not finished are told as far as they are: compare them with care.".into());
    }
    if !record.not_begun.is_empty() {
        let names = record.not_begun.join(", ");
        warnings.push(format!("Not begun, so settings may have fewer seeds than were asked: {}.", visible(&names)));
    }
    let data: BTreeSet<&str> = record.runs.iter().map(|run| run.data_sha256.as_str()).collect();
    if data.len() > 1 {
        let sets = count(data.len(), "data set");
        warnings.push(format!("These runs learned from {sets}: a difference of scores may be one of scans."));
    }
    let measured: BTreeSet<u32> = record.runs.iter().filter_map(|run| Some(run.last()?.round)).collect();
    if measured.len() > 1 {
        warnings.push("The last measurements are of different rounds; the table of runs says which.".into());
    }
    warnings
}

fn curves(record: &SimulationRecord, groups: &[Group]) -> Markup {
    html! {
        @for lines in convergence(record, groups) { (lines.figure()) }
        p.note {
            "A line is the mean over the seeds of a setting, its band reaches from the lowest to the highest seed: no confidence \
             interval. A round counts where every seed has a value. The tables below the charts hold the means. \
             Where patients are protected, no site tells its loss."
        }
    }
}

/// Nothing where no run promises anything.
fn utility(record: &SimulationRecord, groups: &[Group]) -> Option<Markup> {
    let lines = privacy(record, groups)?;
    Some(html! {
        (lines.figure())
        p.note {
            "ε is what a ledger would count after the last round at the plan’s δ, rounded up in the table below. The same \
             ε does not mean the same thing for a patient and for a whole site: see the plan’s unit."
        }
    })
}

fn spread(record: &SimulationRecord, groups: &[Group]) -> Markup {
    html! {
        (sites(record, groups))
        p.note {
            "All sites of all repetitions. A box holds the middle half and is parted at the median; whiskers reach to the \
             lowest and the highest."
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use crate::samples::{self, HOSTILE};
    use crate::to_json;

    #[test]
    fn the_page_compares_and_says_what_it_rests_on() {
        let page = simulation_page(&sample::sweep());
        for words in [
            "heart-study",
            "no guarantee",
            "protects nobody",
            "ε 3, scaffold",
            "no ε, fedavg",
            "Privacy against utility",
            "0.610</td><td>0.600–0.620</td>",
            "<td>3.00</td><td>4.0</td><td>3.0</td>",
            "4 settings with repetitions",
            "epsilon-none_kind-scaffold_seed-2",
        ] {
            assert!(page.contains(words), "{words}");
        }
        samples::assert_self_contained(&page);
        assert!(!page.contains("learned from"));
    }

    #[test]
    fn what_would_mislead_is_said() {
        let mut record = sample::sweep();
        record.runs[0].data_sha256 = "other".into();
        record.runs[0].complete = false;
        record.not_begun = vec!["seed-9".into()];
        record.runs[0].evaluations.pop();
        let page = simulation_page(&record);
        for words in [
            "learned from 2 data sets",
            "2 of 9 runs not finished",
            "were asked: seed-9.",
            "are of different rounds",
            ", not finished",
        ] {
            assert!(page.contains(words), "{words}");
        }
    }

    #[test]
    fn hostile_names_are_only_text() {
        let mut record = sample::sweep();
        (record.title, record.metric) = (HOSTILE.into(), HOSTILE.into());
        let run = &mut record.runs[0];
        (run.name, run.model_sha256, run.data_sha256) = (HOSTILE.into(), HOSTILE.into(), HOSTILE.into());
        run.settings[1].value = HOSTILE.into();
        run.settings[0].key = HOSTILE.into();
        run.sites[0].site = HOSTILE.into();
        record.not_begun.push(HOSTILE.into());
        samples::assert_harmless(&simulation_page(&record));
    }

    #[test]
    fn numbers_that_are_none_are_dashes() {
        let mut record = sample::sweep();
        for run in &mut record.runs {
            run.epsilon = Some(f64::NAN);
            run.traffic = None;
            run.sites.iter_mut().for_each(|site| site.score = f64::NAN);
            run.evaluations.iter_mut().for_each(|one| (one.mean, one.worst) = (Some(f64::NAN), None));
            run.rounds.iter_mut().for_each(|round| (round.loss, round.wall_s) = (None, f64::INFINITY));
        }
        let page = simulation_page(&record);
        assert!(!page.contains("NaN") && !page.contains(">inf") && page.contains("No values yet"), "{page}");
        assert!(page.contains("<td>–</td><td>–</td><td>–</td><td>1 min 00 s</td><td>–</td>"), "{page}");
        let empty = simulation_page(&SimulationRecord { runs: vec![], ..sample::sweep() });
        assert!(empty.contains("0 runs"));
    }

    #[test]
    fn a_record_survives_json() {
        let record = sample::sweep();
        let read: SimulationRecord = serde_json::from_str(&to_json(&record)).expect("own JSON");
        assert_eq!(read, record);
    }
}
