//! Files that are read: always with a bound, never to their end on trust.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use crate::failure::{Failure, Kind};
use crate::note::Vkey;

/// The bytes of a file of at most `size_max`; nothing when it is not there.
///
/// # Errors
/// It cannot be read, or is larger.
pub fn read(path: &Path, size_max: usize) -> io::Result<Option<Vec<u8>>> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            return Ok(None);
        }
        Err(error) => return Err(error),
    };
    let mut bytes = Vec::new();
    let limit = u64::try_from(size_max).unwrap_or(u64::MAX);
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() > size_max {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(Some(bytes))
}

/// The same, of a file that must be there.
///
/// # Errors
/// It is not there, cannot be read, or is larger.
pub fn read_needed(path: &Path, size_max: usize) -> Result<Vec<u8>, Failure> {
    let bytes = read(path, size_max).map_err(|error| Failure::read(path, error))?;
    bytes.ok_or_else(|| Failure::read(path, io::ErrorKind::NotFound.into()))
}

/// A verification key that was given: itself, or a file with it in its first line.
///
/// # Errors
/// It is neither.
pub fn vkey(given: &str) -> Result<Vkey, Failure> {
    if let Ok(key) = Vkey::parse(given.trim()) {
        return Ok(key);
    }
    let path = Path::new(given);
    let text = read_needed(path, 4096)?;
    let text = String::from_utf8_lossy(&text);
    let line = text.lines().next().unwrap_or_default().trim();
    Vkey::parse(line).map_err(|why| {
        let what = format!("{} holds no verification key", path.display());
        let advice = "give root.vkey of the force's ceremony, from a source that you trust, or the key in it";
        Failure::new(Kind::Usage, what, advice).because(why)
    })
}

/// The last part of a path, for a finding's place.
#[must_use]
pub fn name_of(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}
