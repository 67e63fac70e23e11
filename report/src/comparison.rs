//! Whether the federation was worth it: each site alone beside the federated model.

use crate::numbers::{count, difference, score};
use crate::records::Comparison;
use crate::text::visible;
use maud::{Markup, html};

/// The comparison over all sites that have both scores.
pub(crate) struct Verdict {
    pub(crate) alone: f64,
    pub(crate) federated: f64,
    pub(crate) better: usize,
    pub(crate) sites: usize,
}

impl Verdict {
    /// `None` where no site has both scores.
    pub(crate) fn of(rows: &[Comparison]) -> Option<Self> {
        let both: Vec<&Comparison> =
            rows.iter().filter(|row| row.alone.is_finite() && row.federated.is_finite()).collect();
        let mean = |value: fn(&Comparison) -> f64| both.iter().map(|row| value(row)).sum::<f64>() / both.len() as f64;
        (!both.is_empty()).then(|| Self {
            alone: mean(|row| row.alone),
            federated: mean(|row| row.federated),
            better: both.iter().filter(|row| row.federated > row.alone).count(),
            sites: both.len(),
        })
    }

    pub(crate) fn difference(&self) -> f64 {
        self.federated - self.alone
    }

    /// The result in one sentence.
    pub(crate) fn sentence(&self, metric: &str) -> String {
        format!(
            "Over {}, mean {metric} is {} federated and {} alone, a difference of {}; federated is better at {} of {}.",
            count(self.sites, "site"),
            score(self.federated),
            score(self.alone),
            difference(self.difference()),
            self.better,
            self.sites
        )
    }
}

/// A row for each site with a bar, and the mean.
pub(crate) fn table(rows: &[Comparison], metric: &str) -> Markup {
    html! {
        table.comparison {
            thead {
                tr {
                    th scope="col" { "Site" }
                    th scope="col" { "Patients" }
                    th scope="col" { (swatch("alone")) "Alone" }
                    th scope="col" { (swatch("federated")) "Federated" }
                    th scope="col" { "Difference" }
                    th.bar scope="col" { div.scale { span { "0" } span { (metric) } span { "1" } } }
                }
            }
            tbody { @for row in rows { (site(row)) } }
            @if let Some(verdict) = Verdict::of(rows).filter(|verdict| verdict.sites > 1) { tfoot { (mean(&verdict)) } }
        }
    }
}

fn site(row: &Comparison) -> Markup {
    html! {
        tr {
            th scope="row" { (visible(&row.site)) }
            td { (row.patients) }
            td { (score(row.alone)) }
            td { (score(row.federated)) }
            td { (difference(row.federated - row.alone)) }
            td.bar { (bars(row.alone, row.federated)) }
        }
    }
}

fn mean(verdict: &Verdict) -> Markup {
    html! {
        tr {
            th scope="row" { "Mean of sites" }
            td {}
            td { (score(verdict.alone)) }
            td { (score(verdict.federated)) }
            td { (difference(verdict.difference())) }
            td.bar { (bars(verdict.alone, verdict.federated)) }
        }
    }
}

/// Two bars on a scale from 0 to 1. The numbers stand beside it, so it is not read aloud.
fn bars(alone: f64, federated: f64) -> Markup {
    html! {
        svg viewBox="0 0 100 14" preserveAspectRatio="none" aria-hidden="true" {
            rect.track x="0" y="0" width="100" height="14" {}
            rect.alone x="0" y="1" width=(length(alone)) height="5" {}
            rect.federated x="0" y="8" width=(length(federated)) height="5" {}
        }
    }
}

fn swatch(class: &str) -> Markup {
    html! { svg.swatch viewBox="0 0 10 10" aria-hidden="true" { rect class=(class) width="10" height="10" {} } }
}

fn length(value: f64) -> String {
    let share = if value.is_finite() { value.clamp(0.0, 1.0) } else { 0.0 };
    format!("{:.1}", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(alone: f64, federated: f64) -> Comparison {
        Comparison { site: "a".into(), patients: 3, alone, federated }
    }

    #[test]
    fn the_verdict_counts_and_averages() {
        let verdict = Verdict::of(&[row(0.5, 0.7), row(0.7, 0.6)]).expect("two rows");
        assert_eq!((verdict.better, verdict.sites), (1, 2));
        assert!(verdict.sentence("Dice").contains("0.650 federated and 0.600 alone, a difference of +0.050"));
    }

    #[test]
    fn a_loss_is_told_as_plainly() {
        let verdict = Verdict::of(&[row(0.8, 0.7)]).expect("one row");
        assert!(verdict.sentence("Dice").contains("Over 1 site,"));
        assert!(verdict.sentence("Dice").contains("−0.100; federated is better at 0 of 1"));
    }

    #[test]
    fn sites_without_both_scores_do_not_count() {
        assert_eq!(Verdict::of(&[row(0.5, 0.7), row(f64::NAN, 0.9)]).map(|verdict| verdict.sites), Some(1));
        assert!(Verdict::of(&[row(f64::NAN, 0.9)]).is_none());
        assert!(Verdict::of(&[]).is_none());
    }

    #[test]
    fn bars_stay_inside_whatever_the_score() {
        assert_eq!(length(f64::NAN), "0.0");
        assert_eq!(length(-1.0), "0.0");
        assert_eq!(length(7.0), "100.0");
        assert_eq!(length(0.5), "50.0");
    }
}
