//! One data set as many sites: who gets which patients. Always whole patients: no person is at two sites.
//!
//! [`Partition::deal`] is the rule, [`picture`] shows what came of it.

mod deal;
pub mod picture;

pub use deal::{PartitionError, PatientTraits, Role};

use serde::{Deserialize, Serialize};

/// `[simulation.partition]`: how patients become sites.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub enum Partition {
    /// Each folder is a site, as the data came.
    #[default]
    Natural,
    /// Every patient at random, sites of equal size.
    Iid,
    /// Unequal labels: for each class of patients the shares of the sites are drawn from a Dirichlet distribution (Hsu, Qi and
    /// Brown 2019). Classes are equal parts of the patients in the order of their foreground share.
    DirichletLabel {
        /// α: 0.1 is very unequal, 100 nearly equal.
        alpha: f64,
        /// Classes to make.
        classes: u32,
    },
    /// Unequal sizes: the sites' shares of all patients are drawn from a Dirichlet distribution (Li et al. 2022, NIID-Bench).
    Quantity {
        /// α: 0.1 is very unequal, 100 nearly equal.
        alpha: f64,
    },
    /// Unequal images: patients in the order of their mean brightness, cut into sites of equal size.
    FeatureShift {
        /// Share of the patients that are dealt at random instead: 0 is the strongest shift, 1 is none.
        mixed: f64,
    },
}

/// Where α makes sense.
const ALPHA: std::ops::RangeInclusive<f64> = 0.01..=10_000.0;
const CLASSES_MAX: u32 = 100;

impl Partition {
    /// Key, problem and remedy of what is wrong with its numbers.
    pub(crate) fn check(&self) -> Result<(), (&'static str, String, String)> {
        let wrong = |key, value: f64, remedy: &str| Err((key, format!("{value} is out of range"), remedy.to_owned()));
        match *self {
            Self::DirichletLabel { alpha, .. } | Self::Quantity { alpha } if !ALPHA.contains(&alpha) => {
                wrong("alpha", alpha, "write 0.01 to 10000")
            }
            Self::DirichletLabel { classes, .. } if !(2..=CLASSES_MAX).contains(&classes) => {
                wrong("classes", f64::from(classes), "write 2 to 100")
            }
            Self::FeatureShift { mixed } if !(0.0..=1.0).contains(&mixed) => wrong("mixed", mixed, "write 0 to 1"),
            _ => Ok(()),
        }
    }
}
