//! What the server writes down: lifecycle events, as JSON lines on stderr, dated to the day.
//!
//! Nothing is written for a request: no address, agent, path, body, length or time. Only a [`LogSafe`] value can be
//! logged, and [`Event`] is the only such type here, so what may be written is the list below.

use std::fmt;

use hafan_directory::Force;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;

/// Marks types that hold nothing about a reporter. It has no blanket implementation; each one is reviewed.
pub trait LogSafe: fmt::Display {}

/// All that the server ever logs.
#[derive(Debug)]
pub enum Event<'a> {
    /// The process has begun.
    Starting,
    /// The store was read and agrees with its pins.
    StoreOpened,
    /// Requests are answered from now on.
    Ready {
        /// How many forces are served.
        forces: usize,
    },
    /// SIGHUP: the directories were read again.
    DirectoriesRead,
    /// SIGHUP: a directory was refused and the one before it stays.
    DirectoryRefused {
        /// Whose.
        force: &'a Force,
        /// Why; directories are public.
        why: String,
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
            Self::Ready { forces } => write!(f, "ready for {forces} forces"),
            Self::DirectoriesRead => f.write_str("directories read again"),
            Self::DirectoryRefused { force, why } => {
                write!(
                    f,
                    "directory of {force} refused, the one before it stays: {why}"
                )
            }
            Self::SequencerEnded => f.write_str("the log is no longer continued, stopping"),
            Self::Draining => f.write_str("no new connections, finishing what is open"),
            Self::Stopped => f.write_str("stopped"),
            Self::Fault { file, line } => write!(f, "fault in the code at {file}:{line}"),
        }
    }
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
        .with_writer(std::io::stderr)
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
    use super::*;

    #[test]
    fn a_time_is_a_day_and_no_more() {
        let mut text = String::new();
        Day.format_time(&mut Writer::new(&mut text)).unwrap();
        assert_eq!(text.len(), "2026-11-23".len());
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
