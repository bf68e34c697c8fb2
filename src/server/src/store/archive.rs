//! What a backup is made of: an archive of the strict subset of ustar whose last member has the SHA-256 of all others.
//!
//! It names its members and their order, for the one who writes it and the one who reads it: docs/protocol.md section 16.

use std::io::{self, Read, Write};

use hafan_directory::Force;
use hafan_ustar::stream::{StreamWriteError, Writer};
use sha2::{Digest as _, Sha256};

/// First member: what the archive is, and the log name.
pub(crate) const HEAD: &str = "hafan-backup";

/// Last member: a line for each other one, as `sha256sum -c` reads it.
pub(crate) const SUMS: &str = "SHA256SUMS";

/// The first line of [`HEAD`].
pub(crate) const VERSION: &str = "hafan backup 1";

/// The largest file of the operator log.
pub(crate) const OPERATOR_FILE_SIZE_BYTES_MAX: u64 = 1024 * 1024;

/// The member with the newest checkpoint of a log.
pub(crate) fn checkpoint_member(force: &Force, year: u16) -> String {
    format!("checkpoints/{force}-{year}")
}

/// Force and year of a member of [`checkpoint_member`].
pub(crate) fn parse_checkpoint_member(name: &str) -> Option<(Force, u16)> {
    let (force, year) = name.strip_prefix("checkpoints/")?.rsplit_once('-')?;
    let log: (Force, u16) = (force.parse().ok()?, year.parse().ok()?);
    (checkpoint_member(&log.0, log.1) == name).then_some(log)
}

/// The member with the whole frames of a segment.
pub(crate) fn segment_member(segment: u32) -> String {
    format!("segments/{segment:06}.log")
}

/// The member with a file of the operator log.
pub(crate) fn operator_member(name: &str) -> String {
    format!("operator/{name}")
}

/// Whether a file in the folder of the operator log is one that is kept: not one that is just being written.
pub(crate) fn is_operator_file(name: &str) -> bool {
    let is_note = name.strip_suffix(".note").is_some_and(|number| {
        number.len() == 8 && number.bytes().all(|byte| byte.is_ascii_digit())
    });
    is_note || name == "checkpoint"
}

/// Writes the members and remembers their digests.
pub(crate) struct Archive<W: Write> {
    writer: Writer<W>,
    sums: String,
}

impl<W: Write> Archive<W> {
    pub(crate) const fn new(inner: W) -> Self {
        Self {
            writer: Writer::new(inner),
            sums: String::new(),
        }
    }

    /// Appends a member of exactly `size` bytes.
    pub(crate) fn append(
        &mut self,
        name: &str,
        size: u64,
        data: impl Read,
    ) -> Result<(), StreamWriteError> {
        let mut summed = Summed::new(data);
        self.writer.append(name, size, &mut summed)?;
        self.sums.push_str(&sum_line(&summed.finish(), name));
        Ok(())
    }

    pub(crate) fn append_bytes(
        &mut self,
        name: &str,
        bytes: &[u8],
    ) -> Result<(), StreamWriteError> {
        let size = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        self.append(name, size, bytes)
    }

    /// Ends the archive with the digests of all its members.
    pub(crate) fn finish(mut self) -> Result<W, StreamWriteError> {
        let size = u64::try_from(self.sums.len()).unwrap_or(u64::MAX);
        self.writer.append(SUMS, size, self.sums.as_bytes())?;
        self.writer.finish()
    }
}

/// One line of [`SUMS`].
pub(crate) fn sum_line(sum: &[u8; 32], name: &str) -> String {
    format!("{}  {name}\n", hex::encode(sum))
}

/// Hashes what is read or written through it.
pub(crate) struct Summed<T> {
    inner: T,
    hash: Sha256,
}

impl<T> Summed<T> {
    pub(crate) fn new(inner: T) -> Self {
        Self {
            inner,
            hash: Sha256::new(),
        }
    }

    pub(crate) fn finish(self) -> [u8; 32] {
        self.hash.finalize().into()
    }
}

impl<R: Read> Read for Summed<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hash.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}

impl<W: Write> Write for Summed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.inner.write(bytes)?;
        self.hash.update(bytes.get(..count).unwrap_or_default());
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_a_checkpoint_has_one_way_to_be_written() {
        let log = ("dyfed-powys".parse().unwrap(), 2026);
        let name = checkpoint_member(&log.0, log.1);
        assert_eq!(name, "checkpoints/dyfed-powys-2026");
        assert_eq!(parse_checkpoint_member(&name), Some(log));
        for wrong in [
            "checkpoints/btp-02026",
            "checkpoints/btp-+2026",
            "checkpoints/btp",
            "btp-2026",
        ] {
            assert_eq!(parse_checkpoint_member(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_file_that_is_being_written_is_none_of_the_operator_log() {
        assert!(is_operator_file("00000000.note") && is_operator_file("checkpoint"));
        for wrong in [
            "checkpoint.next",
            "00000000.note.next",
            "0.note",
            "0000000a.note",
            ".note",
        ] {
            assert!(!is_operator_file(wrong), "{wrong}");
        }
    }

    #[test]
    fn an_archive_ends_with_the_sums_of_its_members() {
        let mut archive = Archive::new(Vec::new());
        archive.append_bytes("a", b"abc").unwrap();
        let bytes = archive.finish().unwrap();
        let archive = hafan_ustar::members(&bytes).unwrap();
        let sums = archive.members.last().unwrap();
        assert_eq!(sums.name, SUMS);
        assert_eq!(
            sums.data,
            b"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  a\n"
        );
    }
}
