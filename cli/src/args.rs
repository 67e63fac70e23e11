//! The command line.

use crate::budget::BudgetCommand;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
use wardround_plan::{Digest, SiteId, StudyId};
use wardround_privacy::Epsilon;

/// Hospitals train models together; no scan leaves its hospital.
#[derive(Debug, Parser)]
#[command(name = "wardround", version, propagate_version = true, after_help = crate::exit::HELP)]
pub struct Arguments {
    /// Print results and progress as JSON, one document a line
    #[arg(long, global = true)]
    pub json: bool,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole federation on this machine: authority, coordinator, four hospitals, one study
    #[command(
        after_help = "Examples:\n  wardround demo\n  wardround demo --epsilon 3\n  wardround demo --without-privacy\n  wardround demo --task detect\n  wardround demo --data ../scans/blood-cells\n  wardround demo --data ../scans --plan configs/cardiac.toml\n  wardround demo --out /tmp/demo --json"
    )]
    Demo(DemoArguments),
    /// The federation's certificates: who may take part
    #[command(subcommand)]
    Authority(AuthorityCommand),
    /// Serve rounds
    #[command(subcommand)]
    Coordinator(CoordinatorCommand),
    /// A hospital's node
    #[command(subcommand)]
    Site(SiteCommand),
    /// Submit, watch and stop studies; fetch their models and reports
    #[command(subcommand)]
    Study(StudyCommand),
    /// The privacy officer's: what a promise costs, what is allowed, what is spent
    #[command(subcommand)]
    Budget(BudgetCommand),
    /// Rehearse a study with virtual sites in this process
    #[command(
        after_help = "Examples:\n  wardround simulate examples/quickstart/plan.toml\n  wardround simulate plan.toml --data ../scans --out run-1 --workers 8\n  wardround simulate plan.toml --sweep privacy.epsilon=1,3,8,none --sweep strategy.kind=fedavg,fedadam --seeds 3 --out sweep\n  wardround simulate resume run-1\n  wardround simulate verify run-1 run-2"
    )]
    Simulate(crate::simulate::SimulateArguments),
    /// Measure a model on the patients of one folder: named metrics with intervals, worst cases, corrupted scans
    #[command(
        after_help = "Examples:\n  wardround eval --model wardround-demo/model.safetensors --data wardround-demo/phantoms/site-a\n  wardround eval --model m.safetensors --data site-a --metrics dice.foreground,hd95.voxel_maxdirected,nsd.subvoxel@2mm --spacing-mm 1.4,1.4\n  wardround eval --model m.safetensors --data site-a --robust --out robust\n  wardround eval compare wardround-eval other-eval\n  wardround eval metrics"
    )]
    Eval(crate::eval::EvalArguments),
    /// Compare simulated runs: a page with curves, SVG files for a paper, CSV
    #[command(
        after_help = "Examples:\n  wardround report wardround-run\n  wardround report sweep --out paper\n  wardround report run-1 run-2 run-3 --out compared"
    )]
    Report(crate::report::ReportArguments),
    /// Prepare scans
    #[command(subcommand)]
    Data(DataCommand),
}

#[derive(Debug, Args)]
pub struct DemoArguments {
    /// Folder of site folders with real scans; without it, phantoms are made
    #[arg(long)]
    pub data: Option<PathBuf>,
    /// The plan; without it, one that fits the data
    #[arg(long)]
    pub plan: Option<PathBuf>,
    /// What to learn from phantoms
    #[arg(long, value_enum, default_value_t = DemoTask::Segment, conflicts_with_all = ["data", "plan"])]
    pub task: DemoTask,
    /// Where everything is written; an earlier demo there is replaced
    #[arg(long, default_value = "wardround-demo")]
    pub out: PathBuf,
    /// Sites, when phantoms are made
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..=16))]
    pub sites: u32,
    /// Seed of the phantoms and of the initial model
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// The privacy budget of the study; replaces the plan's
    #[arg(long, conflicts_with = "without_privacy")]
    pub epsilon: Option<Epsilon>,
    /// Add no noise: no guarantee. Always so for real scans, unless --epsilon or a private --plan is given: the few patients
    /// of a demonstration are too few for privacy
    #[arg(long, conflicts_with = "plan")]
    pub without_privacy: bool,
}

#[derive(Debug, Subcommand)]
pub enum AuthorityCommand {
    /// Make a federation: its authority, the coordinator's certificate, a study lead's, and settings
    #[command(
        after_help = "Example:\n  wardround authority init --folder fed --federation lung-study --host fed.example"
    )]
    Init {
        #[command(flatten)]
        folder: FederationFolder,
        /// The federation's name, one word
        #[arg(long)]
        federation: String,
        /// A name or address under which sites dial the coordinator; may be repeated
        #[arg(long = "host")]
        hosts: Vec<String>,
        /// Where the coordinator will listen
        #[arg(long, default_value = "0.0.0.0:8443")]
        listen: String,
        /// Name of the first study lead
        #[arg(long, default_value = "lead")]
        lead: String,
    },
    /// Invite a hospital: prints a code to hand over on paper or by phone
    #[command(after_help = "Example:\n  wardround authority invite st-anna --folder fed")]
    Invite {
        /// The hospital's name in the federation
        site: SiteId,
        #[command(flatten)]
        folder: FederationFolder,
        /// Certify without asking again when the code is used
        #[arg(long)]
        auto_approve: bool,
        /// How long the code is good for
        #[arg(long, default_value_t = 72, value_parser = clap::value_parser!(u64).range(1..=720))]
        valid_hours: u64,
    },
    /// Certify a hospital that has used its code, after comparing its key's fingerprint
    Approve {
        /// The hospital
        site: SiteId,
        #[command(flatten)]
        folder: FederationFolder,
    },
    /// Take a hospital's certificate back; its connections end within seconds
    Revoke {
        /// The hospital
        site: SiteId,
        #[command(flatten)]
        folder: FederationFolder,
    },
    /// Who is invited, waiting, enrolled, revoked
    Roster {
        #[command(flatten)]
        folder: FederationFolder,
    },
    /// Sign the roster of secure aggregation: all who are enrolled, with their signing keys
    #[command(
        after_help = "Example:\n  wardround authority sign-roster --folder fed --key /media/stick/roster.key\nEvery hospital then compares the digest and approves it: wardround site roster"
    )]
    SignRoster(RosterFiles),
}

#[derive(Debug, Args)]
pub struct RosterFiles {
    #[command(flatten)]
    pub folder: FederationFolder,
    /// The key that signs rosters; made at its first use. Keep it from the coordinator's machine. [default: FOLDER/roster.key]
    #[arg(long)]
    pub key: Option<PathBuf>,
    /// The roster, in place of the last one. [default: FOLDER/federation.roster, where the coordinator looks for it]
    #[arg(long)]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub struct FederationFolder {
    /// The federation's folder
    #[arg(long, default_value = "federation", env = "WARDROUND_FEDERATION")]
    pub folder: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum CoordinatorCommand {
    /// Serve until stopped
    #[command(after_help = "Example:\n  wardround coordinator run --config federation/coordinator.toml")]
    Run {
        /// Settings
        #[arg(long, default_value = "configs/coordinator.toml")]
        config: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub enum SiteCommand {
    /// Join a federation with a code
    #[command(
        after_help = "Example:\n  wardround site enroll --coordinator https://fed.example:8443 --code st-anna/ABCD-... --ca-sha256 3f2a..."
    )]
    Enroll {
        /// The coordinator's address
        #[arg(long)]
        coordinator: String,
        /// The code, as the federation's manager handed it over
        #[arg(long)]
        code: String,
        /// SHA-256 of the authority's certificate, handed over with the code
        #[arg(long)]
        ca_sha256: Digest,
        /// Where the key and the certificate are kept
        #[arg(long, default_value = "credentials")]
        credentials: PathBuf,
    },
    /// Look for everything that would keep this site from taking part
    #[command(after_help = "Example:\n  wardround site check --config site.toml --plan plan.toml")]
    Check {
        #[command(flatten)]
        config: SiteConfigFile,
        /// Check the scans against this plan, too
        #[arg(long)]
        plan: Option<PathBuf>,
        /// Do not dial the coordinator
        #[arg(long)]
        offline: bool,
    },
    /// Take part until stopped
    #[command(after_help = "Example:\n  wardround site run --config site.toml")]
    Run {
        #[command(flatten)]
        config: SiteConfigFile,
    },
    /// See which hospitals take part in secure aggregation, and approve that
    #[command(
        after_help = "Examples:\n  wardround site roster --config site.toml                       # what the coordinator has\n  wardround site roster --config site.toml --approve 3f2a...     # after comparing the digest"
    )]
    Roster(SiteRoster),
    /// Train alone by the same plan, to see what the federation is worth; nothing leaves the site
    Alone {
        #[command(flatten)]
        config: SiteConfigFile,
        /// The plan
        #[arg(long)]
        plan: PathBuf,
    },
    /// Write this site's own report of a study, with pictures
    Report {
        #[command(flatten)]
        config: SiteConfigFile,
        /// The study
        #[arg(long)]
        study: StudyId,
        /// Where to write it
        #[arg(long, default_value = "report")]
        out: PathBuf,
        /// Score of the model trained alone, as `site alone` printed it
        #[arg(long)]
        alone: Option<f64>,
    },
}

#[derive(Debug, Args)]
pub struct SiteRoster {
    #[command(flatten)]
    pub config: SiteConfigFile,
    /// A roster file, instead of the coordinator's
    #[arg(long)]
    pub file: Option<PathBuf>,
    /// The digest that was compared with the other hospitals
    #[arg(long)]
    pub approve: Option<Digest>,
}

#[derive(Debug, Args)]
pub struct SiteConfigFile {
    /// Settings
    #[arg(long, default_value = "configs/site.toml")]
    pub config: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum StudyCommand {
    /// Print a plan's digest, which every site has to allow
    Digest {
        /// The plan
        plan: PathBuf,
    },
    /// Submit a plan with its initial model
    #[command(
        after_help = "Example:\n  wardround study submit configs/cardiac.toml --coordinator https://fed.example:8443 --credentials federation/lead"
    )]
    Submit {
        /// The plan
        plan: PathBuf,
        #[command(flatten)]
        lead: Lead,
    },
    /// Where studies stand
    Status {
        /// One study; without it, all
        study: Option<StudyId>,
        /// Stay and show every change until the study ends
        #[arg(long, requires = "study")]
        follow: bool,
        #[command(flatten)]
        lead: Lead,
    },
    /// Fetch the latest model as safetensors
    Model {
        /// The study
        study: StudyId,
        /// The plan it runs
        #[arg(long)]
        plan: PathBuf,
        /// The file to write
        #[arg(long, default_value = "model.safetensors")]
        out: PathBuf,
        #[command(flatten)]
        lead: Lead,
    },
    /// Write the report: a page and the same as JSON
    Report {
        /// The study
        study: StudyId,
        /// Where to write it
        #[arg(long, default_value = "report")]
        out: PathBuf,
        #[command(flatten)]
        lead: Lead,
    },
    /// End a study; what was reached stays
    Stop {
        /// The study
        study: StudyId,
        #[command(flatten)]
        lead: Lead,
    },
}

#[derive(Debug, Args)]
pub struct Lead {
    /// The coordinator's address
    #[arg(long, env = "WARDROUND_COORDINATOR")]
    pub coordinator: String,
    /// The study lead's key and certificate
    #[arg(long, default_value = "federation/lead", env = "WARDROUND_CREDENTIALS")]
    pub credentials: PathBuf,
}

#[derive(Debug, Subcommand)]
pub enum DataCommand {
    /// Make site folders of phantoms: synthetic scans with anatomy-like variety, the same for the same seed
    #[command(
        after_help = "Example:\n  wardround data synth --sites 4 --task seg --out phantoms\n  wardround data synth --task det --out smears"
    )]
    Synth {
        /// Folders to make
        #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u32).range(1..=1000))]
        sites: u32,
        /// What is to be learned
        #[arg(long, value_enum, default_value_t = PhantomTask::Seg)]
        task: PhantomTask,
        /// The same seed gives the same bytes
        #[arg(long, default_value_t = 1)]
        seed: u64,
        /// Where to write
        #[arg(long, default_value = "phantoms")]
        out: PathBuf,
    },
}

/// What phantoms are for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PhantomTask {
    /// Heart slices with masks
    Seg,
    /// Blood smears with boxes
    Det,
    /// Volumes with labels, as NIfTI
    Vol,
}

/// What a demo learns from phantoms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DemoTask {
    /// Outlining the cavity of a heart
    Segment,
    /// Finding cells in blood smears
    Detect,
}

impl Command {
    /// True for what runs until it is stopped.
    pub fn serves(&self) -> bool {
        matches!(self, Self::Coordinator(_) | Self::Site(SiteCommand::Run { .. }))
    }
}
