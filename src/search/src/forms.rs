//! The forms in which a program may have kept a text, and how to look for each in bytes.
//!
//! A search that finds nothing proves nothing until it has found what was put there: whoever uses this plants each form
//! where it looks, and demands that each is found.

use std::io::{Read as _, Write as _};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use flate2::Compression;
use flate2::read::{GzDecoder, ZlibDecoder};
use flate2::write::{GzEncoder, ZlibEncoder};
use memchr::memmem;
use ruzstd::decoding::StreamingDecoder;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

/// So much of a compressed stream is unpacked and looked through.
const UNPACKED_SIZE_BYTES_MAX: u64 = 16 << 20;

/// What is planted in the XOR form is written with this byte; any other is found as well.
const XOR_KEY: u8 = 0x5a;

/// One way of writing a text.
#[derive(Clone)]
pub struct Form {
    /// What the form is called in a finding.
    pub name: &'static str,
    /// How it is looked for.
    look: Look,
    /// The bytes to plant: the text in this form, with what would stand around it.
    pub planted: Vec<u8>,
}

#[derive(Clone)]
enum Look {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Bytes of which each and the next differ so: the text under any single byte. `first` is its own first byte.
    Differences { needle: Vec<u8>, first: u8 },
    /// These bytes in what a stream unpacks to.
    Unpacked(Packing, Vec<u8>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Packing {
    Gzip,
    Zlib,
    Zstd,
}

const PACKINGS: [Packing; 3] = [Packing::Gzip, Packing::Zlib, Packing::Zstd];

/// Where a form was found.
#[derive(Debug, PartialEq, Eq)]
pub struct Hit {
    /// The file, or the range of memory.
    pub place: String,
    /// The form.
    pub form: &'static str,
    /// The byte at which it begins; of what was compressed, at which the stream begins.
    pub offset: u64,
}

/// The forms of one text: UTF-8, UTF-16 in both byte orders, hex in both cases, base64 and base64url at each of the three
/// offsets, percent-encoding (all bytes, or only those that a URL cannot hold), JSON `\u` escapes (all characters, or only
/// those beyond ASCII), XOR with any one byte, gzip (RFC 1952), zlib (RFC 1950) and Zstandard (RFC 8878).
///
/// A text of 12 bytes or more; shorter ones are found by chance.
#[must_use]
pub fn forms(text: &str) -> Vec<Form> {
    let bytes = text.as_bytes();
    let mut forms = vec![
        whole("UTF-8", bytes.to_vec()),
        whole(
            "UTF-16LE",
            text.encode_utf16().flat_map(u16::to_le_bytes).collect(),
        ),
        whole(
            "UTF-16BE",
            text.encode_utf16().flat_map(u16::to_be_bytes).collect(),
        ),
        whole("hex", hex(bytes, "0123456789abcdef", "")),
        whole("HEX", hex(bytes, "0123456789ABCDEF", "")),
        whole("escapes of C", hex(bytes, "0123456789abcdef", "\\x")),
        whole("percent, every byte", hex(bytes, "0123456789ABCDEF", "%")),
        whole(
            "percent, every byte, lower case",
            hex(bytes, "0123456789abcdef", "%"),
        ),
        whole("percent", percent(bytes)),
        whole("JSON escapes", json_escapes(text, |ascii| !ascii)),
        whole(
            "JSON escapes, every character",
            json_escapes(text, |_| true),
        ),
    ];
    for (offset, name, name_url) in [
        (0_usize, "base64, offset 0", "base64url, offset 0"),
        (1, "base64, offset 1", "base64url, offset 1"),
        (2, "base64, offset 2", "base64url, offset 2"),
    ] {
        forms.push(base64_form(name, &STANDARD_NO_PAD, bytes, offset));
        forms.push(base64_form(name_url, &URL_SAFE_NO_PAD, bytes, offset));
    }
    forms.push(Form {
        name: "XOR with one byte",
        look: Look::Differences {
            needle: differences(bytes),
            first: bytes.first().copied().unwrap_or_default(),
        },
        planted: bytes.iter().map(|byte| byte ^ XOR_KEY).collect(),
    });
    for packing in PACKINGS {
        forms.push(Form {
            name: packing.name(),
            look: Look::Unpacked(packing, bytes.to_vec()),
            planted: packing.pack(bytes),
        });
    }
    // An ASCII text is its own percent form, and so on: one needle is enough.
    let mut seen: Vec<Vec<u8>> = Vec::new();
    forms.retain(|form| {
        let Look::Bytes(needle) = &form.look else {
            return true;
        };
        let is_new = !needle.is_empty() && !seen.contains(needle);
        seen.push(needle.clone());
        is_new
    });
    forms
}

/// Looks through bytes: the first place of each form.
#[must_use]
pub fn search_bytes(place: &str, bytes: &[u8], forms: &[Form]) -> Vec<Hit> {
    let hit = |form: &Form, offset: usize| Hit {
        place: place.to_owned(),
        form: form.name,
        offset: u64::try_from(offset).unwrap_or(u64::MAX),
    };
    let mut hits = Vec::new();
    let mut differing = None;
    for form in forms {
        let found = match &form.look {
            Look::Bytes(needle) => memmem::find(bytes, needle),
            Look::Differences { needle, first } => {
                let differing = differing.get_or_insert_with(|| differences(bytes));
                // Under a byte of zero it is the text itself, which has a form of its own.
                memmem::find_iter(differing, needle).find(|at| bytes.get(*at) != Some(first))
            }
            Look::Unpacked(..) => None,
        };
        hits.extend(found.map(|offset| hit(form, offset)));
    }
    for packing in PACKINGS {
        let wanted: Vec<(&Form, &[u8])> = forms
            .iter()
            .filter_map(|form| match &form.look {
                Look::Unpacked(of, needle) if *of == packing => Some((form, needle.as_slice())),
                Look::Bytes(_) | Look::Differences { .. } | Look::Unpacked(..) => None,
            })
            .collect();
        if wanted.is_empty() {
            continue;
        }
        for at in packing.begins(bytes) {
            let unpacked = packing.unpack(bytes.get(at..).unwrap_or_default());
            for (form, needle) in &wanted {
                if memmem::find(&unpacked, needle).is_some() {
                    hits.push(hit(form, at));
                }
            }
        }
    }
    hits
}

/// The longest needle, so that windows can overlap by it.
#[must_use]
pub(crate) fn needle_size_max(forms: &[Form]) -> usize {
    let sizes = forms.iter().map(|form| match &form.look {
        Look::Bytes(needle) | Look::Differences { needle, .. } => needle.len() + 1,
        Look::Unpacked(..) => 0,
    });
    sizes.max().unwrap_or(0)
}

impl Packing {
    const fn name(self) -> &'static str {
        match self {
            Self::Gzip => "gzip",
            Self::Zlib => "zlib (deflate)",
            Self::Zstd => "Zstandard",
        }
    }

    /// Where such a stream may begin.
    fn begins(self, bytes: &[u8]) -> Vec<usize> {
        match self {
            Self::Gzip => memmem::find_iter(bytes, &[0x1f, 0x8b, 8]).collect(),
            Self::Zlib => bytes
                .array_windows()
                .enumerate()
                .filter_map(|(at, head)| is_zlib(*head).then_some(at))
                .collect(),
            Self::Zstd => memmem::find_iter(bytes, &[0x28, 0xb5, 0x2f, 0xfd]).collect(),
        }
    }

    /// What the stream gives until it ends, breaks off or is too much.
    fn unpack(self, stream: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        // What stands before an error was given all the same: it is looked through.
        let _ends = match self {
            Self::Gzip => GzDecoder::new(stream)
                .take(UNPACKED_SIZE_BYTES_MAX)
                .read_to_end(&mut out),
            Self::Zlib => ZlibDecoder::new(stream)
                .take(UNPACKED_SIZE_BYTES_MAX)
                .read_to_end(&mut out),
            Self::Zstd => match StreamingDecoder::new(stream) {
                Ok(decoder) => decoder.take(UNPACKED_SIZE_BYTES_MAX).read_to_end(&mut out),
                Err(_) => Ok(0),
            },
        };
        out
    }

    /// The text between others, so that the compression has something to find.
    fn pack(self, bytes: &[u8]) -> Vec<u8> {
        let text = [
            b"before the text, before the text, ".as_slice(),
            bytes,
            b", behind it",
        ]
        .concat();
        let packed = match self {
            Self::Gzip => {
                let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&text).and_then(|()| encoder.finish())
            }
            Self::Zlib => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
                encoder.write_all(&text).and_then(|()| encoder.finish())
            }
            Self::Zstd => Ok(compress_to_vec(text.as_slice(), CompressionLevel::Fastest)),
        };
        // Into memory it cannot fail; if it did, nothing would be found and the scan be void.
        packed.unwrap_or_default()
    }
}

/// Whether a zlib stream may begin so: deflate with a window of at most 32 KiB, no dictionary, and together a multiple of 31.
/// Source: RFC 1950 section 2.2.
const fn is_zlib(head: [u8; 2]) -> bool {
    head[0] & 0x8f == 8 && head[1] & 0x20 == 0 && u16::from_be_bytes(head).is_multiple_of(31)
}

fn whole(name: &'static str, needle: Vec<u8>) -> Form {
    Form {
        name,
        planted: needle.clone(),
        look: Look::Bytes(needle),
    }
}

/// Base64 of the text behind `offset` other bytes, without the characters that depend on its neighbours.
fn base64_form(name: &'static str, engine: &impl Engine, bytes: &[u8], offset: usize) -> Form {
    let mut input = vec![0xa5; offset];
    input.extend_from_slice(bytes);
    let planted = engine.encode(&input).into_bytes();
    // Characters 0..=offset hold bits of what stands before; past the last whole group, of what stands behind.
    let from = if offset == 0 { 0 } else { offset + 1 };
    let to = input.len() / 3 * 4;
    Form {
        name,
        look: Look::Bytes(planted.get(from..to).unwrap_or_default().to_vec()),
        planted,
    }
}

fn hex(bytes: &[u8], digits: &str, before: &str) -> Vec<u8> {
    let digits = digits.as_bytes();
    let mut out = Vec::new();
    for byte in bytes {
        out.extend_from_slice(before.as_bytes());
        for nibble in [byte >> 4, byte & 15] {
            out.extend(digits.get(usize::from(nibble)));
        }
    }
    out
}

/// As ECMAScript's `encodeURIComponent`.
fn percent(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || b"-_.!~*'()".contains(byte) {
            out.push(*byte);
        } else {
            out.extend(hex(&[*byte], "0123456789ABCDEF", "%"));
        }
    }
    out
}

/// `is_escaped` is told whether a character is printable ASCII.
fn json_escapes(text: &str, is_escaped: impl Fn(bool) -> bool) -> Vec<u8> {
    text.encode_utf16()
        .map(|unit| match u8::try_from(unit) {
            Ok(ascii @ 0x20..=0x7e) if !is_escaped(true) => char::from(ascii).to_string(),
            Ok(_) | Err(_) => format!("\\u{unit:04x}"),
        })
        .collect::<String>()
        .into_bytes()
}

/// Each byte XOR the next: the same whatever single byte all were changed with.
fn differences(bytes: &[u8]) -> Vec<u8> {
    bytes
        .iter()
        .zip(bytes.iter().skip(1))
        .map(|(byte, next)| byte ^ next)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Canary: tŷ 🌧️ مرحبا, 'quoted' %";

    #[test]
    fn each_form_is_found_where_it_was_planted_at_every_alignment() {
        for form in forms(TEXT) {
            for before in 0..4 {
                let mut place = vec![b'.'; before];
                place.extend_from_slice(&form.planted);
                place.extend_from_slice(b"...");
                let found = search_bytes("scratch", &place, &forms(TEXT));
                let offset = u64::try_from(before).unwrap();
                let wanted = |hit: &Hit| hit.form == form.name && hit.offset >= offset;
                assert!(found.iter().any(wanted), "{}", form.name);
            }
        }
    }

    #[test]
    fn base64_of_a_text_with_neighbours_is_found_at_each_offset() {
        for offset in 0..3 {
            let mut input = vec![7; offset];
            input.extend_from_slice(TEXT.as_bytes());
            input.extend_from_slice(b"what follows");
            let encoded = STANDARD_NO_PAD.encode(&input);
            assert!(!search_bytes("", encoded.as_bytes(), &forms(TEXT)).is_empty());
        }
    }

    #[test]
    fn a_text_under_each_of_255_bytes_is_found_and_under_none_it_is_no_second_find() {
        for key in 1..=255_u8 {
            let hidden: Vec<u8> = TEXT.bytes().map(|byte| byte ^ key).collect();
            let found = search_bytes("", &hidden, &forms(TEXT));
            assert_eq!(found.len(), 1, "{key}");
            assert_eq!(found[0].form, "XOR with one byte");
        }
        assert_eq!(search_bytes("", TEXT.as_bytes(), &forms(TEXT)).len(), 1);
    }

    #[test]
    fn noise_holds_no_text_and_hostile_streams_end() {
        let mut noise = Vec::new();
        for number in 0..20_000_u32 {
            noise.extend_from_slice(
                &number
                    .wrapping_mul(0x9e37_79b9)
                    .rotate_left(13)
                    .wrapping_mul(0x85eb_ca6b)
                    .to_le_bytes(),
            );
            // The beginnings of streams that are none.
            noise.extend_from_slice(&[0x78, 0x9c, 0x1f, 0x8b, 8, 0x28, 0xb5, 0x2f, 0xfd]);
        }
        assert_eq!(search_bytes("", &noise, &forms(TEXT)), []);
        // 64 MiB of zeros in 64 KiB: it is unpacked as far as the bound.
        let mut encoder = ZlibEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(&vec![0; 64 << 20]).unwrap();
        let bomb = encoder.finish().unwrap();
        assert_eq!(search_bytes("", &bomb, &forms(TEXT)), []);
    }
}
