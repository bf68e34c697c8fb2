//! Opening: what `hafan_seal::seal` and `seal_bytes` made, and nothing else.

use std::cell::RefCell;

use age_core::format::{FileKey, Stanza};
use age_core::secrecy::ExposeSecret as _;
use hafan_envelope::header::{self, HeaderError};
use hafan_envelope::{Envelope, EnvelopeError};
use hafan_report::{Padded, PaddedError};
use zeroize::Zeroizing;

use crate::hybrid::Identity;
use crate::stream::{self, Changed, PayloadKey};

/// Why something sealed did not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It has not the structure of an envelope.
    #[error(transparent)]
    Envelope(#[from] EnvelopeError),
    /// It has not the header of an age v1 file.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// It was sealed to other keys than these.
    #[error("it was sealed to another key")]
    OtherKey,
    /// A stanza for one of these keys is not of its form, or was made with a key of low order.
    #[error("its mlkem768x25519 stanza is not as wanted")]
    Stanza,
    /// The header was changed after sealing.
    #[error("its header was changed after sealing: the MAC does not match")]
    Mac,
    /// The payload was changed or cut after sealing.
    #[error("its payload was changed or cut after sealing")]
    Payload,
    /// What was sealed is not of the size of a padded.
    #[error(transparent)]
    Padded(#[from] PaddedError),
}

/// Opens an envelope with the intake key that it was sealed to.
///
/// # Errors
/// See [`OpenError`]. Nothing of the plaintext is given out unless all of it is right.
pub fn open_envelope(envelope: &[u8], identity: &Identity) -> Result<Padded, OpenError> {
    Envelope::parse(envelope)?;
    Ok(Padded::from_bytes(open_bytes(envelope, &[identity])?)?)
}

/// Opens a small sealed secret with the first of `identities` that one of its stanzas is for.
///
/// # Errors
/// See [`OpenError`]. Nothing of the plaintext is given out unless all of it is right.
pub fn open_bytes(
    sealed: &[u8],
    identities: &[&Identity],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let (key, payload) = unlock_payload(sealed, identities)?;
    stream::open_all(&key, payload).map_err(|Changed| OpenError::Payload)
}

/// Gives the key of a file's payload, and the payload without the nonce before it.
fn unlock_payload<'a>(
    sealed: &'a [u8],
    identities: &[&Identity],
) -> Result<(PayloadKey, &'a [u8]), OpenError> {
    // Ours first: `age` takes a stanza's body in a form that the format no longer allows.
    let (_, payload) = header::split(sealed)?;
    let (nonce, payload) = payload.split_first_chunk().ok_or(OpenError::Payload)?;
    let watched: Vec<Watched<'_>> = identities
        .iter()
        .map(|identity| Watched {
            identity,
            file_key: RefCell::new(None),
        })
        .collect();
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(why)?;
    // Verifies the header's MAC with the file key; the payload is opened here.
    decryptor
        .decrypt(watched.iter().map(|watched| {
            let identity: &dyn age::Identity = watched;
            identity
        }))
        .map_err(why)?;
    let file_key = watched
        .into_iter()
        .find_map(|watched| watched.file_key.into_inner())
        .ok_or(OpenError::OtherKey)?;
    Ok((PayloadKey::derive(&file_key, nonce), payload))
}

/// An identity, and the file key that it unwrapped.
struct Watched<'a> {
    identity: &'a Identity,
    file_key: RefCell<Option<Zeroizing<[u8; 16]>>>,
}

impl age::Identity for Watched<'_> {
    fn unwrap_stanza(&self, stanza: &Stanza) -> Option<Result<FileKey, age::DecryptError>> {
        self.keep(self.identity.unwrap_stanza(stanza))
    }

    fn unwrap_stanzas(&self, stanzas: &[Stanza]) -> Option<Result<FileKey, age::DecryptError>> {
        self.keep(self.identity.unwrap_stanzas(stanzas))
    }
}

impl Watched<'_> {
    fn keep(
        &self,
        unwrapped: Option<Result<FileKey, age::DecryptError>>,
    ) -> Option<Result<FileKey, age::DecryptError>> {
        if let Some(Ok(file_key)) = &unwrapped {
            *self.file_key.borrow_mut() = Some(Zeroizing::new(*file_key.expose_secret()));
        }
        unwrapped
    }
}

/// `age` has errors without end (`non_exhaustive`); those that opening gives have names here.
#[expect(
    clippy::needless_pass_by_value,
    reason = "the shape that `map_err` wants"
)]
fn why(error: age::DecryptError) -> OpenError {
    match error {
        age::DecryptError::NoMatchingKeys => OpenError::OtherKey,
        age::DecryptError::InvalidMac => OpenError::Mac,
        // The header was parsed before: what is missing can only be the payload's nonce.
        age::DecryptError::Io(_) => OpenError::Payload,
        age::DecryptError::DecryptionFailed
        | age::DecryptError::ExcessiveWork { .. }
        | age::DecryptError::InvalidHeader
        | age::DecryptError::KeyDecryptionFailed
        | age::DecryptError::UnknownFormat
        | _ => OpenError::Stanza,
    }
}
