//! The file of the log signing key: one line, `hafan log key v1 <64 hex of the seed>`, mode 0600.
//!
//! The seed is wiped from memory as soon as the signer is made. Never shown, never logged.

use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use hafan_tlog::Signer;
use hafan_tlog::note::KeyNameError;
use rand::RngCore as _;
use zeroize::Zeroizing;

const LABEL: &str = "hafan log key v1 ";

/// The whole file: label, 64 hex characters, LF.
const FILE_SIZE_BYTES: usize = LABEL.len() + 64 + 1;

/// Why the key cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be made.
    #[error("cannot make the log key {path}: it must not exist yet, and its folder must")]
    Make {
        /// The file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// It cannot be read.
    #[error(
        "cannot read the log key {path}: `hafan init` makes it once; bring it back from its backup"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// Others may read it.
    #[error(
        "the log key {path} has mode {mode:04o}, wanted 0600: others could sign a false log; use chmod 600 and find out who could read it"
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Not a key file.
    #[error("the log key {path} is not a key file of `hafan init`")]
    Form {
        /// The file.
        path: PathBuf,
    },
    /// The log name cannot name a key.
    #[error("log_name cannot name a key")]
    Name(#[from] KeyNameError),
}

/// Makes a key from the operating system's randomness, syncs it to disk, and returns its signer under `log_name`.
///
/// # Errors
/// [`KeyFileError`], also when the file exists.
pub fn make(path: &Path, log_name: &str) -> Result<Signer, KeyFileError> {
    let failed = |source| KeyFileError::Make {
        path: path.to_owned(),
        source,
    };
    let mut seed = Zeroizing::new([0; 32]);
    rand::rngs::OsRng.fill_bytes(seed.as_mut_slice());
    let signer = Signer::from_seed(log_name, &seed)?;
    let mut line = Zeroizing::new([0; FILE_SIZE_BYTES]);
    let (label, rest) = line.split_at_mut(LABEL.len());
    label.copy_from_slice(LABEL.as_bytes());
    let (hex, end) = rest.split_at_mut(64);
    hex::encode_to_slice(seed.as_slice(), hex).map_err(|error| failed(io::Error::other(error)))?;
    end.copy_from_slice(b"\n");
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .map_err(failed)?;
    file.write_all(line.as_slice())
        .and_then(|()| file.sync_all())
        .map_err(failed)?;
    sync_folder_of(path).map_err(failed)?;
    Ok(signer)
}

/// Reads the key as a signer under `log_name`.
///
/// # Errors
/// [`KeyFileError`]: missing, readable by others, or not of this form.
pub fn read(path: &Path, log_name: &str) -> Result<Signer, KeyFileError> {
    let failed = |source| KeyFileError::Read {
        path: path.to_owned(),
        source,
    };
    let file = File::open(path).map_err(failed)?;
    let mode = file.metadata().map_err(failed)?.permissions().mode() & 0o7777;
    if mode & 0o077 != 0 {
        return Err(KeyFileError::Mode {
            path: path.to_owned(),
            mode,
        });
    }
    let mut line = Zeroizing::new(Vec::with_capacity(FILE_SIZE_BYTES + 1));
    let most = u64::try_from(FILE_SIZE_BYTES + 1).unwrap_or(u64::MAX);
    file.take(most).read_to_end(&mut line).map_err(failed)?;
    let form = || KeyFileError::Form {
        path: path.to_owned(),
    };
    let hex = line
        .strip_prefix(LABEL.as_bytes())
        .and_then(|rest| rest.strip_suffix(b"\n"))
        .ok_or_else(form)?;
    let mut seed = Zeroizing::new([0; 32]);
    hex::decode_to_slice(hex, seed.as_mut_slice()).map_err(|_| form())?;
    Ok(Signer::from_seed(log_name, &seed)?)
}

/// Makes the name of a new file last through a power cut.
pub(crate) fn sync_folder_of(path: &Path) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_was_made_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        let made = make(&path, "log.example/hafan").unwrap();
        let read = read(&path, "log.example/hafan").unwrap();
        assert_eq!(made.verifier(), read.verifier());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
    }

    #[test]
    fn a_key_is_never_made_over_another() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        make(&path, "log.example/hafan").unwrap();
        assert!(matches!(
            make(&path, "log.example/hafan"),
            Err(KeyFileError::Make { .. })
        ));
    }

    #[test]
    fn a_key_that_others_may_read_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        make(&path, "log.example/hafan").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        let Err(error) = read(&path, "log.example/hafan") else {
            panic!("a shared key was read")
        };
        assert!(error.to_string().contains("mode 0640, wanted 0600"));
    }

    #[test]
    fn a_file_cut_by_one_byte_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("log.key");
        make(&path, "log.example/hafan").unwrap();
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert!(matches!(
            read(&path, "log.example/hafan"),
            Err(KeyFileError::Form { .. })
        ));
    }
}
