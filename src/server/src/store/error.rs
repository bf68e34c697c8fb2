//! What can go wrong, one enum for each operation. No error repeats content, digests or keys.

use std::io;
use std::path::PathBuf;

use hafan_directory::Force;

use super::operator::OperatorError;
use super::record::RecordError;
use super::scan::Damage;

/// Why a store is not made.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// The configuration cannot hold.
    #[error("the store's configuration does not hold")]
    Config(#[from] ConfigError),
    /// The folder has something in it.
    #[error("{path} is not empty: a store is made in an empty folder only, and never over another")]
    NotEmpty {
        /// The folder.
        path: PathBuf,
    },
    /// The folder of pins has pins of the logs that would be made.
    #[error("{path} holds the pin of a log that would be made: it belongs to another store")]
    Pinned {
        /// The pin.
        path: PathBuf,
    },
    /// The disk has no room for the first segment.
    #[error("there is no room in {path} for one segment")]
    Full {
        /// The folder.
        path: PathBuf,
    },
    /// A folder or file cannot be made.
    #[error("cannot make or write {path}")]
    Io {
        /// The folder or file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The log's name does not make a checkpoint.
    #[error("the log name {found} is not a key name")]
    LogName {
        /// The log name.
        found: String,
    },
    /// The operator's log cannot be made.
    #[error("the operator's log cannot be made")]
    Operator(#[from] OperatorError),
}

/// What a configuration says that cannot be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The segments are too small, or their size is odd.
    #[error("segment size is {found} bytes, want a multiple of 4096 that is at least {wanted}")]
    SegmentSize {
        /// Bytes said.
        found: u64,
        /// Bytes wanted at least.
        wanted: u64,
    },
    /// An epoch of nothing.
    #[error("leaves per epoch is 0, want at least 1")]
    LeavesPerEpoch,
    /// No force, or the same one twice.
    #[error("the forces are none, or one of them stands there twice")]
    Forces,
    /// A year in which this program did not exist: a log of it could never be left behind.
    #[error("the year is {found}, want 2026 or later: the clock is wrong. Set it, then try again")]
    Year {
        /// The year said.
        found: u16,
    },
    /// The key has another name than the log.
    #[error("the log key is named {found}, the log is named {wanted}")]
    LogName {
        /// The key's name.
        found: String,
        /// The log's name.
        wanted: String,
    },
}

/// Why a store is not opened. Nothing was changed, except where the text says so.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The configuration cannot hold.
    #[error("the store's configuration does not hold")]
    Config(#[from] ConfigError),
    /// There is no store.
    #[error("{path} is no store: make one with hafan init, or mend the path")]
    NotAStore {
        /// The folder.
        path: PathBuf,
    },
    /// The store is of another format.
    #[error("{path} names a format of the store that this program does not know")]
    Format {
        /// The file that names the format.
        path: PathBuf,
    },
    /// Another process has the store open.
    #[error("{path} is locked: another server has this store open")]
    Locked {
        /// The lock file.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error("cannot read or write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// A segment is not there, others behind it are.
    #[error("segment {wanted:06} is missing while {found:06} is there: put it back from a copy")]
    SegmentMissing {
        /// The missing one.
        wanted: u32,
        /// One that is there.
        found: u32,
    },
    /// Bytes of the value log are not what was written.
    #[error(
        "segment {segment:06} is damaged at byte {byte} ({damage}): put this segment back from a copy"
    )]
    Damaged {
        /// The segment.
        segment: u32,
        /// Byte at which the frame begins.
        byte: u64,
        /// What is wrong.
        damage: Damage,
    },
    /// A frame is whole, but holds no record.
    #[error(
        "segment {segment:06} holds no record at byte {byte}: put this segment back from a copy"
    )]
    Record {
        /// The segment.
        segment: u32,
        /// Byte at which the frame begins.
        byte: u64,
        /// What is wrong.
        source: RecordError,
    },
    /// An epoch does not follow from what was before it.
    #[error(
        "segment {segment:06} holds at byte {byte} an epoch that does not follow ({reason}): put this segment back from a copy, or mend the log key in the configuration"
    )]
    Epoch {
        /// The segment.
        segment: u32,
        /// Byte at which the frame begins.
        byte: u64,
        /// What is wrong.
        reason: EpochDamage,
    },
    /// A submission that the log promises is not there.
    #[error("the log of {force} has a leaf whose submission or page of answers is in no segment")]
    Withheld {
        /// The force.
        force: Force,
    },
    /// The pin is not one.
    #[error("{path} is not a checkpoint that this log's key signed: put it back from a copy")]
    PinInvalid {
        /// The pin.
        path: PathBuf,
    },
    /// The store has less than was published.
    #[error(
        "the store is older than its checkpoint: the log of {force} {year} has {found} leaves, {pinned} were published. Put the newest copy of the store back; do not delete the pin"
    )]
    PinAhead {
        /// The force.
        force: Force,
        /// The year.
        year: u16,
        /// Leaves in the store.
        found: u64,
        /// Leaves in the pinned checkpoint.
        pinned: u64,
    },
    /// The store has something else than what was published.
    #[error(
        "the log of {force} {year} is not the one that was published: at {pinned} leaves its root is another than the pinned one"
    )]
    PinFork {
        /// The force.
        force: Force,
        /// The year.
        year: u16,
        /// Leaves in the pinned checkpoint.
        pinned: u64,
    },
    /// There is no pin, so nothing says that the store is not an old copy.
    #[error(
        "{path} is missing, and without it nobody knows whether this store is the newest. Write a checkpoint of this log into it that is known to have been published: from a copy of the folder, a mirror of the log, or a courier's last bundle"
    )]
    PinMissing {
        /// Where the pin should be.
        path: PathBuf,
    },
    /// The index has no room to be made.
    #[error("the disk of {path} has no room for the index")]
    IndexRoom {
        /// The folder.
        path: PathBuf,
    },
    /// The index did not open in time; its opener ends with the process.
    #[error(
        "the index in {path} did not open in time. Nothing is lost: start again, and it is made anew from the segments"
    )]
    IndexHung {
        /// The folder.
        path: PathBuf,
    },
    /// The index cannot be made anew.
    #[error("the index in {path} cannot be made anew: {reason}")]
    Index {
        /// The folder.
        path: PathBuf,
        /// What sled said.
        reason: String,
    },
}

impl OpenError {
    /// Whether it is a refusal for safety, and not something that cannot be read, written or reached.
    #[must_use]
    pub const fn is_refusal(&self) -> bool {
        match self {
            Self::NotAStore { .. }
            | Self::Io { .. }
            | Self::IndexRoom { .. }
            | Self::IndexHung { .. }
            | Self::Index { .. } => false,
            Self::Config(_)
            | Self::Format { .. }
            | Self::Locked { .. }
            | Self::SegmentMissing { .. }
            | Self::Damaged { .. }
            | Self::Record { .. }
            | Self::Epoch { .. }
            | Self::Withheld { .. }
            | Self::PinInvalid { .. }
            | Self::PinAhead { .. }
            | Self::PinFork { .. }
            | Self::PinMissing { .. } => true,
        }
    }
}

/// Why an epoch does not follow from what was before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EpochDamage {
    /// A log begins with leaves, or begins again.
    #[error("a log begins without an empty checkpoint, or twice")]
    Beginning,
    /// Another first leaf than the size before.
    #[error("its first leaf is {found}, want {wanted}")]
    First {
        /// The index said.
        found: u64,
        /// The size before.
        wanted: u64,
    },
    /// A year before the newest.
    #[error("its year is {found}, after {newest} had begun")]
    Year {
        /// The year said.
        found: u16,
        /// The newest before.
        newest: u16,
    },
    /// The checkpoint does not open with the log's key.
    #[error("its checkpoint is not signed by this log's key")]
    Checkpoint,
    /// The checkpoint is of another tree.
    #[error("its checkpoint is of another tree than its leaves make")]
    Root,
    /// It is longer than an epoch can be.
    #[error("it is longer than an epoch can be")]
    Size,
}

/// Why a submission was not accepted. It may be sent again as it is.
#[derive(Debug, thiserror::Error)]
pub enum SubmitError {
    /// The disk is full: 507.
    #[error("the store is full")]
    StoreFull,
    /// The server stops: 503.
    #[error("the store is shutting down")]
    ShuttingDown,
    /// Not a force of this store: 404.
    #[error("no such force")]
    NoSuchForce,
    /// Shorter than salt and τ, or longer than a segment holds: 413.
    #[error("the submission is shorter than 48 bytes or longer than a segment holds")]
    TooLarge,
    /// Not the structure of a page of answers: 422.
    #[error("the page is none")]
    NoPage,
    /// The file that it was spilled to cannot be read, or has another size: 500.
    #[error("the spilled submission cannot be read")]
    Spilled(#[source] io::Error),
}

/// Why an epoch was not closed. The log is as it was, and the next try begins anew.
#[derive(Debug, thiserror::Error)]
pub enum EpochError {
    /// The disk is full.
    #[error("the disk is full")]
    StoreFull,
    /// The server stops.
    #[error("the store is shutting down")]
    ShuttingDown,
    /// Not a force of this store.
    #[error("no such force")]
    NoSuchForce,
    /// The year is before the newest log's.
    #[error("the year is {found}, but the log of {newest} has begun: the clock is wrong")]
    YearWentBack {
        /// The year asked for.
        found: u16,
        /// The newest log's.
        newest: u16,
    },
    /// The key is not the log's.
    #[error("the signing key is not the key of this store's logs")]
    Key,
    /// The pin is not what this server wrote last.
    #[error(
        "{path} is not what this server wrote last: another server publishes the same log, or the file was changed"
    )]
    PinMoved {
        /// The pin.
        path: PathBuf,
    },
    /// The pin cannot be read or written.
    #[error("cannot read or write {path}")]
    Pin {
        /// The pin.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The log's name does not make a checkpoint, or the epoch cannot be written down.
    #[error("the epoch cannot be written down: {reason}")]
    Form {
        /// Why.
        reason: String,
    },
}

/// Why something is not read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The server stops.
    #[error("the store is shutting down")]
    ShuttingDown,
    /// The index failed or lacks what it should have.
    #[error("the index failed: {reason}")]
    Index {
        /// Why.
        reason: String,
    },
    /// A segment cannot be read.
    #[error("cannot read segment {segment:06} at byte {byte}")]
    Io {
        /// The segment.
        segment: u32,
        /// The byte.
        byte: u64,
        /// The cause.
        source: io::Error,
    },
    /// A submission or page of answers is not what was written.
    #[error(
        "the submission or page of answers in segment {segment:06} at byte {byte} is rotten: its digests are not those of its leaf. Put the segment back from a copy"
    )]
    Rotten {
        /// The segment.
        segment: u32,
        /// Byte at which it begins.
        byte: u64,
    },
}
