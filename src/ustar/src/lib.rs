//! The strict subset of POSIX ustar that paddeds and bundles are written in.
//!
//! An archive is, for each member, a 512-byte header and the member's bytes filled with zeros to a
//! multiple of 512; then two blocks of zeros. Every field of a header but name and size has one
//! right value, so an archive of given members is one string of bytes, and any `tar` opens it.
//!
//! Nothing here touches a file system, follows a path or allocates more than it was given. What
//! is read is hostile: each byte that is not as the subset wants it is refused, with its offset.
//!
//! Source: POSIX.1-2017, pax, "ustar Interchange Format"; docs/protocol.md section 2.

mod header;
mod memory;
pub mod stream;

pub use header::{Header, NAME_SIZE_BYTES_MAX, NameError, SIZE_BYTES_MAX, check_name};
pub use memory::{Archive, Member, WriteError, Writer, append, archive_size_bytes, end, members};

/// Size of a header, and the unit that a member's bytes are filled up to.
pub const BLOCK_SIZE_BYTES: usize = 512;

/// Size of the two blocks of zeros that end an archive.
pub const END_SIZE_BYTES: usize = 2 * BLOCK_SIZE_BYTES;

/// Why bytes are not an archive of the strict subset; `at` is the offset in bytes of what is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// A field of a header has another value than the only right one.
    #[error("ustar header at byte {at}: {field} is not as the strict subset wants it")]
    Field {
        /// Offset of the first byte of the field.
        at: u64,
        /// The field's name in POSIX.
        field: &'static str,
    },
    /// A member's name is not one that this subset allows.
    #[error("ustar header at byte {at}: {problem}")]
    Name {
        /// Offset of the header.
        at: u64,
        /// What is wrong with the name.
        problem: NameError,
    },
    /// The bytes that fill a member up to a whole block are not all zero.
    #[error("ustar padding at byte {at} is not zero")]
    Padding {
        /// Offset of the first byte that is not zero.
        at: u64,
    },
    /// Only one block of zeros ends the archive; two are wanted.
    #[error("ustar end at byte {at}: one block of zeros found, two wanted")]
    End {
        /// Offset of the block that should be zero.
        at: u64,
    },
    /// The archive ends within a header, a member or before its two blocks of zeros.
    #[error("ustar archive ends at byte {at}, {wanted} more bytes wanted")]
    Truncated {
        /// Offset of the end.
        at: u64,
        /// How many bytes are missing at least.
        wanted: u64,
    },
    /// Something follows the two blocks of zeros of an archive that must end with them.
    #[error("ustar archive goes on at byte {at} after its end")]
    Trailing {
        /// Offset of the first byte after the end.
        at: u64,
    },
}

/// How many zeros fill `size` bytes up to a whole block: 0 to 511.
fn fill_size_bytes(size: u64) -> usize {
    const BLOCK: u64 = 512;
    let over = size % BLOCK;
    let fill = if over == 0 { 0 } else { BLOCK - over };
    usize::try_from(fill).unwrap_or(0)
}

const _: () = assert!(BLOCK_SIZE_BYTES == 512 && END_SIZE_BYTES == 1024);
