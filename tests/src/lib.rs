//! The federation in one process and as real processes: see `tests/`.
