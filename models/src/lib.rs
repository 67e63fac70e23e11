//! Networks, losses, and what a site does between two models.
//!
//! This is the only crate that names burn. To the rest of the house a model is [`wardround_plan::Weights`]: one vector
//! with a layout that the plan pins. Everything random here comes from [`wardround_plan::StreamKey`], never from burn's
//! process-wide generator, so that a round repeats bit by bit whatever else runs in the process.

mod batch;
mod centernet;
mod detection;
mod device;
mod evaluate;
mod initial;
mod kernels;
mod layers;
mod loss;
mod model_file;
mod model_file_error;
mod optimizer;
mod parameters;
mod private;
mod registry;
mod sampling;
mod trainer;
mod training_error;
mod training_set;
mod unet;
mod unet3d;

pub use device::{ComputeDevice, DeviceError, use_cpu_threads};
pub use evaluate::{Evaluator, PredictionError, Seen, SeenError, observations, patient_ap};
pub use initial::initial_weights;
pub use model_file::{ModelDescription, load_model, save_model};
pub use model_file_error::ModelFileError;
pub use private::UnsupportedLayer;
pub use registry::layout;
pub use trainer::{Bend, Guard, GuardError, LocalRound, StepProgress, Trainer};
pub use training_error::TrainingError;
pub use training_set::TrainingSet;
