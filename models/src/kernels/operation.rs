//! A kernel as an operation of burn: what is kept in the forward pass, and what goes back.

use burn::backend::autodiff::NodeId;
use burn::backend::autodiff::checkpoint::base::Checkpointer;
use burn::backend::autodiff::checkpoint::strategy::NoCheckpointing;
use burn::backend::autodiff::grads::Gradients;
use burn::backend::autodiff::ops::{Backward, Ops, OpsKind};
use burn::backend::flex::FlexTensor;
use burn::backend::tensor::FloatTensor;
use burn::backend::{Autodiff, DispatchDevice, Flex, TensorMetadata};
use burn::tensor::{Device, Tensor, TensorData};
use std::sync::Arc;

/// The processor with gradients.
type Tracked = FloatTensor<Autodiff<Flex>>;

/// True where the kernels run: on the processor.
pub(crate) fn run_on(device: &Device) -> bool {
    match device.as_dispatch() {
        DispatchDevice::Flex(_) => true,
        DispatchDevice::Autodiff(inner) => matches!(**inner, DispatchDevice::Flex(_)),
        #[allow(unreachable_patterns, reason = "with no other device compiled in, there is none")]
        _ => false,
    }
}

/// A kernel with its gradient; values lie row-major, shapes are those of the operands.
pub(super) trait Kernel<const N: usize>: Clone + Send + std::fmt::Debug + 'static {
    /// What the backward pass needs.
    type Kept: Clone + Send + Sync + std::fmt::Debug + 'static;

    fn forward(&self, operands: [&Operand; N]) -> (Operand, Self::Kept);

    /// The gradient of each operand that is wanted.
    fn backward(&self, kept: &Self::Kept, gradient: &Operand, wanted: [bool; N]) -> [Option<Operand>; N];
}

/// Values with their shape.
#[derive(Debug, Clone)]
pub(super) struct Operand {
    tensor: FlexTensor,
    pub(super) dims: [usize; 4],
}

impl Operand {
    fn of(tensor: FlexTensor) -> Self {
        let dims = tensor.shape().dims::<4>();
        Self { tensor: tensor.to_contiguous(), dims }
    }

    pub(super) fn new(values: Vec<f32>, dims: [usize; 4]) -> Self {
        Self { tensor: FlexTensor::from_data(TensorData::new(values, dims)), dims }
    }

    pub(super) fn values(&self) -> &[f32] {
        self.tensor.as_slice().expect("the networks are f32, and the tensor was made contiguous")
    }
}

/// Runs `kernel`, and keeps what its gradient needs where the operands are tracked.
pub(super) fn apply<K: Kernel<N>, const N: usize>(kernel: K, operands: [Tensor<4>; N]) -> Tensor<4>
where
    Step<K>: Backward<Flex, N, State = Arc<K::Kept>>,
{
    if !operands[0].device().is_autodiff() {
        let operands = operands
            .map(|operand| Operand::of(operand.try_into_primitive::<Flex>().expect("callers ask `run_on` first")));
        return Tensor::from_primitive::<Flex>(kernel.forward(operands.each_ref()).0.tensor);
    }
    let tracked: [Tracked; N] = operands
        .map(|operand| operand.try_into_primitive::<Autodiff<Flex>>().expect("one network lives on one device"));
    let values = tracked.each_ref().map(|tensor| Operand::of(tensor.primitive().clone()));
    let (output, kept) = kernel.forward(values.each_ref());
    let prepared = Step(kernel).prepare::<NoCheckpointing>(tracked.each_ref().map(|tensor| tensor.node()));
    Tensor::from_primitive::<Autodiff<Flex>>(match prepared.compute_bound().stateful() {
        OpsKind::Tracked(step) => step.finish(Arc::new(kept), output.tensor),
        OpsKind::UnTracked(step) => step.finish(output.tensor),
    })
}

/// A kernel as a step of burn's backward pass.
#[derive(Debug)]
pub(super) struct Step<K>(K);

impl<K: Kernel<N>, const N: usize> Backward<Flex, N> for Step<K> {
    type State = Arc<K::Kept>;

    fn backward(self, ops: Ops<Self::State, N>, gradients: &mut Gradients, _: &mut Checkpointer) {
        let gradient = Operand::of(gradients.consume::<Flex>(&ops.node));
        let parents: [Option<NodeId>; N] = ops.parents.map(|parent| parent.map(|node| node.id));
        let found = self.0.backward(&ops.state, &gradient, parents.map(|parent| parent.is_some()));
        for (parent, found) in parents.into_iter().zip(found) {
            if let (Some(parent), Some(found)) = (parent, found) {
                gradients.register::<Flex>(parent, found.tensor);
            }
        }
    }
}
