//! Records of answers, opened as the person's browser does: by the tag first, and only then by the key.
//!
//! Officers have no mailbox: this is what shows that what they seal opens. Source: docs/protocol.md section 14.

use hafan_envelope::reply::Record;
use zeroize::Zeroizing;

use crate::envelope::{OpenError, open_bytes};
use crate::hybrid::Identity;

/// Opens a record; `None` when its tag is not this mailbox's, or is so by chance.
///
/// # Errors
/// It is sealed to this mailbox and was changed since: see [`OpenError`].
pub fn open_record(
    record: &Record<'_>,
    mailbox: &Identity,
) -> Result<Option<Zeroizing<Vec<u8>>>, OpenError> {
    if mailbox.view_tag(&record.ct_x) != Some(*record.tag) {
        return Ok(None);
    }
    match open_bytes(record.sealed, &[mailbox]) {
        Ok(message) => Ok(Some(message)),
        Err(OpenError::OtherKey) => Ok(None),
        Err(why) => Err(why),
    }
}
