//! The verbs for those who release the site: their keys, and their signatures.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::PassphraseFile;

#[derive(Subcommand)]
pub(crate) enum Release {
    /// Make the key with which one person signs releases.
    #[command(after_help = KEY)]
    Key(Key),
    /// Sign a release of the site, alone or as one more.
    #[command(after_help = SIGN)]
    Sign(Sign),
}

const KEY: &str = "Example:
  hafan-keys release key alys --out release-alys.age

Writes the key under a passphrase, and its verification key beside it, release-alys.age.vkey. The verification key goes to the operators of servers (release_keys of the configuration) and to auditors, who must not have it from the operator alone.";

#[derive(Args)]
pub(crate) struct Key {
    /// Whose: a short name of a-z, 0-9 and -.
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    /// Where to write the key: a file that is not there yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseFile,
}

const SIGN: &str = "Examples:
  hafan-keys release sign --manifest web/dist/manifest.json --sequence 4 \\
      --source $(git rev-parse HEAD) --key release-alys.age --out release.alys
  hafan-keys release sign --manifest web/dist/manifest.json --with release.alys \\
      --by release-alys.age.vkey --key release-bryn.age --out release

Whoever signs builds the site from the source with their own hands first (cargo xtask site), and signs the manifest that came out. The second one's must be the same, byte for byte: that is what their signature says.";

#[derive(Args)]
pub(crate) struct Sign {
    /// manifest.json of the site that you built.
    #[arg(long, value_name = "FILE")]
    pub(crate) manifest: PathBuf,
    /// The number of this release: one more than that of the release before.
    #[arg(long, value_name = "N", required_unless_present = "with", requires = "source", value_parser = clap::value_parser!(u64).range(1..))]
    pub(crate) sequence: Option<u64>,
    /// The commit that it was built from, 40 or 64 hex characters.
    #[arg(long, value_name = "COMMIT", requires = "sequence")]
    pub(crate) source: Option<String>,
    /// A release that others have signed already.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sequence", "source"], requires = "by")]
    pub(crate) with: Option<PathBuf>,
    /// The verification key of somebody who signed it. Once for each of them.
    #[arg(long, value_name = "VKEY_OR_FILE", requires = "with")]
    pub(crate) by: Vec<String>,
    /// Your key.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Where to write the signed release: a file that is not there yet.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseFile,
}
