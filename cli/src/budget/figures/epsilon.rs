//! `wardround budget epsilon`: from noise to ε, by every accountant there is.

use super::charges::{AdjacencyArgument, STEPS_MAX, Segment, in_words};
use super::reading::{Reading, curve, decimals_up, power};
use crate::exit::Failure;
use crate::output::Output;
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;
use wardround_privacy::{
    Adjacency, Charge, Delta, NoiseMultiplier, SamplingRate, epsilon_pld, epsilon_rdp, gaussian_epsilon,
};
use wardround_report::CurvePoint;

#[derive(Debug, Args)]
pub struct EpsilonArguments {
    /// σ: standard deviation of the noise over the norm that one patient contributes at most
    #[arg(long, requires_all = ["sampling_rate", "steps"], required_unless_present = "segments", allow_hyphen_values = true)]
    noise_multiplier: Option<NoiseMultiplier>,
    /// q: chance of each patient to be in one step, by a coin of her own; 1 is everybody, without sampling
    #[arg(long, requires = "noise_multiplier", required_unless_present = "segments", allow_hyphen_values = true)]
    sampling_rate: Option<SamplingRate>,
    /// T: steps
    #[arg(long, requires = "noise_multiplier", required_unless_present = "segments", value_parser = clap::value_parser!(u64).range(..=STEPS_MAX))]
    steps: Option<u64>,
    /// Further steps with other noise or sampling; may be repeated
    #[arg(long = "segment", value_name = "SIGMA,Q,STEPS")]
    segments: Vec<Segment>,
    /// δ: the chance that the bound may miss
    #[arg(long, allow_hyphen_values = true)]
    delta: Delta,
    /// Which data sets are neighbours
    #[arg(long, value_enum, default_value_t)]
    adjacency: AdjacencyArgument,
}

/// What is printed. Numbers that do not exist are left out or `null`, never made up.
#[derive(Debug, Serialize)]
struct EpsilonFigures {
    epsilon_pld: f64,
    pld_grid: f64,
    epsilon_rdp: Option<f64>,
    rdp_order: Option<f64>,
    rdp_order_at_end: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    epsilon_exact: Option<f64>,
    delta: f64,
    adjacency: Adjacency,
    #[serde(flatten)]
    reading: Reading,
    curve: Vec<CurvePoint>,
    segments: Vec<Segment>,
    warnings: Vec<String>,
}

pub fn run(arguments: &EpsilonArguments, output: Output) -> Result<ExitCode, Failure> {
    let figures = EpsilonFigures::of(&arguments.segments(), arguments.delta, arguments.adjacency.into())?;
    output.show(&figures, || figures.in_words());
    Ok(ExitCode::SUCCESS)
}

impl EpsilonArguments {
    fn segments(&self) -> Vec<Segment> {
        let typed = self.noise_multiplier.zip(self.sampling_rate).zip(self.steps);
        let first =
            typed.map(|((noise_multiplier, sampling_rate), steps)| Segment { noise_multiplier, sampling_rate, steps });
        first.into_iter().chain(self.segments.iter().copied()).collect()
    }
}

impl EpsilonFigures {
    fn of(segments: &[Segment], delta: Delta, adjacency: Adjacency) -> Result<Self, Failure> {
        let charges: Vec<Charge> = segments.iter().map(Segment::charge).filter(|charge| charge.times > 0).collect();
        let pld = epsilon_pld(&charges, delta, adjacency).map_err(Failure::failed)?;
        // Rényi divergence is bounded here for adding and removing only.
        let rdp = match adjacency {
            Adjacency::AddOrRemoveOne => Some(epsilon_rdp(&charges, delta).map_err(Failure::failed)?),
            Adjacency::ReplaceOne => None,
        };
        let mut figures = Self {
            epsilon_pld: pld.epsilon.get(),
            pld_grid: pld.grid,
            epsilon_rdp: rdp.map(|rdp| rdp.epsilon.get()),
            rdp_order: rdp.map(|rdp| rdp.order),
            rdp_order_at_end: rdp.map(|rdp| rdp.order_at_end),
            epsilon_exact: exact(segments, delta, adjacency)?,
            delta: delta.get(),
            adjacency,
            reading: Reading::of(pld.epsilon, delta),
            curve: curve(&charges, adjacency)?,
            segments: segments.to_vec(),
            warnings: Vec::new(),
        };
        figures.warnings = figures.warnings();
        Ok(figures)
    }

    fn warnings(&self) -> Vec<String> {
        let at_end = "the best Rényi order is the last that was tried, so epsilon_rdp may be far too large; \
                      epsilon_pld is not affected";
        let replaced = "there is no Rényi bound for replace-one here; epsilon_rdp is left out";
        let found = [
            (self.rdp_order_at_end == Some(true) && self.epsilon_pld > 0.0, at_end),
            (self.adjacency == Adjacency::ReplaceOne, replaced),
        ];
        found.into_iter().filter(|(holds, _)| *holds).map(|(_, words)| words.to_owned()).collect()
    }

    fn in_words(&self) -> String {
        let mut lines: Vec<String> = self.segments.iter().map(ToString::to_string).collect();
        lines.push(format!("neighbours: data {}; δ = {}", in_words(self.adjacency), power(self.delta)));
        let epsilon = |epsilon: f64, how: String| format!("  ε ≤ {:<10} {how}", decimals_up(epsilon));
        lines.push(epsilon(self.epsilon_pld, format!("by privacy loss distributions{}", grid(self.pld_grid))));
        if let Some(exact) = self.epsilon_exact {
            lines.push(epsilon(exact, "exactly, as one Gaussian (Balle and Wang 2018)".into()));
        }
        if let Some((rdp, order)) = self.epsilon_rdp.zip(self.rdp_order) {
            lines.push(epsilon(rdp, format!("by Rényi divergence, order {order}: looser")));
        }
        lines.push(self.reading.to_string());
        let points = self.curve.iter().map(|point| format!("{} at {}", decimals_up(point.epsilon), power(point.delta)));
        lines.push(format!("ε for other δ: {}", points.collect::<Vec<_>>().join(", ")));
        lines.extend(self.warnings.iter().map(|warning| format!("warning: {warning}")));
        lines.join("\n")
    }
}

/// ε of unsampled Gaussians in closed form: together they are one, whose 1/σ² is the sum of theirs.
fn exact(segments: &[Segment], delta: Delta, adjacency: Adjacency) -> Result<Option<f64>, Failure> {
    if !segments.iter().all(Segment::is_unsampled) {
        return Ok(None);
    }
    let precision = |segment: &Segment| segment.steps as f64 / segment.noise_multiplier.get().powi(2);
    let precision: f64 = segments.iter().map(precision).sum();
    if precision == 0.0 {
        return Ok(Some(0.0));
    }
    // A patient who is exchanged for another moves the sum twice as far.
    let contribution = match adjacency {
        Adjacency::AddOrRemoveOne => 1.0,
        Adjacency::ReplaceOne => 2.0,
    };
    let noise = NoiseMultiplier::new(precision.sqrt().recip() / contribution).map_err(Failure::failed)?;
    gaussian_epsilon(noise, 1, delta).map(|epsilon| Some(epsilon.get())).map_err(Failure::failed)
}

/// No grid where a closed form was used.
fn grid(width: f64) -> String {
    if width > 0.0 { format!(", grid {width:.1e}") } else { ", in closed form".into() }
}
