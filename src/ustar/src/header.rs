//! One 512-byte header: encode, and parse by encoding again and comparing.

use crate::{BLOCK_SIZE_BYTES, ReadError};

/// The longest name, in bytes: the width of the field.
pub const NAME_SIZE_BYTES_MAX: usize = 100;

/// The largest member, in bytes: 11 octal digits.
pub const SIZE_BYTES_MAX: u64 = 0o777_7777_7777;

/// The fields of a header: name, first byte, byte after the last.
const FIELDS: [(&str, usize, usize); 17] = [
    ("name", 0, 100),
    ("mode", 100, 108),
    ("uid", 108, 116),
    ("gid", 116, 124),
    ("size", 124, 136),
    ("mtime", 136, 148),
    ("typeflag", 156, 157),
    ("linkname", 157, 257),
    ("magic", 257, 263),
    ("version", 263, 265),
    ("uname", 265, 297),
    ("gname", 297, 329),
    ("devmajor", 329, 337),
    ("devminor", 337, 345),
    ("prefix", 345, 500),
    ("padding", 500, 512),
    // Last: whatever else is wrong makes the sum wrong, too, and should be named.
    ("chksum", 148, 156),
];

/// Why a name may not stand in an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The name has no characters.
    #[error("the member's name is empty")]
    Empty,
    /// The name is longer than the field.
    #[error("the member's name is over 100 bytes")]
    Long,
    /// A character other than `A-Z a-z 0-9 . _ - /`.
    #[error("the member's name has a character other than A-Z a-z 0-9 . _ - /")]
    Character,
    /// A part between slashes is empty, `.` or `..`, or begins with `-`.
    #[error("the member's name has a part that is empty, \".\" or \"..\", or begins with \"-\"")]
    Part,
}

/// What a header says: the two fields that vary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    name: String,
    size: u64,
}

impl Header {
    /// The header of a member of `size` bytes, at most [`SIZE_BYTES_MAX`].
    ///
    /// # Errors
    /// The name is not allowed ([`check_name`]), or the size does not fit.
    pub fn new(name: &str, size: u64) -> Result<Self, crate::WriteError> {
        check_name(name)?;
        if size > SIZE_BYTES_MAX {
            return Err(crate::WriteError::Size { found: size });
        }
        Ok(Self {
            name: name.to_owned(),
            size,
        })
    }

    /// The member's name, at most 100 bytes of `A-Z a-z 0-9 . _ - /`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The member's size in bytes, without the zeros that fill it up.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// The 512 bytes of the header.
    #[must_use]
    pub fn encode(&self) -> [u8; BLOCK_SIZE_BYTES] {
        encode(self.name.as_bytes(), self.size)
    }

    /// Parses one header that lies at offset `at` of its archive.
    ///
    /// # Errors
    /// A field is not what [`Header::encode`] would write.
    pub fn parse(block: &[u8; BLOCK_SIZE_BYTES], at: u64) -> Result<Self, ReadError> {
        let (name, size) = parse(block, at)?;
        Ok(Self {
            name: name.to_owned(),
            size,
        })
    }
}

/// Says whether a member may have this name: 1 to 100 bytes, relative, plain characters only.
///
/// # Errors
/// Says which rule the name breaks.
pub fn check_name(name: &str) -> Result<(), NameError> {
    if name.is_empty() {
        return Err(NameError::Empty);
    }
    if name.len() > NAME_SIZE_BYTES_MAX {
        return Err(NameError::Long);
    }
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-' | b'/');
    if !name.bytes().all(plain) {
        return Err(NameError::Character);
    }
    let bad_part = |part: &str| matches!(part, "" | "." | "..") || part.starts_with('-');
    if name.split('/').any(bad_part) {
        return Err(NameError::Part);
    }
    Ok(())
}

/// Parses a header without allocating: the name and the size.
pub(crate) fn parse(block: &[u8; BLOCK_SIZE_BYTES], at: u64) -> Result<(&str, u64), ReadError> {
    let (field, _) = block.split_at(NAME_SIZE_BYTES_MAX);
    let length = field.iter().position(|b| *b == 0).unwrap_or(field.len());
    let (name, _) = field.split_at(length);
    let bad_name = |problem| ReadError::Name { at, problem };
    let name = std::str::from_utf8(name).map_err(|_| bad_name(NameError::Character))?;
    check_name(name).map_err(bad_name)?;
    let size = block.get(124..136).and_then(parse_size);
    let size = size.ok_or(ReadError::Field {
        at: at.saturating_add(124),
        field: "size",
    })?;
    let wanted = encode(name.as_bytes(), size);
    for (field, from, to) in FIELDS {
        if block.get(from..to) != wanted.get(from..to) {
            let from = u64::try_from(from).unwrap_or_default();
            return Err(ReadError::Field {
                at: at.saturating_add(from),
                field,
            });
        }
    }
    Ok((name, size))
}

/// Eleven octal digits and a NUL.
fn parse_size(field: &[u8]) -> Option<u64> {
    let (end, digits) = field.split_last()?;
    let octal = *end == 0 && digits.iter().all(|b| matches!(b, b'0'..=b'7'));
    octal.then(|| {
        digits
            .iter()
            .fold(0, |size, digit| size * 8 + u64::from(digit - b'0'))
    })
}

/// `name` is at most 100 bytes and `size` at most 11 octal digits.
pub(crate) fn encode(name: &[u8], size: u64) -> [u8; BLOCK_SIZE_BYTES] {
    let mut block = [0; BLOCK_SIZE_BYTES];
    put(&mut block, 0, name);
    put(&mut block, 100, b"0000644\0");
    put(&mut block, 108, b"0000000\0");
    put(&mut block, 116, b"0000000\0");
    put(&mut block, 124, format!("{size:011o}\0").as_bytes());
    put(&mut block, 136, b"00000000000\0");
    // The checksum is the sum of all bytes, with its own eight taken as spaces.
    put(&mut block, 148, b"        ");
    put(&mut block, 156, b"0");
    put(&mut block, 257, b"ustar\x0000");
    put(&mut block, 329, b"0000000\0");
    put(&mut block, 337, b"0000000\0");
    let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
    put(&mut block, 148, format!("{sum:06o}\0 ").as_bytes());
    block
}

fn put(block: &mut [u8; BLOCK_SIZE_BYTES], at: usize, bytes: &[u8]) {
    for (to, from) in block.iter_mut().skip(at).zip(bytes) {
        *to = *from;
    }
}
