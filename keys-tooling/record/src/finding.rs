//! What a verification finds, named by the number of the entry.

use hafan_tlog::Hash;

use crate::head::HeadError;
use crate::statement::EntryError;

/// Something that a record which was only ever appended to cannot have.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Finding {
    /// Entries that are not there, though later ones are or the head counts them.
    #[error("removed: {}", span(*.first, *.last))]
    Removed {
        /// Number of the first.
        first: u64,
        /// Number of the last.
        last: u64,
    },
    /// The record ends before its head.
    #[error("cut off: {} at the end, which the head counts", span(*.first, *.last))]
    CutOff {
        /// Number of the first that is not there.
        first: u64,
        /// Number of the last.
        last: u64,
    },
    /// An entry that is not as its officer signed it.
    #[error("changed: entry {number}: {why}")]
    Changed {
        /// Its number, by where it stands.
        number: u64,
        /// What is wrong with it.
        why: EntryError,
    },
    /// An entry with a good signature that is not the one that was first written.
    #[error(
        "changed: entry {number} was replaced after it was written, with a signature by {officer}"
    )]
    Replaced {
        /// Its number.
        number: u64,
        /// Who signed what stands there now.
        officer: String,
    },
    /// An entry that stands after a later one.
    #[error("reordered: entry {number} stands after entry {after}")]
    Reordered {
        /// Its number.
        number: u64,
        /// The number before it.
        after: u64,
    },
    /// An entry that is there twice.
    #[error("repeated: entry {number} is there more than once")]
    Repeated {
        /// Its number.
        number: u64,
    },
    /// Lines beyond the head that no append leaves.
    #[error(
        "added: what follows entry {size} was not written by this tool, or the head was set back"
    )]
    Beyond {
        /// How many entries the head counts.
        size: u64,
    },
    /// No head, and yet entries.
    #[error("the head is missing")]
    NoHead,
    /// A head that does not count.
    #[error("the head is not right: {0}")]
    Head(HeadError),
    /// All entries look right, and yet the head has another root.
    #[error("the head's root is {found}, and that of the {size} entries is {wanted}")]
    Root {
        /// How many entries the head counts.
        size: u64,
        /// The head's.
        found: Hash,
        /// The entries'.
        wanted: Hash,
    },
    /// A head that is known from elsewhere is beyond this record.
    #[error("set back: {name} counts {wanted} entries, and this record ends at {found}")]
    SetBack {
        /// Where the head is known from.
        name: String,
        /// How many entries this record has.
        found: u64,
        /// How many that head counts.
        wanted: u64,
    },
    /// A head that is known from elsewhere is of other entries.
    #[error("rewritten: {name} is of other entries than the first {size} here")]
    Rewritten {
        /// Where the head is known from.
        name: String,
        /// How many entries that head counts.
        size: u64,
    },
    /// A head from elsewhere that is no head of this record at all.
    #[error("{name} is no head of this record: {why}")]
    Known {
        /// Where it is from.
        name: String,
        /// Why not.
        why: HeadError,
    },
    /// A directory beside the record that does not count.
    #[error("directory {sequence} beside the record does not count: {why}")]
    Directory {
        /// The sequence that its name gives.
        sequence: u64,
        /// Why not.
        why: String,
    },
}

/// Something that honest use can leave, said so that a person can judge it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Notice {
    /// The last write was cut by a crash or a loss of power; it was never acknowledged.
    #[error(
        "the last write was interrupted: {size} bytes after entry {after} are no entry yet. Nothing was opened on the strength of them"
    )]
    Torn {
        /// How many bytes.
        size: u64,
        /// The last whole entry.
        after: u64,
    },
    /// The last entry is signed, and the head does not count it yet.
    #[error(
        "entry {number} is written and signed, and the head does not count it yet: the tool was interrupted there. The next entry mends that"
    )]
    Pending {
        /// Its number.
        number: u64,
    },
    /// The workstation's clock went back.
    #[error(
        "entry {number} is dated before the entry before it: the workstation's clock was changed"
    )]
    DateBack {
        /// Its number.
        number: u64,
    },
    /// An older directory than the entry before it had.
    #[error(
        "entry {number} names an older directory than the entry before it: an older vault was put back"
    )]
    DirectoryBack {
        /// Its number.
        number: u64,
    },
}

fn span(first: u64, last: u64) -> String {
    if first == last {
        format!("entry {first} is missing")
    } else {
        format!("entries {first} to {last} are missing")
    }
}
