//! What one patient adds to counts that leave a site: at most so many detections and findings.

use super::matching::Outcome;
use super::observations::ClassSpan;
use super::{AreaRange, DetectionsMax, Observations};
use std::collections::BTreeMap;

/// A patient, by her number at the site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PatientIndex(pub u32);

/// What one patient adds at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PatientShare {
    /// K: her surest detections.
    pub detections_max: DetectionsMax,
    /// F: findings, found or not.
    pub findings_max: DetectionsMax,
}

impl PatientShare {
    /// How far one patient more or less moves the counts, all of them as one vector, in the Euclidean norm; rounded up.
    pub fn sensitivity_l2(&self) -> f64 {
        // Her detections may all fall into one bin.
        let [detections, findings] = [self.detections_max, self.findings_max].map(|most| f64::from(most.get()));
        (detections * detections + findings * findings).sqrt().next_up()
    }
}

/// A detection that is not left out.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Counted {
    Found,
    FalseAlarm,
}

impl Counted {
    /// At the one threshold there is.
    pub(crate) fn of(outcome: Outcome) -> Option<Self> {
        match (outcome.found, outcome.false_alarm) {
            (0, 0) => None,
            (0, _) => Some(Self::FalseAlarm),
            _ => Some(Self::Found),
        }
    }
}

/// What a patient has added.
#[derive(Clone, Copy, Default)]
pub(crate) struct Heard {
    detections: u32,
    found: u32,
}

impl Heard {
    /// Takes one more detection, the surest first; whether it is within the patient's share.
    pub(crate) fn within(&mut self, share: PatientShare, outcome: Counted) -> bool {
        let found = u32::from(outcome == Counted::Found);
        if self.detections == share.detections_max.get() || self.found + found > share.findings_max.get() {
            return false;
        }
        self.detections += 1;
        self.found += found;
        true
    }
}

/// Findings of a class, at most F a patient.
pub(crate) fn clipped_findings(
    seen: &Observations,
    span: &ClassSpan,
    share: PatientShare,
    patients: &[PatientIndex],
) -> u64 {
    let mut of_patient: BTreeMap<PatientIndex, u64> = BTreeMap::new();
    for group in seen.groups(span) {
        *of_patient.entry(patients[group.image.0 as usize]).or_default() += seen.findings_in(group, &AreaRange::ALL);
    }
    of_patient.values().map(|findings| (*findings).min(u64::from(share.findings_max.get()))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(detections: u32, findings: u32) -> PatientShare {
        let most = |number| DetectionsMax::new(number).expect("not 0");
        PatientShare { detections_max: most(detections), findings_max: most(findings) }
    }

    #[test]
    fn the_sensitivity_is_rounded_up() {
        assert!(share(3, 4).sensitivity_l2() > 5.0 && share(3, 4).sensitivity_l2() < 5.0 + 1e-12);
    }

    #[test]
    fn a_finding_too_many_takes_no_place_of_a_detection() {
        let mut heard = Heard::default();
        let mut within = |outcome| heard.within(share(2, 1), outcome);
        assert!(within(Counted::Found) && !within(Counted::Found));
        assert!(within(Counted::FalseAlarm) && !within(Counted::FalseAlarm));
    }
}
