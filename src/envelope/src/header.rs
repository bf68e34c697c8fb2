//! The header of any age v1 file, strictly: what `check_header` is for envelopes, for all the rest.
//!
//! Used where a file may have several recipients, for taking a header apart to rewrite it, and
//! against the C2SP CCTV vectors. Binary only: no armor. One form of a header is accepted and
//! [`Header::encode`] gives the same bytes again.
//!
//! Source: C2SP age, "Header"; the grammar is its ABNF.

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD;

/// The longest header that is read, in bytes: over a hundred hybrid recipients.
pub const HEADER_SIZE_BYTES_MAX: usize = 262_144;

const VERSION_LINE: &[u8] = b"age-encryption.org/v1";
/// Characters of a full line of a stanza's body.
const BODY_LINE_CHARS: usize = 64;
/// Bytes that a full line holds.
const BODY_LINE_BYTES: usize = 48;

/// Why bytes do not begin with an age v1 header; `at` is an offset in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// The first line is not `age-encryption.org/v1`.
    #[error("the first line is not that of an age v1 file")]
    Version,
    /// The bytes end before the header does, or a header goes on beyond its limit.
    #[error("the age header has not ended at byte {at}")]
    Unended {
        /// Offset of the end, or the limit.
        at: usize,
    },
    /// A line is none of those that may stand there.
    #[error("the age header at byte {at} is not as wanted: {wanted}")]
    Line {
        /// Offset of the first byte of the line.
        at: usize,
        /// What should be there.
        wanted: &'static str,
    },
}

/// One recipient's way to the file key.
#[derive(Clone, PartialEq, Eq)]
pub struct Stanza<'a> {
    /// The type, such as `mlkem768x25519`: printable ASCII, not empty.
    pub tag: &'a str,
    /// The arguments after the type: printable ASCII, none empty.
    pub args: Vec<&'a str>,
    /// The body, decoded.
    pub body: Vec<u8>,
}

/// A header taken apart.
#[derive(Clone, PartialEq, Eq)]
pub struct Header<'a> {
    /// At least one.
    pub stanzas: Vec<Stanza<'a>>,
    /// HMAC-SHA-256 over all that stands before the space of the last line.
    pub mac: [u8; 32],
}

impl Header<'_> {
    /// The bytes that the MAC is over: from the version line to `---`, without the space.
    #[must_use]
    pub fn encode_without_mac(&self) -> Vec<u8> {
        let mut bytes = VERSION_LINE.to_vec();
        bytes.push(b'\n');
        for stanza in &self.stanzas {
            bytes.extend_from_slice(b"-> ");
            bytes.extend_from_slice(stanza.tag.as_bytes());
            for arg in &stanza.args {
                bytes.push(b' ');
                bytes.extend_from_slice(arg.as_bytes());
            }
            bytes.push(b'\n');
            let mut lines = stanza.body.chunks_exact(BODY_LINE_BYTES);
            for line in lines.by_ref() {
                bytes.extend_from_slice(BASE64_STANDARD_NO_PAD.encode(line).as_bytes());
                bytes.push(b'\n');
            }
            // A body ends with a line that is not full, even if it is empty.
            bytes.extend_from_slice(BASE64_STANDARD_NO_PAD.encode(lines.remainder()).as_bytes());
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(b"---");
        bytes
    }

    /// The whole header.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.encode_without_mac();
        bytes.push(b' ');
        bytes.extend_from_slice(BASE64_STANDARD_NO_PAD.encode(self.mac).as_bytes());
        bytes.push(b'\n');
        bytes
    }
}

/// Parses the header at the front of `bytes` and gives what follows it.
///
/// # Errors
/// The first line that breaks the grammar. A header over [`HEADER_SIZE_BYTES_MAX`] is not read on.
pub fn split(bytes: &[u8]) -> Result<(Header<'_>, &[u8]), HeaderError> {
    let (front, _) = bytes.split_at(bytes.len().min(HEADER_SIZE_BYTES_MAX));
    let mut lines = Lines { rest: front, at: 0 };
    if lines.next().map_err(|_| HeaderError::Version)?.1 != VERSION_LINE {
        return Err(HeaderError::Version);
    }
    let mut stanzas = Vec::new();
    loop {
        let (at, line) = lines.next()?;
        if let Some(args) = line.strip_prefix(b"-> ") {
            stanzas.push(parse_stanza(at, args, &mut lines)?);
        } else if let Some(mac) = line.strip_prefix(b"--- ") {
            if stanzas.is_empty() {
                return Err(HeaderError::Line {
                    at,
                    wanted: "at least one stanza before the MAC",
                });
            }
            let mac = BASE64_STANDARD_NO_PAD
                .decode(mac)
                .ok()
                .and_then(|mac| mac.try_into().ok());
            let mac = mac.ok_or(HeaderError::Line {
                at,
                wanted: "43 characters of base64",
            })?;
            let (_, payload) = bytes.split_at(lines.at.min(bytes.len()));
            return Ok((Header { stanzas, mac }, payload));
        } else {
            return Err(HeaderError::Line {
                at,
                wanted: "a stanza or the line of the MAC",
            });
        }
    }
}

/// Parses the header at the front of `bytes`.
///
/// # Errors
/// As [`split`].
pub fn parse(bytes: &[u8]) -> Result<Header<'_>, HeaderError> {
    split(bytes).map(|(header, _)| header)
}

fn parse_stanza<'a>(
    at: usize,
    args: &'a [u8],
    lines: &mut Lines<'a>,
) -> Result<Stanza<'a>, HeaderError> {
    let bad_args = HeaderError::Line {
        at,
        wanted: "arguments of printable ASCII, none empty",
    };
    let printable = args.iter().all(|b| matches!(b, b' '..=b'~'));
    let args = std::str::from_utf8(args)
        .ok()
        .filter(|_| printable)
        .ok_or(bad_args)?;
    let mut args: Vec<&str> = args.split(' ').collect();
    if args.iter().any(|arg| arg.is_empty()) {
        return Err(bad_args);
    }
    let tag = args.remove(0);
    let mut body = Vec::new();
    loop {
        let (at, line) = lines.next()?;
        let bad_body = HeaderError::Line {
            at,
            wanted: "base64 in lines of 64, the last shorter",
        };
        if line.len() > BODY_LINE_CHARS {
            return Err(bad_body);
        }
        body.extend(BASE64_STANDARD_NO_PAD.decode(line).map_err(|_| bad_body)?);
        if line.len() < BODY_LINE_CHARS {
            return Ok(Stanza { tag, args, body });
        }
    }
}

/// Lines that end with LF, and where they begin.
struct Lines<'a> {
    rest: &'a [u8],
    at: usize,
}

impl<'a> Lines<'a> {
    fn next(&mut self) -> Result<(usize, &'a [u8]), HeaderError> {
        let unended = HeaderError::Unended {
            at: self.at + self.rest.len(),
        };
        let length = self.rest.iter().position(|b| *b == b'\n').ok_or(unended)?;
        let (line, rest) = self.rest.split_at(length);
        let at = self.at;
        self.rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        self.at += length + 1;
        Ok((at, line))
    }
}
