//! The small values of a report that have a grammar: dates, threads, forces, digests.

use std::fmt;
use std::io;
use std::str::FromStr;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use zeroize::Zeroize;

/// Text that is not the value it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ValueError {
    /// Not a date.
    #[error("a date is YYYY-MM-DD, a day that the calendar has")]
    Date,
    /// Not a thread.
    #[error("a thread is 22 characters of base64url that hold 16 bytes")]
    Thread,
    /// Not a force.
    #[error("a force is 1 to 32 characters of a-z, 0-9 and -, the first no -")]
    Force,
    /// Not a code.
    #[error("a code is 1 to 32 characters of a-z, 0-9 and -, the first a letter")]
    Code,
    /// Not the name of an ISO week.
    #[error("a week is YYYY-Www")]
    Week,
    /// Not the fingerprint of a key.
    #[error(
        "a fingerprint is eight groups of four lower-case hexadecimal characters, a space between"
    )]
    Fingerprint,
    /// Not a digest.
    #[error("a digest is 64 lower-case hexadecimal characters")]
    Sha256,
    /// Not a media type.
    #[error("a media type is 1 to 100 printable ASCII characters without a space")]
    MediaType,
    /// Not a hybrid recipient by its length and characters.
    #[error("a mailbox is \"age1pq1\" and 1952 more characters of lower-case Bech32")]
    Recipient,
    /// Not a file name as `clean_file_name` makes it.
    #[error("a file name is 1 to 200 bytes without control characters and slashes")]
    FileName,
}

/// A day of the calendar, as the device of the person had it. Years 0001 to 9999.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Zeroize)]
pub struct Date {
    year: u16,
    month: u8,
    day: u8,
}

impl FromStr for Date {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let digits = |b: &u8| b.is_ascii_digit();
        let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text.as_bytes() else {
            return Err(ValueError::Date);
        };
        if ![y1, y2, y3, y4, m1, m2, d1, d2].into_iter().all(digits) {
            return Err(ValueError::Date);
        }
        let number = |digits: &[&u8]| {
            digits
                .iter()
                .fold(0_u16, |n, d| n * 10 + u16::from(**d - b'0'))
        };
        let year = number(&[y1, y2, y3, y4]);
        let month = u8::try_from(number(&[m1, m2])).map_err(|_| ValueError::Date)?;
        let day = u8::try_from(number(&[d1, d2])).map_err(|_| ValueError::Date)?;
        let leap =
            year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let days = match month {
            1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            _ => 0,
        };
        if year == 0 || day == 0 || day > days {
            return Err(ValueError::Date);
        }
        Ok(Self { year, month, day })
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

/// What ties a report to what its writer adds later: 16 random bytes.
#[derive(PartialEq, Eq, Zeroize)]
pub struct Thread(pub [u8; 16]);

impl FromStr for Thread {
    type Err = ValueError;

    fn from_str(text: &str) -> Result<Self, ValueError> {
        let mut bytes = [0; 16];
        // Exact length first: the decoder needs no room for more.
        if text.len() != 22 {
            return Err(ValueError::Thread);
        }
        match BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => Ok(Self(bytes)),
            Ok(_) | Err(_) => Err(ValueError::Thread),
        }
    }
}

impl fmt::Display for Thread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&BASE64_URL_SAFE_NO_PAD.encode(self.0))
    }
}

macro_rules! serde_as_text {
    ($name:ident) => {
        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = zeroize::Zeroizing::new(String::deserialize(deserializer)?);
                text.parse().map_err(D::Error::custom)
            }
        }
    };
}

serde_as_text!(Date);
serde_as_text!(Thread);

/// A force's identifier: docs/protocol.md section 1.
pub(crate) fn force(text: &str) -> Result<(), ValueError> {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let right = (1..=32).contains(&text.len()) && text.bytes().all(plain) && !text.starts_with('-');
    right.then_some(()).ok_or(ValueError::Force)
}

/// What questions, options, flags and wishes are named by.
pub(crate) fn code(text: &str) -> Result<(), ValueError> {
    let plain = |b: u8| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let letter = text.starts_with(|first: char| first.is_ascii_lowercase());
    let right = letter && text.len() <= 32 && text.bytes().all(plain);
    right.then_some(()).ok_or(ValueError::Code)
}

pub(crate) fn week(text: &str) -> Result<(), ValueError> {
    let right = match text.as_bytes() {
        [year @ .., b'-', b'W', w1, w2] if year.len() == 4 => {
            year.iter().chain([w1, w2]).all(u8::is_ascii_digit)
        }
        _ => false,
    };
    right.then_some(()).ok_or(ValueError::Week)
}

/// A hybrid recipient by its length and its characters; whether it is a key is for whoever seals to it.
pub(crate) fn recipient(text: &str) -> Result<(), ValueError> {
    let bech32 = |b: u8| b"qpzry9x8gf2tvdw0s3jn54khce6mua7l".contains(&b);
    let data = text.strip_prefix("age1pq1").unwrap_or_default();
    let right = data.len() == RECIPIENT_DATA_CHARS && data.bytes().all(bech32);
    right.then_some(()).ok_or(ValueError::Recipient)
}

/// 1216 bytes in characters of five bits, and six of checksum.
const RECIPIENT_DATA_CHARS: usize = 1946 + 6;

/// The first 16 bytes of a SHA-256 as they are shown: docs/protocol.md section 9.
pub(crate) fn fingerprint(text: &str) -> Result<(), ValueError> {
    let right = text.len() == 39
        && text.bytes().zip(1_usize..).all(|(b, at)| {
            if at.is_multiple_of(5) {
                b == b' '
            } else {
                matches!(b, b'0'..=b'9' | b'a'..=b'f')
            }
        });
    right.then_some(()).ok_or(ValueError::Fingerprint)
}

pub(crate) fn sha256(text: &str) -> Result<(), ValueError> {
    let lower_hex = |b: u8| matches!(b, b'0'..=b'9' | b'a'..=b'f');
    let right = text.len() == 64 && text.bytes().all(lower_hex);
    right.then_some(()).ok_or(ValueError::Sha256)
}

pub(crate) fn media_type(text: &str) -> Result<(), ValueError> {
    let right = (1..=100).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic());
    right.then_some(()).ok_or(ValueError::MediaType)
}

/// How long the JSON of a value is. Counted first, so that the buffer that it goes to never grows, which would leave a
/// copy of its beginning behind in freed memory.
pub(crate) fn json_size(value: &impl Serialize) -> usize {
    let mut count = Count(0);
    let counted = serde_json::to_writer(&mut count, value);
    assert!(
        counted.is_ok(),
        "what is written here always has a JSON form"
    );
    count.0
}

struct Count(usize);

impl io::Write for Count {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
