//! `hafan-audit access`: does the exported access record of a force hold, and what does it say?
//!
//! The chain, the head and each signature by an officer of that time; then what the entries say of each other. Reads
//! DSSE, in-toto, checkpoints and directories with code of its own.

pub mod archive;
pub mod bundles;
pub mod events;
pub mod html;
pub mod json;
pub mod line;
pub mod record;
pub mod rules;

use std::path::{Path, PathBuf};

use self::bundles::Bundles;
use self::html::Language;
use self::record::{Chain, Parts};
use crate::directory::{DIRECTORY_SIZE_BYTES_MAX, Directory, today};
use crate::failure::{Failure, Kind};
use crate::files;
use crate::note::Vkey;
use crate::report::Report;

/// The largest export that is read: the largest record, and room for its directories.
const EXPORT_SIZE_BYTES_MAX: usize = 512 * 1024 * 1024;

const UNPROVEN: &[&str] = &[
    "that entries were not left out at the end: compare the head with one that was kept elsewhere (--against)",
    "that a reason is true",
    "that what was shown on a screen was not written down, or seen by somebody else",
    "that a copy of the vault on another machine has no record of its own",
];

/// What is asked.
pub struct Options {
    /// The exported record.
    pub record: PathBuf,
    /// The directory as it is published.
    pub directory: PathBuf,
    /// The force's root key.
    pub root: Vkey,
    /// Earlier exports, or heads of them.
    pub against: Vec<PathBuf>,
    /// Bundles that were imported, or folders of them.
    pub bundles: Vec<PathBuf>,
    /// Where the page for a person goes, and in which language.
    pub html: Option<(PathBuf, Language)>,
}

/// Audits an exported record.
///
/// # Errors
/// A file cannot be read, or is no export at all, and nothing was found before.
pub fn audit(options: &Options) -> Result<Report, Failure> {
    Report::of(UNPROVEN, |report| look(options, report))
}

fn look(options: &Options, report: &mut Report) -> Result<(), Failure> {
    let export = files::read_needed(&options.record, EXPORT_SIZE_BYTES_MAX)?;
    let parts = Parts::of(&export).map_err(|why| {
        let what = format!("{} is no exported access record", options.record.display());
        let advice = "give what `hafan-keys record export` wrote; nothing was concluded";
        Failure::new(Kind::Unreachable, what, advice).because(why)
    })?;
    if record::force_of(&options.root).is_empty() {
        let advice = "give the key called hafan/FORCE/root";
        return Err(Failure::new(
            Kind::Usage,
            "that is no force's root key",
            advice,
        ));
    }
    published(options, &parts, report)?;
    let chain = record::follow(&parts, &options.root, report);
    for path in &options.against {
        against(path, &chain, &options.root, report)?;
    }
    let bundles = if options.bundles.is_empty() {
        report.notice(
            "no bundles were given: that each report was imported is not matched submission by submission",
        );
        None
    } else {
        Some(Bundles::read(&options.bundles, &options.root, report)?)
    };
    let contacts = rules::judge(&chain, &parts, bundles.as_ref(), report);
    say(&chain, contacts.len(), report);
    if let Some((path, language)) = &options.html {
        let day = today().to_string();
        let force = record::force_of(&options.root);
        let page = html::page(*language, force, &day, &chain, &contacts, report);
        std::fs::write(path, page).map_err(|error| Failure::write(path, error))?;
    }
    Ok(())
}

/// The directory as published must be one of the same line as those with the record.
fn published(options: &Options, parts: &Parts<'_>, report: &mut Report) -> Result<(), Failure> {
    let note = files::read_needed(&options.directory, DIRECTORY_SIZE_BYTES_MAX)?;
    let directory = match Directory::open(&note, &options.root) {
        Ok(directory) => directory,
        Err(why) => {
            report.found("bad-directory", "the directory given", why.to_string());
            return Ok(());
        }
    };
    let sequence = directory.sequence;
    match parts.directories.get(&sequence) {
        Some(other) if *other != note => {
            let what = "the record has another directory of that sequence: two were signed";
            report.found("directory-fork", format!("directories/{sequence}"), what);
        }
        Some(_) => {}
        None => {
            let newest = parts.directories.keys().max();
            if newest.is_some_and(|newest| *newest > sequence) {
                report.notice(
                    "the record has a newer directory than the one given: is it published?",
                );
            }
        }
    }
    Ok(())
}

/// A head that was kept elsewhere: the record must go on from it.
fn against(path: &Path, chain: &Chain, root: &Vkey, report: &mut Report) -> Result<(), Failure> {
    let bytes = files::read_needed(path, EXPORT_SIZE_BYTES_MAX)?;
    let parts = Parts::of(&bytes).ok();
    let note = parts
        .as_ref()
        .map_or(Some(bytes.as_slice()), |parts| parts.head);
    let place = files::name_of(path);
    let opened =
        note.map(|note| record::open_head(note, record::force_of(root), &chain.directories));
    let head = match opened {
        Some(Ok(head)) => head,
        Some(Err(why)) => {
            report.found("bad-head", place, why);
            return Ok(());
        }
        None => {
            if parts.is_some_and(|parts| !parts.entries.is_empty()) {
                report.found("bad-head", place, "it has entries and no head over them");
            } else {
                report.notice(format!("{place} is of a record without an entry"));
            }
            return Ok(());
        }
    };
    match chain.root(head.size) {
        None => {
            let what = format!("it counts {} entries, more than the record has", head.size);
            report.found("set-back", place, what);
        }
        Some(found) if found != head.root => {
            let what = format!("it is over other entries than the first {} here", head.size);
            report.found("rewritten", place, what);
        }
        Some(_) => {}
    }
    Ok(())
}

fn say(chain: &Chain, contacts: usize, report: &mut Report) {
    report.looked_at("entries", chain.lines.len().to_string());
    report.looked_at("directories", chain.directories.len().to_string());
    let known = chain.lines.iter().filter_map(|line| match &line.done {
        line::Done::Known(event) => event.report(),
        line::Done::Unknown(_) => None,
    });
    let reports: std::collections::BTreeSet<_> = known.collect();
    report.looked_at(
        "reports that were opened or given out",
        reports.len().to_string(),
    );
    report.looked_at("sealed contacts that were opened", contacts.to_string());
    if let Some(head) = &chain.head {
        report.looked_at("head", format!("{} entries, root {}", head.size, head.root));
    }
}
