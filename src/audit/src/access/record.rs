//! A record as a chain: its directories, its lines, the roots in them and the head over them.

use std::collections::BTreeMap;

use super::archive::{self, ArchiveError};
use super::line::{LINE_SIZE_BYTES_MAX, Line};
use crate::checkpoint::{Checkpoint, decimal};
use crate::directory::Directory;
use crate::merkle::{Tree, TreeHash, leaf_hash};
use crate::note::{NOTE_SIZE_BYTES_MAX, Note, NoteError, Vkey};
use crate::report::Report;

/// The parts of an exported record.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parts<'a> {
    /// The head's note.
    pub head: Option<&'a [u8]>,
    /// Directories by sequence.
    pub directories: BTreeMap<u64, &'a [u8]>,
    /// The lines.
    pub entries: &'a [u8],
}

impl<'a> Parts<'a> {
    /// Takes an export apart: `head`, then `directories/{sequence}` in order, then `entries`.
    ///
    /// # Errors
    /// It is no archive of just these.
    pub fn of(export: &'a [u8]) -> Result<Self, ArchiveError> {
        let mut parts = Self::default();
        let mut members = archive::members(export)?.into_iter().peekable();
        parts.head = members
            .next_if(|(name, _)| *name == "head")
            .map(|(_, note)| note);
        let stray = ArchiveError { at: export.len() };
        let sequence = |name: &str| decimal(name.strip_prefix("directories/")?);
        while let Some((name, note)) = members.next_if(|(name, _)| sequence(name).is_some()) {
            let sequence = sequence(name).ok_or(stray)?;
            if parts.directories.keys().any(|before| *before >= sequence) {
                return Err(stray);
            }
            parts.directories.insert(sequence, note);
        }
        match (members.next(), members.next()) {
            (Some(("entries", entries)), None) => parts.entries = entries,
            (_, _) => return Err(stray),
        }
        Ok(parts)
    }
}

/// A record whose lines were followed.
#[derive(Debug, Default)]
pub struct Chain {
    /// The entries whose signature is right, in order.
    pub lines: Vec<Line>,
    /// Directories by sequence, those that the root key has signed.
    pub directories: BTreeMap<u64, Directory>,
    /// The root at each size.
    roots: Vec<TreeHash>,
    /// How many entries the head counts, and its root.
    pub head: Option<Checkpoint>,
}

/// Follows the chain of a record.
pub fn follow(parts: &Parts<'_>, root: &Vkey, report: &mut Report) -> Chain {
    let mut chain = Chain::default();
    for (sequence, note) in &parts.directories {
        let place = format!("directories/{sequence}");
        match Directory::open(note, root) {
            Err(why) => report.found("bad-directory", &place, why.to_string()),
            Ok(directory) if directory.sequence != *sequence => {
                report.found(
                    "bad-directory",
                    &place,
                    "its sequence is another than its name says",
                );
            }
            Ok(directory) => drop(chain.directories.insert(*sequence, directory)),
        }
    }
    let mut lines: Vec<&[u8]> = parts.entries.split(|byte| *byte == b'\n').collect();
    let tail = lines.pop().unwrap_or_default();
    let mut walk = Walk {
        tree: Tree::default(),
        expected: 1,
        is_broken: false,
    };
    chain.roots.push(walk.tree.root());
    for line in &lines {
        walk.line(line, &mut chain, report);
    }
    let count = u64::try_from(lines.len()).unwrap_or(u64::MAX);
    let is_whole = !walk.is_broken;
    head(parts, root, (count, is_whole), &mut chain, report);
    if !tail.is_empty() {
        if tail.len() <= LINE_SIZE_BYTES_MAX {
            report.notice(format!(
                "the last write was interrupted: {} bytes behind entry {count} are no entry yet",
                tail.len()
            ));
        } else {
            report.found(
                "beyond-head",
                format!("entry {}", count + 1),
                "more than any write leaves",
            );
        }
    }
    chain
}

struct Walk {
    tree: Tree,
    /// The number that the next line must have.
    expected: u64,
    /// Whether something before this line is not in its place, so that roots say nothing.
    is_broken: bool,
}

impl Walk {
    fn line(&mut self, bytes: &[u8], chain: &mut Chain, report: &mut Report) {
        let before = self.tree.root();
        self.tree.push(leaf_hash(bytes));
        chain.roots.push(self.tree.root());
        let expected = self.expected;
        let place = format!("entry {expected}");
        let line = match Line::parse(bytes) {
            Ok(line) => line,
            Err(why) => {
                report.found("changed-entry", &place, why.to_string());
                self.is_broken = true;
                self.expected = expected.saturating_add(1);
                return;
            }
        };
        // What nobody has signed says nothing, its number neither.
        if let Err(why) = signed(&line, &chain.directories) {
            report.found("changed-entry", &place, why);
            self.is_broken = true;
            self.expected = expected.saturating_add(1);
            return;
        }
        self.number(&line, report);
        if line.number == expected && line.before != before && !self.is_broken {
            let place = format!("entry {}", expected.saturating_sub(1));
            report.found(
                "replaced-entry",
                place,
                "it is another than the one that the next was written behind",
            );
            self.is_broken = true;
        }
        if let Some(last) = chain.lines.last() {
            if line.date < last.date {
                report.notice(format!(
                    "entry {} is dated before the one before it",
                    line.number
                ));
            }
            if line.directory < last.directory {
                report.notice(format!(
                    "entry {} names an older directory than the one before it",
                    line.number
                ));
            }
        }
        chain.lines.push(line);
    }

    fn number(&mut self, line: &Line, report: &mut Report) {
        let (expected, found) = (self.expected, line.number);
        if found > expected {
            let place = format!("entry {expected}");
            let what = format!(
                "entry {found} stands there: entries {expected} to {} are missing",
                found - 1
            );
            report.found("removed-entry", place, what);
            self.is_broken = true;
        } else if found < expected {
            let what = format!("it stands behind entry {}", expected - 1);
            report.found("reordered-entry", format!("entry {found}"), what);
            self.is_broken = true;
        }
        self.expected = expected.max(found.saturating_add(1));
    }
}

/// The officer must be one of the directory that the entry names, and have signed it.
fn signed(line: &Line, directories: &BTreeMap<u64, Directory>) -> Result<(), String> {
    let sequence = line.directory;
    let directory = directories
        .get(&sequence)
        .ok_or_else(|| format!("directory {sequence} is not with the record"))?;
    let mut officers = directory.officers.iter();
    let key = officers
        .find(|key| key.name() == line.officer)
        .ok_or_else(|| format!("{} is no officer of directory {sequence}", line.officer))?;
    if line.is_by(key) {
        Ok(())
    } else {
        Err(format!("the signature is not that of {}", line.officer))
    }
}

/// The head over so many lines, of which each stands where it was written when the chain is whole.
fn head(
    parts: &Parts<'_>,
    root: &Vkey,
    (count, is_whole): (u64, bool),
    chain: &mut Chain,
    report: &mut Report,
) {
    if count == 0 {
        report.notice("the record has no entry");
    }
    let Some(note) = parts.head else {
        if count > 1 || (count == 0 && !parts.entries.is_empty()) {
            report.found(
                "missing-head",
                "head",
                "there are entries and no head over them",
            );
        } else if count == 1 {
            report.notice("there is one entry and no head over it: the first write was interrupted, or the rest was taken away");
        }
        return;
    };
    let force = force_of(root);
    let head = match open_head(note, force, &chain.directories) {
        Ok(head) => head,
        Err(why) => {
            report.found("bad-head", "head", why);
            return;
        }
    };
    if head.size > count {
        let what = format!(
            "the head counts {} entries, and {count} are there",
            head.size
        );
        report.found("cut-off", format!("entry {}", count + 1), what);
    } else if count > head.size + 1 {
        let what = format!(
            "the head counts {} entries, and {count} are there",
            head.size
        );
        report.found("beyond-head", format!("entry {}", head.size + 2), what);
    } else if count > head.size {
        report.notice(format!(
            "entry {count} is written, and the head does not count it yet"
        ));
    }
    let found = chain.root(head.size);
    if is_whole && found.is_some_and(|root| root != head.root) {
        let place = format!("entry {}", head.size);
        report.found(
            "replaced-entry",
            place,
            "the head is over another entry in its place",
        );
    }
    chain.head = Some(head);
}

impl Chain {
    /// The root over the first so many lines.
    #[must_use]
    pub fn root(&self, size: u64) -> Option<TreeHash> {
        self.roots.get(usize::try_from(size).ok()?).copied()
    }
}

/// The force of a root key, `hafan/{force}/root`.
#[must_use]
pub fn force_of(root: &Vkey) -> &str {
    let name = root.name().strip_prefix("hafan/");
    name.and_then(|name| name.strip_suffix("/root"))
        .unwrap_or_default()
}

/// A head that an officer of any of the directories has signed.
///
/// # Errors
/// None has, or it is the head of something else.
pub fn open_head(
    note: &[u8],
    force: &str,
    directories: &BTreeMap<u64, Directory>,
) -> Result<Checkpoint, String> {
    let note = Note::parse(note, NOTE_SIZE_BYTES_MAX).map_err(|why| why.to_string())?;
    let officers = directories
        .values()
        .rev()
        .flat_map(|directory| &directory.officers);
    for officer in officers {
        let text = match note.signed_by(officer) {
            Ok(text) => text,
            Err(NoteError::Unsigned) => continue,
            Err(why) => return Err(why.to_string()),
        };
        let (origin, head) = Checkpoint::parse(text).map_err(|why| why.to_string())?;
        return if origin == format!("hafan/{force}/access") {
            Ok(head)
        } else {
            Err("it is the head of something else".to_owned())
        };
    }
    Err("no officer of any directory with the record has signed it".to_owned())
}
