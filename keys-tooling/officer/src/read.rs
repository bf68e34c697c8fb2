//! `read`: one report, as asked and answered, on the terminal and nowhere else.

use std::process::ExitCode;

use hafan_report::{Answer, AnswerValue, FileEntry, Metadata};
use zeroize::Zeroizing;

use crate::cli::Read;
use crate::failure::{Failure, Kind, print, say};
use crate::keyring::{Keyring, Opened};
use crate::list::{language, route};
use crate::passphrase::Passphrases;
use crate::reference::Reference;
use crate::state::State;
use crate::text;
use crate::vault::{Held, Vault};

/// Wider lines are hard to read.
const COLUMNS_MAX: usize = 100;

pub(crate) fn run(args: &Read) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let held = vault.held()?;
    let (held, reference) = find(&held, &args.reference)?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let mut keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let opened = keys.open(held).map_err(|why| {
        Failure::new(
            Kind::No,
            format!("the report {reference} cannot be opened: {why}"),
            "try another officer's key; if none opens it, keep the vault as it is and tell the auditors",
        )
    })?;
    mark_read(&vault, held);
    if args.json {
        let json = opened.report.encode();
        // Strict UTF-8 by construction; a terminal is not what this form is for.
        print(&Zeroizing::new(format!(
            "{}\n",
            String::from_utf8_lossy(&json)
        )))?;
    } else {
        print(&as_text(&opened, held, &reference))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// That a report cannot be marked keeps nobody from reading it.
fn mark_read(vault: &Vault, held: &Held) {
    let marked = vault
        .lock()
        .and_then(|_lock| State::open(vault)?.mark_read(&held.h));
    if let Err(why) = marked {
        say(&format!("note: this report stays marked as new: {why}"));
    }
}

pub(crate) fn find<'a>(held: &'a [Held], typed: &str) -> Result<(&'a Held, Reference), Failure> {
    let references: Vec<Reference> = held.iter().map(Held::reference).collect();
    let found: Vec<&Held> = held
        .iter()
        .filter(|held| held.reference().matches(typed))
        .collect();
    match found.as_slice() {
        [one] => Ok((one, one.reference().among(references.iter()))),
        [] => Err(Failure::new(
            Kind::No,
            "no report in this vault has that reference",
            "hafan-keys list shows the references; four digits of one are enough when no other \
             begins with them",
        )),
        more => {
            let all: Vec<String> = more
                .iter()
                .map(|held| held.reference().among(references.iter()).to_string())
                .collect();
            Err(Failure::new(
                Kind::Usage,
                format!("{} reports begin with that: {}", all.len(), all.join(", ")),
                "give more of it",
            ))
        }
    }
}

fn as_text(opened: &Opened, held: &Held, reference: &Reference) -> Zeroizing<String> {
    let columns = columns();
    let report = &opened.report;
    // Room enough that growing leaves few copies behind; the whole is wiped when dropped.
    let mut shown = Zeroizing::new(String::with_capacity(64 * 1024));
    shown.push_str(&format!("REPORT {reference}\n\n"));
    for (what, value) in [
        ("Force", report.force.clone()),
        ("Key of week", opened.week.id()),
        ("Log", format!("{}, leaf {}", held.year, held.index)),
        ("Route", route(report.route).to_owned()),
        ("Language", language(report.language).to_owned()),
        (
            "Written on",
            format!("{} (by the writer's device)", report.written_on),
        ),
        (
            "Adds to",
            if report.adds_to.is_some() {
                "an earlier report"
            } else {
                "-"
            }
            .to_owned(),
        ),
        (
            "Flags",
            if report.flags.is_empty() {
                "-".to_owned()
            } else {
                report.flags.join(", ")
            },
        ),
    ] {
        shown.push_str(&text::paragraph(&format!("{what:<12} {value}"), 0, columns));
    }
    shown.push_str("\nThe promise shown before sending (");
    shown.push_str(&text::line(&report.promise.id));
    shown.push_str("):\n");
    shown.push_str(&text::block(&report.promise.text, 4, columns));
    for (number, answer) in (1_u32..).zip(&report.answers) {
        push_answer(&mut shown, number, answer, columns);
    }
    push_files(&mut shown, &report.files, columns);
    shown.push_str("\nEnd of the report.\n");
    shown
}

fn push_answer(shown: &mut String, number: u32, answer: &Answer, columns: usize) {
    shown.push('\n');
    let question = text::paragraph(&answer.question, 4, columns);
    shown.push_str(&format!(
        "{number:>2}. {}",
        question.trim_start_matches(' ')
    ));
    match &answer.answer {
        AnswerValue::None if answer.state == hafan_report::State::Skipped => {
            shown.push_str("      [skipped]\n")
        }
        AnswerValue::None => shown.push_str("      [no answer]\n"),
        AnswerValue::Text(words) if words.is_empty() => shown.push_str("      [left empty]\n"),
        AnswerValue::Text(words) => {
            // Each row is marked, so that an answer cannot pass for our own words or the next question.
            for row in Zeroizing::new(text::block(words, 0, columns.saturating_sub(6))).lines() {
                shown.push_str("    | ");
                shown.push_str(row);
                shown.push('\n');
            }
        }
        AnswerValue::Choices(choices) if choices.is_empty() => {
            shown.push_str("      [none chosen]\n");
        }
        AnswerValue::Choices(choices) => {
            for choice in choices {
                let choice = text::paragraph(choice, 8, columns);
                shown.push_str(&format!("    [x] {}", choice.trim_start_matches(' ')));
            }
        }
    }
}

fn push_files(shown: &mut String, files: &[FileEntry], columns: usize) {
    if files.is_empty() {
        shown.push_str("\nFiles: none\n");
        return;
    }
    shown.push_str(&format!(
        "\nFiles: {} (names and types are what the sender said)\n",
        files.len()
    ));
    for (number, file) in (1_u32..).zip(files) {
        let metadata = match file.metadata {
            Metadata::Kept => "metadata kept",
            Metadata::Removed => "metadata removed",
        };
        let name = text::paragraph(&file.name, 4, columns);
        shown.push_str(&format!("{number:>2}. {}", name.trim_start_matches(' ')));
        let about = format!("{}, {} bytes, {metadata}", file.media_type, file.size);
        shown.push_str(&text::paragraph(&about, 4, columns));
    }
}

pub(crate) fn columns() -> usize {
    let size = rustix::termios::tcgetwinsize(std::io::stdout());
    let columns = size.map_or(80, |size| usize::from(size.ws_col));
    if columns == 0 {
        80
    } else {
        columns.clamp(20, COLUMNS_MAX)
    }
}
