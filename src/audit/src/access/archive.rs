//! The strict subset of ustar that records and bundles come in, read with code of our own. docs/protocol.md section 2.
//!
//! Takes the bytes as they are; holds no copy of a member.

/// Size of a block in bytes.
pub(super) const BLOCK_SIZE_BYTES: usize = 512;

/// The most members that are read of one archive.
const MEMBERS_MAX: usize = 70_000;

/// Why bytes are no archive of the subset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no archive in the one form that is right, at byte {at}")]
pub struct ArchiveError {
    /// Where it stops being one.
    pub at: usize,
}

/// A member: its name and bytes.
pub type Member<'a> = (&'a str, &'a [u8]);

/// The members of an archive, in order.
///
/// # Errors
/// The first place at which it is not in the one form that is right.
pub fn members(archive: &[u8]) -> Result<Vec<Member<'_>>, ArchiveError> {
    let mut found = Vec::new();
    let mut at = 0;
    loop {
        let failed = ArchiveError { at };
        let rest = archive.get(at..).ok_or(failed)?;
        let header: &[u8; BLOCK_SIZE_BYTES] = rest.first_chunk().ok_or(failed)?;
        if header.iter().all(|byte| *byte == 0) {
            // Two blocks of zeros, and nothing behind them.
            let is_end = rest.len() == 2 * BLOCK_SIZE_BYTES && rest.iter().all(|byte| *byte == 0);
            return if is_end { Ok(found) } else { Err(failed) };
        }
        let (name, size) = parse_header(header).ok_or(failed)?;
        let (_, rest) = rest.split_at_checked(BLOCK_SIZE_BYTES).ok_or(failed)?;
        let (data, _) = rest.split_at_checked(size).ok_or(failed)?;
        let padded = size
            .checked_next_multiple_of(BLOCK_SIZE_BYTES)
            .ok_or(failed)?;
        let padding = rest.get(size..padded).ok_or(failed)?;
        if padding.iter().any(|byte| *byte != 0) || found.len() == MEMBERS_MAX {
            return Err(failed);
        }
        found.push((name, data));
        at += BLOCK_SIZE_BYTES + padded;
    }
}

/// Name and size; nothing when the header is not what the name and size make.
pub(super) fn parse_header(header: &[u8; BLOCK_SIZE_BYTES]) -> Option<(&str, usize)> {
    let (name, _) = header.split_at(100);
    let end = name
        .iter()
        .position(|byte| *byte == 0)
        .unwrap_or(name.len());
    let (name, _) = name.split_at(end);
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|name| !name.is_empty())?;
    let digits = header.get(124..135)?;
    let digits = std::str::from_utf8(digits).ok()?;
    if !digits.bytes().all(|byte| (b'0'..=b'7').contains(&byte)) {
        return None;
    }
    let size = u64::from_str_radix(digits, 8).ok()?;
    (*header == write_header(name, size)).then_some(())?;
    Some((name, usize::try_from(size).ok()?))
}

/// The one header that is right.
fn write_header(name: &str, size: u64) -> [u8; BLOCK_SIZE_BYTES] {
    let mut header = [0; BLOCK_SIZE_BYTES];
    let size = format!("{size:011o}\0");
    let fields: [(usize, &[u8]); 11] = [
        (0, name.as_bytes()),
        (100, b"0000644\0"),
        (108, b"0000000\0"),
        (116, b"0000000\0"),
        (124, size.as_bytes()),
        (136, b"00000000000\0"),
        (148, b"        "),
        (156, b"0"),
        (257, b"ustar\x0000"),
        (329, b"0000000\0"),
        (337, b"0000000\0"),
    ];
    put(&mut header, &fields);
    let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
    put(&mut header, &[(148, format!("{sum:06o}\0 ").as_bytes())]);
    header
}

fn put(header: &mut [u8; BLOCK_SIZE_BYTES], fields: &[(usize, &[u8])]) {
    for (at, bytes) in fields {
        for (to, from) in header.iter_mut().skip(*at).zip(*bytes) {
            *to = *from;
        }
    }
}
