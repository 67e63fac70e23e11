//! Numbers as text in the ledger's JSON: what was hashed, signed and compared must come back bit for bit, and a JSON number
//! need not (`serde_json` may read one of 17 digits off by one unit in the last place).

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serializer};
use std::fmt::Display;

/// Writes the shortest decimal that reads back as the same number.
pub(super) fn serialize<T: Copy + Into<f64>, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{:?}", (*value).into()))
}

/// Reads what [`serialize`] wrote, through the type's own check.
pub(super) fn deserialize<'de, T, D>(deserializer: D) -> Result<T, D::Error>
where
    T: TryFrom<f64, Error: Display>,
    D: Deserializer<'de>,
{
    let text = String::deserialize(deserializer)?;
    let number: f64 = text.parse().map_err(|_| D::Error::custom(format!("`{text}` is no number")))?;
    T::try_from(number).map_err(D::Error::custom)
}

/// Charges with exact numbers.
pub(super) mod charges {
    use crate::{Charge, LaplaceScale, Mechanism, NoiseMultiplier, SamplingRate};
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub fn serialize<S: Serializer>(charges: &[Charge], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(charges.iter().map(|charge| Exact { mechanism: charge.mechanism, times: charge.times }))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Charge>, D::Error> {
        let charges = Vec::<Exact>::deserialize(deserializer)?;
        Ok(charges.into_iter().map(|Exact { mechanism, times }| Charge { mechanism, times }).collect())
    }

    #[derive(Serialize, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Exact {
        #[serde(with = "ExactMechanism")]
        mechanism: Mechanism,
        times: u64,
    }

    /// [`Mechanism`] again; the compiler holds the two together.
    #[derive(Serialize, Deserialize)]
    #[serde(remote = "Mechanism", tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
    enum ExactMechanism {
        Gaussian {
            #[serde(with = "super")]
            noise_multiplier: NoiseMultiplier,
        },
        SampledGaussian {
            #[serde(with = "super")]
            noise_multiplier: NoiseMultiplier,
            #[serde(with = "super")]
            sampling_rate: SamplingRate,
        },
        Laplace {
            #[serde(with = "super")]
            scale: LaplaceScale,
        },
        SampledLaplace {
            #[serde(with = "super")]
            scale: LaplaceScale,
            #[serde(with = "super")]
            sampling_rate: SamplingRate,
        },
        DiscreteGaussian {
            #[serde(with = "super")]
            sigma: NoiseMultiplier,
            sensitivity: u32,
        },
        DiscreteLaplace {
            #[serde(with = "super")]
            scale: LaplaceScale,
            sensitivity: u32,
        },
    }
}

#[cfg(test)]
mod tests {
    use crate::{Charge, Mechanism, NoiseMultiplier, SamplingRate};
    use proptest::prelude::*;
    use serde::{Deserialize, Serialize};

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Holder(#[serde(with = "super::charges")] Vec<Charge>);

    proptest! {
        #[test]
        fn every_number_comes_back_bit_for_bit(sigma in 1e-100..1e100_f64, q in 1e-12..1.0_f64, times: u64) {
            let noise_multiplier = NoiseMultiplier::new(sigma).expect("in range");
            let sampling_rate = SamplingRate::new(q).expect("in range");
            let mechanism = Mechanism::SampledGaussian { noise_multiplier, sampling_rate };
            let holder = Holder(vec![Charge { mechanism, times }]);
            let text = serde_json::to_string(&holder).expect("writable");
            prop_assert_eq!(serde_json::from_str::<Holder>(&text).expect("readable"), holder);
        }
    }

    #[test]
    fn numbers_out_of_range_and_unknown_fields_are_refused() {
        let charge =
            |mechanism: &str| serde_json::from_str::<Holder>(&format!("[{{\"mechanism\":{mechanism},\"times\":1}}]"));
        assert!(charge(r#"{"kind":"gaussian","noise_multiplier":"1.5"}"#).is_ok());
        for bad in [
            r#"{"kind":"gaussian","noise_multiplier":"0"}"#,
            r#"{"kind":"gaussian","noise_multiplier":"NaN"}"#,
            r#"{"kind":"gaussian","noise_multiplier":1.5}"#,
            r#"{"kind":"gaussian","noise_multiplier":"1.5","more":1}"#,
            r#"{"kind":"uniform"}"#,
        ] {
            assert!(charge(bad).is_err(), "{bad}");
        }
    }
}
