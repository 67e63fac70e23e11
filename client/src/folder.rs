//! The site's scans in memory, read once for each way a plan wants them.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use wardround_imaging::{PatientGrouping, SiteFolder, SiteImages};
use wardround_models::TrainingSet;
use wardround_plan::{Plan, PlanDigest, SiteId};
use wardround_round::{Refusal, RefusalReason};

/// A folder of scans with what was last read from it.
#[derive(Clone)]
pub struct Folder {
    path: PathBuf,
    grouping: PatientGrouping,
    site: SiteId,
    last: Arc<Mutex<Option<Read>>>,
}

/// Patients and training images of the last plan.
struct Read {
    plan: PlanDigest,
    patients: Arc<SiteImages>,
    training: Option<Arc<TrainingSet>>,
}

impl Folder {
    /// The folder of `site`, which has not been read.
    pub fn new(path: PathBuf, grouping: PatientGrouping, site: SiteId) -> Self {
        Self { path, grouping, site, last: Arc::default() }
    }

    /// The patients, as the plan wants them.
    ///
    /// # Errors
    /// A folder that cannot serve the plan. The refusal names no file; the site's log does.
    pub fn patients(&self, plan: &Plan) -> Result<Arc<SiteImages>, Refusal> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(read) = last.as_ref().filter(|read| read.plan == plan.digest()) {
            return Ok(read.patients.clone());
        }
        let folder = SiteFolder::open(&self.path, self.grouping);
        let patients = folder.and_then(|folder| folder.load_for(plan, &self.site));
        let patients = Arc::new(patients.map_err(|error| {
            tracing::error!(reason = %error.redacted(), "the folder cannot be used; `wardround site check` names the files");
            Refusal::new(RefusalReason::DataUnusable, error.redacted())
        })?);
        *last = Some(Read { plan: plan.digest(), patients: patients.clone(), training: None });
        Ok(patients)
    }

    /// The training images, prepared for the plan's network.
    ///
    /// # Errors
    /// As [`Folder::patients`], and a folder without training patients.
    pub fn training_set(&self, plan: &Plan) -> Result<Arc<TrainingSet>, Refusal> {
        let patients = self.patients(plan)?;
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let read = last.as_mut().filter(|read| read.plan == plan.digest());
        if let Some(training) = read.as_ref().and_then(|read| read.training.clone()) {
            return Ok(training);
        }
        let training = TrainingSet::prepare(plan, &patients.train)
            .map_err(|error| Refusal::new(RefusalReason::DataUnusable, error.to_string()))?;
        let training = Arc::new(training);
        if let Some(read) = read {
            read.training = Some(training.clone());
        }
        Ok(training)
    }
}
