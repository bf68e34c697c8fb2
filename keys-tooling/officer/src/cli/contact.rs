//! The verbs by which officers open a sealed contact together.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{PassphraseFile, Who, Why};

#[derive(Subcommand)]
pub(crate) enum Contact {
    /// Ask for the sealed contact of a report: writes a request for the other officers.
    #[command(after_help = REQUEST)]
    Request(Request),
    /// Give your share of a sealed contact to the officer who asks: writes an approval.
    #[command(after_help = APPROVE)]
    Approve(Approve),
    /// Open a sealed contact with the approvals of enough officers.
    #[command(after_help = OPEN)]
    Open(Open),
    /// Pass the shares of an officer who leaves on to a successor.
    #[command(after_help = RESEAL)]
    Reseal(Reseal),
}

const REQUEST: &str = "Example:
  hafan-keys contact request 3f2a-91bc-77d0 --reason safeguarding \\
      --vault ./vault --as officer-1 --out ./3f2a.request

Give the file to the other officers. Each approves it with contact approve. It can be used for 28 days. Asking is written into the access record first.";

#[derive(Args)]
pub(crate) struct Request {
    /// The report's reference, as list shows it.
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) why: Why,
    #[command(flatten)]
    pub(crate) who: Who,
    /// Where to write the request.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

const APPROVE: &str = "Example:
  hafan-keys contact approve ./3f2a.request --reason safeguarding \\
      --vault ./vault --as officer-2 --out ./3f2a.officer-2.approval

Shows who asks and why, and writes your share, sealed to that officer alone. Nobody else can open the file. Approving is written into the access record first.";

#[derive(Args)]
pub(crate) struct Approve {
    /// The request.
    #[arg(value_name = "FILE")]
    pub(crate) request: PathBuf,
    #[command(flatten)]
    pub(crate) why: Why,
    #[command(flatten)]
    pub(crate) who: Who,
    /// Where to write the approval.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
}

const OPEN: &str = "Example:
  hafan-keys contact open ./3f2a.request ./3f2a.*.approval \\
      --vault ./vault --as officer-1

Only the officer who asked can do this. With fewer approvals than the report asks for, or with one that is forged, nothing opens; a forged one is named. Opening is written into the access record first. What is shown is on no disk; the window still holds it: close it afterwards.";

#[derive(Args)]
pub(crate) struct Open {
    /// The request and its approvals, in any order.
    #[arg(value_name = "FILE", required = true)]
    pub(crate) files: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) who: Who,
}

const RESEAL: &str = "Example:
  hafan-keys contact reseal --from officer-2 --to officer-6 --vault ./vault

Both are there, and each types their own passphrase. Every share of officer-2 is sealed to officer-6, unless officer-6 has one of the same report already: two shares in one hand would be worth two officers. Each is written into the access record first.
Do this before officers remove. What officer-2 copied before, this cannot take back.";

#[derive(Args)]
pub(crate) struct Reseal {
    /// Whose shares, such as officer-2.
    #[arg(long, value_name = "OFFICER")]
    pub(crate) from: String,
    /// The successor, such as officer-6.
    #[arg(long, value_name = "OFFICER")]
    pub(crate) to: String,
    /// The vault.
    #[arg(long, value_name = "DIR")]
    pub(crate) vault: PathBuf,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseFile,
}
