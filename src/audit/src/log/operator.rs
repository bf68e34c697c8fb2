//! The operator's log: is every leaf of it a directory or release that is there to read, and is the directory that is
//! served the newest in it? docs/protocol.md section 9.

use std::collections::BTreeMap;

use super::one::Audit;
use super::source::Log;
use super::state::{Kept, StateFile};
use super::{Options, Reading};
use crate::directory::Directory;
use crate::entry::{Entry, Kind, Row};
use crate::failure::Failure;
use crate::progress;
use crate::published::{self, Published, Standing, directory_leaf, standing};
use crate::report::Report;

/// Looks at the log, at what its leaves stand for, and at the directory that is served.
pub(super) fn look(
    audit: &Audit<'_>,
    options: &Options,
    kept: &mut Kept,
    state: Option<&mut StateFile>,
    report: &mut Report,
) -> Result<(), Failure> {
    let seen = kept.operator.newest().map_or(0, |(head, _)| head.size);
    let Some(head) = audit.run(kept, state, report)? else {
        return Ok(());
    };
    let entries = published::entries(&head, |number, width| {
        let found = audit.log.tile(Row::Entries, number, width)?;
        Ok(found.map(|(bundle, _)| bundle))
    })?;
    // What is wrong with one was found when they were read before; and what has the signed root is in it.
    let Some(entries) = entries else {
        if report.is_clean() {
            let what = "its entries are not what they were when they were first read";
            report.found("altered-tile", "operator/tile/entries", what);
        }
        return Ok(());
    };
    let first = match options.reading {
        Reading::All => 0,
        Reading::NewOnly => seen,
    };
    notes(&audit.log, options, &entries, first, report)?;
    let path = format!("v1/forces/{}/directory", options.force);
    // A new one may have been put into the log and given out since the one before was fetched.
    if let Some(note) = options.source.get(&path)? {
        served(
            &path,
            &directory_leaf(&options.force, &note),
            &entries,
            report,
        );
    } else {
        report.notice(format!("{path} is not there"));
    }
    Ok(())
}

/// Each leaf's note: there, of that leaf, sound, and of a higher number than the one before of the same.
fn notes(
    log: &Log<'_>,
    options: &Options,
    entries: &[Entry],
    first: u64,
    report: &mut Report,
) -> Result<(), Failure> {
    let mut newest: BTreeMap<Option<String>, u64> = BTreeMap::new();
    let count = u64::try_from(entries.len()).unwrap_or(u64::MAX);
    let bar = progress::bar("notes of the operator's log", count.saturating_sub(first));
    let skipped = usize::try_from(first).unwrap_or(usize::MAX);
    for (leaf, entry) in (0..count).zip(entries).skip(skipped) {
        bar.inc(1);
        let place = format!("operator/notes/{leaf}");
        if !matches!(entry.kind, Kind::Directory | Kind::Release) {
            let what = "it is of a kind that is none of the operator's log";
            report.found("unknown-kind", format!("operator/leaf {leaf}"), what);
            continue;
        }
        let Some(note) = log.get(&format!("notes/{leaf}"))? else {
            report.found("missing-note", place, "there is no note of this leaf");
            continue;
        };
        let published = match Published::read(&note) {
            Ok(published) if published.leaf(&note) == *entry => published,
            Ok(_) => {
                report.found("altered-note", place, "it is not the note of its leaf");
                continue;
            }
            Err(why) => {
                report.found("altered-note", place, why.to_string());
                continue;
            }
        };
        let of = match &published {
            Published::Directory(directory) => Some(directory.force.clone()),
            Published::Release(_) => None,
        };
        if of.as_ref() == Some(&options.force) {
            signed(&place, &note, options, report);
        }
        let sequence = published.sequence();
        let before = newest.insert(of, sequence);
        if let Some(before) = before.filter(|before| *before >= sequence) {
            let what = format!("its sequence is {sequence}, and {before} was logged before it");
            report.found("sequence", place, what);
        }
    }
    bar.finish_and_clear();
    report.looked_at("directories and releases", entries.len().to_string());
    Ok(())
}

/// A directory of the force must be signed by its root key, or one that it had before.
fn signed(place: &str, note: &[u8], options: &Options, report: &mut Report) {
    let roots = options.root.iter().chain(&options.former_roots);
    let mut refused = None;
    for root in roots {
        match Directory::open(note, root) {
            Ok(_) => return,
            Err(why) => refused = refused.or(Some(why)),
        }
    }
    if let Some(why) = refused {
        let what = format!("{why}; if the force had another root key, give it with --former-root");
        report.found("bad-directory", place, what);
    }
}

/// What is served must be the newest of its kind.
fn served(path: &str, leaf: &Entry, entries: &[Entry], report: &mut Report) {
    match standing(leaf, entries) {
        Standing::Newest => {}
        Standing::Older { newest } => {
            let what = format!("leaf {newest} of the operator's log is a newer one");
            report.found("older-directory", path, what);
        }
        Standing::Unlogged => {
            let what = "it is served, and is not in the operator's log";
            report.found("unlogged-directory", path, what);
        }
    }
}
