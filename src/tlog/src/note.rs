//! Signed notes with Ed25519 signatures. Source: C2SP signed-note.
//!
//! It must never show, copy out or clone a signing key. Whoever sends a note is not trusted: its
//! size and its number of signatures are bounded, and its text is given out only when every
//! verifier asked for has signed it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::key::checked_name;
pub use crate::key::{
    KEY_NAME_SIZE_BYTES_MAX, KeyId, KeyNameError, SIGNATURE_SIZE_BYTES, Signer, Verifier,
    VerifierError,
};

/// Largest note in bytes, unless the caller says otherwise.
pub const NOTE_SIZE_BYTES_MAX: usize = 64 * 1024;

/// Most signatures on one note.
pub const SIGNATURES_MAX: usize = 16;

/// How a signature line begins: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// How long what stands behind a name is: base64 of key ID and signature.
const SIGNATURE_SIZE_CHARS: usize = (4 + SIGNATURE_SIZE_BYTES).div_ceil(3) * 4;

/// Why a note cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// The text does not end in a newline.
    #[error("text of a note does not end in a newline")]
    NoNewline,
    /// The text holds a control character that is not a newline.
    #[error("text of a note holds a control character other than newline at byte {at}")]
    Control {
        /// Offset in bytes.
        at: usize,
    },
    /// No signer, or over [`SIGNATURES_MAX`].
    #[error("note has {found} signers, want 1 to {SIGNATURES_MAX}")]
    Signers {
        /// Number of signers.
        found: usize,
    },
}

/// Why a note is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Larger than allowed.
    #[error("note is {found} bytes, want at most {wanted}")]
    Size {
        /// Size of the note in bytes.
        found: usize,
        /// Largest size in bytes that is read.
        wanted: usize,
    },
    /// Not UTF-8.
    #[error("note is not UTF-8 at byte {at}")]
    Utf8 {
        /// Offset in bytes.
        at: usize,
    },
    /// It holds a control character that is not a newline.
    #[error("note holds a control character other than newline at byte {at}")]
    Control {
        /// Offset in bytes.
        at: usize,
    },
    /// No blank line between text and signatures, no text, or no newline at the end.
    #[error("note is not text, a blank line and lines of signatures")]
    Form,
    /// A signature line that is not `— name base64`.
    #[error("signature line {line} is not a dash, a key name and canonical base64")]
    Line {
        /// Number of the signature line, from 1.
        line: usize,
    },
    /// More signatures than are read.
    #[error("note has over {SIGNATURES_MAX} signatures, want at most that")]
    TooMany,
    /// A signature by this key that does not verify.
    #[error("signature by {name} with key ID {id} does not verify: the note was changed")]
    Signature {
        /// The key name asked for.
        name: String,
        /// Its key ID.
        id: KeyId,
    },
    /// No signature by this key.
    #[error("no signature by {name} with key ID {id}: another key signed, or the note was changed")]
    Unsigned {
        /// The key name asked for.
        name: String,
        /// Its key ID.
        id: KeyId,
    },
    /// No verifier was given, so nothing could be believed.
    #[error("no verification key was given for the note")]
    NoVerifier,
}

/// The text of a note that every verifier asked for has signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text<'a> {
    text: &'a str,
    signature_count: usize,
}

impl<'a> Text<'a> {
    /// The signed text, with its last newline.
    #[must_use]
    pub const fn as_str(&self) -> &'a str {
        self.text
    }

    /// How many signatures the note carries, those of unknown keys with them.
    #[must_use]
    pub const fn signature_count(&self) -> usize {
        self.signature_count
    }
}

/// Signs text and gives the whole note: text, a blank line, one line for each signer.
///
/// # Errors
///
/// The text does not end in a newline or holds a control character, or there are no signers or too
/// many.
pub fn sign(text: &str, signers: &[&Signer]) -> Result<Vec<u8>, SignError> {
    if !text.ends_with('\n') {
        return Err(SignError::NoNewline);
    }
    if let Some(at) = control_at(text.as_bytes()) {
        return Err(SignError::Control { at });
    }
    if signers.is_empty() || signers.len() > SIGNATURES_MAX {
        return Err(SignError::Signers {
            found: signers.len(),
        });
    }
    let mut note = begin(text, signers.iter().map(|signer| signer.name()));
    for signer in signers {
        push_signature(&mut note, signer, signer.name(), text);
    }
    Ok(note.into_bytes())
}

/// Signs text with one key, under `name` instead of the signer's own.
///
/// `name` is a key name and `text` a text of a note: the caller made both from checked parts.
pub(crate) fn sign_as(name: &str, text: &str, signer: &Signer) -> Vec<u8> {
    let mut note = begin(text, std::iter::once(name));
    push_signature(&mut note, signer, name, text);
    note.into_bytes()
}

/// Opens a note of at most 64 KiB: its text, when each of these keys has signed it.
///
/// # Errors
///
/// As [`open_within`].
pub fn open<'a>(note: &'a [u8], verifiers: &[&Verifier]) -> Result<Text<'a>, NoteError> {
    open_within(note, NOTE_SIZE_BYTES_MAX, verifiers)
}

/// Opens a note of at most `size_bytes_max`: its text, when each of these keys has signed it.
///
/// Signatures by other keys are counted and otherwise passed over, as C2SP signed-note wants.
///
/// # Errors
///
/// The note is too large or not a note, a key asked for has not signed it, or its signature does
/// not verify.
pub fn open_within<'a>(
    note: &'a [u8],
    size_bytes_max: usize,
    verifiers: &[&Verifier],
) -> Result<Text<'a>, NoteError> {
    if verifiers.is_empty() {
        return Err(NoteError::NoVerifier);
    }
    let (text, signatures) = split(note, size_bytes_max)?;
    for verifier in verifiers {
        let mut signed = false;
        for signature in signatures.iter().filter(|line| line.is_by(verifier)) {
            if !verifier.verifies_bytes(text.as_bytes(), &signature.signature) {
                let (name, id) = (verifier.name().to_owned(), verifier.id());
                return Err(NoteError::Signature { name, id });
            }
            signed = true;
        }
        if !signed {
            let (name, id) = (verifier.name().to_owned(), verifier.id());
            return Err(NoteError::Unsigned { name, id });
        }
    }
    Ok(Text {
        text,
        signature_count: signatures.len(),
    })
}

/// The text of a note without a look at who signed it: for a note that is believed for another reason, such as that its
/// digest is under a signed checkpoint.
///
/// # Errors
///
/// The note is too large or not a note.
pub fn text_within(note: &[u8], size_bytes_max: usize) -> Result<&str, NoteError> {
    split(note, size_bytes_max).map(|(text, _)| text)
}

/// One signature line, its base64 decoded.
struct SignatureLine<'a> {
    name: &'a str,
    id: KeyId,
    /// The signature; zeros for a signature that is not 64 bytes, which no known key makes.
    signature: [u8; SIGNATURE_SIZE_BYTES],
}

impl SignatureLine<'_> {
    fn is_by(&self, verifier: &Verifier) -> bool {
        self.name == verifier.name() && self.id == verifier.id()
    }
}

/// Cuts a note into its text and its signatures, believing neither.
fn split(note: &[u8], size_bytes_max: usize) -> Result<(&str, Vec<SignatureLine<'_>>), NoteError> {
    if note.len() > size_bytes_max {
        return Err(NoteError::Size {
            found: note.len(),
            wanted: size_bytes_max,
        });
    }
    let note = std::str::from_utf8(note).map_err(|error| NoteError::Utf8 {
        at: error.valid_up_to(),
    })?;
    if let Some(at) = control_at(note.as_bytes()) {
        return Err(NoteError::Control { at });
    }
    let (text, rest) = note
        .rfind("\n\n")
        .and_then(|at| note.split_at_checked(at + 1))
        .ok_or(NoteError::Form)?;
    let lines = rest
        .strip_prefix('\n')
        .and_then(|rest| rest.strip_suffix('\n'))
        .ok_or(NoteError::Form)?;
    let mut signatures = Vec::new();
    for (at, line) in lines.split('\n').enumerate() {
        if at >= SIGNATURES_MAX {
            return Err(NoteError::TooMany);
        }
        signatures.push(parse_signature(line).ok_or(NoteError::Line { line: at + 1 })?);
    }
    Ok((text, signatures))
}

fn parse_signature(line: &str) -> Option<SignatureLine<'_>> {
    let (name, encoded) = line.strip_prefix(SIGNATURE_PREFIX)?.split_once(' ')?;
    let name = checked_name(name).ok()?;
    let decoded = STANDARD.decode(encoded).ok()?;
    let (id, signature) = decoded.split_first_chunk()?;
    if signature.is_empty() {
        return None;
    }
    let signature =
        <[u8; SIGNATURE_SIZE_BYTES]>::try_from(signature).unwrap_or([0; SIGNATURE_SIZE_BYTES]);
    Some(SignatureLine {
        name,
        id: KeyId(*id),
        signature,
    })
}

/// The text and the blank line, with room for a signature under each name. A text may be secret: the note never grows,
/// which would leave a copy of it behind in freed memory.
fn begin<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> String {
    let line = SIGNATURE_PREFIX.len() + 1 + SIGNATURE_SIZE_CHARS + 1;
    let size = names.fold(text.len() + 1, |size, name| size + line + name.len());
    let mut note = String::with_capacity(size);
    note.push_str(text);
    note.push('\n');
    note
}

fn push_signature(note: &mut String, signer: &Signer, name: &str, text: &str) {
    let mut bytes = signer.id_as(name).0.to_vec();
    bytes.extend_from_slice(&signer.sign_bytes(text.as_bytes()));
    let line = format!("{SIGNATURE_PREFIX}{name} {}\n", STANDARD.encode(bytes));
    note.push_str(&line);
}

fn control_at(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte < 0x20 && *byte != b'\n')
}
