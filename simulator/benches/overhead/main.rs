//! What the engine costs: a round of many sites that only draw noise, against the bare loop that draws the same noise.
//!
//! `cargo bench -p wardround-simulator --profile dev --bench overhead -- [quick|cnn|masked|peers|cnn-peers]`
//!
//! 100, 1,000 and 10,000 sites with a model of 10,000 weights, all in every round. The bare loop draws each site's noise into
//! one buffer and adds it to a plain `f32` sum, with as many threads. The engine does the whole run: cohorts, exact sums, rows
//! and events on disk, digests, checkpoints. Both are taken in turn, and the smallest of several takes counts: other load on
//! the machine only adds. Peak memory is that of a process of its own, which runs the engine alone.
//!
//! `cnn`: a small convolutional network on 100 sites with 32 images of 28 x 28 pixels each, one epoch in batches of 8.
//!
//! `masked`: the first table's work with the machines of secure aggregation, for 10, 30 and 100 sites.
//!
//! `peers` and `cnn-peers`: then pfl-research and Flower do the same work, by the scripts in `benches/peers`, which install them
//! from PyPI.

mod bare;
mod engine;
mod machine;
mod masked;
mod memory;
mod noise;
mod peers;
mod small_network;

use std::error::Error;

/// Weights of the model, as in the comparisons with other frameworks.
const WEIGHTS: usize = 10_000;

/// Nothing here is expected to fail; what does ends the program with its text.
type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [] => noise::compare(&noise::THOROUGH).map(drop),
        ["quick"] => noise::compare(&noise::QUICK).map(drop),
        ["cnn"] => small_network::measure().map(drop),
        ["masked"] => masked::measure(),
        ["peers"] => peers::compare(&peers::NOISE, noise::compare(&noise::THOROUGH)?),
        ["cnn-peers"] => peers::compare(&peers::SMALL_NETWORK, small_network::measure()?),
        ["memory", sites, secagg] => memory::tell(sites.parse()?, secagg),
        _ => Err("expected nothing, `quick`, `cnn`, `masked`, `peers` or `cnn-peers`".into()),
    }
}
