//! Benchmarks of a federation of real processes on loopback.
//!
//! `cargo bench --profile dev -p wardround-cli --bench federation -- WHAT [OPTIONS]`, where WHAT is
//!
//! - `upload [--peer yes] [--rounds 7] [--mib 256]`: GB/s and processor time of an upload over mutual TLS; with `--peer yes`,
//!   beside the same upload by grpcio, round by round
//! - `idle [--sites 1000] [--seconds 35]`: time, memory and processor time of sites that are connected and have nothing to do
//! - `masked [--quick yes] [--sites 20 --weights 10000000]`: time, bytes, memory and processor time of a whole secure aggregation
//! - `rounds [--rounds 50] [--sites 4]`: wall time of a round of a tiny model, which is all coordination
//!
//! Each prints a table for people and one JSON line for programs. Every figure says what the load of the machine was.

mod idle;
mod machine;
mod masked;
mod options;
mod place;
mod process;
mod rounds;
mod trouble;
mod updates;
mod upload;

use options::Options;
use trouble::Trouble;

fn main() -> Result<(), Trouble> {
    let options = Options::read(std::env::args().skip(1))?;
    let runtime = tokio::runtime::Runtime::new()?;
    match options.what.as_deref() {
        Some("upload") => runtime.block_on(upload::run(&options)),
        Some("idle") => runtime.block_on(idle::run(&options)),
        Some("masked") => runtime.block_on(masked::run(&options)),
        Some("rounds") => rounds::run(&options),
        _ => {
            println!("name a benchmark: upload, idle, masked or rounds");
            Ok(())
        }
    }
}
