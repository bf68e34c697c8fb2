//! What the server writes down: lifecycle events, as JSON lines on stderr, dated to the day.
//!
//! Nothing is written for a request: no address, agent, path, body, length or time. Only a [`LogSafe`] value can be
//! logged, and [`Event`] is the only such type, so what may be written is the list below. No other module writes a line.

use std::error::Error;
use std::{fmt, io};

use hafan_directory::Force;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

use crate::directories::DirectoryError;
use crate::store::EpochError;

/// Marks types that hold nothing about a reporter. It has no blanket implementation; each one is reviewed.
pub trait LogSafe: fmt::Display {}

/// All that the server ever logs.
#[derive(Debug)]
pub enum Event<'a> {
    /// The process has begun.
    Starting,
    /// The store was read and agrees with its pins.
    StoreOpened,
    /// The last stop was a crash: what was being written then, and never acknowledged, is cut off.
    TornTailCut {
        /// The segment.
        segment: u32,
        /// Byte at which it began.
        byte: u64,
        /// Its bytes.
        bytes: u64,
    },
    /// The last stop was a crash: an epoch that was durable is published now.
    RolledForward {
        /// Whose log.
        force: &'a Force,
        /// The log's year.
        year: u16,
    },
    /// Requests are answered from now on.
    Ready {
        /// How many forces are served.
        forces: usize,
    },
    /// A request said who asks, and was refused; written once a process.
    AddressesPassedOn {
        /// The field that said it, of [`crate::forwarded::FIELDS`]; never its value.
        field: &'static str,
    },
    /// At the start: the system does not keep the process to its folders, or not wholly.
    FoldersOpen,
    /// At the start: a directory does not hold today, and its force is the only one that is not served.
    DirectoryLapsed {
        /// Whose and why; directories are public.
        why: &'a DirectoryError,
    },
    /// At the start: directories or a release were put into the operator's log.
    Published {
        /// How many.
        leaves: usize,
    },
    /// SIGHUP: the directories were read again.
    DirectoriesRead,
    /// SIGHUP: a directory was refused and the one before it stays.
    DirectoryRefused {
        /// Whose.
        force: &'a Force,
        /// Why; directories are public.
        why: &'a DirectoryError,
    },
    /// The clock's year does not follow the newest log's; the newest log goes on.
    YearRefused {
        /// The clock's.
        clock: u16,
        /// The newest log's.
        newest: u16,
    },
    /// An epoch was not closed; it is tried again at the next beat.
    EpochNotClosed {
        /// Whose log.
        force: &'a Force,
        /// Why.
        error: &'a EpochError,
    },
    /// An epoch was not closed for a fault in the code, whose place has been written already.
    EpochFault {
        /// Whose log.
        force: &'a Force,
    },
    /// Drafts of thirty days ago could not all be deleted; it is tried again within the hour.
    DraftsNotExpired {
        /// From the operating system.
        why: io::ErrorKind,
    },
    /// The store is closed and durable, but not marked so.
    CleanStopNotMarked {
        /// From the operating system.
        error: &'a io::Error,
    },
    /// The index is not closed; it holds nothing that the segments do not.
    IndexNotClosed {
        /// From the index, which knows of its own files only.
        error: &'a (dyn Error + 'a),
    },
    /// The log is no longer continued; the server stops.
    SequencerEnded,
    /// SIGTERM: no new connections.
    Draining,
    /// All that was durable is finished.
    Stopped,
    /// A fault in the code, by its place; never its message.
    Fault {
        /// Source file.
        file: &'a str,
        /// Line in it.
        line: u32,
    },
}

impl LogSafe for Event<'_> {}

impl fmt::Display for Event<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Starting => write!(f, "starting version {}", env!("CARGO_PKG_VERSION")),
            Self::StoreOpened => f.write_str("store opened"),
            Self::TornTailCut {
                segment,
                byte,
                bytes,
            } => write!(
                f,
                "the last stop was a crash: {bytes} bytes that were never acknowledged are cut off \
                 segment {segment:06} at byte {byte}"
            ),
            Self::RolledForward { force, year } => write!(
                f,
                "the last stop was a crash: the epoch of {force} in {year} that was durable then is published now"
            ),
            Self::Ready { forces } => write!(f, "ready for {forces} forces"),
            Self::AddressesPassedOn { field } => write!(
                f,
                "requests with {field} are refused: the proxy in front passes on who asks; set it as deploy/ has it, or, \
                 when it cannot be, set forwarded = \"strip\" (said once)"
            ),
            Self::FoldersOpen => f.write_str(
                "this system has no Landlock, or an old one: the process is not wholly kept to its folders; use Linux 6.12 or newer",
            ),
            Self::DirectoryLapsed { why } => chain(f, *why),
            Self::Published { leaves } => write!(
                f,
                "put into the operator's log before they are handed out: {leaves} directories and releases"
            ),
            Self::DirectoriesRead => f.write_str("directories read again"),
            Self::DirectoryRefused { force, why } => {
                write!(f, "directory of {force} refused, the one before it stays: ")?;
                chain(f, *why)
            }
            Self::YearRefused { clock, newest } => write!(
                f,
                "the clock says {clock} and the newest log is that of {newest}, which goes on: set the clock"
            ),
            Self::EpochNotClosed { force, error } => {
                write!(
                    f,
                    "no epoch of {force} was closed, it is tried again at the next beat: "
                )?;
                chain(f, error)
            }
            Self::EpochFault { force } => {
                write!(
                    f,
                    "no epoch of {force} was closed for a fault in the code, it is tried again at the next beat"
                )
            }
            Self::DraftsNotExpired { why } => write!(
                f,
                "drafts of thirty days ago could not all be deleted, it is tried again within the hour: {why}"
            ),
            Self::CleanStopNotMarked { error } => write!(
                f,
                "cannot mark the clean stop, the next start makes the index anew: {error}"
            ),
            Self::IndexNotClosed { error } => {
                f.write_str("cannot close the index, the next start makes it anew: ")?;
                chain(f, *error)
            }
            Self::SequencerEnded => f.write_str("the log is no longer continued, stopping"),
            Self::Draining => f.write_str("no new connections, finishing what is open"),
            Self::Stopped => f.write_str("stopped"),
            Self::Fault { file, line } => write!(f, "fault in the code at {file}:{line}"),
        }
    }
}

/// An error and its causes, on one line.
fn chain(f: &mut fmt::Formatter<'_>, error: &dyn Error) -> fmt::Result {
    write!(f, "{error}")?;
    let mut cause = error.source();
    while let Some(error) = cause {
        write!(f, ": {error}")?;
        cause = error.source();
    }
    Ok(())
}

/// Writes one event.
pub fn log(event: &impl LogSafe) {
    tracing::info!("{event}");
}

/// Sends events to stderr from now on. A second call changes nothing.
pub fn start() {
    let writer = tracing_subscriber::fmt()
        .json()
        .with_timer(Day)
        .with_target(false)
        .with_level(false)
        .with_writer(io::stderr)
        .finish();
    // Another subscriber is there only in tests, which read no log.
    let _already = tracing::subscriber::set_global_default(writer);
}

/// Dates to the day (UTC).
struct Day;

impl FormatTime for Day {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", crate::clock::today())
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};

    use super::*;

    #[test]
    fn a_time_is_a_day_and_no_more() {
        let mut text = String::new();
        Day.format_time(&mut Writer::new(&mut text)).unwrap();
        assert_eq!(text.len(), "2026-11-23".len());
    }

    #[test]
    fn no_other_module_writes_a_line() {
        fn sources(dir: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(dir).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    sources(&path, found);
                } else {
                    found.push(path);
                }
            }
        }
        let mut found = Vec::new();
        sources(
            &Path::new(env!("CARGO_MANIFEST_DIR")).join("src"),
            &mut found,
        );
        assert!(found.len() > 30, "only {} files", found.len());
        for path in found {
            let text = std::fs::read_to_string(&path).unwrap();
            // The store's own warnings at a clean stop go the same way once its code calls `log`.
            let ours = path.ends_with("src/telemetry.rs") || path.ends_with("store/mod.rs");
            for writer in ["tracing::", "use tracing"] {
                assert!(
                    ours || !text.contains(writer),
                    "{} has {writer}",
                    path.display()
                );
            }
        }
    }

    #[test]
    fn an_error_is_written_with_its_causes() {
        let force: Force = "btp".parse().unwrap();
        let error = EpochError::Pin {
            path: "pinned/btp".into(),
            source: io::Error::other("the disk is gone"),
        };
        let event = Event::EpochNotClosed {
            force: &force,
            error: &error,
        };
        assert_eq!(
            event.to_string(),
            "no epoch of btp was closed, it is tried again at the next beat: \
             cannot read or write pinned/btp: the disk is gone"
        );
    }

    #[test]
    fn a_fault_is_named_by_place_and_not_by_message() {
        let event = Event::Fault {
            file: "src/submit.rs",
            line: 7,
        };
        assert_eq!(event.to_string(), "fault in the code at src/submit.rs:7");
    }
}
