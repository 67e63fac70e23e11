//! Dice, HD95 and surface Dice of an organ in a volume of 256 x 256 x 128 voxels, beside MONAI and surface-distance on the same
//! voxels in the same run. Values must agree within 1e-6, or the run fails.
//!
//! `cargo bench --profile dev -p wardround-metrics --bench surface`: processor time on one thread, then time on the wall with
//! all cores, medians. The first run installs the peers (several GB, torch).

mod organ;
mod peer;

use organ::Organ;
use peer::{Answer, Peer};
use rustix::time::{ClockId, clock_gettime};
use std::error::Error;
use std::thread::available_parallelism;
use wardround_metrics::SegmentationMetric;

/// What a fallible step gives.
pub type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Our metric, and who else has it.
const METRICS: [(&str, &[&str]); 4] = [
    ("dice.foreground", &["monai", "surface-distance"]),
    ("hd95.voxel_maxdirected", &["monai"]),
    ("hd95.weighted", &["surface-distance"]),
    ("nsd.subvoxel@2mm", &["monai", "surface-distance"]),
];
/// Times that we are asked; the median counts.
const REPEATS: usize = 9;
/// Largest difference of two equal values, absolute below 1 and relative above.
const EQUAL_WITHIN: f64 = 1e-6;

/// Which clock, and on how many cores.
#[derive(Clone, Copy)]
pub enum Measured {
    /// Processor seconds with one thread.
    OneThread,
    /// Seconds on the wall with all cores.
    AllCores,
}

fn main() -> Outcome<()> {
    for measured in [Measured::OneThread, Measured::AllCores] {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(measured.threads()?).build()?;
        let mut peer = Peer::start(measured)?;
        println!("{} threads; {}", measured.threads()?, peer.version);
        for organ in [Organ::kidney()?, Organ::liver()?] {
            peer.load(&organ)?;
            pool.install(|| {
                METRICS.iter().try_for_each(|(name, peers)| beside(name, peers, &organ, measured, &mut peer))
            })?;
        }
    }
    Ok(())
}

/// One line for each peer that has the metric.
fn beside(name: &str, peers: &[&str], organ: &Organ, measured: Measured, peer: &mut Peer) -> Outcome<()> {
    let ours = ask(&name.parse()?, organ, measured)?;
    for who in peers {
        let theirs = peer.ask(who, name)?;
        if (ours.value - theirs.value).abs() > EQUAL_WITHIN * theirs.value.abs().max(1.0) {
            return Err(format!("{name} of the {}: {} here, {} by {who}", organ.name, ours.value, theirs.value).into());
        }
        println!(
            "{:6} {name:22} {:10.6}  ours {:8.2} ms  {who:16} {:9.2} ms  {:6.1} times",
            organ.name,
            ours.value,
            ours.seconds * 1e3,
            theirs.seconds * 1e3,
            theirs.seconds / ours.seconds
        );
    }
    Ok(())
}

fn ask(metric: &SegmentationMetric, organ: &Organ, measured: Measured) -> Outcome<Answer> {
    let mut seconds = [0.0; REPEATS];
    let mut value = f64::NAN;
    for seconds in &mut seconds {
        let before = measured.now_s();
        value = metric.score(&organ.case()?).value().ok_or("no value")?;
        *seconds = measured.now_s() - before;
    }
    seconds.sort_unstable_by(f64::total_cmp);
    Ok(Answer { value, seconds: seconds[REPEATS / 2] })
}

impl Measured {
    fn threads(self) -> Outcome<usize> {
        match self {
            Self::OneThread => Ok(1),
            Self::AllCores => Ok(available_parallelism()?.get()),
        }
    }

    fn now_s(self) -> f64 {
        let now = clock_gettime(match self {
            Self::OneThread => ClockId::ProcessCPUTime,
            Self::AllCores => ClockId::Monotonic,
        });
        now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
    }
}
