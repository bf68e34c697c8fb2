//! Records and pages of answers: sealed to one, told by a tag, and like one another to everybody else.
#![cfg(test)]

use hafan_envelope::reply::{
    MESSAGE_SIZE_BYTES, PAGE_SIZE_BYTES, Page, RECORD_SIZE_BYTES, RECORDS, Record,
};
use hafan_open::Identity;
use hafan_open::reply::open_record;
use hafan_seal::reply::{decoy_record, pages, seal_record};
use proptest::prelude::*;
use rand::rngs::OsRng;

/// What stands behind the records; only who has the keys looks at it.
const SEEN: &[u8] = b"seen\n";

/// The records of a page that is filled up around these.
fn on_a_page(records: &[[u8; RECORD_SIZE_BYTES]]) -> Vec<u8> {
    let mut pages = pages(records, SEEN).unwrap();
    assert_eq!(pages.len(), 1);
    pages.pop().unwrap()
}

fn opened(record: &Record<'_>, mailbox: &Identity) -> Option<Vec<u8>> {
    let opened = open_record(record, mailbox);
    let opened = opened.unwrap_or_else(|why| panic!("{why}"));
    opened.map(|message| message.to_vec())
}

#[test]
fn each_record_opens_for_its_mailbox_and_for_no_other() {
    let mailboxes: Vec<Identity> = (0..3).map(|_| Identity::generate(&mut OsRng)).collect();
    let records: Vec<_> = (1..)
        .zip(&mailboxes)
        .map(|(byte, mailbox)| {
            seal_record(&[byte; MESSAGE_SIZE_BYTES], &mailbox.to_recipient()).unwrap()
        })
        .collect();
    let page = on_a_page(&records);
    let page = Page::parse(&page).unwrap();
    for (byte, mailbox) in (1..).zip(&mailboxes) {
        let found: Vec<Vec<u8>> = page.records().filter_map(|r| opened(&r, mailbox)).collect();
        assert_eq!(found, [[byte; MESSAGE_SIZE_BYTES]]);
    }
}

#[test]
fn a_tag_that_fits_by_chance_opens_nothing() {
    let mailbox = Identity::generate(&mut OsRng);
    let mut record = decoy_record().unwrap();
    let page = on_a_page(&[record]);
    let page = Page::parse(&page).unwrap();
    let decoy = page.records().find(|r| r.sealed == &record[2..]).unwrap();
    assert_eq!(opened(&decoy, &mailbox), None);
    let tag = mailbox.view_tag(&decoy.ct_x).unwrap();
    record[..2].copy_from_slice(&tag);
    let page = on_a_page(&[record]);
    let page = Page::parse(&page).unwrap();
    let fits = page.records().find(|r| r.ct_x == decoy.ct_x).unwrap();
    assert_eq!(*fits.tag, tag);
    assert_eq!(opened(&fits, &mailbox), None);
}

#[test]
fn a_changed_record_gives_nothing_out() {
    let mailbox = Identity::generate(&mut OsRng);
    let whole = seal_record(&[7; MESSAGE_SIZE_BYTES], &mailbox.to_recipient()).unwrap();
    // Each byte behind the header, and the tag: the header's own changes are those of every age file.
    for at in (0..2).chain(1629..RECORD_SIZE_BYTES) {
        let mut changed = whole;
        changed[at] ^= 1;
        let mut page = [changed.as_slice(), &whole.repeat(RECORDS - 1), SEEN].concat();
        page.resize(PAGE_SIZE_BYTES, 0);
        let page = Page::parse(&page).unwrap();
        let record = page.records().next().unwrap();
        assert!(
            !matches!(open_record(&record, &mailbox), Ok(Some(_))),
            "{at}"
        );
    }
}

#[test]
fn a_share_of_low_order_has_no_tag() {
    let mailbox = Identity::generate(&mut OsRng);
    assert_eq!(mailbox.view_tag(&[0; 32]), None);
    let mut one = [0; 32];
    one[0] = 1;
    assert_eq!(mailbox.view_tag(&one), None);
}

#[test]
fn there_is_a_page_even_with_nothing_to_tell_and_no_two_are_alike() {
    let (one, other) = (on_a_page(&[]), on_a_page(&[]));
    assert_eq!(one.len(), PAGE_SIZE_BYTES);
    let parts = [one, other].map(|page| Page::parse(&page).unwrap().index_part());
    let entries: std::collections::BTreeSet<&[u8]> =
        parts.iter().flat_map(|part| part.chunks(34)).collect();
    assert_eq!(entries.len(), 2 * RECORDS);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(6))]
    #[test]
    fn pages_are_as_few_as_hold_the_records_and_hold_each_once(count in 0_usize..140) {
        let one = decoy_record().unwrap();
        // Told apart by their last bytes, as no reader could.
        let records: Vec<[u8; RECORD_SIZE_BYTES]> = (0..count)
            .map(|number| {
                let mut record = one;
                record[4088..].copy_from_slice(&u64::try_from(number).unwrap().to_be_bytes());
                record
            })
            .collect();
        let pages = pages(&records, SEEN).unwrap();
        prop_assert_eq!(pages.len(), count.div_ceil(RECORDS).max(1));
        let all: Vec<&[u8]> = pages.iter().flat_map(|page| page.chunks_exact(RECORD_SIZE_BYTES)).collect();
        for record in &records {
            prop_assert_eq!(all.iter().filter(|found| **found == record).count(), 1);
        }
        prop_assert!(count < 40 || !all.starts_with(&records.iter().map(|r| &r[..]).collect::<Vec<_>>()));
    }
}
