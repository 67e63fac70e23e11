//! The federation as real processes over real sockets: what happens to a study when anything in it is killed, refused,
//! revoked, misled or out of space. A mock stands in for nothing; the `wardround` binary is the one that is shipped.

mod binary;
mod budget_figures;
mod budget_statement;
mod check;
mod crashes;
mod disk;
mod evaluation;
mod events;
mod examples;
mod federation;
mod hostile;
mod locks;
mod masked;
mod membership;
mod misbehaving;
mod officers;
mod officers_commands;
mod patience;
mod place;
mod plans;
mod privacy;
mod process;
mod puppet;
mod rehearsal;
mod rollback;
mod scans;
mod secrecy;
mod shared_noise;
mod studies;
