//! Opening: what `hafan_seal::seal` and `seal_bytes` made, and nothing else.

use std::io::Read;

use hafan_envelope::header::{self, HeaderError};
use hafan_envelope::{Envelope, EnvelopeError};
use hafan_report::{Padded, PaddedError};
use zeroize::Zeroizing;

use crate::hybrid::Identity;

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
    // Ours first: `age` takes a stanza's body in a form that the format no longer allows.
    header::parse(sealed)?;
    let decryptor = age::Decryptor::new_buffered(sealed).map_err(why)?;
    let identities = identities.iter().map(|identity| {
        let identity: &dyn age::Identity = *identity;
        identity
    });
    let mut reader = decryptor.decrypt(identities).map_err(why)?;
    // Plaintext is shorter than what holds it: this never grows and leaves a copy behind.
    let mut plaintext = Zeroizing::new(Vec::with_capacity(sealed.len()));
    reader
        .read_to_end(&mut plaintext)
        .map_err(|_| OpenError::Payload)?;
    Ok(plaintext)
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
