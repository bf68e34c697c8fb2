//! Secrets at rest: age files that a passphrase opens.
//!
//! Source: C2SP age, "The scrypt recipient type".

use std::io::{Read, Write};

use hafan_envelope::header::{self, HeaderError};
use secrecy::SecretString;
use zeroize::Zeroizing;

/// scrypt's work when locking: N = 2^18 with r = 8, 256 MiB and about a second.
pub const WORK_FACTOR: u8 = 18;

/// The most work that unlocking takes on: 2^20, 1 GiB. A file that asks for more is refused.
pub const WORK_FACTOR_MAX: u8 = 20;

/// Why a secret was not locked.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// age refused.
    #[error("locking failed")]
    Age(#[source] age::EncryptError),
    /// Writing to memory failed.
    #[error("locking failed while writing")]
    Write(#[from] std::io::Error),
}

/// Why a file was not unlocked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnlockError {
    /// Not an age v1 file.
    #[error("the file is not an age file")]
    Header(#[from] HeaderError),
    /// An age file that no passphrase opens.
    #[error("the age file is not one that a passphrase opens")]
    NotPassphrase,
    /// It asks for more work than a key of ours ever would.
    #[error("the file asks for scrypt work of 2^{found}, at most 2^20 wanted")]
    Work {
        /// Logarithm of the work that it asks for.
        found: u8,
    },
    /// The passphrase is not the one it was locked with.
    #[error("the passphrase is not the right one")]
    WrongPassphrase,
    /// The passphrase is right, and the file was changed or cut since it was written.
    #[error("the file is damaged: the passphrase is right and the rest is not as it was written")]
    Damaged,
}

/// Locks a secret with a passphrase: gives an age v1 file.
///
/// # Errors
/// See [`LockError`].
pub fn lock(secret: &[u8], passphrase: &SecretString) -> Result<Vec<u8>, LockError> {
    let mut recipient = age::scrypt::Recipient::new(passphrase.clone());
    recipient.set_work_factor(WORK_FACTOR);
    let recipient: &dyn age::Recipient = &recipient;
    let encryptor =
        age::Encryptor::with_recipients(std::iter::once(recipient)).map_err(LockError::Age)?;
    let mut file = Vec::new();
    let mut writer = encryptor.wrap_output(&mut file)?;
    writer.write_all(secret)?;
    writer.finish()?;
    Ok(file)
}

/// Unlocks what [`lock`] made.
///
/// # Errors
/// See [`UnlockError`].
pub fn unlock(file: &[u8], passphrase: &SecretString) -> Result<Zeroizing<Vec<u8>>, UnlockError> {
    let parsed = header::parse(file)?;
    let [stanza] = parsed.stanzas.as_slice() else {
        return Err(UnlockError::NotPassphrase);
    };
    if stanza.tag != "scrypt" {
        return Err(UnlockError::NotPassphrase);
    }
    let mut identity = age::scrypt::Identity::new(passphrase.clone());
    identity.set_max_work_factor(WORK_FACTOR_MAX);
    let identity: &dyn age::Identity = &identity;
    let decryptor = age::Decryptor::new_buffered(file).map_err(|_| UnlockError::Damaged)?;
    let mut reader = match decryptor.decrypt(std::iter::once(identity)) {
        Ok(reader) => reader,
        Err(age::DecryptError::DecryptionFailed) => return Err(UnlockError::WrongPassphrase),
        Err(age::DecryptError::ExcessiveWork { required, .. }) => {
            return Err(UnlockError::Work { found: required });
        }
        Err(_) => return Err(UnlockError::Damaged),
    };
    // Plaintext is shorter than its file: this never grows and leaves a copy behind.
    let mut secret = Zeroizing::new(Vec::with_capacity(file.len()));
    reader
        .read_to_end(&mut secret)
        .map_err(|_| UnlockError::Damaged)?;
    Ok(secret)
}
