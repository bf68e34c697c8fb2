//! Archives in memory. Members that are secret are written into a buffer of the caller's, which
//! never grows when it was made with [`archive_size_bytes`], so that nothing is left behind.

use crate::header::{self, NameError, SIZE_BYTES_MAX};
use crate::{BLOCK_SIZE_BYTES, END_SIZE_BYTES, ReadError, fill_size_bytes};

/// Why a member cannot be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// The name is not allowed.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The member is larger than a header can say.
    #[error("the member is {found} bytes, at most {SIZE_BYTES_MAX} wanted")]
    Size {
        /// The member's size.
        found: u64,
    },
}

/// One member of an archive in memory.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// At most 100 bytes of `A-Z a-z 0-9 . _ - /`.
    pub name: &'a str,
    /// The member's bytes, without the zeros that fill them up.
    pub data: &'a [u8],
}

/// What [`members`] found.
pub struct Archive<'a> {
    /// The members in their order. A name may occur twice: who reads fixes the order that is right.
    pub members: Vec<Member<'a>>,
    /// Offset of the first byte after the two blocks of zeros. What follows is not looked at.
    pub end: usize,
}

/// Writes an archive into memory of its own. Not for secrets: it grows as it goes.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// An archive without members.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Appends one member.
    ///
    /// # Errors
    /// As [`append`].
    pub fn append(&mut self, name: &str, data: &[u8]) -> Result<(), WriteError> {
        append(&mut self.0, name, data)
    }

    /// Ends the archive with two blocks of zeros.
    #[must_use]
    pub fn finish(mut self) -> Vec<u8> {
        end(&mut self.0);
        self.0
    }
}

/// Size of an archive in bytes, its end included, of members of these sizes.
#[must_use]
pub fn archive_size_bytes(members: impl IntoIterator<Item = u64>) -> u64 {
    let block = 512;
    let of_member = |size: u64| {
        size.div_ceil(block)
            .saturating_mul(block)
            .saturating_add(block)
    };
    members
        .into_iter()
        .map(of_member)
        .fold(2 * block, u64::saturating_add)
}

/// Appends one member (header, bytes, zeros to a whole block) to `archive`.
///
/// # Errors
/// The name is not allowed or the member too large; then nothing was written.
pub fn append(archive: &mut Vec<u8>, name: &str, data: &[u8]) -> Result<(), WriteError> {
    header::check_name(name)?;
    let size = u64::try_from(data.len()).unwrap_or(u64::MAX);
    if size > SIZE_BYTES_MAX {
        return Err(WriteError::Size { found: size });
    }
    archive.extend_from_slice(&header::encode(name.as_bytes(), size));
    archive.extend_from_slice(data);
    archive.resize(archive.len() + fill_size_bytes(size), 0);
    Ok(())
}

/// Ends `archive` with two blocks of zeros.
pub fn end(archive: &mut Vec<u8>) {
    archive.resize(archive.len() + END_SIZE_BYTES, 0);
}

/// Reads the members of an archive, up to and with its two blocks of zeros.
///
/// # Errors
/// Any byte that is not as [`append`] and [`end`] write it, with its offset.
pub fn members(bytes: &[u8]) -> Result<Archive<'_>, ReadError> {
    let mut rest = Rest { bytes, at: 0 };
    let mut members = Vec::new();
    loop {
        let at = rest.at;
        let block = rest.block()?;
        if block.iter().all(|b| *b == 0) {
            let at = rest.at;
            if rest.block()?.iter().any(|b| *b != 0) {
                return Err(ReadError::End { at });
            }
            let end = bytes.len() - rest.bytes.len();
            return Ok(Archive { members, end });
        }
        let (name, size) = header::parse(block, at)?;
        let data = rest.take(size)?;
        let fill_at = rest.at;
        let fill = rest.take(u64::try_from(fill_size_bytes(size)).unwrap_or_default())?;
        check_zeros(fill, fill_at)?;
        members.push(Member { name, data });
    }
}

/// Refuses the first byte of `fill`, which lies at offset `at`, that is not zero.
pub(crate) fn check_zeros(fill: &[u8], at: u64) -> Result<(), ReadError> {
    match fill.iter().position(|b| *b != 0) {
        None => Ok(()),
        Some(i) => {
            let at = at.saturating_add(u64::try_from(i).unwrap_or_default());
            Err(ReadError::Padding { at })
        }
    }
}

struct Rest<'a> {
    bytes: &'a [u8],
    at: u64,
}

impl<'a> Rest<'a> {
    fn take(&mut self, size: u64) -> Result<&'a [u8], ReadError> {
        let found = u64::try_from(self.bytes.len()).unwrap_or(u64::MAX);
        let split = usize::try_from(size)
            .ok()
            .and_then(|size| self.bytes.split_at_checked(size));
        let Some((taken, rest)) = split else {
            let at = self.at.saturating_add(found);
            return Err(ReadError::Truncated {
                at,
                wanted: size.saturating_sub(found),
            });
        };
        self.bytes = rest;
        self.at = self.at.saturating_add(size);
        Ok(taken)
    }

    fn block(&mut self) -> Result<&'a [u8; BLOCK_SIZE_BYTES], ReadError> {
        let at = self.at;
        let taken = self.take(512)?;
        taken
            .try_into()
            .map_err(|_| ReadError::Truncated { at, wanted: 512 })
    }
}
