//! Why a command of the server did not do what it was asked for, and the exit code that says of which kind it is.

use std::io;
use std::path::PathBuf;

use hafan_directory::Force;

use crate::accept::ListenError;
use crate::config::ConfigError;
use crate::confine::ConfineError;
use crate::directories::DirectoryError;
use crate::drafts::DraftsError;
use crate::headers::HeadersError;
use crate::keep::KeepError;
use crate::keyfile::KeyFileError;
use crate::process::ProcessError;
use crate::release::IssuedReleaseError;
use crate::site::SiteError;
use crate::store::{CreateError, EpochError, OpenError, OperatorError};

/// Exit code: usage or configuration.
const USAGE: u8 = 2;
/// Exit code: what is needed cannot be reached, read or written.
const UNREADABLE: u8 = 3;
/// Exit code: refused for safety.
const REFUSED: u8 = 4;

/// Why a command did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The log key.
    #[error(transparent)]
    Key(#[from] KeyFileError),
    /// The file with the verification key.
    #[error("cannot make {path}: it must not exist yet")]
    VerifierFile {
        /// The file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// A directory.
    #[error(transparent)]
    Directory(#[from] DirectoryError),
    /// The site.
    #[error(transparent)]
    Site(#[from] SiteError),
    /// The release of the site.
    #[error(transparent)]
    Release(#[from] IssuedReleaseError),
    /// The operator's log.
    #[error("cannot go on with the operator's log")]
    Operator(#[from] OperatorError),
    /// The drafts.
    #[error(transparent)]
    Drafts(#[from] DraftsError),
    /// The headers that the server was built with.
    #[error(transparent)]
    Headers(#[from] HeadersError),
    /// The process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The process is not confined.
    #[error(transparent)]
    Confine(#[from] ConfineError),
    /// The store cannot be made.
    #[error("cannot make the store")]
    Create(#[from] CreateError),
    /// The store cannot be opened.
    #[error("cannot open the store")]
    Open(#[from] OpenError),
    /// The store's folder takes no files.
    #[error(
        "cannot write in store_dir {path}: `hafan init` makes it; check its owner and that its disk is mounted for writing"
    )]
    StoreDir {
        /// The folder.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// The store's file system has no `O_TMPFILE`.
    #[error(
        "the file system of store_dir {path} cannot hold files without a name (O_TMPFILE), which large submissions need on their way in: use ext4, XFS or Btrfs"
    )]
    NoUnnamedFiles {
        /// The folder.
        path: PathBuf,
    },
    /// A backup, made or put back.
    #[error(transparent)]
    Keep(#[from] KeepError),
    /// A socket.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// Threads or signals.
    #[error("cannot start threads or hear signals")]
    Runtime(#[source] io::Error),
    /// The clock is years ahead of a force's newest log.
    #[error(
        "the clock says {clock} and the newest log of {force} is that of {newest}: set the clock; or, when the server \
         really stood still so long, begin this year's logs with `hafan begin-year`"
    )]
    YearGap {
        /// Whose log.
        force: Force,
        /// The clock's year.
        clock: u16,
        /// The newest log's.
        newest: u16,
    },
    /// This year's log cannot be begun.
    #[error("cannot begin this year's log of {force}")]
    BeginYear {
        /// Whose log.
        force: Force,
        /// From the store.
        source: EpochError,
    },
    /// The log ended on its own.
    #[error(
        "the log is no longer continued: see the line before; start again once its cause is gone"
    )]
    SequencerEnded,
}

impl StartError {
    /// The command's exit code: 2 usage or configuration, 3 cannot reach, read or write, 4 refused for safety.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Config(ConfigError::Toml { .. } | ConfigError::Option { .. })
            | Self::Key(KeyFileError::Name(_))
            | Self::Process(ProcessError::Descriptors { .. })
            | Self::Create(CreateError::Config(_) | CreateError::LogName { .. })
            | Self::Open(OpenError::Config(_)) => USAGE,
            Self::Open(error) if !error.is_refusal() => UNREADABLE,
            Self::Keep(error) if !error.is_refusal() => UNREADABLE,
            Self::Key(KeyFileError::Make { source, .. }) | Self::VerifierFile { source, .. } => {
                code_of_make(source)
            }
            Self::Config(ConfigError::Read { .. })
            | Self::Key(KeyFileError::Read { .. })
            | Self::Directory(DirectoryError::Read { .. })
            | Self::Site(SiteError::Read { .. })
            | Self::Release(IssuedReleaseError::Read { .. })
            | Self::Operator(OperatorError::Io { .. } | OperatorError::Full { .. })
            | Self::Drafts(DraftsError::Make { .. } | DraftsError::Io { .. })
            | Self::Process(ProcessError::System { .. })
            | Self::Create(
                CreateError::Io { .. }
                | CreateError::Full { .. }
                | CreateError::Operator(OperatorError::Io { .. } | OperatorError::Full { .. }),
            )
            | Self::Listen(ListenError::Bind { .. })
            | Self::Confine(ConfineError::Path(_))
            | Self::StoreDir { .. }
            | Self::BeginYear { .. }
            | Self::Runtime(_)
            | Self::SequencerEnded => UNREADABLE,
            Self::Key(KeyFileError::Mode { .. } | KeyFileError::Form { .. })
            | Self::Directory(_)
            | Self::Site(_)
            | Self::Release(_)
            | Self::Operator(_)
            | Self::Drafts(DraftsError::NotEmpty { .. } | DraftsError::Stray { .. })
            | Self::Headers(_)
            | Self::Confine(_)
            | Self::Create(
                CreateError::NotEmpty { .. }
                | CreateError::Pinned { .. }
                | CreateError::Operator(_),
            )
            | Self::Open(_)
            | Self::Keep(_)
            | Self::YearGap { .. }
            | Self::Listen(
                ListenError::NotASocket(_) | ListenError::Handed(_) | ListenError::Stray(_),
            )
            | Self::NoUnnamedFiles { .. } => REFUSED,
        }
    }
}

/// What is there already is never written over; anything else in the way is the system's.
fn code_of_make(source: &io::Error) -> u8 {
    if source.kind() == io::ErrorKind::AlreadyExists {
        REFUSED
    } else {
        UNREADABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_in_the_way_is_refused_and_what_the_system_denies_is_not() {
        let of = |kind: io::ErrorKind| {
            StartError::Key(KeyFileError::Make {
                path: "log.key".into(),
                source: kind.into(),
            })
            .exit_code()
        };
        assert_eq!(of(io::ErrorKind::AlreadyExists), REFUSED);
        assert_eq!(of(io::ErrorKind::PermissionDenied), UNREADABLE);
    }
}
