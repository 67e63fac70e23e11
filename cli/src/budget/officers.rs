//! What officers decide about a site's budget, and what its ledger says.

use super::{decide, key, show};
use crate::args::SiteConfigFile;
use crate::clock;
use crate::exit::Failure;
use crate::output::Output;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use std::path::PathBuf;
use std::process::ExitCode;
use wardround_client::{SiteConfig, SiteLedger, SiteLedgerError};
use wardround_plan::{DataSetName, Digest, LedgerHead};
use wardround_privacy::{Adjacency, Composition, Delta, Epsilon, LedgerId, OfficerKey};

#[derive(Debug, Subcommand)]
pub enum OfficersCommand {
    /// Make an officer's key; the file stays with the officer, the printed public key goes to the site
    #[command(after_help = "Example:\n  wardround budget key --out officer.pem")]
    Key {
        /// The file to write; mode 0600, never overwritten
        #[arg(long, default_value = "officer.pem")]
        out: PathBuf,
    },
    /// Name the privacy officers of a site, once: from then on only they decide about its budgets
    #[command(
        after_help = "Example:\n  wardround budget officers --config site.toml --officer 3f2a... --officer 77c0..."
    )]
    Officers {
        #[command(flatten)]
        config: SiteConfigFile,
        /// An officer's public key, as `wardround budget key` printed it; at least two
        #[arg(long = "officer", required = true)]
        officers: Vec<OfficerKey>,
    },
    /// Allow a budget for a data set; two officers sign
    #[command(
        after_help = "Examples:\n  wardround budget approve --config site.toml --epsilon 8 --delta 1e-5 --key a.pem --key b.pem\n\n  \
                      The officers on two machines:\n  \
                      wardround budget approve --config site.toml --epsilon 8 --delta 1e-5 --key a.pem --out proposal.json\n  \
                      wardround budget approve --config site.toml --proposal proposal.json --key b.pem"
    )]
    Approve(ApproveArguments),
    /// Lower the budget of a data set; one officer signs
    #[command(
        after_help = "Example:\n  wardround budget lower --config site.toml --epsilon 3 --key a.pem\n\nStudies that were admitted \
                      under the old budget stop where they come to more than the new one."
    )]
    Lower(LowerArguments),
    /// After links of the ledger were lost: count every budget as used up, and begin anew; two officers sign
    #[command(
        name = "write-off",
        after_help = "Example:\n  wardround budget write-off --config site.toml --gap 55:3f2a... --key a.pem --key b.pem\n\nThe gap's end \
                      is named in the site's refusal. What may have been spent in it stays spent: new budgets come on top."
    )]
    WriteOff(WriteOffArguments),
    /// What is allowed, reserved, spent and left, for each data set and study; the whole chain is verified
    #[command(
        after_help = "Examples:\n  wardround budget show --config site.toml\n  wardround budget show --config site.toml --json"
    )]
    Show {
        #[command(flatten)]
        config: SiteConfigFile,
    },
}

#[derive(Debug, Args)]
pub struct ApproveArguments {
    #[command(flatten)]
    pub config: SiteConfigFile,
    /// The data set; without it, the one in the settings
    #[arg(long, conflicts_with = "proposal")]
    pub data_set: Option<DataSetName>,
    /// Most that all studies together may cost a patient
    #[arg(long, required_unless_present = "proposal", conflicts_with = "proposal")]
    pub epsilon: Option<Epsilon>,
    /// Probability mass that epsilon may miss; less than one in the number of patients
    #[arg(long, required_unless_present = "proposal", conflicts_with = "proposal")]
    pub delta: Option<Delta>,
    /// How studies are added up
    #[arg(long, value_enum, default_value_t, conflicts_with = "proposal")]
    pub composition: CompositionArgument,
    /// Which data sets are neighbours
    #[arg(long, value_enum, default_value_t, conflicts_with = "proposal")]
    pub adjacency: AdjacencyArgument,
    #[command(flatten)]
    pub signing: Signing,
}

#[derive(Debug, Args)]
pub struct LowerArguments {
    #[command(flatten)]
    pub config: SiteConfigFile,
    /// The data set; without it, the one in the settings
    #[arg(long)]
    pub data_set: Option<DataSetName>,
    /// The new bound
    #[arg(long)]
    pub epsilon: Epsilon,
    /// The new delta; without it, as before
    #[arg(long)]
    pub delta: Option<Delta>,
    /// The officer's key
    #[arg(long)]
    pub key: PathBuf,
}

#[derive(Debug, Args)]
pub struct WriteOffArguments {
    #[command(flatten)]
    pub config: SiteConfigFile,
    /// The last link that was ever seen, NUMBER:HASH; without it, the one in the site's anchor
    #[arg(long, conflicts_with = "proposal")]
    pub gap: Option<LedgerHead>,
    #[command(flatten)]
    pub signing: Signing,
}

/// Who signs, and what becomes of it.
#[derive(Debug, Args)]
pub struct Signing {
    /// A proposal that another officer has begun
    #[arg(long)]
    pub proposal: Option<PathBuf>,
    /// An officer's key; may be repeated
    #[arg(long = "key")]
    pub keys: Vec<PathBuf>,
    /// Write the signed proposal here and change nothing yet
    #[arg(long)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum CompositionArgument {
    /// Everything admitted counts whole; tight, for plans that were not chosen from results of others
    #[default]
    Declared,
    /// What was debited counts; looser, whatever plans were chosen from
    Adaptive,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub enum AdjacencyArgument {
    /// With and without one patient
    #[default]
    AddOrRemoveOne,
    /// One patient exchanged for another
    ReplaceOne,
}

pub async fn run(command: OfficersCommand, output: Output) -> Result<ExitCode, Failure> {
    match command {
        OfficersCommand::Key { out } => {
            let public = key::make(&out)?.public();
            output.show(&json!({ "public_key": public, "file": out }), || {
                format!("the key is in {}; give the site this public key:\n  {public}", out.display())
            });
        }
        OfficersCommand::Officers { config, officers } => pin(&config, officers, output).await?,
        OfficersCommand::Approve(arguments) => decide::approve(arguments, output).await?,
        OfficersCommand::Lower(arguments) => decide::lower(arguments, output).await?,
        OfficersCommand::WriteOff(arguments) => decide::write_off(arguments, output).await?,
        OfficersCommand::Show { config } => show::show(&load(&config)?, output).await?,
    }
    Ok(ExitCode::SUCCESS)
}

/// Reads the settings of a site.
pub fn load(file: &SiteConfigFile) -> Result<SiteConfig, Failure> {
    SiteConfig::load(&file.config).map_err(Failure::input)
}

/// Opens the ledger of a site.
pub async fn open(config: &SiteConfig) -> Result<SiteLedger, Failure> {
    SiteLedger::open(&config.state, &config.credentials).await.map_err(failure)
}

/// The exit code that an error of the ledger gives.
pub fn failure(error: SiteLedgerError) -> Failure {
    match error {
        SiteLedgerError::Refused(refused) => Failure::refused(refused),
        error => Failure::failed(error),
    }
}

async fn pin(file: &SiteConfigFile, officers: Vec<OfficerKey>, output: Output) -> Result<(), Failure> {
    let config = load(file)?;
    let folder = |path: &PathBuf| {
        let problem = |error| Failure::failed(format!("{}: {error}", path.display()));
        std::fs::create_dir_all(path).map_err(problem)
    };
    folder(&config.state)?;
    folder(&config.credentials)?;
    let ledger = open(&config).await?;
    let mut name = [0; 32];
    rand::TryRng::try_fill_bytes(&mut rand::rngs::SysRng, &mut name).map_err(Failure::failed)?;
    let id = LedgerId(Digest::from_bytes(name));
    ledger.pin(clock(), id, officers.clone()).await.map_err(failure)?;
    let head = ledger.head().await.map_err(failure)?;
    output.show(&json!({ "ledger": id, "officers": officers, "head": head.to_string() }), || {
        format!("{} officers decide about this site's budgets from now on; ledger {}", officers.len(), id.0.short())
    });
    Ok(())
}

impl From<CompositionArgument> for Composition {
    fn from(argument: CompositionArgument) -> Self {
        match argument {
            CompositionArgument::Declared => Self::Declared,
            CompositionArgument::Adaptive => Self::Adaptive,
        }
    }
}

impl From<AdjacencyArgument> for Adjacency {
    fn from(argument: AdjacencyArgument) -> Self {
        match argument {
            AdjacencyArgument::AddOrRemoveOne => Self::AddOrRemoveOne,
            AdjacencyArgument::ReplaceOne => Self::ReplaceOne,
        }
    }
}
