//! Cost of one training step of the U-Net: forward, backward, checks and optimiser.
//!
//! `cargo bench -p wardround-models --profile dev --bench training_step -- WIDTH DEPTH PIXELS BATCH [STEPS]`
//! prints processor and wall time a step, median over the steps, after one to warm up. `RAYON_NUM_THREADS` bounds threads.
//!
//! `... --bench training_step -- against-torch [WIDTH DEPTH PIXELS BATCH [STEPS]]` measures ours and PyTorch's in turn, on
//! one thread and on two, and prints the ratio; without numbers, for two networks.
//!
//! `... --bench training_step -- against-opacus [WIDTH DEPTH PIXELS BATCH [STEPS]]` measures private steps against plain ones,
//! ours and those of Opacus and PyTorch, in turn; without numbers, for batches of 8 and 16. `... -- private ...` makes our
//! private steps alone.

mod against_opacus;
mod against_torch;
mod cost;
mod ours;
mod peer;
mod site;

use ours::{Kind, Shape};

/// Nothing here is expected to fail; what does ends the program with its text.
type Outcome<T> = Result<T, Box<dyn std::error::Error>>;

/// What is measured where nothing is said.
const DEFAULTS: [u32; 5] = [16, 4, 128, 8, 10];
/// What else is measured against PyTorch: the network of `configs/cardiac.toml`.
const CARDIAC: [u32; 5] = [8, 4, 64, 8, 10];
/// What is measured against Opacus.
const PRIVATE: [[u32; 5]; 2] = [[16, 4, 128, 8, 4], [16, 4, 128, 16, 3]];

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let given: Vec<u32> = arguments.iter().filter_map(|argument| argument.parse().ok()).collect();
    let shape = Shape::with_defaults(&given, DEFAULTS);
    let or_given = |others: &[[u32; 5]]| match given.as_slice() {
        [] => others.iter().map(|other| Shape::with_defaults(&[], *other)).collect(),
        _ => vec![shape],
    };
    match arguments.first().map(String::as_str) {
        Some("against-torch") => or_given(&[DEFAULTS, CARDIAC]).into_iter().try_for_each(against_torch::print),
        Some("against-opacus") => or_given(&PRIVATE).into_iter().try_for_each(against_opacus::print),
        Some("private") => ours::print(shape, Kind::Private),
        _ => ours::print(shape, Kind::Plain),
    }
}
