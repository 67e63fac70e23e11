//! A model on disk, in the safetensors format that every framework reads.
//!
//! The metadata says where the numbers come from: plan digest, study, round, layout digest, and what guarantee there is for
//! the patients behind them. Reading checks all of it, so that a truncated file or another study's model is refused in
//! words and never becomes weights.

use crate::ModelFileError;
use safetensors::tensor::{Dtype, SafeTensors, TensorView};
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;
use wardround_plan::{Digest, Layout, PlanDigest, RoundNumber, StudyId, Weights};

/// Value of `format` in the metadata; another version is another value.
const FORMAT: &str = "wardround/model/v1";

/// What is promised to the patients whose scans shaped the model.
const GUARANTEE_NONE: &str = "none";

/// Room for names and metadata beside the weights themselves.
const HEADER_BYTES_MAX: u64 = 16 << 20;

/// Where a model comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelDescription {
    /// The plan it was trained by.
    pub plan: PlanDigest,
    /// Its study.
    pub study: StudyId,
    /// The last round in it; `None` for the weights a study starts from.
    pub round: Option<RoundNumber>,
}

/// Writes `weights` to `path`: first beside it, then in its place, so that a crash leaves the old file or the new one.
///
/// # Errors
/// [`ModelFileError::Io`]
pub fn save_model(path: &Path, weights: &Weights, description: &ModelDescription) -> Result<(), ModelFileError> {
    let bytes = to_bytes(path, weights, description)?;
    let beside = path.with_extension("safetensors.part");
    let write = || {
        let mut file = std::fs::File::create(&beside)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        std::fs::rename(&beside, path)
    };
    write().map_err(|error| {
        // The part is of no use; the error that matters is the first.
        let _ = std::fs::remove_file(&beside);
        ModelFileError::Io { path: path.into(), error }
    })
}

/// Reads a model with this `layout`.
///
/// # Errors
/// [`ModelFileError`], in words that say which file, what is wrong and what to do.
pub fn load_model(path: &Path, layout: &Arc<Layout>) -> Result<(Weights, ModelDescription), ModelFileError> {
    let io = |error| ModelFileError::Io { path: path.into(), error };
    let bytes_max = layout.len() as u64 * 4 + HEADER_BYTES_MAX;
    let bytes = std::fs::metadata(path).map_err(io)?.len();
    if bytes > bytes_max {
        return Err(ModelFileError::TooLarge { path: path.into(), bytes, bytes_max });
    }
    from_bytes(path, &std::fs::read(path).map_err(io)?, layout)
}

fn to_bytes(path: &Path, weights: &Weights, description: &ModelDescription) -> Result<Vec<u8>, ModelFileError> {
    let broken = |error| ModelFileError::Broken { path: path.into(), error };
    let bytes = weights.to_le_bytes();
    let mut rest = bytes.as_slice();
    let mut views = Vec::new();
    for (spec, values) in weights.tensors() {
        let (part, after) = rest.split_at(values.len() * 4);
        rest = after;
        views.push((spec.name.as_str(), TensorView::new(Dtype::F32, spec.shape.clone(), part).map_err(broken)?));
    }
    safetensors::serialize(views, Some(metadata(weights, description))).map_err(broken)
}

fn metadata(weights: &Weights, description: &ModelDescription) -> HashMap<String, String> {
    let entry = |key: &str, value: String| (key.to_owned(), value);
    HashMap::from([
        entry("format", FORMAT.into()),
        entry("plan", description.plan.to_string()),
        entry("study", description.study.to_string()),
        entry("round", description.round.map_or(0, RoundNumber::get).to_string()),
        entry("layout", weights.layout().digest().to_string()),
        entry("guarantee", GUARANTEE_NONE.into()),
    ])
}

fn from_bytes(path: &Path, bytes: &[u8], layout: &Arc<Layout>) -> Result<(Weights, ModelDescription), ModelFileError> {
    let broken = |error| ModelFileError::Broken { path: path.into(), error };
    let (_, header) = SafeTensors::read_metadata(bytes).map_err(broken)?;
    let metadata = Metadata { path, entries: header.metadata().clone().unwrap_or_default() };
    let description = metadata.description()?;
    let digest: Digest = metadata.read("layout")?;
    if digest != layout.digest() {
        let what = format!("its layout is {}, the plan's is {}", digest.short(), layout.digest().short());
        return Err(ModelFileError::Layout { path: path.into(), what });
    }
    let tensors = SafeTensors::deserialize(bytes).map_err(broken)?;
    let values = values(path, &tensors, layout)?;
    let weights = Weights::from_le_bytes(layout.clone(), &values)
        .map_err(|error| ModelFileError::Weights { path: path.into(), error })?;
    Ok((weights, description))
}

/// The bytes of all tensors in the order of the layout; in the file they may stand in any order.
fn values(path: &Path, tensors: &SafeTensors<'_>, layout: &Layout) -> Result<Vec<u8>, ModelFileError> {
    let other = |what: String| ModelFileError::Layout { path: path.into(), what };
    if tensors.len() != layout.tensors().len() {
        return Err(other(format!("it has {} tensors, the plan's network {}", tensors.len(), layout.tensors().len())));
    }
    let mut values = Vec::with_capacity(layout.len() * 4);
    for spec in layout.tensors() {
        let found = tensors.tensor(&spec.name).map_err(|_| other(format!("it has no tensor `{}`", spec.name)))?;
        if found.dtype() != Dtype::F32 || found.shape() != spec.shape {
            let (dtype, shape) = (found.dtype(), found.shape());
            return Err(other(format!("`{}` is {dtype:?} {shape:?}, expected F32 {:?}", spec.name, spec.shape)));
        }
        values.extend_from_slice(found.data());
    }
    Ok(values)
}

/// Entries that are read as what they must be.
struct Metadata<'a> {
    path: &'a Path,
    entries: HashMap<String, String>,
}

impl Metadata<'_> {
    fn description(&self) -> Result<ModelDescription, ModelFileError> {
        self.expect("format", FORMAT)?;
        self.expect("guarantee", GUARANTEE_NONE)?;
        let round: u32 = self.read("round")?;
        Ok(ModelDescription { plan: self.read("plan")?, study: self.read("study")?, round: RoundNumber::new(round) })
    }

    fn expect(&self, key: &'static str, value: &str) -> Result<(), ModelFileError> {
        if self.entries.get(key).is_some_and(|found| found == value) { Ok(()) } else { Err(self.refuse(key)) }
    }

    fn read<T: std::str::FromStr>(&self, key: &'static str) -> Result<T, ModelFileError> {
        self.entries.get(key).and_then(|text| text.parse().ok()).ok_or_else(|| self.refuse(key))
    }

    fn refuse(&self, key: &'static str) -> ModelFileError {
        let found = self
            .entries
            .get(key)
            .map_or("missing".into(), |text| format!("`{}`", text.chars().take(80).collect::<String>()));
        ModelFileError::Metadata { path: self.path.into(), key, found }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::initial_weights;
    use crate::trainer::tests::plan;
    use std::path::PathBuf;
    use wardround_plan::ModelSection;

    fn written() -> (tempfile::TempDir, PathBuf, Weights, ModelDescription) {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let path = folder.path().join("model.safetensors");
        let plan = plan("");
        let description =
            ModelDescription { plan: plan.digest(), study: plan.study.name.clone(), round: RoundNumber::new(3) };
        let weights = initial_weights(&plan);
        save_model(&path, &weights, &description).expect("a writable folder");
        (folder, path, weights, description)
    }

    /// The file with `change` made to its bytes.
    fn refused(change: impl Fn(&mut Vec<u8>)) -> String {
        let (_folder, path, weights, _) = written();
        let mut bytes = std::fs::read(&path).expect("written");
        change(&mut bytes);
        std::fs::write(&path, &bytes).expect("writable");
        load_model(&path, weights.layout()).expect_err("changed bytes").to_string()
    }

    fn replaced(from: &str, to: &str) -> String {
        assert_eq!(from.len(), to.len(), "the header's length stands before it");
        refused(|bytes| {
            let at = bytes.windows(from.len()).position(|window| window == from.as_bytes()).expect("is in the header");
            bytes[at..at + from.len()].copy_from_slice(to.as_bytes());
        })
    }

    #[test]
    fn a_model_comes_back_bit_by_bit_with_its_origin() {
        let (folder, path, weights, description) = written();
        let (back, described) = load_model(&path, weights.layout()).expect("whole");
        assert_eq!(back.to_le_bytes(), weights.to_le_bytes());
        assert_eq!(described, description);
        assert_eq!(std::fs::read_dir(folder.path()).expect("there").count(), 1, "no part is left beside it");
    }

    #[test]
    fn a_start_model_has_no_round() {
        let (_folder, path, weights, description) = written();
        save_model(&path, &weights, &ModelDescription { round: None, ..description }).expect("writable");
        assert_eq!(load_model(&path, weights.layout()).expect("whole").1.round, None);
    }

    #[test]
    fn the_header_is_the_official_one() {
        let (_folder, path, _, description) = written();
        let bytes = std::fs::read(&path).expect("written");
        let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) as usize;
        let header: serde_json::Value = serde_json::from_slice(&bytes[8..8 + length]).expect("JSON");
        assert_eq!(header["__metadata__"]["plan"], description.plan.to_string());
        assert_eq!(header["__metadata__"]["guarantee"], "none");
        assert_eq!(header["head.bias"]["dtype"], "F32");
        assert_eq!(header["head.bias"]["shape"], serde_json::json!([2]));
    }

    #[test]
    fn truncated_and_foreign_bytes_are_refused() {
        assert!(refused(|bytes| bytes.truncate(bytes.len() - 1)).contains("not a whole safetensors file"));
        assert!(refused(|bytes| bytes.truncate(4)).contains("not a whole safetensors file"));
        assert!(refused(Vec::clear).contains("not a whole safetensors file"));
        assert!(refused(|bytes| bytes.push(0)).contains("not a whole safetensors file"));
        assert!(refused(|bytes| bytes[..8].fill(0xff)).contains("not a whole safetensors file"));
    }

    #[test]
    fn other_metadata_is_refused_by_its_key() {
        assert!(replaced("wardround/model/v1", "wardround/model/v9").contains("`format`"));
        assert!(replaced("\"guarantee\":\"none\"", "\"guarantee\":\"good\"").contains("`guarantee`"));
        assert!(replaced("\"round\":\"3\"", "\"round\":\"x\"").contains("`round`"));
        assert!(replaced("\"study\":\"test\"", "\"study\":\"TEST\"").contains("`study`"));
        assert!(replaced("\"plan\":", "\"plam\":").contains("`plan` in the metadata is missing"));
    }

    #[test]
    fn other_tensors_are_refused_by_their_name() {
        assert!(replaced("head.bias", "tail.bias").contains("no tensor `head.bias`"));
        assert!(replaced("\"shape\":[2,4,1,1]", "\"shape\":[4,2,1,1]").contains("head.weight"));
    }

    #[test]
    fn a_weight_that_is_no_number_is_refused() {
        let message = refused(|bytes| {
            let end = bytes.len();
            bytes[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
        });
        assert!(message.contains("is not a finite number"), "{message}");
    }

    #[test]
    fn the_model_of_another_plan_is_refused() {
        let (_folder, path, ..) = written();
        let other = Arc::new(crate::layout(&ModelSection { width: 8, ..plan("").model }));
        let error = load_model(&path, &other).expect_err("another layout").to_string();
        assert!(error.contains("the model of another plan"), "{error}");
    }

    #[test]
    fn a_file_far_too_large_is_refused_before_it_is_read() {
        let (_folder, path, weights, _) = written();
        let file = std::fs::File::options().write(true).open(&path).expect("written");
        file.set_len(HEADER_BYTES_MAX + (1 << 20)).expect("sparse");
        let error = load_model(&path, weights.layout()).expect_err("too large");
        assert!(matches!(error, ModelFileError::TooLarge { .. }), "{error}");
    }

    #[test]
    fn a_missing_file_and_folder_are_named() {
        let (folder, path, weights, description) = written();
        std::fs::remove_file(&path).expect("was there");
        assert!(load_model(&path, weights.layout()).expect_err("missing").to_string().contains("model.safetensors"));
        let nowhere = folder.path().join("nowhere").join("model.safetensors");
        assert!(save_model(&nowhere, &weights, &description).expect_err("no folder").to_string().contains("nowhere"));
    }
}
