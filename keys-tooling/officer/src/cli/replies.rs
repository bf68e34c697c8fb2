//! The verbs by which people who have words are answered.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{EnOrCy, Headings, Who, Why};

pub(crate) const REPLY: &str = "Example:
  hafan-keys reply 3f2a-91bc-77d0 --language cy --text-file ./answer.txt \\
      --vault ./vault --as officer-1

Opens the report to see how its writer is answered, shows what is going to be sent and asks. That you open it and that you answer is written into the access record first, with the digest of the text and none of its words. The answer is sealed to the person, and lies in the outbox until replies export.
The answer is about this report, or this addition, and goes to the person who has its words. A report that was sent without words cannot be answered in this way.
The text is UTF-8, at most about 2,000 letters. The file with it is in the clear, and no command here destroys it: delete it afterwards, or pipe the text in with --text-file -. Whoever finds the words can read it: write nothing that the person would not want found.";

#[derive(Args)]
pub(crate) struct Reply {
    /// The reference of the report or the addition, as list shows it.
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    /// The language of the text.
    #[arg(long, value_enum)]
    pub(crate) language: EnOrCy,
    /// A file with the text, or - for what is piped in.
    #[arg(long, value_name = "FILE")]
    pub(crate) text_file: PathBuf,
    #[command(flatten)]
    pub(crate) who: Who,
    /// For scripts: do not ask.
    #[arg(long)]
    pub(crate) yes: bool,
}

#[derive(Subcommand)]
pub(crate) enum Replies {
    /// Write what is in the outbox onto whole pages, for the courier.
    #[command(after_help = EXPORT)]
    Export(Export),
}

const EXPORT: &str = "Example:
  hafan-keys replies export --to /media/stick --vault ./vault --as officer-1

Writes pages of 64 sealed records each: what is to be told, and decoys. There is always at least one page, with nothing to tell too. Do it on fixed days, whether or not there is something to tell: only then does nobody learn from a page that there is.
Which pages were written is in the access record first. The outbox is emptied when they are on the stick; what was interrupted is done again by the same command, with the same pages.";

#[derive(Args)]
pub(crate) struct Export {
    /// The folder of the courier's stick.
    #[arg(long, value_name = "DIR")]
    pub(crate) to: PathBuf,
    #[command(flatten)]
    pub(crate) who: Who,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

pub(crate) const THREAD: &str = "Example:
  hafan-keys thread 3f2a-91bc-77d0 --reason investigation --vault ./vault --as officer-1

Shows a report, what its writer added to it since, and what was told to them, on one sheet. REF is the report or an addition to it. Making the list and opening each report are written into the access record first.
A long sheet: put | less behind the command. The window still holds what was shown: close it afterwards.";

#[derive(Args)]
pub(crate) struct Thread {
    /// The reference of the report or of an addition, as list shows it.
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) why: Why,
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) headings: Headings,
}
