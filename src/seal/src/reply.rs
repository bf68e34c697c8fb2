//! Pages of answers: messages sealed into records, filled up with records to nobody, in an order drawn at random.
//!
//! Whoever lacks the mailboxes' identities can tell neither whose a record is nor whether it is anybody's. What a message
//! says is not known here. Source: docs/protocol.md section 14.

use hafan_envelope::reply::{
    MESSAGE_SIZE_BYTES, PAGE_SIZE_BYTES, Page, PageError, RECORD_SIZE_BYTES, RECORDS,
    SEALED_SIZE_BYTES,
};
use rand::rngs::OsRng;
use rand::seq::SliceRandom as _;

use crate::Recipient;
use crate::seal::{SealError, seal_tagged};

const _: () = assert!(hafan_report::MESSAGE_SIZE_BYTES == MESSAGE_SIZE_BYTES);

/// A record of a page, sealed.
pub type Record = [u8; RECORD_SIZE_BYTES];

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// A decoy could not be sealed.
    #[error("a page could not be filled")]
    Seal(#[from] SealError),
    /// What was to be put on it is no record.
    #[error("what was made is no page of answers")]
    Page(#[from] PageError),
}

/// Seals a message to a mailbox: `tag[2] || age file[4094]`.
///
/// # Errors
/// See [`SealError`]; none depends on what the message says.
pub fn seal_record(
    message: &[u8; MESSAGE_SIZE_BYTES],
    mailbox: &Recipient,
) -> Result<Record, SealError> {
    let (sealed, tags) = seal_tagged(message, std::slice::from_ref(mailbox))?;
    let found = sealed.len();
    let (Some(tag), SEALED_SIZE_BYTES) = (tags.first(), found) else {
        return Err(SealError::Record { found });
    };
    let bytes = [tag.as_slice(), &sealed].concat();
    Record::try_from(bytes).map_err(|_| SealError::Record { found })
}

/// A record that is sealed to nobody: the key is thrown away as it is made.
///
/// # Errors
/// See [`SealError`].
pub fn decoy_record() -> Result<Record, SealError> {
    seal_record(&[0; MESSAGE_SIZE_BYTES], &Recipient::of_nobody()?)
}

/// Puts records onto whole pages, as few as hold them and at least one; decoys fill what is left. The order is drawn by the
/// operating system's generator over all of them, so that not even the page that a record is on says when it was made.
/// `seen` is the cosigned checkpoint that each page ends with, at most 1,024 bytes.
///
/// # Errors
/// See [`PagesError`].
pub fn pages(records: &[Record], seen: &[u8]) -> Result<Vec<Vec<u8>>, PagesError> {
    let wanted = records.len().max(1).next_multiple_of(RECORDS);
    let mut all = records.to_vec();
    while all.len() < wanted {
        all.push(decoy_record()?);
    }
    all.shuffle(&mut OsRng);
    let mut pages = Vec::with_capacity(wanted.div_ceil(RECORDS));
    for records in all.chunks(RECORDS) {
        let mut page = Vec::with_capacity(PAGE_SIZE_BYTES);
        for record in records {
            page.extend_from_slice(record);
        }
        page.extend_from_slice(seen);
        page.resize(PAGE_SIZE_BYTES.max(page.len()), 0);
        Page::parse(&page)?;
        pages.push(page);
    }
    Ok(pages)
}
