//! The operator's log in a store: notes, the checkpoint over them, and its pin. docs/protocol.md section 9.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::config::Config;
use super::folder::{self, Known, Times};
use crate::checkpoint::Checkpoint;
use crate::directory::Directory;
use crate::failure::Failure;
use crate::files;
use crate::merkle::{Tree, TreeHash, leaf_hash};
use crate::note::{NOTE_SIZE_BYTES_MAX, Vkey};
use crate::published::{self, Published, Release};
use crate::report::Report;

/// The pin's name among the pins.
pub(super) const PIN: &str = "operator.checkpoint";

const CHECKPOINT: &str = "checkpoint";

/// Behind the name of a file that is being written.
const NEXT: &str = ".next";

/// Looks at the folder and at the pin of its checkpoint. Gives the number of leaves.
pub(super) fn check(
    dir: &Path,
    pinned: &Path,
    config: &Config,
    log: &Vkey,
    report: &mut Report,
) -> Result<u64, Failure> {
    let folder = dir.join("operator");
    if !folder.is_dir() {
        report.found("missing-file", "operator", "a store has it");
        return Ok(0);
    }
    let known = |name: &str| match name.strip_suffix(NEXT) {
        // Its times are set after its bytes are written.
        Some(whole) if is_known(whole) => Known::File(Times::Any),
        None if is_known(name) => Known::File(Times::Days),
        Some(_) | None => Known::Stray,
    };
    let key = log.renamed(&format!("{}/operator", log.name()));
    let mut files = Files {
        notes: Vec::new(),
        head: None,
    };
    for (name, path) in folder::list(&folder, "operator", &known, report)? {
        if let Some(whole) = name.strip_suffix(NEXT) {
            interrupted(
                &path,
                &format!("operator/{name}"),
                whole,
                config,
                &key,
                report,
            )?;
        } else if name == CHECKPOINT {
            files.head = head(&path, "operator/checkpoint", &key, report)?;
        } else if let Some(leaf) = leaf(&name) {
            files.notes.push((leaf, path));
        }
    }
    let roots = notes(&files.notes, config, report)?;
    let place = "operator/checkpoint";
    let Some(head) = &files.head else {
        if !folder.join(CHECKPOINT).is_file() {
            report.found("missing-file", place, "the operator's log has it");
        }
        return Ok(0);
    };
    compare(place, head, &roots, report);
    let beyond = roots.len().saturating_sub(1);
    let beyond = u64::try_from(beyond)
        .unwrap_or(u64::MAX)
        .saturating_sub(head.size);
    if beyond > 0 {
        report.notice(format!(
            "{beyond} notes of the operator's log were written and never signed for: the next start takes them away"
        ));
    }
    let next = pinned.join(format!("{PIN}{NEXT}"));
    if next.is_file() {
        let place = format!("pinned/{PIN}{NEXT}");
        interrupted(&next, &place, CHECKPOINT, config, &key, report)?;
    }
    pin(&pinned.join(PIN), head, &roots, &key, report)?;
    Ok(head.size)
}

struct Files {
    notes: Vec<(u64, PathBuf)>,
    head: Option<Checkpoint>,
}

fn is_known(name: &str) -> bool {
    name == CHECKPOINT || leaf(name).is_some()
}

/// `NNNNNNNN.note`: the index of a leaf.
fn leaf(name: &str) -> Option<u64> {
    let number = name.strip_suffix(".note")?;
    let leaf: u64 = number.parse().ok()?;
    (format!("{leaf:08}") == number).then_some(leaf)
}

fn head(
    path: &Path,
    place: &str,
    key: &Vkey,
    report: &mut Report,
) -> Result<Option<Checkpoint>, Failure> {
    let note = files::read_needed(path, NOTE_SIZE_BYTES_MAX)?;
    match Checkpoint::open(&note, key) {
        Ok(head) => Ok(Some(head)),
        Err(why) => {
            report.found("bad-checkpoint", place, why.to_string());
            Ok(None)
        }
    }
}

/// Reads the notes in order; gives the root at each size, from 0.
fn notes(
    notes: &[(u64, PathBuf)],
    config: &Config,
    report: &mut Report,
) -> Result<Vec<TreeHash>, Failure> {
    let mut tree = Tree::default();
    let mut roots = vec![tree.root()];
    // Of each force, and of the site (none): the newest sequence, and whether keys of the configuration signed it.
    let mut newest: BTreeMap<Option<String>, (u64, bool, String)> = BTreeMap::new();
    for ((leaf, path), wanted) in notes.iter().zip(0..) {
        let place = format!("operator/{leaf:08}.note");
        if *leaf != wanted {
            let what = "the notes are numbered from 0 without a gap";
            report.found("missing-file", format!("operator/{wanted:08}.note"), what);
            break;
        }
        let note = files::read_needed(path, published::NOTE_SIZE_BYTES_MAX)?;
        let published = match Published::read(&note) {
            Ok(published) => published,
            Err(why) => {
                report.found("altered-note", place, why.to_string());
                break;
            }
        };
        let entry = published.leaf(&note);
        tree.push(leaf_hash(&entry.encode()));
        roots.push(tree.root());
        let of = match &published {
            Published::Directory(directory) => Some(directory.force.clone()),
            Published::Release(_) => None,
        };
        let sequence = published.sequence();
        let is_signed = is_signed(&published, &note, config);
        let before = newest.insert(of, (sequence, is_signed, place.clone()));
        if let Some((before, ..)) = before
            && before >= sequence
        {
            let what = format!("its sequence is {sequence}, and {before} was logged before it");
            report.found("sequence", place, what);
        }
    }
    for (_, is_signed, place) in newest.into_values() {
        if !is_signed {
            let what =
                "it is the newest of its kind, and not signed by the keys of the configuration";
            report.found("altered-note", place, what);
        }
    }
    Ok(roots)
}

/// Whether the keys of the configuration signed a note.
fn is_signed(published: &Published, note: &[u8], config: &Config) -> bool {
    match published {
        Published::Directory(directory) => {
            let root = config.forces.get(&directory.force);
            root.is_some_and(|root| Directory::open(note, root).is_ok())
        }
        Published::Release(_) => Release::open(note, &config.release_keys).is_ok(),
    }
}

/// The head must be of the tree of the notes.
fn compare(place: &str, head: &Checkpoint, roots: &[TreeHash], report: &mut Report) {
    let at = usize::try_from(head.size).unwrap_or(usize::MAX);
    match roots.get(at) {
        Some(root) if *root == head.root => {}
        Some(_) => report.found("fork", place, "it is of another tree than the notes are"),
        None => {
            let what = format!(
                "{} leaves were published, and there are {} notes that can be read: it was set back or cut",
                head.size,
                roots.len().saturating_sub(1)
            );
            report.found("rolled-back", place, what);
        }
    }
}

fn pin(
    path: &Path,
    newest: &Checkpoint,
    roots: &[TreeHash],
    key: &Vkey,
    report: &mut Report,
) -> Result<(), Failure> {
    let place = format!("pinned/{PIN}");
    if !path.is_file() {
        report.found("missing-pin", place, "the operator's log has no pin");
        return Ok(());
    }
    let Some(pinned) = head(path, &place, key, report)? else {
        return Ok(());
    };
    compare(&place, &pinned, roots, report);
    if pinned.size < newest.size {
        let behind = newest.size - pinned.size;
        report.notice(format!(
            "{place} is behind the operator's log by {behind} leaves"
        ));
    }
    Ok(())
}

/// What was being written when the machine stopped: the beginning of something that was to be published, or a
/// checkpoint.
fn interrupted(
    path: &Path,
    place: &str,
    whole: &str,
    config: &Config,
    key: &Vkey,
    report: &mut Report,
) -> Result<(), Failure> {
    let bytes = files::read_needed(path, published::NOTE_SIZE_BYTES_MAX)?;
    let is_expected = if whole == CHECKPOINT {
        Checkpoint::open(&bytes, key).is_ok() || super::places::is_beginning(&bytes, key.name())
    } else {
        let end = bytes.iter().rposition(|byte| *byte != 0);
        let (begun, _) = bytes.split_at(end.map_or(0, |last| last + 1));
        let mut sources: Vec<PathBuf> = config
            .forces
            .keys()
            .map(|force| config.directories.join(format!("{force}.directory")))
            .collect();
        sources.push(config.release.clone());
        let mut is_one = false;
        for source in sources {
            let source = files::read(&source, published::NOTE_SIZE_BYTES_MAX)
                .map_err(|error| Failure::read(&source, error))?;
            is_one |= source.is_some_and(|source| source.starts_with(begun));
        }
        is_one
    };
    if is_expected {
        report.notice(format!("{place} was being written"));
    } else {
        let what = "it is not the beginning of anything that is to be published";
        report.found("changed-file", place, what);
    }
    Ok(())
}
