//! What is to be measured: everything that the command line names, read and checked before a network runs.

use super::EvalArguments;
use crate::exit::Failure;
use std::path::Path;
use std::sync::Arc;
use wardround_evaluation::{Measure, Setting};
use wardround_imaging::{Patient, PatientGrouping, SiteFolder};
use wardround_metrics::detection::FalseAlarmRates;
use wardround_models::{ComputeDevice, ModelDescription, layout, load_model};
use wardround_plan::{Digest, Hasher, Plan, SiteId, Weights};
use wardround_simulator::Scenario;

/// A model, patients, and measures.
pub(super) struct Asked {
    pub(super) plan: Plan,
    pub(super) weights: Weights,
    pub(super) model: ModelDescription,
    pub(super) patients: Vec<Patient>,
    pub(super) measures: Vec<Measure>,
    pub(super) setting: Setting,
    pub(super) device: ComputeDevice,
    /// Of a detector's classes, whether the site has marked each.
    pub(super) labelled: Vec<bool>,
    /// Digest of what the patients' folder says of them: two evaluations with the same are of the same patients.
    pub(super) data: Digest,
}

impl Asked {
    pub(super) fn of(arguments: &EvalArguments) -> Result<Self, Failure> {
        let missing = || Failure::input("a model and data are needed: `wardround eval --model M --data SITE`");
        let (model, data) = arguments.model.as_ref().zip(arguments.data.as_ref()).ok_or_else(missing)?;
        let beside = ["plan.toml", "scenario.toml"].map(|name| model.with_file_name(name));
        let beside = beside.iter().find(|path| path.is_file()).unwrap_or(&beside[0]);
        let plan = plan_or_scenario(arguments.plan.as_ref().unwrap_or(beside))?;
        let (weights, description) = load_model(model, &Arc::new(layout(&plan.model))).map_err(Failure::input)?;
        if description.plan != plan.digest() {
            let text =
                format!("it is of plan {}, not of {}; give its own with --plan", description.plan, plan.digest());
            return Err(Failure::input(format!("{}: {text}", model.display())));
        }
        let site = site_of(arguments, data)?;
        let grouping = match arguments.images_are_patients {
            true => PatientGrouping::ImagesArePatients,
            false => PatientGrouping::ByManifest,
        };
        let folder = SiteFolder::open(data, grouping).and_then(|folder| folder.load_for(&plan, &site));
        let folder = folder.map_err(|error| Failure::input(format!("{}: {error}", data.display())))?;
        let patients = if arguments.split == "train" { folder.train } else { folder.validation };
        Ok(Self {
            measures: measures(arguments, &plan)?,
            setting: Setting { spacing: arguments.spacing_mm, false_alarms: false_alarms(&plan)? },
            device: arguments.device.parse().map_err(Failure::input)?,
            labelled: plan.detection.as_ref().map_or_else(Vec::new, |detection| detection.labelled_at(&site)),
            data: digest(&patients),
            model: description,
            plan,
            weights,
            patients,
        })
    }

    /// The round that made the model.
    pub(super) fn round(&self) -> u32 {
        self.model.round.map_or(0, |round| round.get())
    }
}

/// A plan, or the scenario that rehearsed one.
fn plan_or_scenario(path: &Path) -> Result<Plan, Failure> {
    let text = std::fs::read_to_string(path);
    let text =
        text.map_err(|error| Failure::input(format!("{}: {error}; name the plan with --plan", path.display())))?;
    if let Ok(scenario) = Scenario::from_toml(&text) {
        return Ok(scenario.plan().clone());
    }
    Plan::from_toml(&text).map_err(|error| Failure::input(format!("{}: {error}", path.display())))
}

fn site_of(arguments: &EvalArguments, data: &Path) -> Result<SiteId, Failure> {
    let name = || data.file_name().unwrap_or_default().to_string_lossy().to_lowercase().replace(['_', ' ', '.'], "-");
    match &arguments.site {
        Some(site) => Ok(site.clone()),
        None => SiteId::new(name()).map_err(|error| Failure::input(format!("{error}; name the site with --site"))),
    }
}

fn measures(arguments: &EvalArguments, plan: &Plan) -> Result<Vec<Measure>, Failure> {
    let task = plan.model.kind.task();
    let usual: Vec<String> = Measure::usual(task).iter().map(|name| (*name).to_owned()).collect();
    let names = if arguments.metrics.is_empty() { &usual } else { &arguments.metrics };
    names.iter().map(|name| Measure::of_task(name.trim(), task).map_err(Failure::input)).collect()
}

fn false_alarms(plan: &Plan) -> Result<FalseAlarmRates, Failure> {
    match plan.detection.as_ref().and_then(|detection| detection.froc_points.as_ref()) {
        Some(points) => FalseAlarmRates::new(points).map_err(Failure::input),
        None => Ok(FalseAlarmRates::luna()),
    }
}

/// Patients by their scans, in their order.
fn digest(patients: &[Patient]) -> Digest {
    let mut hasher = Hasher::new();
    for patient in patients {
        hasher.update(&(patient.cases.len() as u64).to_le_bytes());
        for case in &patient.cases {
            let bytes: Vec<u8> = case.intensities().flat_map(f32::to_le_bytes).collect();
            hasher.update(&bytes);
        }
    }
    hasher.finish()
}
