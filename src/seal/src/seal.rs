//! Sealing: age does the work, then the stanza that it adds at random is taken off.

use std::cell::RefCell;
use std::collections::HashSet;
use std::io::{self, Write};

use age_core::format::{FileKey, Stanza};
use age_core::primitives::hkdf;
use age_core::secrecy::ExposeSecret;
use hafan_envelope::header::{self, HeaderError};
use hafan_envelope::submission::{self, Digest};
use hafan_envelope::{Envelope, EnvelopeError, SALT_SIZE_BYTES, TAG_SIZE_BYTES};
use hafan_report::{Packing, Padded};
use hmac::{Hmac, Mac};
use rand::RngCore;
use rand::rngs::OsRng;
use sha2::Sha256;
use zeroize::Zeroizing;

use crate::Recipient;
use crate::hybrid::STANZA_TAG;
use crate::recipient::{Wrapped, labels};

/// By which the holder of an identity finds a record: docs/protocol.md section 14.
pub(crate) type ViewTag = [u8; hafan_envelope::reply::VIEW_TAG_SIZE_BYTES];

/// Info of HKDF for the key of the header's MAC. Source: C2SP age, "Header MAC".
const HEADER_KEY_INFO: &[u8] = b"header";

/// Plaintext of a chunk, and the tag behind its ciphertext. Source: C2SP age, "Payload".
const CHUNK_SIZE_BYTES: usize = 1 << 16;
const TAG_OF_CHUNK_SIZE_BYTES: usize = 16;
/// For salt, τ and a header with one stanza and the one that age adds: 1675 bytes, and the most that is added.
const ROOM_SIZE_BYTES: usize = 4096;

/// Why nothing was sealed.
#[derive(Debug, thiserror::Error)]
pub enum SealError {
    /// There is nobody to seal to.
    #[error("there is no recipient to seal to")]
    NoRecipient,
    /// age refused, or the operating system gave no randomness.
    #[error("sealing failed")]
    Age(#[source] age::EncryptError),
    /// Writing to memory failed.
    #[error("sealing failed while writing")]
    Write(#[from] io::Error),
    /// age wrote a header that breaks the grammar: a fault of this program.
    #[error("the sealed file's header is not that of an age file")]
    Header(#[from] HeaderError),
    /// age wrote other stanzas than ours and its own one: a fault of this program.
    #[error("the sealed file has {found} stanzas, {wanted} and one more wanted")]
    Stanzas {
        /// How many there are.
        found: usize,
        /// How many recipients there are.
        wanted: usize,
    },
    /// What was sealed has not the size of a record's age file: a fault of this program.
    #[error("what was sealed is {found} bytes, 4094 wanted")]
    Record {
        /// Its size in bytes.
        found: usize,
    },
    /// What was sealed is not an envelope: a fault of this program.
    #[error("what was sealed is not an envelope")]
    Envelope(#[from] EnvelopeError),
}

/// Seals a padded to a force's intake key: gives an envelope, of one of the ten sizes.
///
/// # Errors
/// See [`SealError`]; none depends on what the report says.
pub fn seal(padded: &Padded, recipient: &Recipient) -> Result<Vec<u8>, SealError> {
    let envelope = seal_bytes(padded.as_bytes(), std::slice::from_ref(recipient))?;
    Envelope::parse(&envelope)?;
    Ok(envelope)
}

/// Seals a small secret so that each of `recipients` can open it: gives an age v1 file with one
/// stanza a recipient, in their order, and no other. Its length tells that of the secret.
///
/// # Errors
/// See [`SealError`].
pub fn seal_bytes(plaintext: &[u8], recipients: &[Recipient]) -> Result<Vec<u8>, SealError> {
    Ok(seal_tagged(plaintext, recipients)?.0)
}

/// Seals as [`seal_bytes`] does, and gives the view tag of each stanza besides.
pub(crate) fn seal_tagged(
    plaintext: &[u8],
    recipients: &[Recipient],
) -> Result<(Vec<u8>, Vec<ViewTag>), SealError> {
    let mut file = Vec::new();
    let tags = append_sealed(&mut file, recipients, |to| to.write_all(plaintext))?;
    Ok((file, tags))
}

/// Appends the age file of what `write` writes to `out`, which is not moved when it has room for it: see [`ROOM_SIZE_BYTES`].
fn append_sealed(
    out: &mut Vec<u8>,
    recipients: &[Recipient],
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> Result<Vec<ViewTag>, SealError> {
    if recipients.is_empty() {
        return Err(SealError::NoRecipient);
    }
    let witness = Witness {
        recipients,
        mac_key: RefCell::new(None),
        tags: RefCell::new(Vec::new()),
    };
    let to: &dyn age::Recipient = &witness;
    let encryptor = age::Encryptor::with_recipients(std::iter::once(to)).map_err(SealError::Age)?;
    let start = out.len();
    let mut writer = encryptor.wrap_output(&mut *out)?;
    write(&mut writer)?;
    writer.finish()?;

    let (_, file) = out.split_at(start);
    let (mut header, payload) = header::split(file)?;
    let found = header.stanzas.len();
    let wanted = recipients.len();
    header.stanzas.truncate(wanted);
    let ours = header.stanzas.iter().all(|stanza| stanza.tag == STANZA_TAG);
    let mac_key = witness.mac_key.take();
    let (true, Some(mac_key)) = (ours && found == wanted + 1, mac_key) else {
        return Err(SealError::Stanzas { found, wanted });
    };
    header.mac = header_mac(&mac_key, &header.encode_without_mac());
    let header = header.encode();
    let end = out.len() - payload.len();
    out.splice(start..end, header);
    Ok(witness.tags.take())
}

/// Makes a submission of an envelope, `salt[16] || τ[32] || envelope`, salt and τ at random, and
/// its `h`.
///
/// # Panics
/// When the operating system has no randomness: then nothing must be sent.
#[must_use]
pub fn submission(envelope: &[u8]) -> (Digest, Vec<u8>) {
    let (salt, tag) = salt_and_tag();
    (
        submission::digest(&salt, envelope),
        [&salt[..], &tag, envelope].concat(),
    )
}

/// Seals a report and its files while they are written: gives `h` and the submission, as [`seal`] and [`submission`] would, without
/// a padded beside it or a copy of anything.
///
/// # Errors
/// See [`SealError`]; none depends on what the report says.
///
/// # Panics
/// When the operating system has no randomness: then nothing must be sent.
pub fn seal_submission(
    packing: Packing,
    recipient: &Recipient,
) -> Result<(Digest, Vec<u8>), SealError> {
    let (salt, tag) = salt_and_tag();
    let size = packing.size_bytes();
    let room = ROOM_SIZE_BYTES + size + TAG_OF_CHUNK_SIZE_BYTES * (size / CHUNK_SIZE_BYTES);
    let mut submission = Vec::with_capacity(room);
    submission.extend_from_slice(&salt);
    submission.extend_from_slice(&tag);
    let front = submission.len();
    append_sealed(&mut submission, std::slice::from_ref(recipient), |to| {
        packing.write(to)
    })?;
    let (_, envelope) = submission.split_at(front);
    Envelope::parse(envelope)?;
    Ok((submission::digest(&salt, envelope), submission))
}

fn salt_and_tag() -> ([u8; SALT_SIZE_BYTES], [u8; TAG_SIZE_BYTES]) {
    let mut salt = [0; SALT_SIZE_BYTES];
    let mut tag = [0; TAG_SIZE_BYTES];
    OsRng.fill_bytes(&mut salt);
    OsRng.fill_bytes(&mut tag);
    (salt, tag)
}

/// Wraps to all recipients, and derives the key of the header's MAC from the file key it is shown.
struct Witness<'a> {
    recipients: &'a [Recipient],
    mac_key: RefCell<Option<Zeroizing<[u8; 32]>>>,
    tags: RefCell<Vec<ViewTag>>,
}

impl age::Recipient for Witness<'_> {
    fn wrap_file_key(
        &self,
        file_key: &FileKey,
    ) -> Result<(Vec<Stanza>, HashSet<String>), age::EncryptError> {
        let mac_key = hkdf(&[], HEADER_KEY_INFO, file_key.expose_secret());
        self.mac_key.replace(Some(Zeroizing::new(mac_key)));
        let mut stanzas = Vec::new();
        let mut tags = Vec::new();
        for recipient in self.recipients {
            let Wrapped { stanza, tag } = recipient.wrap(file_key)?;
            stanzas.push(stanza);
            tags.push(tag);
        }
        self.tags.replace(tags);
        Ok((stanzas, labels()))
    }
}

/// HMAC-SHA-256 of the header without its last space and MAC. Source: C2SP age, "Header MAC".
fn header_mac(mac_key: &[u8; 32], header: &[u8]) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(mac_key).expect("HMAC takes keys of any length");
    mac.update(header);
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_is_padded_to_is_what_envelopes_take() {
        let of_report = hafan_report::SIZE_CLASSES.map(|size| u64::try_from(size).unwrap());
        assert_eq!(of_report, hafan_envelope::SIZE_CLASSES);
    }
}
