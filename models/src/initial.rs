//! The weights a study starts from: a public function of its seed.
//!
//! Drawn from our own stream, never from burn's generator, which is one for the whole process. Uniform He
//! initialisation (He et al. 2015): only additions, multiplications and a square root, which IEEE 754 rounds in one way,
//! so that every machine starts from the same bits. A normal draw needs a logarithm, which does not.

use crate::parameters::{self, Parameter};
use crate::registry::{Network, layout};
use burn::tensor::Device;
use rand_chacha::rand_core::Rng;
use std::sync::Arc;
use wardround_plan::{Plan, Purpose, RoundNumber, Stream, StreamKey, Weights};

/// The initial weights of a plan's network, from `study.seed` alone: bit-equal at every call and on every machine.
pub fn initial_weights(plan: &Plan) -> Weights {
    let keys = StreamKey::from_public_seed(plan.study.seed);
    let parameters = parameters::of(&Network::new(&plan.model, &Device::flex()));
    let mut values = Vec::new();
    for (index, parameter) in parameters.iter().enumerate() {
        let mut stream = keys.stream(Purpose::InitialWeights, RoundNumber::FIRST, index as u64);
        values.extend(drawn(parameter, &mut stream));
    }
    Weights::new(Arc::new(layout(&plan.model)), values).expect("as many finite values as the layout has weights")
}

fn drawn(parameter: &Parameter, stream: &mut Stream) -> Vec<f32> {
    let shape = &parameter.spec.shape;
    let count = shape.iter().product();
    match (parameter.layer.as_str(), shape.as_slice()) {
        ("GroupNorm", _) if parameter.spec.name.ends_with(".scale") => vec![1.0; count],
        ("Conv2d", [_outputs, fan_in @ ..]) if shape.len() == 4 => he_uniform(count, fan_in.iter().product(), stream),
        ("Linear", [_outputs, inputs]) => he_uniform(count, *inputs, stream),
        // Kernel and stride are equal, so an output pixel sees each input channel once.
        ("UpConv2d", [inputs, ..]) if shape.len() == 4 => he_uniform(count, *inputs, stream),
        _ => vec![0.0; count],
    }
}

/// Uniform with variance `2 / fan_in`, which keeps the variance of activations through a ReLU.
fn he_uniform(count: usize, fan_in: usize, stream: &mut Stream) -> Vec<f32> {
    let bound = (6.0 / fan_in as f64).sqrt();
    (0..count).map(|_| ((2.0 * unit(stream) - 1.0) * bound) as f32).collect()
}

/// In [0, 1), from 53 bits.
fn unit(stream: &mut Stream) -> f64 {
    (stream.next_u64() >> 11) as f64 / (1u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trainer::tests::plan;

    #[test]
    fn the_same_seed_gives_the_same_bits() {
        assert_eq!(initial_weights(&plan("")).to_le_bytes(), initial_weights(&plan("")).to_le_bytes());
        assert_ne!(initial_weights(&plan("")), initial_weights(&plan("seed = 7")));
    }

    #[test]
    fn the_bits_are_pinned() {
        let digest = wardround_plan::Digest::of(&initial_weights(&plan("")).to_le_bytes());
        assert_eq!(digest.to_string(), "fa9fb71b52a73ca1138fa62c92194d4bbe70eed4e21d86f464848d68ba9214f5");
    }

    #[test]
    fn convolutions_have_the_variance_of_he_and_norms_start_as_nothing() {
        let weights = initial_weights(&plan(""));
        for (tensor, values) in weights.tensors() {
            let mean_square = values.iter().map(|v| f64::from(v * v)).sum::<f64>() / values.len() as f64;
            match tensor.name.rsplit('.').next() {
                Some("scale") => assert!(values.iter().all(|value| *value == 1.0), "{}", tensor.name),
                Some("shift" | "bias") => assert!(values.iter().all(|value| *value == 0.0), "{}", tensor.name),
                _ if tensor.name.starts_with("decoder.0.first") => {
                    assert!((mean_square / (2.0 / 72.0) - 1.0).abs() < 0.2, "{}: {mean_square}", tensor.name);
                }
                _ => assert!(mean_square > 0.0, "{}", tensor.name),
            }
        }
    }
}
