//! Pages of answers: the one form, every change of it, and what stands for them in the log.
#![cfg(test)]

use base64::Engine;
use base64::prelude::BASE64_STANDARD_NO_PAD as BASE64;
use hafan_envelope::EnvelopeError;
use hafan_envelope::reply::{
    INDEX_PART_SIZE_BYTES, PAGE_SIZE_BYTES, Page, PageError, RECORD_SIZE_BYTES, RECORDS,
    page_digest, view_tag,
};
use proptest::prelude::*;
use sha2::{Digest as _, Sha256};

/// A record whose `ct_X` and tag are made of this number.
fn record(number: u8) -> Vec<u8> {
    let mut enc = [7; 1120];
    enc[1088..].fill(number);
    let [enc, body, mac] = [&enc[..], &[2; 32], &[3; 32]].map(|bytes| BASE64.encode(bytes));
    let header = format!("age-encryption.org/v1\n-> mlkem768x25519 {enc}\n{body}\n--- {mac}\n");
    let mut bytes = vec![number, !number];
    bytes.extend(header.into_bytes());
    bytes.resize(RECORD_SIZE_BYTES, number);
    bytes
}

fn page() -> Vec<u8> {
    let mut bytes: Vec<u8> = (0..64).flat_map(record).collect();
    bytes.extend(b"seen\n");
    bytes.resize(PAGE_SIZE_BYTES, 0);
    bytes
}

fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    Sha256::digest(parts.concat()).into()
}

#[test]
fn a_page_gives_its_records_its_index_part_and_its_leaf() {
    let bytes = page();
    let page = Page::parse(&bytes).unwrap();
    let part = page.index_part();
    assert_eq!(part.len(), INDEX_PART_SIZE_BYTES);
    assert_eq!(page.records().count(), RECORDS);
    assert_eq!(page.seen(), b"seen\n");
    for (number, (record, entry)) in (0..64).zip(page.records().zip(part.chunks(34))) {
        assert_eq!(
            (record.ct_x, *record.tag),
            ([number; 32], [number, !number])
        );
        assert_eq!(entry, [&record.ct_x[..], record.tag].concat());
        assert_eq!(record.sealed.len(), 4094);
    }
    let h = sha256(&[b"hafan/reply-page/v1\0", &bytes]);
    assert_eq!((page.digest().0, page_digest(&bytes).0), (h, h));
    let t = sha256(&[b"hafan/reply-index/v1\0", &part]);
    assert_eq!(page.index_digest().0, t);
}

#[test]
fn another_size_is_refused() {
    let bytes = page();
    for found in [0, 1, RECORD_SIZE_BYTES, PAGE_SIZE_BYTES - 1] {
        let refused = Page::parse(&bytes[..found]).err();
        assert_eq!(refused, Some(PageError::Size { found }));
    }
    let longer = [&bytes[..], &[0]].concat();
    let found = PAGE_SIZE_BYTES + 1;
    assert_eq!(Page::parse(&longer).err(), Some(PageError::Size { found }));
}

#[test]
fn a_record_with_another_header_is_named() {
    for (record, at) in [(0, 0), (5, 40), (63, 1626)] {
        let mut bytes = page();
        bytes[record * RECORD_SIZE_BYTES + 2 + at] = b' ';
        let refused = Page::parse(&bytes).err().unwrap();
        let PageError::Record {
            record: found,
            source,
        } = refused
        else {
            panic!("{refused}");
        };
        assert_eq!(found, record);
        assert!(matches!(source, EnvelopeError::Header { at: found, .. } if found == at));
    }
}

#[test]
fn what_stands_behind_the_records_is_a_note_and_zeros_or_refused() {
    let start = RECORDS * RECORD_SIZE_BYTES;
    let with = |at: usize, byte: u8| {
        let mut bytes = page();
        bytes[start + at] = byte;
        Page::parse(&bytes).err()
    };
    // No newline at the end, something behind the zeros, no UTF-8, nothing at all.
    for (at, byte) in [(4, b'.'), (1023, 1), (1, 0xff), (0, 0)] {
        assert_eq!(with(at, byte), Some(PageError::Seen), "{at}");
    }
    let mut full = page();
    full[start..].fill(b'\n');
    assert_eq!(Page::parse(&full).unwrap().seen().len(), 1024);
}

#[test]
fn a_view_tag_is_the_first_two_bytes_over_secret_share_and_key() {
    let wanted = sha256(&[b"hafan/view-tag/v1\0", &[1; 32], &[2; 32], &[3; 32]]);
    assert_eq!(view_tag(&[1; 32], &[2; 32], &[3; 32]), wanted[..2]);
}

proptest! {
    #[test]
    fn what_lies_outside_of_the_headers_changes_no_structure(record in 0..RECORDS, at in 1629..RECORD_SIZE_BYTES, byte: u8) {
        let mut bytes = page();
        bytes[record * RECORD_SIZE_BYTES + at] = byte;
        let part = Page::parse(&bytes).unwrap().index_part();
        prop_assert_eq!(part, Page::parse(&page()).unwrap().index_part());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..5000), at in 0..PAGE_SIZE_BYTES) {
        prop_assert!(Page::parse(&bytes).is_err());
        let mut changed = page();
        let end = (at + bytes.len()).min(PAGE_SIZE_BYTES);
        changed[at..end].copy_from_slice(&bytes[..end - at]);
        if let Ok(page) = Page::parse(&changed) {
            prop_assert_eq!(page.index_part().len(), INDEX_PART_SIZE_BYTES);
        }
    }
}
