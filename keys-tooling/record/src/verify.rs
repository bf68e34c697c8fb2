//! Recomputes a whole record, and names each entry that is not as it was written.
//!
//! An officer's signature stands under every entry, its number and the root of the tree before it are in what is
//! signed, and the head is signed too. Whoever has no officer's key can change nothing unseen. An officer can sign
//! anew what they alone signed last; that shows against any head that someone else kept. Nobody can see that a
//! record was set back as a whole together with the vault unless a later head was kept elsewhere.

use std::collections::{BTreeMap, BTreeSet};

use hafan_directory::Force;
use hafan_tlog::{Frontier, Hash, Verifier, leaf_hash};

use crate::finding::{Finding, Notice};
use crate::head::Head;
use crate::material::{Material, bound};
use crate::officers::Officers;
use crate::record::is_torn;
use crate::statement::Entry;

/// A head that is known from elsewhere: kept in the vault, printed, or sent to the auditors.
pub struct KnownHead<'a> {
    /// Where it is from, for the finding.
    pub name: &'a str,
    /// Its note.
    pub note: &'a [u8],
}

/// What a verification found.
#[derive(Debug)]
pub struct Verification {
    /// How many entries the head counts.
    pub size: u64,
    /// Root of the tree of that size as recomputed; `None` when there are not so many.
    pub root: Option<Hash>,
    /// The entries whose signature is right, in the order in which they stand.
    pub entries: Vec<Entry>,
    /// What cannot be in a record that was only appended to. Empty: the record is whole.
    pub findings: Vec<Finding>,
    /// What honest use can leave.
    pub notices: Vec<Notice>,
}

/// Recomputes everything. `root` is the force's root key, from a source that is trusted.
#[must_use]
pub fn verify(
    material: &Material,
    force: &Force,
    root: &Verifier,
    known: &[KnownHead<'_>],
) -> Verification {
    let mut walk = Walk::default();
    let officers = walk.officers(material, root);
    let (lines, tail) = split(&material.entries);
    for line in &lines {
        walk.line(line, &officers);
    }
    let head = walk.head(material, force, &officers, lines.len());
    let size = head.as_ref().map_or(0, |head| head.size);
    walk.numbers(size);
    walk.ending(tail, head.as_ref(), &lines);
    if let Some(head) = &head {
        walk.root(head);
    }
    for head in known {
        walk.known(head, force, &officers, size);
    }
    Verification {
        size,
        root: walk.roots.get(&size).copied(),
        entries: walk.entries,
        findings: walk.findings,
        notices: walk.notices,
    }
}

/// Cuts into whole lines, and what follows the last line end.
pub(crate) fn split(entries: &[u8]) -> (Vec<&[u8]>, &[u8]) {
    let mut lines: Vec<&[u8]> = entries.split(|byte| *byte == b'\n').collect();
    let tail = lines.pop().unwrap_or_default();
    (lines, tail)
}

#[derive(Default)]
struct Walk {
    tree: Frontier,
    /// Root by size, for heads to be compared with.
    roots: BTreeMap<u64, Hash>,
    /// The number of each line: its own, or by where it stands when it has none that counts.
    numbers: Vec<u64>,
    entries: Vec<Entry>,
    /// Whether the tree so far is of lines that are all in their places, so that roots say something.
    is_broken: bool,
    last: Option<Entry>,
    findings: Vec<Finding>,
    notices: Vec<Notice>,
}

impl Walk {
    fn officers(&mut self, material: &Material, root: &Verifier) -> Officers {
        self.roots.insert(0, self.tree.root());
        let mut officers = Officers::new();
        for (sequence, note) in &material.directories {
            let sequence = *sequence;
            if let Err(why) = officers.add(sequence, note, root) {
                let why = why.to_string();
                self.findings.push(Finding::Directory { sequence, why });
            }
        }
        officers
    }

    fn line(&mut self, line: &[u8], officers: &Officers) {
        let before = self.tree.root();
        self.tree.push(leaf_hash(line));
        self.roots.insert(self.tree.size(), self.tree.root());
        let expected = self.numbers.last().map_or(1, |last| last.saturating_add(1));
        match Entry::open(line, officers) {
            Err(why) => {
                // A number that a forger wrote is good enough to say which entry is meant, if it is free.
                let claimed = Entry::claimed(line).map(|entry| entry.number);
                let free = claimed.filter(|number| !self.numbers.contains(number));
                let number = free.unwrap_or(expected);
                self.findings.push(Finding::Changed { number, why });
                self.numbers.push(number);
                self.is_broken = true;
            }
            Ok(entry) => {
                if entry.number != expected {
                    self.is_broken = true;
                } else if entry.before != before && !self.is_broken {
                    self.replaced();
                }
                self.order(&entry);
                self.numbers.push(entry.number);
                self.entries.push(entry.clone());
                self.last = Some(entry);
            }
        }
    }

    /// Every root up to the entry before was right, and this one is not: the entry before is another.
    fn replaced(&mut self) {
        self.is_broken = true;
        if let Some(last) = &self.last {
            self.findings.push(Finding::Replaced {
                number: last.number,
                officer: last.officer.clone(),
            });
        }
    }

    fn order(&mut self, entry: &Entry) {
        let number = entry.number;
        let Some(last) = &self.last else { return };
        if entry.number != last.number.saturating_add(1) {
            return;
        }
        if entry.date < last.date {
            self.notices.push(Notice::DateBack { number });
        }
        if entry.directory < last.directory {
            self.notices.push(Notice::DirectoryBack { number });
        }
    }

    fn head(
        &mut self,
        material: &Material,
        force: &Force,
        officers: &Officers,
        lines: usize,
    ) -> Option<Head> {
        match &material.head {
            // The very first append can be cut before it has a head.
            None if lines <= 1 => None,
            None => {
                self.findings.push(Finding::NoHead);
                None
            }
            Some(note) => match Head::open(note, force, officers) {
                Ok(head) => Some(head),
                Err(why) => {
                    self.findings.push(Finding::Head(why));
                    None
                }
            },
        }
    }

    /// Names what is missing, out of place or there twice, by the numbers alone.
    fn numbers(&mut self, size: u64) {
        let mut seen = BTreeSet::new();
        let mut largest = 0;
        for number in self.numbers.clone() {
            if !seen.insert(number) {
                self.findings.push(Finding::Repeated { number });
            } else if number < largest {
                let after = largest;
                self.findings.push(Finding::Reordered { number, after });
            }
            largest = largest.max(number);
        }
        let mut expected: u64 = 1;
        for number in seen {
            if number > expected {
                self.findings.push(Finding::Removed {
                    first: expected,
                    last: number.saturating_sub(1),
                });
            }
            expected = number.saturating_add(1);
        }
        if expected <= size {
            self.findings.push(Finding::CutOff {
                first: expected,
                last: size,
            });
        }
    }

    /// Judges what follows the last entry that the head counts.
    fn ending(&mut self, tail: &[u8], head: Option<&Head>, lines: &[&[u8]]) {
        let size = head.map_or(0, |head| head.size);
        let count = bound(lines.len());
        let beyond = count.saturating_sub(size);
        if (head.is_none() && count > 1) || (beyond == 0 && tail.is_empty()) {
            // Without a head that counts, that is what was found.
            return;
        }
        let torn = match lines.last() {
            Some(line) if beyond == 1 && tail.is_empty() => {
                is_torn(line, true).then_some(line.len())
            }
            Some(_) | None => (beyond == 0 && is_torn(tail, false)).then_some(tail.len()),
        };
        let is_entry = beyond == 1
            && tail.is_empty()
            && self.last.as_ref().is_some_and(|last| last.number == count);
        if is_entry {
            if self.findings.is_empty() {
                self.notices.push(Notice::Pending { number: count });
            }
            return;
        }
        // What follows was never counted: it is not an entry that was changed.
        self.findings.retain(
            |finding| !matches!(finding, Finding::Changed { number, .. } if *number > size),
        );
        match torn {
            Some(torn) => self.notices.push(Notice::Torn {
                size: bound(torn),
                after: size,
            }),
            None => self.findings.push(Finding::Beyond { size }),
        }
    }

    fn root(&mut self, head: &Head) {
        let Some(wanted) = self.roots.get(&head.size) else {
            return;
        };
        if *wanted == head.root || self.is_broken || !self.findings.is_empty() {
            return;
        }
        // Every entry holds the root before it, so only the last can be another without one of them saying so.
        let last = self.entries.iter().find(|entry| entry.number == head.size);
        self.findings.push(last.map_or(
            Finding::Root {
                size: head.size,
                found: head.root,
                wanted: *wanted,
            },
            |last| Finding::Replaced {
                number: last.number,
                officer: last.officer.clone(),
            },
        ));
    }

    fn known(&mut self, known: &KnownHead<'_>, force: &Force, officers: &Officers, size: u64) {
        let name = known.name.to_owned();
        let head = match Head::open(known.note, force, officers) {
            Ok(head) => head,
            Err(why) => {
                self.findings.push(Finding::Known { name, why });
                return;
            }
        };
        if head.size > size {
            self.findings.push(Finding::SetBack {
                name,
                found: size,
                wanted: head.size,
            });
        } else if self
            .roots
            .get(&head.size)
            .is_some_and(|root| *root != head.root)
        {
            let size = head.size;
            self.findings.push(Finding::Rewritten { name, size });
        }
    }
}
