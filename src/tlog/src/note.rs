//! Signed notes with Ed25519 signatures. Source: C2SP signed-note.
//!
//! It must never show, copy out or clone a signing key. Whoever sends a note is not trusted: its
//! size and its number of signatures are bounded, and its text is given out only when every
//! verifier asked for has signed it.

use std::fmt;
use std::fmt::Write as _;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

/// Largest note in bytes, unless the caller says otherwise.
pub const NOTE_SIZE_BYTES_MAX: usize = 64 * 1024;

/// Most signatures on one note.
pub const SIGNATURES_MAX: usize = 16;

/// Longest key name in bytes.
pub const KEY_NAME_SIZE_BYTES_MAX: usize = 255;

/// Size of an Ed25519 signature in bytes.
pub const SIGNATURE_SIZE_BYTES: usize = 64;

/// Signature type of Ed25519 in C2SP signed-note.
const TYPE_ED25519: u8 = 0x01;

/// How a signature line begins: an em dash and a space.
const SIGNATURE_PREFIX: &str = "\u{2014} ";

/// Why a key name is not one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyNameError {
    /// Empty, or over [`KEY_NAME_SIZE_BYTES_MAX`].
    #[error("key name is {found} bytes, want 1 to {KEY_NAME_SIZE_BYTES_MAX}")]
    Size {
        /// Size in bytes of what was given.
        found: usize,
    },
    /// It holds a space, a control character or a plus sign.
    #[error("key name holds a space, a control character or a plus sign, want none")]
    Character,
}

/// Why text is not a verification key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierError {
    /// Not `name+key ID+key`.
    #[error("verification key has {found} parts, want three joined by plus signs")]
    Parts {
        /// Number of parts.
        found: usize,
    },
    /// The name is not a key name.
    #[error("verification key has no good name")]
    Name(#[from] KeyNameError),
    /// The key ID is not eight lower-case hex characters.
    #[error("key ID is not eight lower-case hex characters")]
    KeyIdForm,
    /// The key is not canonical base64 of 33 bytes.
    #[error("verification key is not canonical base64 of 33 bytes")]
    Base64,
    /// A signature type other than Ed25519.
    #[error("verification key has type {found}, want {TYPE_ED25519} (Ed25519)")]
    Type {
        /// The type byte.
        found: u8,
    },
    /// Not a point of the curve, or one of small order, which many messages would verify against.
    #[error("verification key is not a sound Ed25519 key")]
    Key,
    /// The key ID is not that of this name and key.
    #[error("key ID is {found}, want {wanted} for this name and key")]
    KeyId {
        /// The key ID given.
        found: KeyId,
        /// The key ID of this name and key.
        wanted: KeyId,
    },
}

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

/// The four bytes that tell keys apart: `SHA-256(name || 0A || 01 || key)[..4]`.
///
/// Source: C2SP signed-note. It is a hint and never proof of a key.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// A signing key and its name.
///
/// The key is wiped when it is dropped, cannot be cloned and is not shown.
pub struct Signer {
    name: String,
    key: SigningKey,
}

impl Signer {
    /// The key with this 32-byte seed (RFC 8032), under this name. The caller wipes the seed.
    ///
    /// # Errors
    ///
    /// The name is not a key name.
    pub fn from_seed(name: &str, seed: &[u8; 32]) -> Result<Self, KeyNameError> {
        Ok(Self {
            name: checked_name(name)?.to_owned(),
            key: SigningKey::from_bytes(seed),
        })
    }

    /// The key name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The verification key with the same name.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier {
            name: self.name.clone(),
            key: self.key.verifying_key(),
        }
    }

    /// Signs bytes that are not a note: a request signature.
    #[must_use]
    pub fn sign_bytes(&self, message: &[u8]) -> [u8; SIGNATURE_SIZE_BYTES] {
        self.key.sign(message).to_bytes()
    }

    /// Signs text and gives the whole note, under `name` instead of the signer's own.
    ///
    /// `name` is a key name and `text` a text of a note: the caller made both from checked parts.
    pub(crate) fn note_as(&self, name: &str, text: &str) -> Vec<u8> {
        let id = key_id(name, &self.key.verifying_key());
        let mut note = format!("{text}\n");
        push_signature(&mut note, name, id, &self.sign_bytes(text.as_bytes()));
        note.into_bytes()
    }
}

/// A verification key and its name: what C2SP calls a vkey.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
}

impl Verifier {
    /// The Ed25519 key with these 32 bytes, under this name.
    ///
    /// # Errors
    ///
    /// The name is not a key name, or the key is not a point or of small order.
    pub fn from_bytes(name: &str, key: &[u8; 32]) -> Result<Self, VerifierError> {
        let name = checked_name(name)?;
        let key = VerifyingKey::from_bytes(key).map_err(|_| VerifierError::Key)?;
        if key.is_weak() {
            return Err(VerifierError::Key);
        }
        Ok(Self {
            name: name.to_owned(),
            key,
        })
    }

    /// The key name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The 32 bytes of the Ed25519 key.
    #[must_use]
    pub fn key(&self) -> &[u8; 32] {
        self.key.as_bytes()
    }

    /// The key ID of this name and key.
    #[must_use]
    pub fn id(&self) -> KeyId {
        key_id(&self.name, &self.key)
    }

    /// The same key under another name: one key signs each log under that log's origin.
    ///
    /// # Errors
    ///
    /// The name is not a key name.
    pub fn renamed(&self, name: &str) -> Result<Self, KeyNameError> {
        Ok(Self {
            name: checked_name(name)?.to_owned(),
            key: self.key,
        })
    }

    /// Whether this key signed these bytes, which are not a note.
    ///
    /// Strict: a signature has one encoding only (RFC 8032 with the checks of `verify_strict`).
    #[must_use]
    pub fn verifies_bytes(&self, message: &[u8], signature: &[u8; SIGNATURE_SIZE_BYTES]) -> bool {
        self.key
            .verify_strict(message, &Signature::from_bytes(signature))
            .is_ok()
    }
}

impl fmt::Display for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![TYPE_ED25519];
        key.extend_from_slice(self.key.as_bytes());
        write!(f, "{}+{}+{}", self.name, self.id(), STANDARD.encode(key))
    }
}

impl FromStr for Verifier {
    type Err = VerifierError;

    fn from_str(vkey: &str) -> Result<Self, VerifierError> {
        // The name and the key ID hold no plus sign; base64 may.
        let parts: Vec<&str> = vkey.splitn(3, '+').collect();
        let &[name, id, key] = parts.as_slice() else {
            return Err(VerifierError::Parts { found: parts.len() });
        };
        let name = checked_name(name)?;
        let found = parse_key_id(id).ok_or(VerifierError::KeyIdForm)?;
        let key = STANDARD.decode(key).map_err(|_| VerifierError::Base64)?;
        let Ok([kind, key @ ..]) = <[u8; 33]>::try_from(key) else {
            return Err(VerifierError::Base64);
        };
        if kind != TYPE_ED25519 {
            return Err(VerifierError::Type { found: kind });
        }
        let verifier = Self::from_bytes(name, &key)?;
        let wanted = verifier.id();
        if found != wanted {
            return Err(VerifierError::KeyId { found, wanted });
        }
        Ok(verifier)
    }
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
    let mut note = format!("{text}\n");
    for signer in signers {
        let id = signer.verifier().id();
        push_signature(
            &mut note,
            &signer.name,
            id,
            &signer.sign_bytes(text.as_bytes()),
        );
    }
    Ok(note.into_bytes())
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
                let (name, id) = (verifier.name.clone(), verifier.id());
                return Err(NoteError::Signature { name, id });
            }
            signed = true;
        }
        if !signed {
            let (name, id) = (verifier.name.clone(), verifier.id());
            return Err(NoteError::Unsigned { name, id });
        }
    }
    Ok(Text {
        text,
        signature_count: signatures.len(),
    })
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
        self.name == verifier.name && self.id == verifier.id()
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

fn push_signature(
    note: &mut String,
    name: &str,
    id: KeyId,
    signature: &[u8; SIGNATURE_SIZE_BYTES],
) {
    let mut bytes = id.0.to_vec();
    bytes.extend_from_slice(signature);
    // Writing to a string cannot fail.
    let _ = writeln!(note, "{SIGNATURE_PREFIX}{name} {}", STANDARD.encode(bytes));
}

fn key_id(name: &str, key: &VerifyingKey) -> KeyId {
    let digest: [u8; 32] = Sha256::new()
        .chain_update(name)
        .chain_update([b'\n', TYPE_ED25519])
        .chain_update(key.as_bytes())
        .finalize()
        .into();
    let [a, b, c, d, ..] = digest;
    KeyId([a, b, c, d])
}

fn parse_key_id(hex_text: &str) -> Option<KeyId> {
    let mut id = [0; 4];
    hex::decode_to_slice(hex_text, &mut id).ok()?;
    let id = KeyId(id);
    (id.to_string() == hex_text).then_some(id)
}

pub(crate) fn checked_name(name: &str) -> Result<&str, KeyNameError> {
    if name.is_empty() || name.len() > KEY_NAME_SIZE_BYTES_MAX {
        return Err(KeyNameError::Size { found: name.len() });
    }
    if name
        .chars()
        .any(|c| c == '+' || c.is_whitespace() || c.is_control())
    {
        return Err(KeyNameError::Character);
    }
    Ok(name)
}

fn control_at(bytes: &[u8]) -> Option<usize> {
    bytes.iter().position(|byte| *byte < 0x20 && *byte != b'\n')
}
