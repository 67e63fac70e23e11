//! Where a network runs: chosen at run time, from what was compiled in.

use burn::tensor::Device;
use std::fmt;

/// Processor that trains and predicts. Written `cpu`, `cuda:0`, `vulkan:1`; the number may be left out for the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ComputeDevice {
    /// The processor cores, in pure Rust; always compiled in.
    #[default]
    Cpu,
    /// An NVIDIA card by its index; cargo feature `cuda`.
    Cuda(u16),
    /// A discrete card by its index, over Vulkan; cargo feature `vulkan`.
    Vulkan(u16),
}

/// Why a device cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// The text names no device.
    #[error("`{0}` is no device: write `cpu`, `cuda:0` or `vulkan:0` (the number is that of the card)")]
    Unknown(String),
    /// This binary was built without it.
    #[error("this build has no {device}: build it with `cargo build --features {feature}`, or write `cpu`")]
    NotCompiledIn {
        /// What was asked for.
        device: ComputeDevice,
        /// The cargo feature that adds it.
        feature: &'static str,
    },
    /// The thread pool was already running.
    #[error("the number of processor threads can be set only once and before the first computation: {0}")]
    Threads(String),
}

/// Bounds the processor threads of this whole process; call it in `main`, before any training.
///
/// # Errors
/// [`DeviceError::Threads`] where it was called before, or something was already computed.
pub fn use_cpu_threads(threads: usize) -> Result<(), DeviceError> {
    let built = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
    built.map_err(|error| DeviceError::Threads(error.to_string()))
}

impl ComputeDevice {
    /// The device in burn's terms.
    ///
    /// # Errors
    /// [`DeviceError::NotCompiledIn`]
    pub(crate) fn burn(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "cuda")]
            Self::Cuda(index) => Ok(Device::cuda(usize::from(index))),
            #[cfg(feature = "vulkan")]
            Self::Vulkan(index) => Ok(Device::vulkan(burn::tensor::DeviceKind::DiscreteGpu(usize::from(index)))),
            #[cfg(not(feature = "cuda"))]
            Self::Cuda(_) => Err(DeviceError::NotCompiledIn { device: self, feature: "cuda" }),
            #[cfg(not(feature = "vulkan"))]
            Self::Vulkan(_) => Err(DeviceError::NotCompiledIn { device: self, feature: "vulkan" }),
        }
    }
}

impl fmt::Display for ComputeDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Cuda(index) => write!(f, "cuda:{index}"),
            Self::Vulkan(index) => write!(f, "vulkan:{index}"),
        }
    }
}

impl std::str::FromStr for ComputeDevice {
    type Err = DeviceError;

    /// Reads the text; whether the device is compiled in shows when it is used.
    fn from_str(text: &str) -> Result<Self, DeviceError> {
        let unknown = || DeviceError::Unknown(text.chars().take(40).collect());
        let (kind, index) = text.split_once(':').unwrap_or((text, "0"));
        let index = index.parse().map_err(|_| unknown())?;
        match kind {
            "cpu" if text == "cpu" => Ok(Self::Cpu),
            "cuda" => Ok(Self::Cuda(index)),
            "vulkan" => Ok(Self::Vulkan(index)),
            _ => Err(unknown()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_is_read_as_it_is_written() {
        for (text, device) in
            [("cpu", ComputeDevice::Cpu), ("cuda:1", ComputeDevice::Cuda(1)), ("vulkan:0", ComputeDevice::Vulkan(0))]
        {
            assert_eq!(text.parse(), Ok(device));
            assert_eq!(device.to_string(), text);
        }
        assert_eq!("cuda".parse(), Ok(ComputeDevice::Cuda(0)));
    }

    #[test]
    fn other_words_are_refused_with_what_to_write() {
        for text in ["", "gpu", "cpu:0", "cuda:", "cuda:x", "cuda:-1", "cuda:70000", "CPU"] {
            let error = text.parse::<ComputeDevice>().expect_err(text);
            assert!(error.to_string().contains("cuda:0"), "{error}");
        }
    }

    #[test]
    fn the_processor_is_always_there() {
        assert!(ComputeDevice::Cpu.burn().is_ok());
    }

    #[cfg(not(feature = "cuda"))]
    #[test]
    fn a_device_that_was_not_compiled_in_names_its_feature() {
        let error = ComputeDevice::Cuda(0).burn().expect_err("no cuda");
        assert!(error.to_string().contains("--features cuda"), "{error}");
    }
}
