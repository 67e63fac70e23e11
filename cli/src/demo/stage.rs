//! The folders and the plan of a demo, before anybody enters.

use crate::args::{DemoArguments, DemoTask};
use crate::exit::Failure;
use crate::site::read_plan;
use std::path::{Path, PathBuf};
use wardround_imaging::{PatientGrouping, SiteFolder, SynthPlan, synth};
use wardround_plan::{ModelKind, Plan, SiteId};

/// Marks a folder that a demo may replace.
const MARK: &str = ".wardround-demo";
/// Plans that come with the command, for scans it knows and for phantoms.
const PHANTOMS: &str = include_str!("../../../configs/phantoms.toml");
const PRIVATE_PHANTOMS: &str = include_str!("../../../configs/phantoms-private.toml");
const PRIVATE_CARDIAC: &str = include_str!("../../../configs/cardiac-private.toml");
const CARDIAC: &str = include_str!("../../../configs/cardiac.toml");
const NUCLEI: &str = include_str!("../../../configs/nuclei.toml");
const BLOOD_CELLS: &str = include_str!("../../../configs/blood-cells.toml");
const HIPPOCAMPUS: &str = include_str!("../../../configs/hippocampus.toml");
const SMEARS: &str = include_str!("../../../configs/smears.toml");
const PRIVATE_SMEARS: &str = include_str!("../../../configs/smears-private.toml");

/// Everything that is on disk before the first process starts.
pub struct Stage {
    /// Where the demo happens.
    pub out: PathBuf,
    /// The hospitals.
    pub sites: Vec<SiteStage>,
    /// What is studied.
    pub plan: Plan,
    /// The plan as a file.
    pub plan_file: PathBuf,
    /// Whether the scans name their patients.
    pub images_are_patients: bool,
}

/// One hospital's folders.
pub struct SiteStage {
    /// Its name.
    pub name: SiteId,
    /// Its scans.
    pub scans: PathBuf,
    /// Its own folder: settings, credentials, state, report.
    pub home: PathBuf,
}

impl Stage {
    /// Makes the folders, and phantoms if there are no scans.
    pub fn set(arguments: &DemoArguments) -> Result<Self, Failure> {
        let out = clear(&arguments.out)?;
        let plan_file = out.join("plan.toml");
        write(&plan_file, &plan_text(arguments)?)?;
        let plan = read_plan(&plan_file)?;
        let data = match &arguments.data {
            Some(data) => data.canonicalize().map_err(|error| unreadable(data, &error))?,
            None => phantoms(&out, &plan, arguments)?,
        };
        let sites = find_sites(&data, &out)?;
        let images_are_patients = !all_know_patients(&sites)?;
        Ok(Self { out, sites, plan, plan_file, images_are_patients })
    }

    /// What the study is judged by, in a word.
    pub fn title(&self) -> &'static str {
        self.plan.evaluation.title()
    }

    /// Where every process writes its log.
    pub fn logs(&self) -> PathBuf {
        self.out.join("logs")
    }
}

/// Writes a text file.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    std::fs::write(path, text).map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
}

/// An empty folder for the demo. Only a folder that a demo made, or an empty one, is replaced.
fn clear(out: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: std::io::Error| Failure::failed(format!("{}: {error}", out.display()));
    let foreign = out.is_dir() && !out.join(MARK).exists() && out.read_dir().map_err(failed)?.next().is_some();
    if foreign || out.is_file() {
        return Err(Failure::input(format!("{} is not a demo's folder; name another with --out", out.display())));
    }
    if out.exists() {
        std::fs::remove_dir_all(out).map_err(failed)?;
    }
    std::fs::create_dir_all(out.join("logs")).map_err(failed)?;
    std::fs::write(out.join(MARK), "made by `wardround demo`, which may replace it\n").map_err(failed)?;
    out.canonicalize().map_err(failed)
}

/// Every folder with a manifest is a hospital.
fn find_sites(data: &Path, out: &Path) -> Result<Vec<SiteStage>, Failure> {
    let entries = data.read_dir().map_err(|error| unreadable(data, &error))?;
    let mut folders: Vec<PathBuf> = entries.filter_map(|entry| entry.ok().map(|entry| entry.path())).collect();
    folders.retain(|folder| folder.join("manifest.csv").is_file());
    folders.sort();
    if folders.len() < 2 {
        let text = "holds fewer than two site folders (with manifest.csv, images/ and masks/)";
        return Err(Failure::input(format!("{} {text}", data.display())));
    }
    let stage = |scans: PathBuf| {
        let name = scans.file_name().unwrap_or_default().to_string_lossy().to_lowercase().replace(['_', ' ', '.'], "-");
        let name = SiteId::new(name).map_err(|error| Failure::input(format!("{}: {error}", scans.display())))?;
        let home = out.join("hospitals").join(name.as_str());
        std::fs::create_dir_all(&home).map_err(|error| unreadable(&home, &error))?;
        Ok(SiteStage { name, scans, home })
    };
    folders.into_iter().map(stage).collect()
}

fn all_know_patients(sites: &[SiteStage]) -> Result<bool, Failure> {
    for site in sites {
        let folder = SiteFolder::open(&site.scans, PatientGrouping::ImagesArePatients).map_err(Failure::input)?;
        if !folder.knows_patients() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Phantoms of hospitals as large as the plan needs: noise hides one patient among hundreds, not among five.
fn phantoms(out: &Path, plan: &Plan, arguments: &DemoArguments) -> Result<PathBuf, Failure> {
    let folder = out.join("phantoms");
    let hospitals = match (plan.model.kind, plan.privacy.patients()) {
        (ModelKind::Centernet2d, None) => SynthPlan::detection(),
        (ModelKind::Centernet2d, Some(_)) => SynthPlan::many_smears(),
        (ModelKind::Unet3d, _) => SynthPlan::volumes(),
        (ModelKind::Unet2d, None) => SynthPlan::default(),
        (ModelKind::Unet2d, Some(_)) => SynthPlan::large(),
    };
    let hospitals = SynthPlan { sites: arguments.sites, seed: arguments.seed, ..hospitals };
    synth(&folder, &hospitals).map_err(Failure::failed)?;
    Ok(folder)
}

/// The plan as asked for: a file, or the one that fits the scans, with the seed and the budget of the command line.
fn plan_text(arguments: &DemoArguments) -> Result<String, Failure> {
    let text = match &arguments.plan {
        Some(file) => std::fs::read_to_string(file).map_err(|error| unreadable(file, &error))?,
        None => fitting_plan(arguments)?.to_owned(),
    };
    let text = with_line(&text, "[study]", "seed", &arguments.seed.to_string());
    let Some(epsilon) = arguments.epsilon else { return Ok(text) };
    Ok(with_line(&text, "[privacy]", "epsilon", &format!("{:?}", epsilon.get())))
}

/// The plan that was tuned for these scans, by the name of their folder.
fn fitting_plan(arguments: &DemoArguments) -> Result<&'static str, Failure> {
    let name = arguments.data.as_ref().map(|data| data.file_name().unwrap_or_default().to_string_lossy());
    match (name.as_deref(), arguments.epsilon.is_some()) {
        (None, _) if arguments.task == DemoTask::Detect && arguments.without_privacy => Ok(SMEARS),
        (None, _) if arguments.task == DemoTask::Detect => Ok(PRIVATE_SMEARS),
        (None, _) if arguments.without_privacy => Ok(PHANTOMS),
        (None, _) => Ok(PRIVATE_PHANTOMS),
        (Some("nuclei" | "blood-cells" | "hippocampus-mr"), true) => {
            Err(Failure::input("no private plan comes along for these scans; give one with --plan"))
        }
        (Some("nuclei"), false) => Ok(NUCLEI),
        (Some("blood-cells"), false) => Ok(BLOOD_CELLS),
        (Some("hippocampus-mr"), false) => Ok(HIPPOCAMPUS),
        (Some(_), true) => Ok(PRIVATE_CARDIAC),
        (Some(_), false) => Ok(CARDIAC),
    }
}

/// The plan with this value: replaces the line of the key, or adds one to its section.
fn with_line(text: &str, section: &str, key: &str, value: &str) -> String {
    let is_key = |line: &str| line.split('=').next().is_some_and(|name| name.trim() == key);
    let mut lines: Vec<String> = text.lines().filter(|line| !is_key(line)).map(String::from).collect();
    if let Some(head) = lines.iter().position(|line| line.trim() == section) {
        lines.insert(head + 1, format!("{key} = {value}"));
    }
    lines.join("\n") + "\n"
}

fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::input(format!("{}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_that_come_along_are_good_and_take_a_seed() {
        for text in [
            PHANTOMS,
            PRIVATE_PHANTOMS,
            CARDIAC,
            PRIVATE_CARDIAC,
            NUCLEI,
            BLOOD_CELLS,
            HIPPOCAMPUS,
            SMEARS,
            PRIVATE_SMEARS,
        ] {
            let plan = Plan::from_toml(&with_line(text, "[study]", "seed", "7")).expect("good");
            assert_eq!(plan.study.seed, 7);
        }
        let plan = Plan::from_toml(&with_line(PRIVATE_PHANTOMS, "[privacy]", "epsilon", "1.0")).expect("good");
        assert_eq!(plan.privacy.epsilon, Some(1.0));
    }

    #[test]
    fn a_folder_that_is_not_ours_is_not_replaced() {
        let dir = tempfile::tempdir().expect("a folder");
        std::fs::write(dir.path().join("thesis.tex"), "years of work").expect("written");
        assert!(clear(dir.path()).is_err());
        assert!(dir.path().join("thesis.tex").exists());
    }
}
