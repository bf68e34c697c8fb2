//! Bundles that were cut, changed, replayed or made up: each is refused as a whole, or names the leaf.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "what sets a case up may fail loudly, as tests may"
)]

mod source;

use std::io::Cursor;

use hafan_envelope::bundle::BundleName;
use hafan_open::bundle::{BundleError, FindingKind, Validity, check_submission, verify};
use hafan_open::tree::VaultTree;
use hafan_tlog::{Entry, EntryKind, Seed, decoy};
use jiff::civil::date;

use source::{OWN_PAGE, Source, TODAY, found, own, submission, write};

fn two_epochs() -> Source {
    let mut source = Source::new("btp", 2026, 1);
    source.epoch(&[1]);
    source.epoch(&[0, 3]);
    source
}

#[test]
fn bundles_in_turn_verify_and_their_submissions_read_back() {
    let source = two_epochs();
    let first = source.verify(source.bundle(0, 4), &source.vault()).unwrap();
    assert_eq!(
        (first.drops().len(), first.decoys(), first.findings().len()),
        (1, 3, 0)
    );
    assert_eq!(
        first.name(),
        BundleName {
            year: 2026,
            first: 0,
            last: 4
        }
    );
    let saved = VaultTree::parse(&first.tree().encode().unwrap()).unwrap();
    assert_eq!(&saved, first.tree());
    let mut second = source.verify(source.bundle(4, 8), &saved).unwrap();
    for (drop, (index, h, blob)) in second.drops().to_vec().iter().zip(&source.blobs[1..]) {
        assert_eq!((drop.index, drop.h), (*index, *h));
        assert_eq!(&second.read_drop(drop).unwrap(), blob);
    }
    let whole = source.verify(source.bundle(0, 8), &source.vault()).unwrap();
    assert_eq!(whole.drops().len(), 3);
}

#[test]
fn the_same_again_older_skipped_and_overlapping_bundles_are_told_apart() {
    let mut source = two_epochs();
    source.epoch(&[]);
    let empty = source.vault();
    let one = source
        .verify(source.bundle(0, 4), &empty)
        .unwrap()
        .tree()
        .clone();
    let two = source
        .verify(source.bundle(4, 8), &one)
        .unwrap()
        .tree()
        .clone();
    for (first, last, again) in [(0, 4, 1), (4, 8, 2), (0, 8, 3)] {
        let verified = source.verify(source.bundle(first, last), &two).unwrap();
        assert_eq!((verified.taken(), verified.tree()), (None, &two));
        assert_eq!((verified.again().len(), verified.drops().len()), (again, 0));
    }
    assert!(matches!(
        source.verify(source.bundle(4, 8), &empty),
        Err(BundleError::Skipped {
            year: 2026,
            found: 4,
            wanted: 0
        })
    ));
    assert!(matches!(
        source.verify(source.bundle(8, 12), &one),
        Err(BundleError::Skipped { .. })
    ));
    let whole = source.verify(source.bundle(0, 12), &two).unwrap();
    let new = BundleName {
        year: 2026,
        first: 8,
        last: 12,
    };
    assert_eq!((whole.taken(), whole.decoys()), (Some(new), 4));
    assert_eq!((whole.again().len(), whole.drops().len()), (3, 0));
    // What the vault then keeps is what a bundle of the new leaves alone would have brought.
    assert_eq!(whole.head(), &source.head(8, 12));
    let alone = source.verify(source.bundle(8, 12), &two).unwrap();
    assert_eq!(whole.tree(), alone.tree());
}

#[test]
fn a_bundle_that_overlaps_the_vault_may_bring_what_was_missing_and_change_nothing() {
    let mut source = two_epochs();
    source.epoch(&[1]);
    let mut blobs = source.blobs(0, 8);
    blobs.remove(0);
    let first = source.verify(write(&source.head(0, 8), &blobs), &source.vault());
    let first = first.unwrap();
    assert_eq!(first.findings().len(), 1);
    let vault = first.tree().clone();
    let mut again = source.verify(source.bundle(0, 12), &vault).unwrap();
    assert_eq!((again.again().len(), again.drops().len()), (3, 1));
    let missing = again.again()[0];
    assert_eq!(again.read_drop(&missing).unwrap(), source.blobs[0].2);
    // A later day and an older directory keep out new leaves, not what belongs to old ones.
    let late = Validity::On(date(2027, 11, 25));
    assert!(source.verify_on(source.bundle(0, 8), &vault, late).is_ok());
    assert!(
        source
            .verify_on(source.bundle(0, 12), &vault, late)
            .is_err()
    );

    // Another history of the same server, from the first leaf and from the middle.
    let mut forked = two_epochs();
    forked.epoch(&[]);
    forked.directory = source.directory.clone();
    for (first, last) in [(0, 4), (0, 8), (0, 12), (4, 8), (4, 12)] {
        let verified = source.verify(forked.bundle(first, last), &vault);
        assert!(matches!(verified, Err(BundleError::Forked { .. })));
    }
    // The right history but for its end.
    let mut head = source.head(0, 12);
    head.checkpoint = forked.checkpoint(12);
    assert!(matches!(
        source.verify(write(&head, &[]), &vault),
        Err(BundleError::Root { .. })
    ));
    // Entries on the workstation's disk that rotted.
    let other = forked.head(0, 8).entries;
    let verified = source.verify_against(source.bundle(0, 12), &vault, &other);
    assert!(verified.is_err());
    let mut short = source.head(0, 8).entries;
    short.truncate(7 * 66);
    let verified = source.verify_against(source.bundle(4, 12), &vault, &short);
    assert!(verified.is_err());
}

#[test]
fn another_force_year_root_or_older_directory_is_refused() {
    let source = two_epochs();
    let vault = source.vault();
    let mut other = Source::new("merseyside", 2026, 1);
    other.epoch(&[1]);
    assert!(matches!(
        source.verify(other.bundle(0, 4), &vault),
        Err(BundleError::Directory(_))
    ));
    assert!(matches!(
        other.verify(other.bundle(0, 4), &vault),
        Err(BundleError::OtherForce { .. })
    ));

    let mut head = source.head(0, 4);
    head.checkpoint = other.checkpoint(4);
    assert!(matches!(
        source.verify(write(&head, &[]), &vault),
        Err(BundleError::Origin { .. })
    ));

    let mut next_year = Source::new("btp", 2027, 1);
    next_year.epoch(&[]);
    next_year.epoch(&[]);
    let mut head = source.head(4, 8);
    head.previous_checkpoint = next_year.checkpoint(4);
    let one = source
        .verify(source.bundle(0, 4), &vault)
        .unwrap()
        .tree()
        .clone();
    assert!(matches!(
        source.verify(write(&head, &[]), &one),
        Err(BundleError::Origin { .. })
    ));

    let newer = VaultTree::new("btp".parse().unwrap(), 2);
    assert!(matches!(
        source.verify(source.bundle(0, 4), &newer),
        Err(BundleError::DirectoryOlder { found: 1, seen: 2 })
    ));
}

#[test]
fn a_directory_that_does_not_hold_today_is_refused_unless_a_person_says_so() {
    let source = two_epochs();
    for day in [date(2026, 11, 22), date(2026, 11, 30), date(2027, 11, 25)] {
        let verified = source.verify_on(source.bundle(0, 4), &source.vault(), Validity::On(day));
        assert!(matches!(verified, Err(BundleError::Date(_))), "{day}");
    }
    let verified = source.verify_on(source.bundle(0, 4), &source.vault(), Validity::AnyDay);
    assert!(verified.is_ok());
}

#[test]
fn rewritten_history_is_refused() {
    let source = two_epochs();
    let one = source
        .verify(source.bundle(0, 4), &source.vault())
        .unwrap()
        .tree()
        .clone();
    // The same server signs another history of the same size.
    let mut forked = two_epochs();
    forked.directory = source.directory.clone();
    assert!(matches!(
        source.verify(forked.bundle(4, 8), &one),
        Err(BundleError::Forked {
            year: 2026,
            size: 4
        })
    ));
    let mut head = source.head(4, 8);
    head.checkpoint = forked.checkpoint(8);
    assert!(matches!(
        source.verify(write(&head, &[]), &one),
        Err(BundleError::Root { .. })
    ));
    let mut head = source.head(4, 8);
    head.entries.truncate(3 * 66);
    assert!(matches!(
        source.verify(write(&head, &[]), &one),
        Err(BundleError::EntryCount {
            found: 3,
            wanted: 4
        })
    ));
    let mut head = source.head(4, 8);
    head.entries.rotate_left(66);
    assert!(matches!(
        source.verify(write(&head, &[]), &one),
        Err(BundleError::Root { .. })
    ));
}

#[test]
fn dropped_damaged_and_unknown_leaves_are_named_and_the_rest_stands() {
    let mut source = two_epochs();
    source.push(Entry {
        kind: EntryKind::Tombstone,
        h: [1; 32],
        t: [2; 32],
    });
    for position in 1..4 {
        source.push(decoy(&Seed::from_bytes(&[99; 32]), position));
    }
    source.seeds.push([99; 32]);
    source.sign();
    let head = source.head(0, 12);
    let mut blobs = source.blobs(0, 12);
    blobs.remove(0);
    blobs[0].1[60_000] ^= 1;
    let verified = source
        .verify(write(&head, &blobs), &source.vault())
        .unwrap();
    assert_eq!(
        found(&verified),
        [
            (1, FindingKind::Withheld),
            (4, FindingKind::Digest),
            (8, FindingKind::Kind)
        ]
    );
    assert_eq!(verified.drops().len(), 1);

    let mut blobs = source.blobs(0, 8);
    blobs[0].1[20] ^= 1;
    blobs[1].1.pop();
    let verified = source
        .verify(write(&source.head(0, 8), &blobs), &source.vault())
        .unwrap();
    assert_eq!(
        found(&verified),
        [(1, FindingKind::Tag), (4, FindingKind::Size)]
    );
}

#[test]
fn the_vaults_own_pages_of_answers_are_right_and_others_are_named() {
    let mut source = two_epochs();
    let (h, t) = OWN_PAGE;
    for (h, t) in [(h, t), (h, [0; 32]), ([0; 32], t)] {
        source.push(Entry {
            kind: EntryKind::ReplyPage,
            h,
            t,
        });
    }
    source.push(decoy(&Seed::from_bytes(&[99; 32]), 3));
    source.seeds.push([99; 32]);
    source.sign();
    let verified = source
        .verify(source.bundle(0, 12), &source.vault())
        .unwrap();
    assert_eq!(
        found(&verified),
        [(9, FindingKind::Page), (10, FindingKind::Page)]
    );
    assert_eq!((verified.pages(), verified.drops().len()), (&[8][..], 3));
    // A leaf that the vault has already is told once.
    let again = source
        .verify(source.bundle(0, 12), verified.tree())
        .unwrap();
    assert!(again.pages().is_empty() && again.findings().is_empty());
}

#[test]
fn doubled_reordered_and_foreign_submissions_are_refused() {
    let source = two_epochs();
    let (head, blobs) = (source.head(0, 8), source.blobs(0, 8));
    let (foreign_h, foreign) = submission();
    for wrong in [
        vec![blobs[0].clone(), blobs[0].clone()],
        vec![blobs[1].clone(), blobs[0].clone()],
        vec![blobs[0].clone(), (foreign_h, foreign)],
    ] {
        let verified = source.verify(write(&head, &wrong), &source.vault());
        assert!(matches!(verified, Err(BundleError::Stray { .. })));
    }
}

#[test]
fn epochs_that_do_not_cover_the_leaves_or_are_spelt_otherwise_are_refused() {
    let source = two_epochs();
    let right = String::from_utf8(source.head(0, 8).epochs).unwrap();
    for wrong in [
        "[]".to_owned(),
        right.replace(r#""first":4"#, r#""first":5"#),
        right.replacen(r#""leaves":4"#, r#""leaves":8"#, 1),
        right.replace(":4", ": 4"),
        right.replace("0a0a", "0A0A"),
        right.replace("\"seed\"", "\"note\":1,\"seed\""),
        format!("{right}\n"),
        "null".to_owned(),
    ] {
        let mut head = source.head(0, 8);
        head.epochs = wrong.clone().into_bytes();
        let verified = source.verify(write(&head, &[]), &source.vault());
        assert!(matches!(verified, Err(BundleError::Epochs)), "{wrong}");
    }
}

/// Every byte of the smallest bundle there can be, one bit each. Within the sealed payload each flip
/// goes through the one function that judges a submission, and one in 211 through all of `verify`:
/// all 69 thousand through all of it take a minute.
#[test]
fn no_flipped_byte_is_taken_in_silently() {
    let mut source = Source::new("btp", 2026, 1);
    source.epoch(&[2]);
    let mut bytes = source.bundle(0, 4);
    let vault = source.vault();
    let drop = source.verify(bytes.clone(), &vault).unwrap().drops()[0];
    let (_, h, mut blob) = source.blobs.remove(0);
    let begin = bytes.windows(blob.len()).position(|w| w == blob).unwrap();
    let payload = begin..begin + blob.len();
    assert_eq!((drop.h, drop.size), (h, 48 + 67_195));
    let mut taken = Vec::new();
    for at in 0..bytes.len() {
        let bit = 1 << (at % 8);
        if payload.contains(&at) {
            blob[at - begin] ^= bit;
            if check_submission(&blob, &drop.h, &drop.t).is_ok() {
                taken.push(at);
            }
            blob[at - begin] ^= bit;
            if at % 211 != 0 {
                continue;
            }
        }
        bytes[at] ^= bit;
        let verified = verify(
            Cursor::new(bytes.as_slice()),
            &vault,
            &source.root,
            Validity::On(TODAY),
            own,
            |_| Ok(Vec::new()),
        );
        if verified.is_ok_and(|verified| verified.findings().is_empty()) {
            taken.push(at);
        }
        bytes[at] ^= bit;
    }
    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn no_cut_bundle_is_taken_in() {
    let mut source = Source::new("btp", 2026, 1);
    source.epoch(&[2]);
    let bytes = source.bundle(0, 4);
    for cut in (0..bytes.len())
        .step_by(509)
        .chain(bytes.len() - 1024..bytes.len())
    {
        assert!(
            source
                .verify(bytes[..cut].to_vec(), &source.vault())
                .is_err(),
            "cut at {cut}"
        );
    }
}
