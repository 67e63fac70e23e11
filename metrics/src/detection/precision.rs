//! Average precision in 101 points: the mean, over recalls 0, .01 .. 1, of the best precision at that recall or beyond (Lin et
//! al. 2014; pycocotools `COCOeval.accumulate`).

/// Recalls at which precision is read: 0, .01 .. 1.
const RECALL_POINTS: u64 = 101;

/// Average precision from a walk down the ranking: `false_alarms[j]` are those ranked before the (j + 1)-th finding that was
/// found, so the list never falls and is as long as findings were found. `findings` are those there were, at least as many and
/// not 0.
pub(crate) fn average_precision(
    false_alarms: impl DoubleEndedIterator<Item = u64> + ExactSizeIterator,
    findings: u64,
) -> f64 {
    let best = best_onwards(false_alarms);
    let mut found = 1;
    let mut sum = 0.0;
    for point in 0..RECALL_POINTS {
        let recall = point as f64 * 0.01;
        while found <= best.len() && (found as f64 / findings as f64) < recall {
            found += 1;
        }
        sum += best.get(found - 1).copied().unwrap_or(0.0);
    }
    sum / RECALL_POINTS as f64
}

/// The best precision from each finding found onwards.
fn best_onwards(false_alarms: impl DoubleEndedIterator<Item = u64> + ExactSizeIterator) -> Vec<f64> {
    let mut best: Vec<f64> = Vec::with_capacity(false_alarms.len());
    let mut most = 0.0f64;
    for (before, false_alarms) in false_alarms.enumerate().rev() {
        let found = before as u64 + 1;
        most = most.max(found as f64 / (found + false_alarms) as f64);
        best.push(most);
    }
    best.reverse();
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ap(false_alarms: &[u64], findings: u64) -> f64 {
        average_precision(false_alarms.iter().copied(), findings)
    }

    #[test]
    fn finding_everything_first_is_one_and_nothing_is_zero() {
        assert_eq!(ap(&[0, 0, 0], 3), 1.0);
        assert_eq!(ap(&[], 3), 0.0);
    }

    #[test]
    fn half_of_the_findings_cover_recalls_up_to_half() {
        assert!((ap(&[0], 2) - 51.0 / 101.0).abs() < 1e-15);
    }

    #[test]
    fn precision_is_the_best_from_there_on() {
        // Precisions 1/2, 2/3: both recalls are read at 2/3.
        assert!((ap(&[1, 1], 2) - 2.0 / 3.0).abs() < 1e-15);
    }

    proptest! {
        #[test]
        fn a_false_alarm_more_never_helps(steps in proptest::collection::vec(0u64..4, 1..30), missed in 0u64..9, at in 0usize..30) {
            let walk: Vec<u64> = steps.iter().scan(0, |sum, step| { *sum += step; Some(*sum) }).collect();
            let worse: Vec<u64> = walk.iter().enumerate().map(|(place, alarms)| alarms + u64::from(place >= at)).collect();
            let findings = walk.len() as u64 + missed;
            let (before, after) = (ap(&walk, findings), ap(&worse, findings));
            prop_assert!(after <= before && (0.0..=1.0).contains(&before));
        }
    }
}
