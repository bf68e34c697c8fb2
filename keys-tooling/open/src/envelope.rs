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

/// An envelope's payload key, unwrapped; the payload is not opened yet.
pub struct Unlocked {
    key: PayloadKey,
    /// Where the payload begins in the envelope, behind its nonce.
    payload: usize,
}

/// Unwraps the payload key of an envelope with the intake key that it was sealed to.
///
/// # Errors
/// See [`OpenError`].
pub fn unlock_envelope(envelope: &[u8], identity: &Identity) -> Result<Unlocked, OpenError> {
    Envelope::parse(envelope)?;
    unlock_payload(envelope, &[identity])
}

impl Unlocked {
    /// Opens the envelope that was unlocked, in the memory where it lies: it is `bytes` from `at` on, such as a submission from
    /// its byte 48 on.
    ///
    /// # Errors
    /// [`OpenError::Payload`] or [`OpenError::Padded`]. Nothing of the plaintext is given out unless all of it is right.
    pub fn open(self, bytes: Vec<u8>, at: usize) -> Result<Padded, OpenError> {
        Ok(Padded::from_bytes(self.open_payload(bytes, at)?)?)
    }

    fn open_payload(self, bytes: Vec<u8>, at: usize) -> Result<Zeroizing<Vec<u8>>, OpenError> {
        let from = at.saturating_add(self.payload);
        stream::open_all(&self.key, bytes, from).map_err(|Changed| OpenError::Payload)
    }
}

/// Opens an envelope with the intake key that it was sealed to.
///
/// # Errors
/// See [`OpenError`]. Nothing of the plaintext is given out unless all of it is right.
pub fn open_envelope(envelope: &[u8], identity: &Identity) -> Result<Padded, OpenError> {
    unlock_envelope(envelope, identity)?.open(envelope.to_vec(), 0)
}

/// Opens a small sealed secret with the first of `identities` that one of its stanzas is for.
///
/// # Errors
/// See [`OpenError`]. Nothing of the plaintext is given out unless all of it is right.
pub fn open_bytes(
    sealed: &[u8],
    identities: &[&Identity],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    open_owned(sealed.to_vec(), identities)
}

/// Opens a sealed secret as [`open_bytes`] does, in the memory where it lies.
///
/// # Errors
/// See [`OpenError`]. Nothing of the plaintext is given out unless all of it is right.
pub fn open_owned(
    sealed: Vec<u8>,
    identities: &[&Identity],
) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    unlock_payload(&sealed, identities)?.open_payload(sealed, 0)
}

/// Gives the key of a file's payload, and where the payload begins behind its nonce.
fn unlock_payload(sealed: &[u8], identities: &[&Identity]) -> Result<Unlocked, OpenError> {
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
    Ok(Unlocked {
        key: PayloadKey::derive(&file_key, nonce),
        payload: sealed.len().saturating_sub(payload.len()),
    })
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
