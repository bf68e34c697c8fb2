//! Archives that are larger than memory: one member at a time, from a reader or to a writer.

use std::io::{self, Read, Write};

use crate::memory::check_zeros;
use crate::{BLOCK_SIZE_BYTES, Header, ReadError, WriteError, fill_size_bytes};

/// How much of a member is copied at once.
const COPY_SIZE_BYTES: usize = 65_536;

/// Why an archive could not be written to its end.
#[derive(Debug, thiserror::Error)]
pub enum StreamWriteError {
    /// The member may not stand in an archive.
    #[error(transparent)]
    Member(#[from] WriteError),
    /// The member's reader gave fewer or more bytes than its header says.
    #[error("the member was said to be {wanted} bytes and is not")]
    Size {
        /// What the header says.
        wanted: u64,
    },
    /// Reading the member or writing the archive failed.
    #[error("the archive could not be written")]
    Io(#[from] io::Error),
}

/// Why an archive could not be read.
#[derive(Debug, thiserror::Error)]
pub enum StreamReadError {
    /// The bytes are not an archive of the strict subset.
    #[error(transparent)]
    Archive(#[from] ReadError),
    /// A member is larger than the caller allows.
    #[error("the member is {found} bytes, at most {max} wanted")]
    TooLong {
        /// What the header says.
        found: u64,
        /// The caller's limit.
        max: u64,
    },
    /// Reading the archive or writing the member failed.
    #[error("the archive could not be read")]
    Io(#[from] io::Error),
}

/// Writes an archive member by member. What was written is whole only after [`Writer::finish`].
pub struct Writer<W: Write> {
    inner: W,
}

impl<W: Write> Writer<W> {
    /// An archive without members, to be written to `inner`.
    pub const fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Appends one member of exactly `size` bytes, read from `data`.
    ///
    /// # Errors
    /// The name or size is not allowed (nothing was written then), `data` has fewer or more than
    /// `size` bytes, or reading or writing failed (the archive is torn then).
    pub fn append(
        &mut self,
        name: &str,
        size: u64,
        mut data: impl Read,
    ) -> Result<(), StreamWriteError> {
        self.inner.write_all(&Header::new(name, size)?.encode())?;
        let copied = io::copy(&mut data.by_ref().take(size), &mut self.inner)?;
        if copied != size || !read_full(&mut data, &mut [0])?.is_empty() {
            return Err(StreamWriteError::Size { wanted: size });
        }
        self.write_zeros(fill_size_bytes(size))
    }

    /// Ends the archive with two blocks of zeros, flushes, and gives the writer back.
    ///
    /// # Errors
    /// Writing failed.
    pub fn finish(mut self) -> Result<W, StreamWriteError> {
        self.write_zeros(crate::END_SIZE_BYTES)?;
        self.inner.flush()?;
        Ok(self.inner)
    }

    fn write_zeros(&mut self, size: usize) -> Result<(), StreamWriteError> {
        let zeros = [0; crate::END_SIZE_BYTES];
        let (zeros, _) = zeros.split_at(size.min(zeros.len()));
        Ok(self.inner.write_all(zeros)?)
    }
}

/// Reads an archive member by member. The archive must end with its two blocks of zeros.
pub struct Reader<R: Read> {
    inner: R,
    /// Offset of the next byte.
    at: u64,
    /// Bytes of the present member that were not read yet.
    left: u64,
    /// Zeros that follow the present member.
    fill: usize,
    ended: bool,
}

impl<R: Read> Reader<R> {
    /// Reads from `inner`, which should be buffered.
    pub const fn new(inner: R) -> Self {
        Self {
            inner,
            at: 0,
            left: 0,
            fill: 0,
            ended: false,
        }
    }

    /// Offset in bytes of what is read next.
    #[must_use]
    pub const fn offset(&self) -> u64 {
        self.at
    }

    /// The next member's header, or `None` once, and whenever asked again, the archive has ended.
    /// What was not read of the member before is read and thrown away.
    ///
    /// # Errors
    /// The archive breaks a rule, or something follows its end, or reading failed.
    pub fn next_member(&mut self) -> Result<Option<Header>, StreamReadError> {
        if self.ended {
            return Ok(None);
        }
        self.copy_data_to(&mut io::sink())?;
        let at = self.at;
        let block = self.read_block()?;
        if block.iter().any(|b| *b != 0) {
            let header = Header::parse(&block, at)?;
            self.left = header.size();
            self.fill = fill_size_bytes(header.size());
            return Ok(Some(header));
        }
        let at = self.at;
        if self.read_block()?.iter().any(|b| *b != 0) {
            return Err(ReadError::End { at }.into());
        }
        if !read_full(&mut self.inner, &mut [0])?.is_empty() {
            return Err(ReadError::Trailing { at: self.at }.into());
        }
        self.ended = true;
        Ok(None)
    }

    /// The present member's bytes, at most `size_bytes_max` of them.
    ///
    /// # Errors
    /// The member is larger, or its padding is not zero, or reading failed.
    pub fn read_data(&mut self, size_bytes_max: u64) -> Result<Vec<u8>, StreamReadError> {
        let found = self.left;
        if found > size_bytes_max {
            return Err(StreamReadError::TooLong {
                found,
                max: size_bytes_max,
            });
        }
        // Room grows with what is there, not with what a header says.
        let mut data = Vec::new();
        self.copy_data_to(&mut data)?;
        Ok(data)
    }

    /// Copies the present member's bytes to `to` and says how many there were.
    ///
    /// # Errors
    /// The member's padding is not zero, the archive is cut, or reading or writing failed.
    pub fn copy_data_to(&mut self, to: &mut impl Write) -> Result<u64, StreamReadError> {
        let size = self.left;
        let mut buffer = vec![
            0;
            usize::try_from(size)
                .map_or(COPY_SIZE_BYTES, |size| size.min(COPY_SIZE_BYTES))
        ];
        while self.left > 0 {
            let want = usize::try_from(self.left)
                .unwrap_or(usize::MAX)
                .min(buffer.len());
            let (part, _) = buffer.split_at_mut(want);
            self.read_exactly(part)?;
            to.write_all(part)?;
            self.left = self
                .left
                .saturating_sub(u64::try_from(want).unwrap_or(u64::MAX));
        }
        let mut fill = [0; BLOCK_SIZE_BYTES];
        let (fill, _) = fill.split_at_mut(self.fill);
        let at = self.at;
        self.read_exactly(fill)?;
        self.fill = 0;
        check_zeros(fill, at)?;
        Ok(size)
    }

    fn read_block(&mut self) -> Result<[u8; BLOCK_SIZE_BYTES], StreamReadError> {
        let mut block = [0; BLOCK_SIZE_BYTES];
        self.read_exactly(&mut block)?;
        Ok(block)
    }

    fn read_exactly(&mut self, to: &mut [u8]) -> Result<(), StreamReadError> {
        let wanted = u64::try_from(to.len()).unwrap_or(u64::MAX);
        let found = u64::try_from(read_full(&mut self.inner, to)?.len()).unwrap_or(u64::MAX);
        self.at = self.at.saturating_add(found);
        if found < wanted {
            return Err(ReadError::Truncated {
                at: self.at,
                wanted: wanted - found,
            }
            .into());
        }
        Ok(())
    }
}

/// Reads until `to` is full or the reader has ended, and gives what was read.
fn read_full<'a>(from: &mut impl Read, to: &'a mut [u8]) -> io::Result<&'a [u8]> {
    let mut filled = 0;
    while let Some(rest) = to.get_mut(filled..).filter(|rest| !rest.is_empty()) {
        match from.read(rest) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(e) => return Err(e),
        }
    }
    let (full, _) = to.split_at(filled.min(to.len()));
    Ok(full)
}
