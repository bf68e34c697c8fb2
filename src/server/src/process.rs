//! Hardens the process before anything secret is in it: no core dumps, no debugger of the same user, no panic text,
//! files for this user only.

use std::io;

use rustix::process::{
    DumpableBehavior, Resource, Rlimit, getrlimit, set_dumpable_behavior, setrlimit,
};

/// File descriptors besides connections: segments, index, spilled submissions.
const DESCRIPTORS_BESIDES: u64 = 256;

/// Why the process cannot be hardened.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The operating system refuses.
    #[error("cannot {what}")]
    System {
        /// What was asked for.
        what: &'static str,
        /// From the operating system.
        source: io::Error,
    },
    /// Too few file descriptors for the connections that are allowed.
    #[error(
        "at most {found} open files are allowed, wanted {wanted} for limits.connections_max = {connections_max}: \
         raise LimitNOFILE (ulimit -Hn) or lower limits.connections_max"
    )]
    Descriptors {
        /// The hard limit.
        found: u64,
        /// What the configuration needs.
        wanted: u64,
        /// As configured.
        connections_max: u32,
    },
}

/// Forbids core dumps, tracing by others and panic text, and makes new files private. First thing in `main`.
///
/// # Errors
/// The operating system refuses.
pub fn harden() -> Result<(), ProcessError> {
    // A panic's message can hold what was sent; its place in the code is enough to find the fault.
    std::panic::set_hook(Box::new(|info| {
        if let Some(place) = info.location() {
            crate::telemetry::log(&crate::telemetry::Event::Fault {
                file: place.file(),
                line: place.line(),
            });
        }
    }));
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
    setrlimit(
        Resource::Core,
        Rlimit {
            current: Some(0),
            maximum: Some(0),
        },
    )
    .map_err(|error| ProcessError::System {
        what: "forbid core dumps",
        source: error.into(),
    })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable).map_err(|error| ProcessError::System {
        what: "forbid tracing of this process",
        source: error.into(),
    })
}

/// Raises the number of open files as far as the connections need.
///
/// # Errors
/// The hard limit is too low.
pub fn raise_descriptors(connections_max: u32) -> Result<(), ProcessError> {
    let wanted = u64::from(connections_max) + DESCRIPTORS_BESIDES;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= wanted) {
        return Ok(());
    }
    if let Some(found) = limit.maximum.filter(|maximum| *maximum < wanted) {
        return Err(ProcessError::Descriptors {
            found,
            wanted,
            connections_max,
        });
    }
    setrlimit(
        Resource::Nofile,
        Rlimit {
            current: Some(wanted),
            maximum: limit.maximum,
        },
    )
    .map_err(|error| ProcessError::System {
        what: "raise the number of open files",
        source: error.into(),
    })
}
