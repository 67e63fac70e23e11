//! Processor time, so that other work on the machine counts little.

use crate::Outcome;
use rustix::time::{ClockId, clock_gettime};

/// Runs something `repeats` times; its value, and the median of what each run took, in seconds of this thread.
pub fn timed<T>(repeats: usize, mut work: impl FnMut() -> Outcome<T>) -> Outcome<(T, f64)> {
    let mut one = || -> Outcome<(T, f64)> {
        let start = processor_s();
        let value = std::hint::black_box(work()?);
        Ok((value, processor_s() - start))
    };
    let (value, first) = one()?;
    let mut seconds = vec![first];
    for _ in 1..repeats {
        seconds.push(one()?.1);
    }
    Ok((value, median(seconds)))
}

/// The middle value.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn processor_s() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 * 1e-9
}
