//! The verb that writes a report out.

use std::path::PathBuf;

use clap::Args;

use super::{Who, Why};

pub(crate) const EXPORT: &str = "Example:
  hafan-keys export 3f2a-91bc-77d0 --reason disclosure --out /media/evidence/3f2a-91bc-77d0 \\
      --vault ./vault --as officer-1

Makes the folder DIR, which must not be there yet: the report to print (PDF) and as plain text, in English and Welsh; report.json, exactly as it was sealed; tables for record systems; the files that the person sent, unopened and under cleaned names; the sealed original with the proof that it is in the public log; a continuity sheet; and SHA256SUMS over all of it. Check it with: sha256sum -c SHA256SUMS
Who exports it and why is written to the access record before anything is written to DIR, with the SHA-256 of SHA256SUMS; if that cannot be done, nothing is exported.
DIR holds the report in the clear: choose a place where such evidence is kept. It cannot be in the vault. All of it appears at the end, at once; what an interrupted export leaves is a folder whose name begins with a dot and ends in .partial, which the next export to the same DIR removes.";

#[derive(Args)]
pub(crate) struct Export {
    /// The report's reference, as list shows it.
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) why: Why,
    /// A folder that is not there yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) who: Who,
    /// For machines: one JSON document that says what was written.
    #[arg(long)]
    pub(crate) json: bool,
}
