//! Names of files: the one that a person gave, cleaned, and the short one in the archive.

/// The longest name of a file in `report.json`, in bytes of UTF-8.
pub const FILE_NAME_SIZE_BYTES_MAX: usize = 200;

/// Characters of a long name that are kept in the archive: from its front, and from its end.
const SHORT_FRONT: usize = 64;
const SHORT_BACK: usize = 16;

/// Cleans the name of a file that a person chose, for `report.json`.
///
/// Control characters (U+0000 to U+001F, U+007F to U+009F), U+2028, U+2029, and characters that turn
/// the direction of text (U+061C, U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069) are left out,
/// `/` and `\` become `_`, and of what remains the first 200 bytes of UTF-8 are kept, in whole
/// characters. When nothing, `.` or `..` is left, the name is `file`. Cleaning twice changes nothing.
#[must_use]
pub fn clean_file_name(name: &str) -> String {
    let mut clean = String::with_capacity(name.len().min(FILE_NAME_SIZE_BYTES_MAX));
    for character in name.chars() {
        let kept = match character {
            '\0'..='\u{1f}' | '\u{7f}'..='\u{9f}' | '\u{61c}' | '\u{200e}' | '\u{200f}' => continue,
            '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => continue,
            '/' | '\\' => '_',
            other => other,
        };
        if clean.len() + kept.len_utf8() > FILE_NAME_SIZE_BYTES_MAX {
            break;
        }
        clean.push(kept);
    }
    match clean.as_str() {
        "" | "." | ".." => "file".to_owned(),
        _ => clean,
    }
}

/// The name of the archive's member for file `number`, 1 to 64, whose cleaned name is `name`.
///
/// `files/NN-` and the name with each character other than `A-Z a-z 0-9 . _ -` as `_`; of a name
/// of over 80 characters the first 64 and the last 16. At most 89 bytes.
#[must_use]
pub fn member_name(number: usize, name: &str) -> String {
    let plain = |c: char| {
        if c.is_ascii_alphanumeric() || ".-".contains(c) {
            c
        } else {
            '_'
        }
    };
    let length = name.chars().count();
    // Of a short name the front and the end meet, and nothing is left out.
    let kept = |i: usize| {
        length <= SHORT_FRONT + SHORT_BACK || i < SHORT_FRONT || i >= length - SHORT_BACK
    };
    let short: String = name
        .chars()
        .map(plain)
        .enumerate()
        .filter(|(i, _)| kept(*i))
        .map(|(_, c)| c)
        .collect();
    format!("files/{number:02}-{short}")
}
