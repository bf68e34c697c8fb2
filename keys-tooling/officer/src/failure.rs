//! Why a verb ended without doing what was asked, and the exit code that says so to scripts.
//!
//! Each text says what was found, what was wanted and what to do. Must never hold a passphrase, a key
//! or a word of a report.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use hafan_export::text;

/// What the narrowest usual terminal shows.
pub(crate) const COLUMNS: usize = 80;

/// The kind of a failure: the exit codes of docs/ARCHITECTURE.md section 6.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// 1: the answer is no.
    No,
    /// 2: usage or configuration.
    Usage,
    /// 3: cannot reach or read what is needed.
    Unreadable,
    /// 4: refused for safety.
    Unsafe,
}

/// A failure, said in full.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
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

    pub(crate) fn because(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Box::new(source));
        self
    }

    pub(crate) fn read(path: &Path, source: io::Error) -> Self {
        Self::new(
            Kind::Unreadable,
            format!("cannot read {}", path.display()),
            "check that the path is right and that you may read it",
        )
        .because(source)
    }

    pub(crate) fn write(path: &Path, source: io::Error) -> Self {
        Self::new(
            Kind::Unreadable,
            format!("cannot write {}", path.display()),
            "check that the disk has room and that you may write there; nothing that was there \
             before is changed; then run the same command again",
        )
        .because(source)
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self.kind {
            Kind::No => 1,
            Kind::Usage => 2,
            Kind::Unreadable => 3,
            Kind::Unsafe => 4,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut what = format!("error: {}", self.what);
        let mut cause: Option<&dyn Error> = match &self.source {
            Some(error) => Some(error.as_ref()),
            None => None,
        };
        while let Some(error) = cause {
            what.push_str(&format!(": {error}"));
            cause = error.source();
        }
        // Paths and names may come from a stick: what could steer a terminal is escaped here too.
        f.write_str(&text::paragraph(&what, 0, COLUMNS))?;
        f.write_str(text::paragraph(&self.advice, 2, COLUMNS).trim_end_matches('\n'))
    }
}

impl Error for Failure {}

/// `1 report`, `2 reports`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    format!("{count} {what}{}", if count == 1 { "" } else { "s" })
}

/// Writes to standard output; a reader that went away (`| head`) is no failure.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    use io::Write as _;
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::write(Path::new("standard output"), error))
        }
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Tells the person at the terminal what is going on; what scripts read goes to [`print`].
pub(crate) fn say(text: &str) {
    use io::Write as _;
    // Where nobody can be told, work goes on.
    drop(writeln!(io::stderr(), "{text}"));
}
