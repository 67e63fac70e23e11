//! A virtual site, by its number.

use serde::{Deserialize, Serialize};
use std::fmt;

/// One site of the population, counted from 0 in the order of the population.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct SiteNumber(u32);

impl SiteNumber {
    /// The site with this number.
    pub const fn new(number: u32) -> Self {
        Self(number)
    }

    /// The number, from 0.
    pub const fn get(self) -> u32 {
        self.0
    }

    /// The number as a place in a list of all sites.
    pub const fn place(self) -> usize {
        self.0 as usize
    }
}

impl fmt::Display for SiteNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How often a round was begun, from 1: a round with too few updates is tried again with another cohort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Attempt(u32);

impl Attempt {
    /// The first attempt at a round.
    pub const FIRST: Self = Self(1);

    /// The attempt after this one.
    pub const fn next(self) -> Self {
        Self(self.0.saturating_add(1))
    }

    /// The number, from 1.
    pub const fn get(self) -> u32 {
        self.0
    }
}
