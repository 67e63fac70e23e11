//! What both sides of a masked sum have to do alike: the ring, the parameters that follow from the plan, and the file in which
//! a masked vector travels.
//!
//! Sums of updates are those of ordinary rounds: fixed-point numbers with units of 2^-32 in 64 bits. So masking changes no
//! bit of a model. Sums of scores are whole numbers ([`crate::tally`]).

use crate::{ModelRef, RoundId, Summand, tally};
use std::num::NonZeroU32;
use wardround_plan::{Plan, ShareLaw};
use wardround_privacy::{CONTRIBUTIONS_MAX, LocalShare, NoiseStreams, ShareBlock, SharedNoise, StudyCost};
use wardround_secagg::ring::{BlockNoise, NoiseFailure, NoiseShare};
use wardround_secagg::session::{DistributedNoise, Encoding, Lane, NoiseLaw, Thresholds, VectorShape};
use wardround_secagg::wire::Round;

/// Units in 1.0, and the largest magnitude of one weight of an update, as in a sum without masks.
const UNITS: f64 = 4_294_967_296.0;
const UPDATE_ABS_MAX: f64 = 1024.0;
/// How much more noise is proposed than is needed: two machines may round what a plan costs in different ways.
const NOISE_ROOM: f64 = 1.0 + 1.0 / 512.0;
/// Words of a chunk: 1 MiB.
const CHUNK_WORDS: u32 = 1 << 17;
/// Longest message of a masked vector: a chunk with its envelope.
const MESSAGE_BYTES_MAX: usize = CHUNK_WORDS as usize * 8 + 1024;
/// What envelopes and lengths add to a masked vector, at most: for each message, and there are two besides the chunks.
const FRAME_BYTES_MAX: u64 = 256;

/// What is summed in a session: by the plan alone, so that both sides know it without being told.
#[derive(Debug, Clone, PartialEq)]
pub struct SumTerms {
    /// Coordinates and ring.
    pub vector: VectorShape,
    /// From numbers to units of the ring.
    pub encoding: Encoding,
    /// The noise that the sum has to carry, where sites add it in shares.
    pub noise: Option<SharedNoise>,
}

/// Coordinates and ring of what is summed; `None` for a model that no plan has.
pub fn vector_shape(plan: &Plan, summand: Summand, model: &ModelRef) -> Option<VectorShape> {
    let words = match summand {
        Summand::Update => model.bytes / 4,
        Summand::Scores => tally::words(plan) as u64,
    };
    VectorShape::new(Lane::Bits64, words, CHUNK_WORDS).ok()
}

impl SumTerms {
    /// The terms of a round of `plan`, in a session with these thresholds. `cost` is the plan's, where it is private.
    ///
    /// # Errors
    /// In words: a model that is too large, or noise that cannot be shared.
    pub fn of(
        plan: &Plan,
        cost: Option<&StudyCost>,
        summand: Summand,
        model: &ModelRef,
        thresholds: Thresholds,
    ) -> Result<Self, String> {
        let vector = vector_shape(plan, summand, model).ok_or("the model is too large for secure aggregation")?;
        let noise = match (summand, plan.privacy.patients().and_then(|terms| terms.share)) {
            (Summand::Update, Some(_)) => {
                let cost = cost.ok_or("what the plan costs its patients is not known")?;
                let honest = NonZeroU32::new(thresholds.honest_inputs()).ok_or("no honest site is in every sum")?;
                Some(cost.shared_noise(plan, vector.coordinates(), honest).map_err(|error| error.to_string())?)
            }
            _ => None,
        };
        let (scale, clip_linf, weight_max) = match (&noise, summand) {
            // Whole steps of the grid, on which the noise was made.
            (Some(noise), _) => (1.0, noise.word_max(CONTRIBUTIONS_MAX as u64) as f64, 1),
            (None, Summand::Update) => (UNITS, UPDATE_ABS_MAX * f64::from(plan.weight_max()), plan.weight_max()),
            (None, Summand::Scores) => (1.0, tally::WORD_MAX as f64, 1),
        };
        // Longer than any vector within the bound on its coordinates: nothing is clipped.
        let clip_l2 = 2.0 * clip_linf * (vector.coordinates() as f64).sqrt();
        Ok(Self { vector, encoding: Encoding { scale, clip_linf, clip_l2, weight_max }, noise })
    }

    /// The noise as a session's parameters say it, with room for another machine's rounding of what a plan costs.
    pub fn proposed_noise(&self) -> Option<DistributedNoise> {
        self.noise.map(|noise| DistributedNoise {
            law: law(noise.law()),
            total_variance: noise.total_variance() * NOISE_ROOM,
            honest: noise.honest().get(),
        })
    }

    /// Whether a session carries at least the noise that this site's patients were promised, counted from no more sites.
    pub fn has_enough(&self, proposed: Option<&DistributedNoise>) -> bool {
        match (&self.noise, proposed) {
            (None, None) => true,
            (Some(needed), Some(proposed)) => {
                let room = needed.total_variance()..=needed.total_variance() * NOISE_ROOM * NOISE_ROOM;
                proposed.law == law(needed.law())
                    && proposed.honest == needed.honest().get()
                    && room.contains(&proposed.total_variance)
            }
            _ => false,
        }
    }
}

fn law(law: ShareLaw) -> NoiseLaw {
    match law {
        ShareLaw::Skellam => NoiseLaw::Skellam,
        ShareLaw::DiscreteGaussian => NoiseLaw::DiscreteGaussian,
    }
}

/// A site's share of the noise, as the session's machine takes it.
pub struct Share<N> {
    share: LocalShare,
    law: NoiseLaw,
    streams: N,
}

impl<N: NoiseStreams> Share<N> {
    /// This site's share of the noise that was agreed on, from fresh streams: noise is never used twice.
    ///
    /// # Errors
    /// In words, for noise that cannot be drawn.
    pub fn new(agreed: &DistributedNoise, streams: N) -> Result<Self, String> {
        let honest = NonZeroU32::new(agreed.honest).ok_or("noise in no shares")?;
        let of = match agreed.law {
            NoiseLaw::Skellam => ShareLaw::Skellam,
            NoiseLaw::DiscreteGaussian => ShareLaw::DiscreteGaussian,
        };
        let share = LocalShare::new(agreed.total_variance, honest, of).map_err(|error| error.to_string())?;
        Ok(Self { share, law: agreed.law, streams })
    }
}

impl<N: NoiseStreams> NoiseShare for Share<N> {
    fn law(&self) -> NoiseLaw {
        self.law
    }

    fn variance(&self) -> f64 {
        self.share.variance()
    }

    fn blocks(&mut self, count: usize) -> Result<Vec<Box<dyn BlockNoise>>, NoiseFailure> {
        let blocks = self.share.blocks(count, &mut self.streams).map_err(|error| NoiseFailure(error.to_string()))?;
        Ok(blocks.into_iter().map(|block| Box::new(Block(block)) as Box<dyn BlockNoise>).collect())
    }
}

struct Block(ShareBlock);

impl BlockNoise for Block {
    fn add_to(&mut self, integers: &mut [i64]) {
        self.0.add_to(integers);
    }
}

/// The number under which a site remembers that it took part in a sum: updates and scores of one round are two.
pub fn session_round(id: &RoundId) -> Round {
    let scores = u64::from(id.summand == Summand::Scores);
    Round(u64::from(id.round.get()) | scores << 32)
}

/// Most bytes of a masked vector, with what frames it.
pub fn masked_bytes_max(shape: &VectorShape) -> u64 {
    shape.bytes() + FRAME_BYTES_MAX * (u64::from(shape.chunks()) + 2)
}

/// Writes the length of a message of a masked vector in front of it.
pub fn frame(message: &[u8]) -> Vec<u8> {
    let length = u32::try_from(message.len()).expect("messages are at most a chunk long");
    [&length.to_le_bytes()[..], message].concat()
}

/// Reads the length of the next message.
///
/// # Errors
/// In words, for a length that no message has.
pub fn frame_length(bytes: [u8; 4]) -> Result<usize, String> {
    let length = u32::from_le_bytes(bytes) as usize;
    match length {
        1..=MESSAGE_BYTES_MAX => Ok(length),
        _ => {
            Err(format!("a part of the masked vector claims {length} bytes, at most {MESSAGE_BYTES_MAX} are possible"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use wardround_plan::{Digest, StreamKey};
    use wardround_privacy::SimulatedNoise;

    const THRESHOLDS: Thresholds = Thresholds { threshold: 4, corrupt: 1, honest_min: 2 };

    fn plan(mode: &str) -> Plan {
        let text = include_str!("../../configs/phantoms-private.toml");
        let text = text.replace("mode = \"site\"", &format!("mode = \"{mode}\""));
        Plan::from_toml(&text.replace("local_steps = 20", "local_steps = 1")).expect("a good plan")
    }

    fn terms(plan: &Plan, summand: Summand) -> SumTerms {
        let cost = StudyCost::of(plan).expect("a budget that can be kept");
        let model = ModelRef { digest: Digest::of(b"model"), bytes: 40_000 };
        SumTerms::of(plan, Some(&cost), summand, &model, THRESHOLDS).expect("small")
    }

    #[test]
    fn only_gradients_of_a_plan_that_shares_its_noise_need_some() {
        assert!(terms(&plan("distributed"), Summand::Update).noise.is_some());
        assert!(terms(&plan("distributed"), Summand::Scores).noise.is_none(), "scores have all of theirs");
        assert!(terms(&plan("site"), Summand::Update).noise.is_none(), "updates too");
    }

    #[test]
    fn noise_is_counted_from_the_sites_that_are_honest_in_every_sum() {
        let proposed = terms(&plan("distributed"), Summand::Update).proposed_noise().expect("noise");
        assert_eq!(proposed.honest, 3, "four have to answer, one may be a traitor");
    }

    #[test]
    fn less_noise_than_was_promised_or_from_more_shares_is_refused() {
        let terms = terms(&plan("distributed"), Summand::Update);
        let proposed = terms.proposed_noise().expect("noise");
        assert!(terms.has_enough(Some(&proposed)));
        let needed = terms.noise.expect("noise").total_variance();
        for worse in [
            DistributedNoise { total_variance: needed * (1.0 - 1e-12), ..proposed },
            DistributedNoise { total_variance: f64::NAN, ..proposed },
            DistributedNoise { honest: proposed.honest + 1, ..proposed },
            DistributedNoise { law: NoiseLaw::DiscreteGaussian, ..proposed },
            DistributedNoise { total_variance: needed * 2.0, ..proposed },
        ] {
            assert!(!terms.has_enough(Some(&worse)), "{worse:?}");
        }
        assert!(!terms.has_enough(None), "and so is none at all");
    }

    #[test]
    fn all_noise_of_all_sites_fits_into_the_ring() {
        let terms = terms(&plan("distributed"), Summand::Update);
        assert!(terms.encoding.cannot_wrap(1000, &terms.vector, terms.proposed_noise().as_ref()));
    }

    #[test]
    fn honest_shares_add_up_to_what_was_promised() {
        const DRAWS: usize = 1 << 16;
        let terms = terms(&plan("distributed"), Summand::Update);
        let agreed = terms.proposed_noise().expect("noise");
        let mut sum = vec![0_i64; DRAWS];
        for site in 0..agreed.honest {
            let streams = SimulatedNoise::new(&StreamKey::from_public_seed(u64::from(site)), "share");
            let mut share = Share::new(&agreed, streams).expect("drawn");
            assert!(share.variance() >= agreed.share_variance() && share.law() == agreed.law);
            share.blocks(1).expect("one block")[0].add_to(&mut sum);
        }
        let needed = terms.noise.expect("noise").total_variance();
        let variance = sum.iter().map(|draw| (*draw as f64).powi(2)).sum::<f64>() / DRAWS as f64;
        // Six standard deviations of the chi-square are 3.3 % here.
        assert!((variance / needed - 1.0).abs() < 0.033 + NOISE_ROOM - 1.0, "{}", variance / needed);
    }
}
