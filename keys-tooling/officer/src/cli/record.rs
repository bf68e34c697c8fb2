//! The verbs that check and give out the access record.

use std::path::PathBuf;

use clap::{Args, Subcommand};

#[derive(Subcommand)]
pub(crate) enum Record {
    /// Check the whole access record, and name every entry that is not as it was written.
    #[command(after_help = VERIFY)]
    Verify(Verify),
    /// Write the access record into one file for the auditors.
    #[command(after_help = EXPORT)]
    Export(Export),
}

const VERIFY: &str = "Example:
  hafan-keys record verify --vault ./vault --against ./access-2026-10.tar

Needs no passphrase. Computes every digest and signature anew, and names each entry that was removed, changed, put in another place or cut off, and signatures of people who were no officers.
One thing the vault cannot show by itself: that all of it was put back to an earlier day. Give record files that were exported earlier after --against: each must be the beginning of this record.";

#[derive(Args)]
pub(crate) struct Verify {
    /// The vault.
    #[arg(long, value_name = "DIR")]
    pub(crate) vault: PathBuf,
    /// A record file that was exported earlier. Can be given several times.
    #[arg(long, value_name = "FILE")]
    pub(crate) against: Vec<PathBuf>,
    /// Show every entry too.
    #[arg(long)]
    pub(crate) entries: bool,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

const EXPORT: &str = "Example:
  hafan-keys record export --vault ./vault --to ./access-2026-11.tar

Needs no passphrase. Give the file to the auditors, and write down the head that is shown: whoever has either can tell later that entries were taken away. It holds no word of a report.";

#[derive(Args)]
pub(crate) struct Export {
    /// The vault.
    #[arg(long, value_name = "DIR")]
    pub(crate) vault: PathBuf,
    /// A file that is not there yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) to: PathBuf,
}
