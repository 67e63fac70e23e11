//! From site folders to virtual sites.

use crate::partition::picture::Holding;
use crate::scenario_rules::site_name;
use crate::{Partition, PartitionError, PatientTraits, Role, Scenario};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use wardround_imaging::{Case, Edges, ImagingError, Patient, PatientGrouping, SiteFolder};
use wardround_models::{TrainingError, TrainingSet};
use wardround_plan::{Digest, Hasher, IdError, SiteId};
use wardround_privacy::StudyCostError;

/// Classes of foreground share in the picture of who got what.
const SHOWN_CLASSES: usize = 6;

/// What tells patients apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Grouping {
    /// The manifest names them.
    ByManifest,
    /// Each image counts as a person where the manifest does not name them.
    ImagesArePatients,
}

/// Data that cannot become the scenario's sites.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The folder of site folders.
    #[error("`{folder}` cannot be read: {source}")]
    Folder {
        /// Which.
        folder: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// Nothing to deal.
    #[error("`{folder}` has no site folder: each is a folder with `manifest.csv`, `images` and `masks`")]
    NoSites {
        /// Where.
        folder: PathBuf,
    },
    /// A site folder whose name is no site's.
    #[error("site folder `{folder}`: {source}")]
    Name {
        /// Which.
        folder: PathBuf,
        /// What is wrong with it.
        source: IdError,
    },
    /// A site folder.
    #[error("site folder `{folder}`: {source}")]
    Site {
        /// Which.
        folder: PathBuf,
        /// What is wrong in it.
        source: Box<ImagingError>,
    },
    /// There are too few patients, or another number of folders.
    #[error(transparent)]
    Partition(#[from] PartitionError),
    /// A site's images do not fit the plan.
    #[error(transparent)]
    Training(#[from] TrainingError),
    /// The plan's promise cannot be kept.
    #[error("[privacy]: {0}")]
    Privacy(StudyCostError),
}

/// What one virtual site has.
#[derive(Debug)]
pub(super) struct SiteData {
    train: TrainingSet,
    flipped: OnceLock<TrainingSet>,
    validation: Vec<Patient>,
}

/// The scenario's sites, and what is told of them.
pub(super) struct Dealt {
    pub(super) sites: Vec<SiteData>,
    pub(super) holdings: Vec<Holding>,
    /// Digest of every image and mask with its place.
    pub(super) data: Digest,
}

/// Every patient of every folder, with what the partition looks at.
#[derive(Default)]
struct Everyone {
    patients: Vec<Patient>,
    traits: Vec<PatientTraits>,
    folders: Vec<String>,
}

impl SiteData {
    pub(super) fn train(&self) -> &TrainingSet {
        &self.train
    }

    /// What the site trains on where it poisons by wrong labels; made when it is first asked for.
    pub(super) fn flipped(&self, classes: u32) -> &TrainingSet {
        self.flipped.get_or_init(|| self.train.with_flipped_labels(classes))
    }

    pub(super) fn validation(&self) -> &[Patient] {
        &self.validation
    }
}

/// The scenario's sites from the folders below `data`.
pub(super) fn dealt(scenario: &Scenario, data: &Path, grouping: Grouping) -> Result<Dealt, DataError> {
    let Everyone { patients, traits, folders } = everyone(scenario, data, grouping)?;
    let dealt = scenario.deal(&traits)?;
    let data = digest(&patients, &traits);
    let natural = scenario.simulation().partition == Partition::Natural;
    let name = |site: usize| if natural { folders[site].clone() } else { site_name(site as u32) };
    let classes = classes(&traits);
    let holdings = dealt.iter().enumerate().map(|(site, own)| holding(name(site), own, &traits, &classes)).collect();
    let mut patients: Vec<Option<Patient>> = patients.into_iter().map(Some).collect();
    let mut take = |own: &[usize], role: Role| {
        let of_role = own.iter().filter(|patient| traits[**patient].role == role);
        of_role.filter_map(|patient| patients[*patient].take()).collect::<Vec<_>>()
    };
    let sites = dealt.iter().map(|own| {
        let train = TrainingSet::prepare(scenario.plan(), &take(own, Role::Train))?;
        Ok(SiteData { train, flipped: OnceLock::new(), validation: take(own, Role::Validation) })
    });
    Ok(Dealt { sites: sites.collect::<Result<_, DataError>>()?, holdings, data })
}

fn everyone(scenario: &Scenario, data: &Path, grouping: Grouping) -> Result<Everyone, DataError> {
    let grouping = match grouping {
        Grouping::ByManifest => PatientGrouping::ByManifest,
        Grouping::ImagesArePatients => PatientGrouping::ImagesArePatients,
    };
    let mut all = Everyone::default();
    for (folder, path) in folders_of(data)?.into_iter().enumerate() {
        let at = |source| DataError::Site { folder: path.clone(), source: Box::new(source) };
        let name = path.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let site =
            SiteId::new(name.to_lowercase()).map_err(|source| DataError::Name { folder: path.clone(), source })?;
        let images = SiteFolder::open(&path, grouping).and_then(|folder| folder.load_for(scenario.plan(), &site));
        let images = images.map_err(at)?;
        all.folders.push(name);
        for (role, patients) in [(Role::Train, images.train), (Role::Validation, images.validation)] {
            all.traits.extend(patients.iter().map(|patient| traits_of(patient, folder, role)));
            all.patients.extend(patients);
        }
    }
    Ok(all)
}

/// The site folders below `data`, in the order of their names.
fn folders_of(data: &Path) -> Result<Vec<PathBuf>, DataError> {
    let unreadable = |source| DataError::Folder { folder: data.to_owned(), source };
    let entries: Vec<PathBuf> =
        data.read_dir().and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect()).map_err(unreadable)?;
    let mut folders: Vec<PathBuf> = entries.into_iter().filter(|path| path.join("manifest.csv").is_file()).collect();
    folders.sort();
    if folders.is_empty() {
        return Err(DataError::NoSites { folder: data.to_owned() });
    }
    Ok(folders)
}

fn digest(patients: &[Patient], traits: &[PatientTraits]) -> Digest {
    let mut hasher = Hasher::new();
    hasher.update(b"wardround/simulated-data/v1\0");
    for (patient, traits) in patients.iter().zip(traits) {
        hasher.update(&(traits.folder as u64).to_le_bytes());
        hasher.update(&[u8::from(traits.role == Role::Train)]);
        hasher.update(&(patient.cases.len() as u64).to_le_bytes());
        patient.cases.iter().for_each(|case| add(case, &mut hasher));
    }
    hasher.finish()
}

/// The extents of a case, its intensities, and what is marked on it.
fn add(case: &Case, hasher: &mut Hasher) {
    let numbers = |values: &mut dyn Iterator<Item = f32>| values.flat_map(f32::to_le_bytes).collect::<Vec<u8>>();
    let (extents, marked): (Vec<usize>, Vec<u8>) = match case {
        Case::Image(case) => (case.mask.shape().to_vec(), case.mask.iter().copied().collect()),
        Case::Volume(case) => (case.labels.shape().to_vec(), case.labels.iter().copied().collect()),
        Case::Boxes(case) => {
            let sides = |edges: Edges| [edges.left, edges.top, edges.right, edges.bottom].into_iter();
            let all = case.boxes.iter().chain(&case.ignored);
            let bytes = all.flat_map(|found| [vec![found.class], numbers(&mut sides(found.bbox.edges()))].concat());
            (vec![case.pixels.dim().1, case.pixels.dim().2, case.boxes.len()], bytes.collect())
        }
    };
    extents.iter().for_each(|extent| hasher.update(&(*extent as u64).to_le_bytes()));
    hasher.update(&numbers(&mut case.intensities()));
    hasher.update(&marked);
}

fn traits_of(patient: &Patient, folder: usize, role: Role) -> PatientTraits {
    let mean = |sum: f64, count: usize| if count == 0 { 0.0 } else { sum / count as f64 };
    let pixels = || patient.cases.iter().flat_map(Case::intensities);
    PatientTraits {
        folder,
        role,
        foreground: mean(patient.cases.iter().map(Case::foreground).sum(), patient.cases.len()),
        brightness: mean(pixels().map(f64::from).sum(), pixels().count()),
    }
}

/// The class of each patient for the picture: equal parts of all in the order of their foreground share.
fn classes(traits: &[PatientTraits]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..traits.len()).collect();
    order.sort_by(|a, b| traits[*a].foreground.total_cmp(&traits[*b].foreground));
    let mut classes = vec![0; traits.len()];
    order.iter().enumerate().for_each(|(rank, patient)| classes[*patient] = rank * SHOWN_CLASSES / traits.len());
    classes
}

fn holding(site: String, own: &[usize], traits: &[PatientTraits], classes: &[usize]) -> Holding {
    let mut patients = vec![0; SHOWN_CLASSES];
    let train: Vec<usize> = own.iter().copied().filter(|patient| traits[*patient].role == Role::Train).collect();
    train.iter().for_each(|patient| patients[classes[*patient]] += 1);
    let brightness: f64 = train.iter().map(|patient| traits[*patient].brightness).sum();
    Holding { site, patients, brightness: brightness / train.len().max(1) as f64 }
}
