//! The verbs by which keys come, go and end: the directory, officers, weeks.

use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, Subcommand};
use hafan_directory::{Force, ForceError};
use jiff::civil::Date;

use super::Who;

#[derive(Subcommand)]
pub(crate) enum Directory {
    /// Sign the next version: more weeks of intake keys, other couriers, a new key for answers, another force for reports on own people.
    #[command(after_help = ISSUE)]
    Issue(Issue),
}

const ISSUE: &str = "Example:
  hafan-keys directory issue --add-weeks 12 --vault ./vault --as officer-1 \\
      --root ./root/root.age --out ./btp.directory

Adds the new intake keys to the vault, wrapped to every officer, and signs the directory that names them. Give the file to the operator of the server. A week that was retired and is not over gets a new key.
The officer writes it into the access record; the holder of the root key types its passphrase.";

/// What every verb needs that ends with a new directory.
#[derive(Args)]
pub(crate) struct Signing {
    #[command(flatten)]
    pub(crate) who: Who,
    /// The root key made by the ceremony, root.age.
    #[arg(long, value_name = "FILE")]
    pub(crate) root: PathBuf,
    /// Where to write the new directory.
    #[arg(long, value_name = "FILE")]
    pub(crate) out: PathBuf,
    /// Says that this machine's date is right although it is far from the directory's: give today's date.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) today: Option<Date>,
}

#[derive(Args)]
pub(crate) struct Issue {
    /// How many weeks to add.
    #[arg(long, value_name = "W", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=53))]
    pub(crate) add_weeks: u8,
    /// Another force, which is going to read reports that involve this force's own people; or none.
    #[arg(long, value_name = "FORCE|none")]
    pub(crate) police_suspect: Option<OtherForce>,
    /// Make a key for one more courier, and write it to this file.
    #[arg(long, value_name = "FILE")]
    pub(crate) add_courier: Option<PathBuf>,
    /// Make the next key that answers are signed with. Those before stay in the directory, the newest eight of all, so that older answers can be read.
    #[arg(long)]
    pub(crate) new_reply_key: bool,
    /// Take a courier's key out, such as courier-1.
    #[arg(long, value_name = "COURIER")]
    pub(crate) remove_courier: Option<String>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

/// A force, or the word none.
#[derive(Clone)]
pub(crate) struct OtherForce(pub(crate) Option<Force>);

impl FromStr for OtherForce {
    type Err = ForceError;

    fn from_str(text: &str) -> Result<Self, ForceError> {
        if text == "none" {
            return Ok(Self(None));
        }
        text.parse().map(|force| Self(Some(force)))
    }
}

#[derive(Subcommand)]
pub(crate) enum Officers {
    /// Give a new officer a key, wrap every intake key, the key for answers and what was answered to it too, and sign the directory that names it.
    #[command(after_help = ADD)]
    Add(Add),
    /// Take an officer out: no intake key, key for answers or what was answered stays wrapped to theirs, and the directory no longer names them.
    #[command(after_help = REMOVE)]
    Remove(Remove),
}

const ADD: &str = "Example:
  hafan-keys officers add --vault ./vault --as officer-1 \\
      --root ./root/root.age --out ./btp.directory

The new officer types a new passphrase twice. officer-1, who can open the intake keys, the key for answers and what was answered, wraps them to the new officer as well, and the holder of the root key signs the directory. Numbers of officers who left are not used again.";

#[derive(Args)]
pub(crate) struct Add {
    /// How many officers together may open a sealed contact from now on, if not as many as before.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) quorum: Option<u8>,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

const REMOVE: &str = "Example:
  hafan-keys contact reseal --from officer-2 --to officer-6 --vault ./vault
  hafan-keys officers remove officer-2 --vault ./vault --as officer-1 \\
      --root ./root/root.age --out ./btp.directory

Pass on their shares of sealed contacts first (contact reseal): only they can. Says what they may have copied, asks, wraps every intake key, the key for answers and what was answered anew without them, destroys their key in the vault, and signs the directory. A copy of the vault from before still opens with their key.";

#[derive(Args)]
pub(crate) struct Remove {
    /// Who leaves, such as officer-2.
    #[arg(value_name = "OFFICER")]
    pub(crate) leaver: String,
    /// How many officers together may open a sealed contact from now on, if not as many as before.
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) quorum: Option<u8>,
    /// For scripts: do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
    #[command(flatten)]
    pub(crate) signing: Signing,
}

pub(crate) const RETIRE: &str = "Example:
  hafan-keys retire 2026-W48 --vault ./vault --as officer-1

Shows how many reports of that week nobody can read afterwards, and which of them nobody ever opened. Asks: type the week. Then destroys the key, in every copy that is in the vault.
It cannot be undone. It cannot reach copies of the vault elsewhere: backups, other disks, snapshots.";

#[derive(Args)]
pub(crate) struct Retire {
    /// The week, such as 2026-W48.
    #[arg(value_name = "WEEK")]
    pub(crate) week: String,
    #[command(flatten)]
    pub(crate) who: Who,
    /// For scripts: do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}
