//! The crate from outside: whole runs, in folders.

mod bits;
mod client_level;
mod common;
mod faults;
mod kill;
mod known_answer;
mod reading;
mod scenario;
mod shared_noise;
mod strategies;
mod sweep;
mod training;
