//! What has to be true for the promise to hold and is not checked by the program, one sentence each. A statement without
//! this list would promise more than was proved.

use super::terms::Unit;
use wardround_plan::{NoiseKind, PatientPrivacy, ShareLaw};
use wardround_privacy::Composition;

/// The assumptions of a promise, those that matter most first.
pub fn assumptions(terms: &PatientPrivacy, unit: Unit, composition: Option<Composition>) -> Vec<String> {
    let noise = match (terms.share, terms.noise) {
        (Some(ShareLaw::Skellam), _) => Some(
            "Skellam noise in shares is accounted for as the rounded Gaussian of the same variance, from which its sum differs by \
             less than a thousandth of δ over the whole study; that thousandth is set aside. The sampler's acceptance \
             probabilities are 64-bit floats.",
        ),
        (Some(ShareLaw::DiscreteGaussian), _) => Some(
            "The sum of discrete Gaussian shares is accounted for as one rounded Gaussian, from which it differs by less than a \
             thousandth of δ over the whole study; that thousandth is set aside.",
        ),
        (None, NoiseKind::Fast) => Some(
            "The fast sampler draws Gaussian numbers. Its floating-point deviation (about 2⁻⁵² of each probability, and no \
             values beyond about 13 standard deviations) is taken to be nothing, and that is not proved. A plan with \
             `noise = \"exact\"` does without this assumption.",
        ),
        (None, NoiseKind::Exact) => Some(
            "The discrete Gaussian is accounted for as the rounded continuous one, from which it differs by less than 10⁻¹⁹ a \
             step: proved to leading order and checked by computation. Over 10⁶ steps δ is missed by less than 10⁻¹².",
        ),
    };
    let unit = match unit {
        Unit::Patient => Some(
            "Each patient has one name in the site’s manifest. Somebody with two names counts as two: for her ε is twice as large, and δ more than twice (group privacy).",
        ),
        Unit::Image => Some(
            "No person has more than one image. Somebody with k images has k times the ε, and more than k times the δ.",
        ),
    };
    let composed = match composition {
        Some(Composition::Adaptive) => None,
        Some(Composition::Declared) | None => Some(
            "No plan’s noise, sampling or length was chosen from results of other studies on the same data set. Where that is \
             not so, the budget should be counted as `adaptive`.",
        ),
    };
    let rest = [
        "The patients of different hospitals are different people. Who is at several hospitals pays at each: her ε add up, and in \
         sums whose noise is shared δ grows by more than that (group privacy).",
        "What is released of the same patients by other means (papers, other programs, exact scores or pictures that staff pass \
         on) is not counted here.",
        "Durations are not part of the promise. How long a step takes depends on how many patients were drawn, and the \
         coordinator sees when an update arrives. The sizes of messages depend on nobody’s data.",
        "The number of this site’s patients is not protected. Nothing that is sent is computed from it: sampling rate, divisor, \
         steps and weights are in the plan.",
        "The site’s machine, its operating system and its random numbers are in the hospital’s hands, and this program is the \
         one that was released.",
        "The accountant’s floating-point arithmetic is rounded upwards by more than its error; that margin is tested, not proved.",
    ];
    let honest = terms.share.map(|_| {
        "Of every sum that came out, as many sites as the study counts on were honest and added their share of the noise: this site \
         refuses sessions that count on more than their thresholds guarantee, and cannot see what others add."
    });
    [honest, noise, unit, composed].into_iter().flatten().chain(rest).map(str::to_owned).collect()
}
