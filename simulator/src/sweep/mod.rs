//! A sweep: one scenario and what is changed in it, as a list of scenarios, each checked like one that a person wrote.
//!
//! Replicates differ in the seed of the simulation and in that of the initial weights, both counted up from the scenario's own,
//! so that a band over seeds shows what chance does to cohorts, partition, training and start; the scans stay the same.

mod manifest;
mod setting;

pub use manifest::{SweepManifest, VariantRecord};
pub use setting::{Override, Setting};

use crate::{Scenario, ScenarioError};
use setting::Choice;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

/// Most variants of one sweep.
const VARIANTS_MAX: usize = 10_000;
/// Longest name of a variant; file systems stop at 255 bytes.
const NAME_BYTES_MAX: usize = 200;
/// What says how private a study is: `privacy.epsilon=none` takes the whole promise away.
const PROMISE: &str = "privacy.epsilon";
/// Keys that only a study with a promise to patients may have.
const PATIENTS: [(&str, &str); 4] = [
    ("training", "expected_batch_patients"),
    ("training", "images_per_patient"),
    ("training", "views"),
    ("evaluation", "epsilon_share"),
];
/// Seeds are counted, not listed.
const SEEDS: [(&str, &str); 2] = [("simulation", "seed"), ("study", "seed")];

/// One scenario of a sweep.
#[derive(Debug, Clone, PartialEq)]
pub struct Variant {
    /// Fit for a folder, such as `epsilon-3_kind-scaffold_seed-2`.
    pub name: String,
    /// What was chosen, in the order of the overrides.
    pub settings: Vec<Setting>,
    /// Seed of the simulation.
    pub seed: u64,
    /// The scenario.
    pub scenario: Scenario,
}

/// Why a sweep cannot begin. Nothing was run.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum SweepError {
    /// The scenario that is varied.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// An override that cannot be read.
    #[error("`{text}` is no override: {problem}; write, for example, `privacy.epsilon=1,3,8,none`")]
    Override {
        /// As it was written.
        text: String,
        /// What is wrong.
        problem: String,
    },
    /// A key is overridden twice.
    #[error("`{key}` is swept twice: name it once, with all its values")]
    Twice {
        /// The key.
        key: String,
    },
    /// A seed among the overrides.
    #[error("`{key}` cannot be swept: seeds are counted up from the scenario's own; say how many there are")]
    Seed {
        /// The key.
        key: String,
    },
    /// More variants than anybody reads.
    #[error("these values and seeds make {count} variants, at most {VARIANTS_MAX} are run: sweep in parts")]
    TooMany {
        /// How many; at least.
        count: usize,
    },
    /// A variant is no scenario.
    #[error("variant `{name}`: {problem}")]
    Variant {
        /// Which.
        name: String,
        /// Its mistake, with remedy.
        problem: String,
    },
    /// Two variants that cannot be told apart.
    #[error("variants `{first}` and `{second}` are the same run, or would share a folder: write each value once")]
    Alike {
        /// One.
        first: String,
        /// Another.
        second: String,
    },
}

/// Every combination of the overrides' values, `seeds` times, in their order; the last override and then the seed change fastest.
///
/// # Errors
/// [`SweepError`], with the variant's name where a rule of scenarios is broken.
pub fn variants(text: &str, overrides: &[Override], seeds: NonZeroU32) -> Result<Vec<Variant>, SweepError> {
    let base = Scenario::from_toml(text)?;
    check(overrides)?;
    let lengths = overrides.iter().map(|one| one.choices().len());
    let combinations = lengths.fold(1_usize, usize::saturating_mul);
    let count = combinations.saturating_mul(seeds.get() as usize);
    if count > VARIANTS_MAX {
        return Err(SweepError::TooMany { count });
    }
    let sweep = Sweep { base: &base, overrides };
    let numbers = (0..combinations).flat_map(|number| (0..seeds.get()).map(move |seed| (number, seed)));
    let variants = numbers.map(|(number, seed)| sweep.variant(number, seed)).collect::<Result<Vec<_>, _>>()?;
    all_differ(&variants)?;
    Ok(variants)
}

fn check(overrides: &[Override]) -> Result<(), SweepError> {
    for (place, one) in overrides.iter().enumerate() {
        let key = one.key();
        if SEEDS.iter().any(|(section, seed)| key == format!("{section}.{seed}")) {
            return Err(SweepError::Seed { key: key.into() });
        }
        if overrides[..place].iter().any(|before| before.key() == key) {
            return Err(SweepError::Twice { key: key.into() });
        }
    }
    Ok(())
}

fn all_differ(variants: &[Variant]) -> Result<(), SweepError> {
    let (mut digests, mut names) = (BTreeMap::new(), BTreeMap::new());
    for variant in variants {
        let same_run = digests.insert(variant.scenario.digest(), &variant.name);
        let same_name = names.insert(&variant.name, &variant.name);
        if let Some(first) = same_run.or(same_name) {
            return Err(SweepError::Alike { first: first.clone(), second: variant.name.clone() });
        }
    }
    Ok(())
}

struct Sweep<'a> {
    base: &'a Scenario,
    overrides: &'a [Override],
}

impl Sweep<'_> {
    fn variant(&self, number: usize, replicate: u32) -> Result<Variant, SweepError> {
        let chosen = self.chosen(number);
        let seed = self.base.simulation().seed.saturating_add(u64::from(replicate));
        let name = self.name(&chosen, seed);
        let refused = |problem: String| SweepError::Variant { name: name.clone(), problem };
        let mut table = toml::from_str(self.base.text()).expect("the text of a scenario is TOML");
        self.change(&mut table, &chosen, replicate).map_err(refused)?;
        if name.len() > NAME_BYTES_MAX {
            return Err(refused(format!("its name has more than {NAME_BYTES_MAX} bytes: sweep shorter values")));
        }
        let text = toml::to_string(&table).map_err(|error| refused(error.to_string()))?;
        // Lines are those of a text that nobody wrote, so they are left out.
        let scenario = Scenario::from_toml(&text).map_err(|error| refused(without_line(&error.to_string()).into()))?;
        let setting =
            |(one, choice): &(&Override, &Choice)| Setting { key: one.key().into(), value: choice.text.clone() };
        Ok(Variant { settings: chosen.iter().map(setting).collect(), name, seed, scenario })
    }

    /// The values of combination `number`: its digits, where each override has as many as it has values.
    fn chosen(&self, number: usize) -> Vec<(&Override, &Choice)> {
        let mut rest = number;
        let digits = self.overrides.iter().rev().map(|one| {
            let choices = one.choices();
            let choice = &choices[rest % choices.len()];
            rest /= choices.len();
            (one, choice)
        });
        let mut chosen: Vec<_> = digits.collect();
        chosen.reverse();
        chosen
    }

    /// Each key without its sections, unless two would look alike.
    fn name(&self, chosen: &[(&Override, &Choice)], seed: u64) -> String {
        let alike = |last: &str| self.overrides.iter().filter(|one| one.last() == last).count() > 1;
        let part = |(one, choice): &(&Override, &Choice)| {
            let key = if alike(one.last()) { one.key() } else { one.last() };
            format!("{key}-{}_", choice.slug())
        };
        let parts: String = chosen.iter().map(part).collect();
        format!("{parts}seed-{seed}")
    }

    fn change(&self, table: &mut toml::Table, chosen: &[(&Override, &Choice)], replicate: u32) -> Result<(), String> {
        // First, so that the order of overrides decides nothing: what another one adds to no promise is refused.
        if chosen.iter().any(|(one, choice)| one.key() == PROMISE && choice.value.is_none()) {
            without_promise(table);
        }
        for (one, choice) in chosen {
            put(table, one.key(), choice.value.clone())?;
        }
        let seeds = [self.base.simulation().seed, self.base.plan().study.seed];
        for ((section, key), seed) in SEEDS.iter().zip(seeds) {
            let seed = i64::try_from(seed).ok().and_then(|seed| seed.checked_add(i64::from(replicate)));
            let seed = seed.ok_or_else(|| format!("[{section}] {key}: there are not so many seeds; begin lower"))?;
            put(table, &format!("{section}.{key}"), Some(toml::Value::Integer(seed)))?;
        }
        Ok(())
    }
}

/// Takes away ε with everything that only makes sense beside it.
fn without_promise(table: &mut toml::Table) {
    let none = toml::Table::from_iter([("mode".to_owned(), toml::Value::String("none".into()))]);
    table.insert("privacy".into(), toml::Value::Table(none));
    for (section, key) in PATIENTS {
        if let Some(toml::Value::Table(section)) = table.get_mut(section) {
            section.remove(key);
        }
    }
}

/// Writes a value at `key` below its sections, or takes it away.
fn put(table: &mut toml::Table, key: &str, value: Option<toml::Value>) -> Result<(), String> {
    let (sections, last) = key.rsplit_once('.').unwrap_or(("", key));
    let mut at = table;
    for section in sections.split('.').filter(|section| !section.is_empty()) {
        let inner = at.entry(section).or_insert_with(|| toml::Value::Table(toml::Table::new()));
        at = inner.as_table_mut().ok_or_else(|| format!("`{section}` in `{key}` is a value, not a section"))?;
    }
    match value {
        Some(value) => at.insert(last.into(), value),
        None => at.remove(last),
    };
    Ok(())
}

fn without_line(words: &str) -> &str {
    let after = words.strip_prefix("line ").map(|rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
    after.and_then(|rest| rest.strip_prefix(": ")).unwrap_or(words)
}

#[cfg(test)]
mod tests;
