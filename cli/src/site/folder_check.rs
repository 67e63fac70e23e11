//! `wardround site check`: the folder as the plan wants it, masks, boxes or volumes.

use crate::clock;
use serde::Serialize;
use wardround_client::SiteConfig;
use wardround_identity::{Credentials, Role};
use wardround_imaging::{
    BoxCheckReport, CheckReport, ClassNames, Counts, PatientGrouping, SiteFolder, check, check_boxes,
};
use wardround_plan::{DetectionSection, ModelKind, Plan, SiteId};

/// What a check of the folder found.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum FolderCheck {
    /// Images with masks.
    Masks(CheckReport),
    /// Images with boxes.
    Boxes(Box<BoxCheckReport>),
    /// Volumes: patients to train and to measure on.
    Volumes { train_patients: usize, validation_patients: usize },
    /// A folder that cannot be read as the plan wants it.
    Unreadable { error: String },
}

impl FolderCheck {
    /// Checks the folder as `plan` wants it; without a plan as images with masks.
    pub(super) fn of(config: &SiteConfig, grouping: PatientGrouping, plan: Option<&Plan>) -> Self {
        let dir = &config.data.folder;
        match plan.map(|plan| (plan, plan.model.kind, &plan.detection)) {
            Some((plan, ModelKind::Centernet2d, Some(detection))) => {
                boxes(config, grouping, detection, plan.model.channels)
            }
            Some((plan, ModelKind::Unet3d, _)) => {
                let read = SiteFolder::open(dir, grouping).and_then(|folder| folder.load_volumes(plan.model.classes));
                match read {
                    Ok(site) => {
                        Self::Volumes { train_patients: site.train.len(), validation_patients: site.validation.len() }
                    }
                    Err(error) => Self::Unreadable { error: error.to_string() },
                }
            }
            Some((plan, ..)) => Self::Masks(check(dir, grouping, Some((plan.model.classes, plan.model.channels)))),
            None => Self::Masks(check(dir, grouping, None)),
        }
    }

    /// Whether a study could use it.
    pub(super) fn is_usable(&self) -> bool {
        match self {
            Self::Masks(report) => report.is_usable(),
            Self::Boxes(report) => report.is_usable(),
            Self::Volumes { train_patients, validation_patients } => *train_patients > 0 && *validation_patients > 0,
            Self::Unreadable { .. } => false,
        }
    }

    pub(super) fn in_words(&self) -> String {
        match self {
            Self::Masks(report) => masks_in_words(report),
            Self::Boxes(report) => boxes_in_words(report),
            Self::Volumes { train_patients, validation_patients } => {
                format!("train: {train_patients} patients\nvalidation: {validation_patients} patients")
            }
            Self::Unreadable { error } => format!("  error: {error}"),
        }
    }
}

/// By the classes that the plan says this site has marked; by all of them where the site is not enrolled yet.
fn boxes(config: &SiteConfig, grouping: PatientGrouping, detection: &DetectionSection, channels: u32) -> FolderCheck {
    let marked = match enrolled_as(config) {
        Some(site) => detection.labelled_at(&site),
        None => vec![true; detection.classes.len()],
    };
    let marked = detection.classes.iter().zip(marked).filter(|(_, marked)| *marked).map(|(name, _)| name.as_str());
    let names = ClassNames::new(detection.classes.iter().cloned());
    let both = names.and_then(|names| Ok((names.only(marked)?, names)));
    match both {
        Ok((labelled, names)) => {
            let report = check_boxes(&config.data.folder, grouping, &names, &labelled, channels);
            FolderCheck::Boxes(Box::new(report))
        }
        Err(error) => FolderCheck::Unreadable { error: error.to_string() },
    }
}

fn enrolled_as(config: &SiteConfig) -> Option<SiteId> {
    match Credentials::load(&config.credentials, clock()).ok()?.peer().role.clone() {
        Role::Site(site) => Some(site),
        _ => None,
    }
}

fn masks_in_words(data: &CheckReport) -> String {
    let counts =
        |name: &str, counts: &Counts| format!("{name}: {} patients, {} images", counts.patients, counts.images);
    let mut lines = vec![counts("train", &data.train), counts("validation", &data.validation)];
    let table = |entries: Vec<String>| entries.join(", ");
    lines.push(format!(
        "sizes: {}",
        table(data.sizes.iter().map(|(size, count)| format!("{size} ({count})")).collect())
    ));
    lines
        .push(format!("channels: {:?}, bits: {:?}, values in masks: {:?}", data.channels, data.bits, data.mask_values));
    lines.push(format!("{} errors, {} warnings, {} empty masks", data.errors, data.warnings, data.empty_masks));
    lines.extend(data.findings.iter().map(|finding| format!("  {finding}")));
    lines.join("\n")
}

fn boxes_in_words(data: &BoxCheckReport) -> String {
    let counts =
        |name: &str, counts: &Counts| format!("{name}: {} patients, {} images", counts.patients, counts.images);
    let classes: Vec<String> = data.boxes.iter().map(|(name, count)| format!("{name} {count}")).collect();
    let mut lines = vec![counts("train", &data.train), counts("validation", &data.validation)];
    lines.push(format!("boxes from {}: {}", data.read_from.unwrap_or("nowhere"), classes.join(", ")));
    lines.push(format!(
        "{} clipped, {} without area left out, {} regions that count neither way, {} images without a box",
        data.clipped, data.dropped, data.ignored, data.empty_images
    ));
    lines.push(format!("{} errors, {} warnings", data.errors, data.warnings));
    lines.extend(data.findings.iter().map(|finding| format!("  {finding}")));
    lines.join("\n")
}
