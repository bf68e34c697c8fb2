//! Why a pull or a push ended before it was done, and the exit code that says so to scripts.
//!
//! Each text says what was found, what was wanted and what to do. Must never hold the key.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

/// The kind of a failure: the exit codes of docs/ARCHITECTURE.md section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 1: the answer is no: something did not verify.
    No,
    /// 2: usage or configuration.
    Usage,
    /// 3: cannot reach or read what is needed.
    Unreachable,
    /// 4: refused for safety.
    Unsafe,
}

/// A failure, said in full.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) kind: Kind,
    what: String,
    advice: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            advice: advice.into(),
            source: None,
        }
    }

    pub(crate) fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        let what = format!("cannot read {}", path.display());
        Self::new(
            Kind::Unreachable,
            what,
            "check that the path is right and that you may read it",
        )
        .because(source)
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::new(
            Kind::Unreachable,
            format!("cannot write {}", path.display()),
            "check that the medium is there, has room and may be written; what was carried before \
             is untouched; then run the same command again",
        )
        .because(source)
    }

    /// The server's own log or directory cannot be believed.
    pub(crate) fn unbelievable(what: impl Into<String>) -> Self {
        Self::new(
            Kind::No,
            what,
            "nothing was carried; keep this message and the medium, and tell the force's officers \
             and the auditors before trying again",
        )
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::No => 1,
            Kind::Usage => 2,
            Kind::Unreachable => 3,
            Kind::Unsafe => 4,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.what)?;
        let mut cause: Option<&dyn Error> = match &self.source {
            Some(error) => Some(error.as_ref()),
            None => None,
        };
        while let Some(error) = cause {
            write!(f, ": {error}")?;
            cause = error.source();
        }
        write!(f, "\n  {}", self.advice)
    }
}

impl Error for Failure {}
