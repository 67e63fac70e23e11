//! Plans that run in a second, and the same a little otherwise.

use crate::scans::SIZE_PX;
use wardround_plan::Plan;

/// The study's name in every plan here.
pub const STUDY: &str = "tiny";
/// Rounds of every plan here.
pub const ROUNDS: u32 = 4;

/// A plan to be changed before it is used.
#[derive(Debug, Clone, Copy)]
pub struct Tiny {
    pub min_sites: u32,
    pub absence_s: u64,
    pub local_steps: u32,
    /// With secure aggregation.
    pub masked: bool,
}

impl Default for Tiny {
    /// All three sites have to be in every round, so that a disturbed run has the same sum as one that is not.
    fn default() -> Self {
        Self { min_sites: 3, absence_s: 60, local_steps: 2, masked: false }
    }
}

impl Tiny {
    /// As a study lead writes it.
    pub fn text(self) -> String {
        let Self { min_sites, absence_s, local_steps, masked } = self;
        format!(
            r#"[study]
name = "{STUDY}"
purpose = "test of the federation"
rounds = {ROUNDS}
min_sites = {min_sites}
deadline_s = 120
gather_s = 1
absence_s = {absence_s}

[model]
kind = "unet2d"
width = 4
depth = 2
classes = 2
channels = 1
input_px = {SIZE_PX}

[training]
optimizer = "adam"
learning_rate = 0.01
local_steps = {local_steps}
batch_images = 2
augment = ["flip", "gain"]

[privacy]
mode = "none"

[secagg]
enabled = {masked}

[strategy]
kind = "fedavg"
weighting = "equal"

[evaluation]
metrics = ["dice.foreground"]
every = {ROUNDS}
"#
        )
    }
}

/// The digest that a site's policy lists.
pub fn digest(text: &str) -> String {
    Plan::from_toml(text).expect("a plan of ours").digest().to_string()
}
