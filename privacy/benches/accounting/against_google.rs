//! Ours and Google's dp-accounting in turn, so that both meet the same load of the machine.
//!
//! Theirs twice: on the grid that it takes by default, and on the coarsest grid on which its ε is no larger than ours, which
//! is the least time in which it says as much.

use crate::Outcome;
use crate::cases::{Budget, Training, budgets, trainings};
use crate::clock::{median, timed};
use crate::google::{Answer, Google};
use wardround_plan::Accountant;

const ROUNDS: usize = 5;
/// Ours is taken so often in a round.
const REPEATS: usize = 3;
/// What dp-accounting takes by default.
const GRID_DEFAULT: f64 = 1e-4;
/// Grids on which it is tried, and the time after which no finer one is.
const GRIDS: [f64; 9] = [3e-2, 1e-2, 3e-3, 1e-3, 3e-4, 1e-4, 3e-5, 1e-5, 3e-6];
const SECONDS_MAX: f64 = 20.0;
/// Its grid and its tolerance for noise, as a share of the noise: what ours is exact to.
const NOISE_GRID: f64 = 1e-3;
const NOISE_TOLERANCE: f64 = 4e-4;

/// Prints a table for each question.
pub fn print() -> Outcome<()> {
    let mut google = Google::start()?;
    println!("processor ms of one thread, ours / {}; medians of {ROUNDS} rounds in turn\n", google.version);
    by_pld(&mut google)?;
    by_rdp(&mut google)?;
    noise(&mut google)
}

fn by_pld(google: &mut Google) -> Outcome<()> {
    println!(
        "| case: (sigma, q, steps), delta | ours, ms | theirs at 1e-4 | **ratio** | ours, epsilon | theirs | ours over a fine grid | theirs as tight: ms, grid | ratio |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    let (mut ratios, mut equally_tight) = (Vec::new(), Vec::new());
    for case in trainings()? {
        let both = in_turn(|| case.epsilon(Accountant::Pld), || google.epsilon_pld(&case, GRID_DEFAULT))?;
        let (grid, tight) = as_tight(google, &case, both.ours.value)?;
        let (ours, theirs) = (both.ours, both.theirs);
        let tight_ratio = tight.seconds / ours.seconds;
        let reached = if tight.value <= ours.value { "" } else { "not reached: > " };
        let above = case.fine.map_or_else(|| "-".to_owned(), |fine| format!("{:+.1e}", ours.value / fine - 1.0));
        println!(
            "| {} {:?}, {:e} | {:.1} | {:.0} | **{:.1}** | {:.6} | {:.6} ({:+.1e}) | {above} | {reached}{:.0}, {grid:e} | {tight_ratio:.1} |",
            case.name,
            case.segments,
            case.delta,
            ours.seconds * 1e3,
            theirs.seconds * 1e3,
            both.ratio,
            ours.value,
            theirs.value,
            theirs.value / ours.value - 1.0,
            tight.seconds * 1e3,
        );
        if let Some(lower) = case.lower.filter(|lower| ours.value < *lower) {
            return Err(format!("{}: {} is below the truth's lower bound {lower}", case.name, ours.value).into());
        }
        ratios.push(both.ratio);
        equally_tight.push(tight_ratio);
    }
    summary("at its default grid", ratios);
    summary("as tight", equally_tight);
    Ok(())
}

fn by_rdp(google: &mut Google) -> Outcome<()> {
    println!("\n| RDP | ours, ms | theirs | **ratio** | ours, epsilon | theirs |\n|---|---|---|---|---|---|");
    let mut ratios = Vec::new();
    for case in trainings()? {
        let both = in_turn(|| case.epsilon(Accountant::Rdp), || google.epsilon_rdp(&case))?;
        row(&format!("{} {:?}, {:e}", case.name, case.segments, case.delta), &both);
        ratios.push(both.ratio);
    }
    summary("by RDP", ratios);
    Ok(())
}

fn noise(google: &mut Google) -> Outcome<()> {
    println!(
        "\n| noise for (epsilon, delta, q, steps) | ours, ms | theirs at 1e-3 | **ratio** | ours, sigma | theirs |"
    );
    println!("|---|---|---|---|---|---|");
    let mut ratios = Vec::new();
    for case in budgets()? {
        let Budget { epsilon, delta, sampling_rate, steps, .. } = case;
        let tolerance = NOISE_TOLERANCE * case.noise()?;
        let both = in_turn(|| case.noise(), || google.noise(&case, NOISE_GRID, tolerance))?;
        row(&format!("{} {:?}", case.name, (epsilon, delta, sampling_rate, steps)), &both);
        ratios.push(both.ratio);
    }
    summary("noise", ratios);
    Ok(())
}

/// The same question to both.
struct Both {
    ours: Answer,
    theirs: Answer,
    /// Theirs over ours: the median of the rounds'.
    ratio: f64,
}

fn in_turn(mut ours: impl FnMut() -> Outcome<f64>, mut theirs: impl FnMut() -> Outcome<Answer>) -> Outcome<Both> {
    let mut rounds = Vec::new();
    for _ in 0..ROUNDS {
        let (value, seconds) = timed(REPEATS, &mut ours)?;
        rounds.push((Answer { value, seconds }, theirs()?));
    }
    let (our_value, their_value) = (rounds[0].0.value, rounds[0].1.value);
    let of = |part: fn(&(Answer, Answer)) -> f64| median(rounds.iter().map(part).collect());
    Ok(Both {
        ours: Answer { value: our_value, seconds: of(|round| round.0.seconds) },
        theirs: Answer { value: their_value, seconds: of(|round| round.1.seconds) },
        ratio: of(|round| round.1.seconds / round.0.seconds),
    })
}

/// The coarsest grid on which theirs is no larger than `epsilon`, and its answer there; else the finest that was tried.
fn as_tight(google: &mut Google, case: &Training, epsilon: f64) -> Outcome<(f64, Answer)> {
    let mut last = (f64::NAN, Answer { value: f64::INFINITY, seconds: 0.0 });
    for grid in GRIDS {
        if last.1.value <= epsilon || last.1.seconds > SECONDS_MAX {
            break;
        }
        last = (grid, google.epsilon_pld(case, grid)?);
    }
    Ok(last)
}

fn row(name: &str, both: &Both) {
    let Both { ours, theirs, ratio } = both;
    let (ours_ms, theirs_ms) = (ours.seconds * 1e3, theirs.seconds * 1e3);
    println!("| {name} | {ours_ms:.1} | {theirs_ms:.0} | **{ratio:.1}** | {:.6} | {:.6} |", ours.value, theirs.value);
}

fn summary(what: &str, mut ratios: Vec<f64>) {
    ratios.sort_by(f64::total_cmp);
    let least = ratios.first().copied().unwrap_or(f64::NAN);
    let above_ten = ratios.iter().filter(|ratio| **ratio >= 10.0).count();
    println!(
        "\n{what}: {} cases, at least 10 times faster in {above_ten}, least {least:.1}, median {:.1}",
        ratios.len(),
        median(ratios.clone())
    );
}
