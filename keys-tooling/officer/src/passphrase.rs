//! Where passphrases come from: the terminal, or for scripts a file that only its owner can read.
//!
//! Must never print, keep or log one. Trusts the person at the terminal.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

use crate::failure::{Failure, Kind, say};
use crate::files;

/// The fewest characters of a new passphrase. Four random words have more; what guards a key file on
/// a stolen disk is this and nothing else.
pub(crate) const CHARACTERS_MIN: usize = 16;

const FILE_SIZE_BYTES_MAX: u64 = 64 * 1024;

/// Gives passphrases by the name of who holds them: `root`, `officer-1`.
pub(crate) enum Passphrases {
    Terminal,
    /// Typed already, on a screen of the program's own: of the one key that is unlocked there.
    Typed(SecretString),
    File {
        path: PathBuf,
        by_name: BTreeMap<String, SecretString>,
    },
}

impl Passphrases {
    /// Reads the file, or else leaves the asking to the terminal.
    pub(crate) fn from(path: Option<&Path>) -> Result<Self, Failure> {
        let Some(path) = path else {
            return Ok(Self::Terminal);
        };
        if !files::is_private(path).map_err(|e| Failure::read(path, e))? {
            return Err(Failure::new(
                Kind::Unsafe,
                format!("{} can be read by others than its owner", path.display()),
                format!(
                    "a passphrase file has to be private: chmod 600 {}",
                    path.display()
                ),
            ));
        }
        let bytes = files::read(path, FILE_SIZE_BYTES_MAX).map_err(|e| Failure::read(path, e))?;
        let text = std::str::from_utf8(&bytes).map_err(|_| form(path, 1))?;
        let mut by_name = BTreeMap::new();
        for (at, line) in text.lines().enumerate() {
            if line.trim().is_empty() {
                continue;
            }
            let (name, passphrase) = line
                .split_once(": ")
                .ok_or_else(|| form(path, at.saturating_add(1)))?;
            let passphrase = SecretString::from(passphrase);
            if by_name.insert(name.trim().to_owned(), passphrase).is_some() {
                return Err(form(path, at.saturating_add(1)));
            }
        }
        Ok(Self::File {
            path: path.to_owned(),
            by_name,
        })
    }

    /// Whether a person is asked, and not a file.
    pub(crate) const fn are_typed(&self) -> bool {
        matches!(self, Self::Terminal)
    }

    /// The passphrase of a key that is there already.
    pub(crate) fn existing(&self, name: &str) -> Result<SecretString, Failure> {
        match self {
            Self::Terminal => prompt(&format!("Passphrase of {name}: ")),
            Self::Typed(passphrase) => Ok(passphrase.clone()),
            Self::File { path, by_name } => of_file(path, by_name, name),
        }
    }

    /// A passphrase for a new key: long enough, and on the terminal typed twice.
    pub(crate) fn new_for(&self, name: &str) -> Result<SecretString, Failure> {
        match self {
            Self::Typed(_) | Self::File { .. } => {
                let passphrase = self.existing(name)?;
                long_enough(&passphrase, name)?;
                Ok(passphrase)
            }
            Self::Terminal => loop {
                let first = prompt(&format!("New passphrase of {name}: "))?;
                if let Err(short) = long_enough(&first, name) {
                    say(&short.to_string());
                    continue;
                }
                let second = prompt(&format!("The same again, for {name}: "))?;
                if first.expose_secret() == second.expose_secret() {
                    return Ok(first);
                }
                say("The two were not the same. Start again.");
            },
        }
    }
}

fn long_enough(passphrase: &SecretString, name: &str) -> Result<(), Failure> {
    let characters = passphrase.expose_secret().chars().count();
    if characters >= CHARACTERS_MIN {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Usage,
        format!(
            "the passphrase of {name} has {characters} characters, want at least {CHARACTERS_MIN}"
        ),
        "take four or more words that have nothing to do with each other or with you",
    ))
}

fn of_file(
    path: &Path,
    by_name: &BTreeMap<String, SecretString>,
    name: &str,
) -> Result<SecretString, Failure> {
    by_name.get(name).cloned().ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            format!("{} has no line for {name}", path.display()),
            format!("add a line '{name}: ' and the passphrase"),
        )
    })
}

fn form(path: &Path, line: usize) -> Failure {
    Failure::new(
        Kind::Usage,
        format!("{} is not a passphrase file: line {line}", path.display()),
        "want UTF-8 lines such as 'root: …' and 'officer-1: …', each name once",
    )
}

fn prompt(text: &str) -> Result<SecretString, Failure> {
    rpassword::prompt_password(text)
        .map(SecretString::from)
        .map_err(|error| {
            Failure::new(
                Kind::Unreadable,
                "cannot ask for a passphrase: there is no terminal",
                "run this in a terminal, or give --passphrase-file FILE",
            )
            .because(error)
        })
}
