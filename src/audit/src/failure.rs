//! Why an audit could not be made: never a reason to say that something holds.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

/// The exit codes of docs/ARCHITECTURE.md section 6 that stand for no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// 2: usage or configuration.
    Usage,
    /// 3: cannot reach or read what is needed.
    Unreachable,
}

/// A failure, said in full: what was found, and what to do.
#[derive(Debug)]
pub struct Failure {
    /// Which exit code.
    pub kind: Kind,
    what: String,
    advice: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// A failure.
    pub fn new(kind: Kind, what: impl Into<String>, advice: impl Into<String>) -> Self {
        Self {
            kind,
            what: what.into(),
            advice: advice.into(),
            source: None,
        }
    }

    /// The same, with its cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// A file or folder that cannot be read.
    #[must_use]
    pub fn read(path: &Path, source: io::Error) -> Self {
        let what = format!("cannot read {}", path.display());
        let advice = "check that the path is right and that you may read it; nothing was concluded";
        Self::new(Kind::Unreachable, what, advice).because(source)
    }

    /// A file that cannot be written.
    #[must_use]
    pub fn write(path: &Path, source: io::Error) -> Self {
        let what = format!("cannot write {}", path.display());
        let advice = "check that its folder is there, has room and may be written";
        Self::new(Kind::Unreachable, what, advice).because(source)
    }

    /// The exit code.
    #[must_use]
    pub const fn code(&self) -> u8 {
        match self.kind {
            Kind::Usage => 2,
            Kind::Unreachable => 3,
        }
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
