//! Plans that run in a second, and the same a little otherwise.

use crate::scans::SIZE_PX;
use wardround_plan::Plan;

/// The study's name, unless a plan says otherwise.
pub const STUDY: &str = "tiny";
/// Rounds, unless a plan says otherwise.
pub const ROUNDS: u32 = 4;

/// A plan to be changed before it is used.
#[derive(Debug, Clone, Copy)]
pub struct Tiny {
    pub name: &'static str,
    pub rounds: u32,
    pub attempts: u32,
    pub min_sites: u32,
    pub absence_s: u64,
    pub local_steps: u32,
    /// With secure aggregation.
    pub masked: bool,
    /// Longest time for a stage of it that carries no update.
    pub stage_s: u64,
    /// Channels of the network's first layer.
    pub width: u32,
}

impl Default for Tiny {
    /// All three sites have to be in every round, so that a disturbed run has the same sum as one that is not.
    fn default() -> Self {
        Self {
            name: STUDY,
            rounds: ROUNDS,
            attempts: 3,
            min_sites: 3,
            absence_s: 60,
            local_steps: 2,
            masked: false,
            stage_s: 60,
            width: 4,
        }
    }
}

impl Tiny {
    /// As a study lead writes it.
    pub fn text(self) -> String {
        let Self { name, rounds, attempts, min_sites, absence_s, local_steps, masked, stage_s, width } = self;
        format!(
            r#"[study]
name = "{name}"
purpose = "test of the federation"
rounds = {rounds}
attempts = {attempts}
min_sites = {min_sites}
deadline_s = 120
gather_s = 1
absence_s = {absence_s}

[model]
kind = "unet2d"
width = {width}
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
stage_s = {stage_s}

[strategy]
kind = "fedavg"
weighting = "equal"

[evaluation]
metrics = ["dice.foreground"]
every = {rounds}
"#
        )
    }
}

/// The digest that a site's policy lists.
pub fn digest(text: &str) -> String {
    Plan::from_toml(text).expect("a plan of ours").digest().to_string()
}
