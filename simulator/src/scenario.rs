//! A scenario: a plan with a `[simulation]` section beside its own.
//!
//! The plan stays the document that a federation signs; what a simulation adds is taken out before it is read, so that a
//! scenario and the deployment it rehearses have one plan digest.

use crate::section::SimulationSection;
use crate::{PartitionError, PatientTraits, Seeds, scenario_rules};
use serde::Deserialize;
use wardround_plan::{Digest, DocumentError, Hasher, Plan, PlanError, parse_document};

/// The section's name, and the longest scenario that is read.
const SECTION: &str = "simulation";
/// Far beyond any plan with the weights of ten thousand sites.
const SCENARIO_BYTES_MAX: usize = 4 << 20;

/// A study and the virtual world it runs in. Every rule was checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Scenario {
    plan: Plan,
    simulation: SimulationSection,
    text: String,
}

/// Why a text is no scenario.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ScenarioError {
    /// Longer than any scenario.
    #[error("the scenario has {bytes} bytes, at most {SCENARIO_BYTES_MAX} are read")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// There is no such section.
    #[error(
        "the file has no [{SECTION}] section: add one, with at least `population = 100`, or run it as a deployment"
    )]
    Missing,
    /// The section is written in a form that cannot be told from the plan.
    #[error("[{SECTION}] has to be written as tables, each with its own header such as `[{SECTION}.faults]`")]
    Form,
    /// `[simulation]` cannot be read.
    #[error("{0}")]
    Section(DocumentError),
    /// The rest is no plan.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A rule of simulations is broken.
    #[error("{}[{section}] {key}: {problem}; {remedy}", .line.map(|line| format!("line {line}: ")).unwrap_or_default())]
    Rule {
        /// Where, from 1.
        line: Option<usize>,
        /// The table.
        section: &'static str,
        /// The key at fault.
        key: &'static str,
        /// What is wrong.
        problem: String,
        /// What to write instead.
        remedy: String,
    },
}

#[derive(Deserialize)]
struct Document {
    simulation: SimulationSection,
}

impl Scenario {
    /// Reads a scenario as people write it.
    ///
    /// # Errors
    /// [`ScenarioError`], with line and remedy.
    pub fn from_toml(text: &str) -> Result<Self, ScenarioError> {
        if text.len() > SCENARIO_BYTES_MAX {
            return Err(ScenarioError::TooLong { bytes: text.len() });
        }
        let mut whole: toml::Table = parse_document(text).map_err(ScenarioError::Section)?;
        whole.remove(SECTION).ok_or(ScenarioError::Missing)?;
        let (ours, plans) = parted(text);
        // Whatever the layout of the file, the plan is what is left without the section, or nothing is read.
        if toml::from_str::<toml::Table>(&plans).ok() != Some(whole) {
            return Err(ScenarioError::Form);
        }
        let simulation = parse_document::<Document>(&ours).map_err(ScenarioError::Section)?.simulation;
        let plan = Plan::from_toml(&plans)?;
        scenario_rules::check(&plan, &simulation).map_err(|broken| broken.at(text))?;
        Ok(Self { plan, simulation, text: text.to_owned() })
    }

    /// The study.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The virtual world.
    pub fn simulation(&self) -> &SimulationSection {
        &self.simulation
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Digest over plan and simulation: two scenarios with one digest are the same run. Comments do not count.
    pub fn digest(&self) -> Digest {
        let simulation = serde_json::to_vec(&self.simulation).expect("a checked section has only finite numbers");
        let mut hasher = Hasher::new();
        hasher.update(b"wardround/scenario/v1\0");
        hasher.update(self.plan.digest().0.as_bytes());
        hasher.update(&simulation);
        hasher.finish()
    }

    /// Who gets which patients, by the scenario's partition: the numbers of each site's patients, in order.
    ///
    /// # Errors
    /// [`PartitionError`]
    pub fn deal(&self, patients: &[PatientTraits]) -> Result<Vec<Vec<usize>>, PartitionError> {
        let sites = self.simulation.population as usize;
        self.simulation.partition.deal(patients, sites, &mut self.seeds().partition())
    }

    /// The run's random streams.
    pub(crate) fn seeds(&self) -> Seeds {
        Seeds::new(self.simulation.seed)
    }
}

/// The lines of the section and all others, each with empty lines in the place of the other's, so that line numbers stay.
fn parted(text: &str) -> (String, String) {
    let (mut ours, mut plans, mut inside) = (String::new(), String::new(), false);
    for line in text.lines() {
        if let Some(name) = header(line) {
            inside = name == SECTION || name.starts_with("simulation.");
        }
        let (to, other) = if inside { (&mut ours, &mut plans) } else { (&mut plans, &mut ours) };
        to.push_str(line);
        to.push('\n');
        other.push('\n');
    }
    (ours, plans)
}

/// The name in a table's header.
pub(crate) fn header(line: &str) -> Option<&str> {
    line.trim().strip_prefix('[')?.trim_start_matches('[').split(']').next().map(str::trim)
}
