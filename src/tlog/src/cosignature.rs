//! Cosigned checkpoints: that somebody else saw this tree head, and on which day. Source: C2SP tlog-cosignature, `cosignature/v1`.
//!
//! A force's officers cosign what they have verified to be the continuation of all that they verified before. A cosigned
//! checkpoint is here the log's own note with exactly one signature line more. It tells no time finer than the day.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::checkpoint::{Checkpoint, CheckpointError};
use crate::key::{KeyId, SIGNATURE_SIZE_BYTES, Signer, Verifier};

/// Seconds of a day: the time of a cosignature is a multiple of it.
pub const DAY_S: u64 = 86_400;

/// Size in bytes of what a cosignature line holds: key ID, time and signature.
const COSIGNATURE_SIZE_BYTES: usize = 4 + 8 + SIGNATURE_SIZE_BYTES;

const PREFIX: &str = "\u{2014} ";

/// Why a cosigned checkpoint is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CosignedError {
    /// The log's own note in it is none.
    #[error("what is cosigned is no checkpoint of the log")]
    Checkpoint(#[from] CheckpointError),
    /// The last line is no cosignature.
    #[error(
        "last line of the cosigned checkpoint is not a dash, a key name and canonical base64 of 76 bytes"
    )]
    Line,
    /// None of the keys asked for is named.
    #[error("no cosignature by a key asked for, but by {found}")]
    Unsigned {
        /// The name in the line.
        found: String,
    },
    /// The cosignature does not verify.
    #[error("cosignature by {name} does not verify: the checkpoint or the time was changed")]
    Signature {
        /// The key's name.
        name: String,
    },
    /// A time within a day.
    #[error("time of the cosignature is not that of a day's beginning")]
    Time,
}

/// A checkpoint that somebody cosigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cosigned {
    /// The tree head.
    pub checkpoint: Checkpoint,
    /// The beginning of the day (UTC) on which it was cosigned, in seconds since 1970.
    pub day_s: u64,
}

/// Adds a cosignature to a checkpoint as its log signed it, at the beginning of the day that `time_s` is in.
///
/// # Errors
///
/// It is no checkpoint that `log` signed, and signed alone.
pub fn cosign(
    signed: &[u8],
    log: &Verifier,
    signer: &Signer,
    time_s: u64,
) -> Result<Vec<u8>, CheckpointError> {
    let checkpoint = Checkpoint::open(signed, log)?;
    let day_s = time_s - time_s % DAY_S;
    let signature = signer.sign_bytes(message(&checkpoint, day_s).as_bytes());
    let id = signer.verifier().cosigner_id();
    let payload = [&id.0[..], &day_s.to_be_bytes(), &signature].concat();
    let line = format!("{PREFIX}{} {}\n", signer.name(), STANDARD.encode(payload));
    Ok([signed, line.as_bytes()].concat())
}

/// Opens a checkpoint of `log` that one of `cosigners` cosigned.
///
/// # Errors
///
/// See [`CosignedError`].
pub fn open_cosigned(
    note: &[u8],
    log: &Verifier,
    cosigners: &[Verifier],
) -> Result<Cosigned, CosignedError> {
    let (signed, line) = split_last_line(note).ok_or(CosignedError::Line)?;
    let checkpoint = Checkpoint::open(signed, log)?;
    let (name, payload) = line.split_once(' ').ok_or(CosignedError::Line)?;
    let payload: [u8; COSIGNATURE_SIZE_BYTES] = STANDARD
        .decode(payload)
        .ok()
        .and_then(|payload| payload.try_into().ok())
        .ok_or(CosignedError::Line)?;
    let (id, rest) = split::<4>(&payload)?;
    let (time, rest) = split::<8>(rest)?;
    let (signature, _) = split::<SIGNATURE_SIZE_BYTES>(rest)?;
    let cosigner = cosigners
        .iter()
        .find(|cosigner| cosigner.name() == name && cosigner.cosigner_id() == KeyId(id))
        .ok_or_else(|| CosignedError::Unsigned {
            found: name.to_owned(),
        })?;
    let day_s = u64::from_be_bytes(time);
    if !cosigner.verifies_bytes(message(&checkpoint, day_s).as_bytes(), &signature) {
        return Err(CosignedError::Signature {
            name: name.to_owned(),
        });
    }
    if !day_s.is_multiple_of(DAY_S) {
        return Err(CosignedError::Time);
    }
    Ok(Cosigned { checkpoint, day_s })
}

/// What is signed: the header, the time, and the three lines of the checkpoint.
fn message(checkpoint: &Checkpoint, time_s: u64) -> String {
    format!("cosignature/v1\ntime {time_s}\n{}", checkpoint.encode())
}

/// The note without its last line, and that line without dash and newline.
fn split_last_line(note: &[u8]) -> Option<(&[u8], &str)> {
    let whole = note.strip_suffix(b"\n")?;
    let at = whole.iter().rposition(|byte| *byte == b'\n')?;
    let (signed, line) = note.split_at_checked(at + 1)?;
    let line = std::str::from_utf8(line).ok()?.strip_suffix('\n')?;
    Some((signed, line.strip_prefix(PREFIX)?))
}

fn split<const N: usize>(bytes: &[u8]) -> Result<([u8; N], &[u8]), CosignedError> {
    let (taken, rest) = bytes.split_first_chunk().ok_or(CosignedError::Line)?;
    Ok((*taken, rest))
}
