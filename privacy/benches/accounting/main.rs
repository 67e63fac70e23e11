//! How long ε and the noise for an ε take, in processor time of one thread, and how near the truth they are.
//! `cargo bench --profile dev -p wardround-privacy --bench accounting`: ours alone;
//! `... --bench accounting -- against-google`: Google's dp-accounting beside it, in turn, in one run.
//!
//! The cases are those that specifications of accountants quote, and the shared vectors where they are.

mod against_google;
mod alone;
mod cases;
mod clock;
mod google;

/// What every part of this benchmark may end with.
pub type Outcome<T> = Result<T, Box<dyn std::error::Error + Send + Sync>>;

fn main() -> Outcome<()> {
    let peers = std::env::args().any(|argument| argument == "against-google");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build()?;
    pool.install(|| if peers { against_google::print() } else { alone::print() })
}
