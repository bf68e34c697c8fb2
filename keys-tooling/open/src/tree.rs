//! What the vault remembers of the logs: how far it has come, and the tree's right edge.
//!
//! Kept as JSON in the vault. It is what the next bundle must continue, so a vault whose tree was lost
//! or changed takes in nothing more. Trusts the workstation's disk for freshness, not for form.

use std::collections::BTreeMap;

use hafan_directory::Force;
use hafan_tlog::{Frontier, Hash};
use serde::{Deserialize, Serialize};

/// One bundle that was taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Import {
    /// Index of its first leaf.
    pub first: u64,
    /// Index after its last leaf.
    pub last: u64,
    /// Root of the log at that size.
    pub root: Hash,
}

/// The log of one year, as far as the vault has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogState {
    frontier: Frontier,
    checkpoint: Vec<u8>,
    imports: Vec<Import>,
}

impl LogState {
    /// Number of leaves in the vault.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.frontier.size()
    }

    /// The signed checkpoint note of that size.
    #[must_use]
    pub fn checkpoint(&self) -> &[u8] {
        &self.checkpoint
    }

    /// What was taken in, in order; each begins where the one before ended.
    #[must_use]
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }
}

/// What the vault of one force remembers of its logs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VaultTree {
    force: Force,
    sequence: u64,
    logs: BTreeMap<u16, LogState>,
}

/// Why a file is not the tree of a vault.
#[derive(Debug, thiserror::Error)]
pub enum TreeError {
    /// Not the JSON that it must be.
    #[error("not the JSON of a vault's tree")]
    Json(#[from] serde_json::Error),
    /// Made by a later version.
    #[error("version {found}, 1 wanted")]
    Version {
        /// The version given.
        found: u64,
    },
    /// A force, a hash or a note is not written as it must be.
    #[error("the {what} of the year {year} is not as it must be")]
    Part {
        /// What is wrong.
        what: &'static str,
        /// Year of the log; 0 for the whole.
        year: u16,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TreeJson {
    version: u64,
    force: String,
    directory_sequence: u64,
    logs: Vec<LogJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct LogJson {
    year: u16,
    size: u64,
    hashes: Vec<String>,
    checkpoint: String,
    imports: Vec<ImportJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ImportJson {
    first: u64,
    last: u64,
    root: String,
}

impl VaultTree {
    /// The tree of a new vault. `sequence` is that of the directory it was made with.
    #[must_use]
    pub const fn new(force: Force, sequence: u64) -> Self {
        Self {
            force,
            sequence,
            logs: BTreeMap::new(),
        }
    }

    /// Whose vault it is.
    #[must_use]
    pub const fn force(&self) -> &Force {
        &self.force
    }

    /// Sequence number of the newest directory that came with a bundle.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// The log of a year; `None` when nothing of it was taken in yet.
    #[must_use]
    pub fn log(&self, year: u16) -> Option<&LogState> {
        self.logs.get(&year)
    }

    /// The logs by year.
    pub fn logs(&self) -> impl Iterator<Item = (u16, &LogState)> {
        self.logs.iter().map(|(year, log)| (*year, log))
    }

    /// The tree of a year's log; without leaves when nothing of it was taken in yet.
    #[must_use]
    pub fn frontier(&self, year: u16) -> Frontier {
        self.log(year)
            .map_or_else(Frontier::new, |log| log.frontier.clone())
    }

    /// This tree with one bundle more. Only `bundle::verify` knows that it may be.
    pub(crate) fn grown(
        &self,
        year: u16,
        frontier: Frontier,
        checkpoint: Vec<u8>,
        import: Import,
        sequence: u64,
    ) -> Self {
        let mut grown = self.clone();
        grown.sequence = sequence;
        let mut imports = grown
            .logs
            .remove(&year)
            .map_or_else(Vec::new, |log| log.imports);
        imports.push(import);
        grown.logs.insert(
            year,
            LogState {
                frontier,
                checkpoint,
                imports,
            },
        );
        grown
    }

    /// The file's bytes.
    ///
    /// # Errors
    /// None in practice: what is a tree can be written.
    pub fn encode(&self) -> Result<Vec<u8>, serde_json::Error> {
        let logs = self.logs.iter().map(|(year, log)| LogJson {
            year: *year,
            size: log.frontier.size(),
            hashes: log
                .frontier
                .hashes()
                .iter()
                .map(|hash| hex::encode(hash.0))
                .collect(),
            checkpoint: String::from_utf8_lossy(&log.checkpoint).into_owned(),
            imports: log.imports.iter().map(ImportJson::of).collect(),
        });
        let mut bytes = serde_json::to_vec_pretty(&TreeJson {
            version: 1,
            force: self.force.to_string(),
            directory_sequence: self.sequence,
            logs: logs.collect(),
        })?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// The first thing that is not as [`Self::encode`] writes it.
    pub fn parse(bytes: &[u8]) -> Result<Self, TreeError> {
        let json: TreeJson = serde_json::from_slice(bytes)?;
        if json.version != 1 {
            return Err(TreeError::Version {
                found: json.version,
            });
        }
        let force = json.force.parse().map_err(|_| TreeError::Part {
            what: "force",
            year: 0,
        })?;
        let mut logs = BTreeMap::new();
        for log in json.logs {
            let year = log.year;
            if logs.insert(year, LogState::parse(log)?).is_some() {
                return Err(TreeError::Part { what: "log", year });
            }
        }
        Ok(Self {
            force,
            sequence: json.directory_sequence,
            logs,
        })
    }
}

impl LogState {
    fn parse(json: LogJson) -> Result<Self, TreeError> {
        let part = |what| TreeError::Part {
            what,
            year: json.year,
        };
        let hashes: Option<Vec<Hash>> = json.hashes.iter().map(|hash| parse_hash(hash)).collect();
        let hashes = hashes.ok_or_else(|| part("tree"))?;
        let frontier = Frontier::from_parts(json.size, hashes).map_err(|_| part("tree"))?;
        let mut imports = Vec::with_capacity(json.imports.len());
        let mut next = 0;
        for import in &json.imports {
            let root = parse_hash(&import.root).ok_or_else(|| part("list of imports"))?;
            if import.first != next || import.last <= import.first {
                return Err(part("list of imports"));
            }
            next = import.last;
            imports.push(Import {
                first: import.first,
                last: import.last,
                root,
            });
        }
        let newest = imports.last().map(|import| (import.last, import.root));
        if newest != Some((frontier.size(), frontier.root())) {
            return Err(part("tree"));
        }
        Ok(Self {
            frontier,
            checkpoint: json.checkpoint.into_bytes(),
            imports,
        })
    }
}

impl ImportJson {
    fn of(import: &Import) -> Self {
        Self {
            first: import.first,
            last: import.last,
            root: hex::encode(import.root.0),
        }
    }
}

fn parse_hash(text: &str) -> Option<Hash> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(text, &mut bytes).ok()?;
    Some(Hash(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    /// A vault that took in bundles of so many leaves, each of one of three years.
    fn tree(bundles: &[(u16, u64)]) -> VaultTree {
        let force = "btp".parse().expect("a force");
        let mut tree = VaultTree::new(force, 1);
        for (sequence, (year, leaves)) in (2..).zip(bundles) {
            let mut frontier = tree.frontier(*year);
            let first = frontier.size();
            for leaf in 0..*leaves {
                let leaf = [&year.to_be_bytes()[..], &(first + leaf).to_be_bytes()].concat();
                frontier.push(hafan_tlog::leaf_hash(&leaf));
            }
            let (last, root) = (frontier.size(), frontier.root());
            let note = format!("report.example/hafan/btp/{year}\n{last}\n").into_bytes();
            tree = tree.grown(
                *year,
                frontier,
                note,
                Import { first, last, root },
                sequence,
            );
        }
        tree
    }

    fn bundles() -> impl Strategy<Value = Vec<(u16, u64)>> {
        vec((2026..2029_u16, 1..70_u64), 0..12)
    }

    proptest! {
        #[test]
        fn a_tree_is_read_as_it_was_written(bundles in bundles()) {
            let tree = tree(&bundles);
            let bytes = tree.encode().expect("JSON");
            let read = VaultTree::parse(&bytes).map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(read, tree);
        }

        #[test]
        fn a_tree_with_a_byte_changed_is_no_panic_and_never_another_root(
            bundles in bundles(),
            at: proptest::sample::Index,
            to: u8,
        ) {
            let tree = tree(&bundles);
            let mut bytes = tree.encode().expect("JSON");
            *at.get_mut(bytes.as_mut_slice()) = to;
            if let Ok(read) = VaultTree::parse(&bytes) {
                for (year, log) in read.logs() {
                    let newest = log.imports().last().expect("a log has an import");
                    prop_assert_eq!(read.frontier(year).root(), newest.root);
                    prop_assert_eq!(log.size(), newest.last);
                }
            }
        }
    }
}
