//! How long COCO average precision takes on 5,000 images of 100 detections each.
//! `cargo bench --profile dev -p wardround-metrics --bench detection`: ours alone;
//! `... --bench detection -- against-peers`: beside pycocotools and faster-coco-eval, on the same boxes, in one run; the
//! results are compared, and the run fails where a number differs by more than 1e-9.
//!
//! Everything of the challenge: ten overlaps, four sizes, 1, 10 and 100 detections. Ours includes grouping and sorting; the
//! peers begin with their index made. Least of several repeats: wall clock, and processor time over all threads.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use rustix::time::{ClockId, clock_gettime};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use wardround_metrics::detection::{
    BoxPx, ClassId, Detection, Edges, GroundTruth, ImageId, Images, Observations, Part, PrecisionTable, Score,
    Settings, TruthKind,
};

type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

const IMAGES: u32 = 5_000;
const DETECTIONS_AN_IMAGE: usize = 100;
const FINDINGS_AN_IMAGE: usize = 7;
const CLASSES: [u32; 2] = [80, 3];
const SIDE_PX: f64 = 640.0;
const REPEATS: usize = 7;
/// pycocotools takes most of a minute.
const PEER_REPEATS: [(&str, usize); 2] = [("pycocotools", 1), ("faster-coco-eval", 3)];
const SCRIPT: &str = "../benches/peers/metrics_detection.py";
const SEED: u64 = 20;
const TOLERANCE: f64 = 1e-9;

fn main() -> Outcome<()> {
    let against_peers = std::env::args().any(|argument| argument == "against-peers");
    println!("what | classes | wall s | processor s | AP");
    for classes in CLASSES {
        let scene = Scene::random(classes)?;
        let one = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
        let (single, _) = one.install(|| scene.ours())?;
        let (all, table) = scene.ours()?;
        let ap = table.average_precision(Part::OVERALL).ok_or("a scene without findings")?;
        println!("ours, 1 thread | {classes} | {single} | {ap:.6}");
        println!("ours, {} threads | {classes} | {all} | {ap:.6}", rayon::current_num_threads());
        if against_peers {
            scene.peers(&table, single, all)?;
        }
    }
    Ok(())
}

/// Truth and detections of one run.
struct Scene {
    classes: u32,
    truths: Vec<GroundTruth>,
    detections: Vec<Detection>,
}

/// Seconds.
#[derive(Clone, Copy)]
struct Seconds {
    wall: f64,
    processor: f64,
}

impl std::fmt::Display for Seconds {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:.3} | {:.3}", self.wall, self.processor)
    }
}

impl Scene {
    /// Half of the detections are near a finding, most of those of its class; sides and places in quarters of a pixel, so
    /// that no arithmetic rounds a box.
    fn random(classes: u32) -> Outcome<Self> {
        let mut rng = ChaCha8Rng::seed_from_u64(SEED);
        let mut scene = Self { classes, truths: Vec::new(), detections: Vec::new() };
        for image in (0..IMAGES).map(ImageId) {
            let first = scene.truths.len();
            for _ in 0..FINDINGS_AN_IMAGE {
                let (class, bbox) = (ClassId(below(&mut rng, classes)), anywhere(&mut rng)?);
                scene.truths.push(GroundTruth { image, class, bbox, kind: TruthKind::Finding });
            }
            for _ in 0..DETECTIONS_AN_IMAGE {
                let near = scene.truths[first + below(&mut rng, FINDINGS_AN_IMAGE as u32) as usize];
                let score = Score::new(unit(&mut rng))?;
                let (class, bbox) = match below(&mut rng, 4) {
                    0 => (near.class, moved(&mut rng, &near.bbox)?),
                    1 => (ClassId(below(&mut rng, classes)), moved(&mut rng, &near.bbox)?),
                    _ => (ClassId(below(&mut rng, classes)), anywhere(&mut rng)?),
                };
                scene.detections.push(Detection { image, class, bbox, score });
            }
        }
        Ok(scene)
    }

    fn ours(&self) -> Outcome<(Seconds, PrecisionTable)> {
        let (mut least, mut table) = (Seconds { wall: f64::INFINITY, processor: f64::INFINITY }, None);
        for _ in 0..REPEATS {
            let (wall, processor) = (Instant::now(), processor_seconds());
            let seen = Observations::new(Images::of_one_site(IMAGES), &self.truths, &self.detections)?;
            table = Some(PrecisionTable::of(&seen, Settings::coco()));
            least.wall = least.wall.min(wall.elapsed().as_secs_f64());
            least.processor = least.processor.min(processor_seconds() - processor);
        }
        Ok((least, table.ok_or("no repeat")?))
    }

    fn peers(&self, table: &PrecisionTable, single: Seconds, all: Seconds) -> Outcome<()> {
        let folder = std::env::temp_dir().join(format!("wardround-detection-{}", std::process::id()));
        std::fs::create_dir_all(&folder)?;
        let measured = self.write(&folder).and_then(|()| {
            PEER_REPEATS
                .iter()
                .try_for_each(|(peer, repeats)| self.peer((peer, *repeats), &folder, table, (single, all)))
        });
        std::fs::remove_dir_all(&folder)?;
        measured
    }

    fn write(&self, folder: &Path) -> Outcome<()> {
        let truths = self.truths.iter().flat_map(|one| row(one.image, one.class, &one.bbox, 0.0));
        let detections = self.detections.iter().flat_map(|one| row(one.image, one.class, &one.bbox, one.score.get()));
        std::fs::write(folder.join("truths.f64"), truths.flat_map(f64::to_le_bytes).collect::<Vec<u8>>())?;
        std::fs::write(folder.join("detections.f64"), detections.flat_map(f64::to_le_bytes).collect::<Vec<u8>>())?;
        Ok(())
    }

    fn peer(
        &self,
        peer: (&str, usize),
        folder: &Path,
        table: &PrecisionTable,
        ours: (Seconds, Seconds),
    ) -> Outcome<()> {
        let (name, repeats) = peer;
        let mut command = Command::new("python3");
        command.arg(Path::new(env!("CARGO_MANIFEST_DIR")).join(SCRIPT)).arg(name).arg(folder);
        let output = command.args([IMAGES.to_string(), self.classes.to_string(), repeats.to_string()]).output()?;
        if !output.status.success() {
            return Err(format!("{name}: {}", String::from_utf8_lossy(&output.stderr)).into());
        }
        let answer: Value = serde_json::from_slice(&output.stdout)?;
        let second = |key: &str| answer[key].as_f64().ok_or_else(|| format!("no `{key}` from {name}"));
        let theirs = Seconds { wall: second("wall")?, processor: second("processor")? };
        let differs = largest_difference(self.classes, table, &answer)?;
        println!(
            "{} | {} | {theirs} | same to {differs:.1e} | ours {:.1}x faster on one thread, {:.1}x on all, {:.1}x in processor time",
            answer["version"].as_str().unwrap_or(name),
            self.classes,
            theirs.wall / ours.0.wall,
            theirs.wall / ours.1.wall,
            theirs.processor / ours.0.processor
        );
        if differs > TOLERANCE { Err(format!("{name} disagrees by {differs:e}").into()) } else { Ok(()) }
    }
}

/// Over every cell of the table; a value on one side alone is a difference without bound.
fn largest_difference(classes: u32, table: &PrecisionTable, answer: &Value) -> Outcome<f64> {
    let list = |key: &str| answer[key].as_array().ok_or_else(|| format!("no `{key}`"));
    let (settings, precision, recall) = (Settings::coco(), list("precision")?, list("recall")?);
    let mut theirs = precision.iter().zip(recall);
    let mut largest = 0.0f64;
    for class in (0..classes).map(ClassId) {
        for area in &settings.areas {
            for most in &settings.detections_max {
                for threshold in settings.thresholds.as_slice() {
                    let part =
                        Part { class: Some(class), threshold: Some(*threshold), area: *area, detections_max: *most };
                    let (precision, recall) = theirs.next().ok_or("the peer gave too few numbers")?;
                    largest = largest.max(difference(table.average_precision(part), precision));
                    largest = largest.max(difference(table.recall(part), recall));
                }
            }
        }
    }
    if theirs.next().is_some() { Err("the peer gave too many numbers".into()) } else { Ok(largest) }
}

fn difference(ours: Option<f64>, theirs: &Value) -> f64 {
    match (ours, theirs.as_f64().filter(|value| *value >= 0.0)) {
        (Some(ours), Some(theirs)) => (ours - theirs).abs(),
        (None, None) => 0.0,
        _ => f64::INFINITY,
    }
}

fn row(image: ImageId, class: ClassId, bbox: &BoxPx, score: f64) -> [f64; 7] {
    let Edges { left, top, right, bottom } = bbox.edges();
    [f64::from(image.0), f64::from(class.0), left, top, right - left, bottom - top, score]
}

fn anywhere(rng: &mut ChaCha8Rng) -> Outcome<BoxPx> {
    let (left, top) = (unit(rng) * SIDE_PX, unit(rng) * SIDE_PX);
    let (width, height) = (4.0 + unit(rng) * 150.0, 4.0 + unit(rng) * 150.0);
    boxed([left, top, left + width, top + height])
}

/// A box with its edges moved by up to a sixth of its sides.
fn moved(rng: &mut ChaCha8Rng, bbox: &BoxPx) -> Outcome<BoxPx> {
    let Edges { left, top, right, bottom } = bbox.edges();
    let (width, height) = ((right - left) / 3.0, (bottom - top) / 3.0);
    let mut by = |side: f64| (unit(rng) - 0.5) * side;
    boxed([left + by(width), top + by(height), right + by(width), bottom + by(height)])
}

fn boxed(edges: [f64; 4]) -> Outcome<BoxPx> {
    let [left, top, right, bottom] = edges.map(|edge| (edge * 4.0).round() / 4.0);
    Ok(BoxPx::new(Edges { left, top, right, bottom })?)
}

fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

fn below(rng: &mut ChaCha8Rng, end: u32) -> u32 {
    (unit(rng) * f64::from(end)) as u32
}

fn processor_seconds() -> f64 {
    let now = clock_gettime(ClockId::ProcessCPUTime);
    now.tv_sec as f64 + now.tv_nsec as f64 * 1e-9
}
