//! A model as one contiguous vector, and the layout that gives its parts their names and shapes.

use crate::{Digest, Hasher};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// Most weights of one model: 2^31, so that a vector stays below 8 GiB.
const WEIGHTS_MAX: usize = 1 << 31;

/// One named tensor of a layout.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// Path in the network, for example `encoder.0.first.weight`.
    pub name: String,
    /// Extent of each axis, row-major.
    pub shape: Vec<usize>,
}

impl TensorSpec {
    /// Number of weights; `None` where it overflows.
    pub fn len(&self) -> Option<usize> {
        self.shape.iter().try_fold(1usize, |product, extent| product.checked_mul(*extent))
    }

    /// True for a tensor without a weight.
    pub fn is_empty(&self) -> bool {
        self.len() == Some(0)
    }
}

/// Names and shapes of a network's weights, in the order in which they lie in the vector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<TensorSpec>", into = "Vec<TensorSpec>")]
pub struct Layout {
    tensors: Vec<TensorSpec>,
    total: usize,
}

/// Why a layout was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// Two tensors have one name.
    #[error("two tensors are named `{0}`")]
    TwiceNamed(String),
    /// A tensor has no weight, or all together have too many.
    #[error("tensor `{0}` is empty, or the layout exceeds {WEIGHTS_MAX} weights with it")]
    Extent(String),
}

impl Layout {
    /// A layout of `tensors` in this order.
    ///
    /// # Errors
    /// Two tensors with one name, an empty tensor, or more than 2^31 weights.
    pub fn new(tensors: Vec<TensorSpec>) -> Result<Self, LayoutError> {
        let mut names = std::collections::BTreeSet::new();
        let mut total = 0usize;
        for tensor in &tensors {
            if !names.insert(tensor.name.as_str()) {
                return Err(LayoutError::TwiceNamed(tensor.name.clone()));
            }
            total = tensor
                .len()
                .filter(|len| *len > 0)
                .and_then(|len| total.checked_add(len))
                .filter(|total| *total <= WEIGHTS_MAX)
                .ok_or_else(|| LayoutError::Extent(tensor.name.clone()))?;
        }
        Ok(Self { tensors, total })
    }

    /// The tensors in order.
    pub fn tensors(&self) -> &[TensorSpec] {
        &self.tensors
    }

    /// Number of weights of the whole network.
    pub fn len(&self) -> usize {
        self.total
    }

    /// True for a layout without tensors.
    pub fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// Digest over names, ranks and shapes: two networks with this digest hold their weights alike.
    pub fn digest(&self) -> Digest {
        let mut hasher = Hasher::new();
        hasher.update(b"wardround/layout/v1\0");
        for tensor in &self.tensors {
            hasher.update(&(tensor.name.len() as u64).to_le_bytes());
            hasher.update(tensor.name.as_bytes());
            hasher.update(&(tensor.shape.len() as u64).to_le_bytes());
            for extent in &tensor.shape {
                hasher.update(&(*extent as u64).to_le_bytes());
            }
        }
        hasher.finish()
    }
}

impl TryFrom<Vec<TensorSpec>> for Layout {
    type Error = LayoutError;
    fn try_from(tensors: Vec<TensorSpec>) -> Result<Self, LayoutError> {
        Self::new(tensors)
    }
}

impl From<Layout> for Vec<TensorSpec> {
    fn from(layout: Layout) -> Self {
        layout.tensors
    }
}

/// A network's weights, or a change of them: one vector in the order of its layout.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights {
    layout: Arc<Layout>,
    values: Vec<f32>,
}

/// Why a vector is not the weights of a layout.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WeightsError {
    /// The vector is longer or shorter than the layout.
    #[error("expected {expected} weights as in the plan's layout, got {got}")]
    Length {
        /// Weights in the layout.
        expected: usize,
        /// Weights given.
        got: usize,
    },
    /// A weight is NaN or infinite.
    #[error("weight {index} (in tensor `{tensor}`) is not a finite number")]
    NotFinite {
        /// Place in the vector.
        index: usize,
        /// Tensor it belongs to.
        tensor: String,
    },
    /// The two vectors belong to different networks.
    #[error("the two vectors have different layouts")]
    Layout,
}

impl Weights {
    /// Binds `values` to `layout`.
    ///
    /// # Errors
    /// A wrong number of values, or one that is NaN or infinite.
    pub fn new(layout: Arc<Layout>, values: Vec<f32>) -> Result<Self, WeightsError> {
        if values.len() != layout.len() {
            return Err(WeightsError::Length { expected: layout.len(), got: values.len() });
        }
        if let Some(index) = values.iter().position(|value| !value.is_finite()) {
            return Err(WeightsError::NotFinite { index, tensor: tensor_at(&layout, index) });
        }
        Ok(Self { layout, values })
    }

    /// From little-endian `f32` bytes, the form that crosses the wire.
    ///
    /// # Errors
    /// As [`Weights::new`]; a length that is no multiple of four counts as a wrong length.
    pub fn from_le_bytes(layout: Arc<Layout>, bytes: &[u8]) -> Result<Self, WeightsError> {
        if bytes.len() != layout.len() * 4 {
            return Err(WeightsError::Length { expected: layout.len(), got: bytes.len() / 4 });
        }
        let values = bytes.chunks_exact(4).map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]])).collect();
        Self::new(layout, values)
    }

    /// Little-endian `f32` bytes, the form that crosses the wire.
    pub fn to_le_bytes(&self) -> Vec<u8> {
        self.values.iter().flat_map(|value| value.to_le_bytes()).collect()
    }

    /// What training changed: `self - before`, the *update*.
    ///
    /// # Errors
    /// [`WeightsError::Layout`] where the two belong to different networks, or as [`Weights::new`].
    pub fn minus(&self, before: &Self) -> Result<Self, WeightsError> {
        if self.layout != before.layout {
            return Err(WeightsError::Layout);
        }
        let values = self.values.iter().zip(&before.values).map(|(after, before)| after - before).collect();
        Self::new(self.layout.clone(), values)
    }

    /// The layout.
    pub fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The weights in the order of the layout.
    pub fn values(&self) -> &[f32] {
        &self.values
    }

    /// Each tensor with its part of the vector.
    pub fn tensors(&self) -> impl Iterator<Item = (&TensorSpec, &[f32])> {
        let mut rest = self.values.as_slice();
        self.layout.tensors.iter().map(move |tensor| {
            let (part, after) = rest.split_at(tensor.len().unwrap_or(0));
            rest = after;
            (tensor, part)
        })
    }
}

fn tensor_at(layout: &Layout, index: usize) -> String {
    let mut end = 0;
    for tensor in &layout.tensors {
        end += tensor.len().unwrap_or(0);
        if index < end {
            return tensor.name.clone();
        }
    }
    String::new()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn layout() -> Arc<Layout> {
        let spec = |name: &str, shape: &[usize]| TensorSpec { name: name.into(), shape: shape.into() };
        Arc::new(Layout::new(vec![spec("a", &[2, 3]), spec("b", &[2])]).expect("good"))
    }

    #[test]
    fn bytes_come_back_as_they_were() {
        let weights = Weights::new(layout(), (0..8).map(|i| i as f32 / 3.0).collect()).expect("good");
        assert_eq!(Weights::from_le_bytes(layout(), &weights.to_le_bytes()), Ok(weights));
    }

    #[test]
    fn wrong_length_and_nan_are_refused_with_their_place() {
        assert_eq!(Weights::new(layout(), vec![0.0; 7]), Err(WeightsError::Length { expected: 8, got: 7 }));
        let mut values = vec![0.0; 8];
        values[6] = f32::NAN;
        assert_eq!(Weights::new(layout(), values), Err(WeightsError::NotFinite { index: 6, tensor: "b".into() }));
    }

    #[test]
    fn names_and_shapes_change_the_digest() {
        let other = |name: &str, shape: &[usize]| {
            Layout::new(vec![TensorSpec { name: name.into(), shape: shape.into() }]).expect("good").digest()
        };
        let digests = [other("a", &[2, 3]), other("a", &[3, 2]), other("b", &[2, 3]), other("a", &[6])];
        assert_eq!(digests.iter().collect::<std::collections::BTreeSet<_>>().len(), 4);
    }

    #[test]
    fn twice_named_and_overflowing_layouts_are_refused() {
        let spec = |shape: &[usize]| TensorSpec { name: "a".into(), shape: shape.into() };
        assert!(Layout::new(vec![spec(&[1]), spec(&[1])]).is_err());
        assert!(Layout::new(vec![spec(&[usize::MAX, 2])]).is_err());
        assert!(Layout::new(vec![spec(&[0])]).is_err());
    }
}
