//! What can be typed: verbs, flags and their help.

pub(crate) mod contact;
pub(crate) mod export;
pub(crate) mod keys;
mod places;
pub(crate) mod reader;
pub(crate) mod record;
pub(crate) mod release;
pub(crate) mod replies;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use hafan_directory::Force;
use hafan_record::{Reason, ReasonCode, Words};
use hafan_report::Language;
use jiff::civil::Date;

use crate::failure::{Failure, Kind};

const ABOUT: &str = "The officers' offline tool: makes a force's keys, takes in sealed reports, opens them.

Works without a network and opens no connection. Reports are opened in memory; nothing of them is written to the disk but what export is told to write.";

const EXIT_CODES: &str = "Exit codes:
  0  done
  1  the answer is no: not verified, wrong passphrase, or reports are missing
  2  wrong usage
  3  cannot read what it needs
  4  refused for safety";

#[derive(Parser)]
#[command(name = "hafan-keys", version, about = ABOUT, after_help = EXIT_CODES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Subcommand)]
pub(crate) enum Verb {
    /// Make all keys of a force, with a printable record.
    #[command(after_help = CEREMONY, override_usage = "hafan-keys ceremony --force FORCE --officers N --quorum K --weeks W\n           --log VKEY_OR_FILE --out DIR [OPTIONS]")]
    Ceremony(Ceremony),
    /// Open who a report is from: enough officers together, or nobody.
    #[command(subcommand)]
    Contact(contact::Contact),
    /// Sign a new version of the force's directory.
    #[command(subcommand)]
    Directory(keys::Directory),
    /// Write one report out as an evidence package.
    #[command(after_help = export::EXPORT)]
    Export(export::Export),
    /// Verify bundles from the courier and take them into the vault. Shows no report.
    #[command(after_help = IMPORT)]
    Import(Import),
    /// Show one line for each report in the vault.
    #[command(after_help = LIST)]
    List(List),
    /// Officers who come and officers who leave.
    #[command(subcommand)]
    Officers(keys::Officers),
    /// Show one report, as asked and answered.
    #[command(after_help = READ)]
    Read(Read),
    /// List and read reports on the whole terminal.
    #[command(after_help = reader::READER)]
    Reader(reader::Reader),
    /// The access record: who opened what, and why.
    #[command(subcommand)]
    Record(record::Record),
    /// For those who release the site: sign what reporters' browsers are given.
    #[command(subcommand)]
    Release(release::Release),
    /// Answer the person who sent a report, if they took words.
    #[command(after_help = replies::REPLY)]
    Reply(replies::Reply),
    /// What goes back to people who took words.
    #[command(subcommand)]
    Replies(replies::Replies),
    /// Destroy the key of a week, and so make its reports unreadable for ever.
    #[command(after_help = keys::RETIRE)]
    Retire(keys::Retire),
    /// Show a report, what was added to it and what was answered, on one sheet.
    #[command(after_help = replies::THREAD)]
    Thread(replies::Thread),
}

const CEREMONY: &str = "Example:
  hafan-keys ceremony --force btp --officers 5 --quorum 3 --weeks 12 \\
      --log reports.example.org/hafan+1a2b3c4d+AbCd… --out ./btp-keys

Makes in DIR:
  operator/btp.directory   for the operator of the server
  courier/courier-1.key    for the courier's machine; one file a courier
  root/                    for the safe: signs the directory
  record.html, .json       to print and sign; the same for machines
and in the vault (DIR/vault, or --vault), for the offline workstation: the officers' keys, the intake keys and the key for answers.
All of it appears at the end, at once. An interrupted ceremony leaves only a folder whose name ends in .partial.

A passphrase has at least 16 characters.";

#[derive(Args)]
pub(crate) struct Ceremony {
    /// The force, such as btp or dyfed-powys.
    #[arg(long)]
    pub(crate) force: Force,
    /// How many officers hold a key.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) officers: u8,
    /// How many officers together may open a sealed contact.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) quorum: u8,
    /// How many weeks of intake keys, this week included.
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=53))]
    pub(crate) weeks: u8,
    /// How many couriers fetch reports, each with a key of its own.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=20))]
    pub(crate) couriers: u8,
    /// Another force, which is going to read reports that involve this force's own people.
    #[arg(long, value_name = "FORCE")]
    pub(crate) police_suspect: Option<Force>,
    /// The server's log key: a vkey, or a file that holds one.
    #[arg(long, value_name = "VKEY_OR_FILE")]
    pub(crate) log: String,
    /// A folder that is not there yet.
    #[arg(long, value_name = "DIR")]
    pub(crate) out: PathBuf,
    /// Where the vault is to be made, if not in DIR/vault.
    #[arg(long, value_name = "DIR")]
    pub(crate) vault: Option<PathBuf>,
    /// A day of the first week, if not today.
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) start: Option<Date>,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseFile,
}

const IMPORT: &str = "Example:
  hafan-keys import /media/stick/bundle-*.tar --vault ./vault --as officer-1

Takes bundles in by year and leaf, whatever their order on the line, if they are named as the courier names them.
Checks every signature, that nothing was withheld, left out or rewritten since the last bundle, and each sealed report against the log. Only then does it take anything in, all at once.
The access record says who took which bundle in, so it asks for the passphrase of an officer.
A missing or damaged report is named, and so is a page of answers that this vault did not make; the rest is taken in, and the exit code is 1.
Each new report is then opened in memory, to see whether its writer took words: who did is told that it was collected, with the next replies export. One that does not open is tried again with the next that come. That too is in the access record, and nothing of a report is shown or kept. If it cannot be done, the reports are taken in all the same, and why is said at the end.
The same bundle again changes nothing, and neither does one that begins earlier: what was missing before is filled in, and what is new is added.";

#[derive(Args)]
pub(crate) struct Import {
    /// The bundles from the courier, in any order. The first that is refused ends it; those before it stay.
    #[arg(value_name = "BUNDLE", required = true)]
    pub(crate) bundles: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) who: Who,
    /// Take a bundle in although the directory in it is not valid today. For a bundle that lay about too long; first make sure that this machine's clock is right.
    #[arg(long)]
    pub(crate) accept_expired: bool,
    /// For machines: a JSON document a line, one for each bundle.
    #[arg(long)]
    pub(crate) json: bool,
}

const LIST: &str = "Example:
  hafan-keys list --vault ./vault --as officer-1

Reports with a flag come first (danger, child, last-7-days, still-happening, police-suspect, others-at-risk), then those that cannot be opened, then the newest. What was added to a report stands behind it, and a report is as urgent as what was added to it. That the list was made is written to the access record first. The columns: reference, week of the key, route, language (en or cy), new or read, number of files, flags.
A week whose key is missing is named, and every other report is shown.";

#[derive(Args)]
pub(crate) struct List {
    #[command(flatten)]
    pub(crate) who: Who,
    /// For machines: one JSON document.
    #[arg(long)]
    pub(crate) json: bool,
}

const READ: &str = "Example:
  hafan-keys read 3f2a-91bc-77d0 --reason first-reading --vault ./vault --as officer-1

Who reads it and why is written to the access record first; if that cannot be done, nothing is opened.
REF is what list shows, or enough of its beginning to be the only one. Characters that could deceive on a terminal are shown as visible escapes such as \\u{202e}.
A long report: put | less behind the command. The window still holds what was shown: close it afterwards.";

#[derive(Args)]
pub(crate) struct Read {
    /// The report's reference, as list shows it.
    #[arg(value_name = "REF")]
    pub(crate) reference: String,
    #[command(flatten)]
    pub(crate) why: Why,
    #[command(flatten)]
    pub(crate) who: Who,
    #[command(flatten)]
    pub(crate) headings: Headings,
    /// For machines: the report's own JSON, exactly as it was sealed.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Args)]
pub(crate) struct Who {
    /// The vault.
    #[arg(long, value_name = "DIR")]
    pub(crate) vault: PathBuf,
    /// Whose key to use, such as officer-1.
    #[arg(long = "as", value_name = "OFFICER")]
    pub(crate) officer: String,
    #[command(flatten)]
    pub(crate) passphrases: PassphraseFile,
}

/// Why an officer does what is going to be recorded.
#[derive(Args)]
pub(crate) struct Why {
    /// Why: first-reading, safeguarding, investigation, disclosure, asked, review, audit, exercise or other.
    #[arg(long, value_name = "REASON")]
    pub(crate) reason: ReasonCode,
    /// What to add in words: one short line, of no person's name. Needed with other.
    #[arg(long, value_name = "WORDS")]
    pub(crate) words: Option<Words>,
}

impl Why {
    /// The reason as it is recorded.
    pub(crate) fn reason(&self) -> Result<Reason, Failure> {
        Reason::new(self.reason, self.words.clone()).map_err(|why| {
            let what = "the reason is not complete";
            Failure::new(Kind::Usage, what, "say it in a few words after --words").because(why)
        })
    }
}

/// In which language a report's headings are; what was asked and answered stays as it is.
#[derive(Args)]
pub(crate) struct Headings {
    /// The language of headings and marks, English or Welsh.
    #[arg(long = "headings", value_name = "LANGUAGE", value_enum, default_value_t = EnOrCy::En)]
    language: EnOrCy,
}

impl Headings {
    pub(crate) const fn language(&self) -> Language {
        self.language.language()
    }
}

/// A language, as it is named on the line.
#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum EnOrCy {
    /// English.
    En,
    /// Welsh.
    Cy,
}

impl EnOrCy {
    pub(crate) const fn language(self) -> Language {
        match self {
            Self::En => Language::English,
            Self::Cy => Language::Welsh,
        }
    }
}

#[derive(Args)]
pub(crate) struct PassphraseFile {
    /// For scripts: passphrases in a file of mode 0600, lines such as 'officer-1: …'.
    #[arg(long, value_name = "FILE")]
    pub(crate) passphrase_file: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn every_verb_is_one_that_clap_takes() {
        super::Cli::command().debug_assert();
    }
}
