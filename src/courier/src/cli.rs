//! What can be typed: verbs, flags and their help.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use hafan_directory::Force;

const ABOUT: &str =
    "Carries sealed reports from the server to a removable medium, and sealed answers back.

Verifies all that it carries and can open none of it.";

const EXIT_CODES: &str = "Exit codes:
  0  done, or nothing new
  1  the answer is no: the log was rewritten or rolled back, reports are missing, a file is no page of answers, or the
     server refuses what is brought
  2  wrong usage
  3  cannot reach the server or write the medium
  4  refused for safety";

const PULL: &str = "Example:
  hafan-courier pull --server https://reports.example.org --force btp \\
      --key courier-1.key --root root.vkey --out /media/stick

Writes one bundle, bundle-YEAR-FIRST-LAST.tar, with what is new since the last time (two when the year has turned), and remembers beside it what was carried. Use the same medium, or a copy of all of its files, each time.
An interrupted run leaves nothing that looks like a bundle: run it again.";

const PUSH: &str = "Example:
  hafan-courier push --server https://reports.example.org --force btp \\
      --key courier-1.key --in /media/stick

Brings every page of answers in the folder, replies-*.page as hafan-keys replies export wrote them, to the server. After a line that dropped, run it again: each page is sent again whole, and the server keeps it once.
The pages stay on the medium; delete them once all were brought.";

#[derive(Parser)]
#[command(name = "hafan-courier", version, about = ABOUT, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Fetch what is new, verify it, and write it as a bundle.
    #[command(after_help = PULL)]
    Pull(PullArgs),
    /// Bring pages of sealed answers to the server.
    #[command(after_help = PUSH)]
    Push(PushArgs),
}

/// Which server, and as whom.
#[derive(Args)]
pub(crate) struct ServerArgs {
    /// The server's address: https and a name.
    #[arg(long, value_name = "URL")]
    pub(crate) server: String,
    /// The force, such as btp.
    #[arg(long)]
    pub(crate) force: Force,
    /// The courier's key, a file of mode 0600.
    #[arg(long, value_name = "FILE")]
    pub(crate) key: PathBuf,
    /// Allow plain HTTP to another machine than this one.
    #[arg(long)]
    pub(crate) allow_http: bool,
}

#[derive(Args)]
pub(crate) struct PushArgs {
    #[command(flatten)]
    pub(crate) at: ServerArgs,
    /// The folder that holds the pages.
    #[arg(long = "in", value_name = "DIR")]
    pub(crate) from: PathBuf,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct PullArgs {
    #[command(flatten)]
    pub(crate) at: ServerArgs,
    /// The folder to write to: it has to be there.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// The force's root key: root.vkey of the ceremony, or the key in it.
    #[arg(long, value_name = "VKEY_OR_FILE")]
    pub(crate) root: String,
    /// Only the log of this year.
    #[arg(long, value_name = "YEAR")]
    pub(crate) year: Option<u16>,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}
