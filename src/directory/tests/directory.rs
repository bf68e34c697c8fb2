//! Directories: both ways, dates, lookups, and every change of one bit.

use hafan_directory::{
    Contact, Contents, ContentsError, DIRECTORY_SIZE_BYTES_MAX, DateError, Directory, Force,
    ForceError, IntakeKey, OpenError, Recipient, RecipientError, SignError, root_key_name,
};
use hafan_tlog::note::NoteError;
use hafan_tlog::{Checkpoint, Frontier, Signer};
use jiff::ToSpan as _;
use jiff::civil::{Date, date};
use proptest::prelude::*;

/// A Monday, in ISO week 52.
const MONDAY: Date = date(2026, 12, 21);

fn signer(name: &str, seed: u8) -> Signer {
    Signer::from_seed(name, &[seed; 32]).expect("key name")
}

fn recipient(number: u16) -> Recipient {
    let mut key = [0; 1216];
    key[..2].copy_from_slice(&number.to_be_bytes());
    Recipient::from_key(&key).expect("recipient")
}

fn weeks(count: u16) -> Vec<IntakeKey> {
    let mut from = MONDAY;
    let mut keys = Vec::new();
    for number in 0..count {
        let until = from.checked_add(1.week()).expect("date");
        keys.push(IntakeKey {
            id: IntakeKey::id_of(from),
            recipient: recipient(number),
            from,
            until,
        });
        from = until;
    }
    keys
}

fn contents(week_count: u16) -> Contents {
    Contents {
        force: "dyfed-powys".parse().expect("force"),
        sequence: 12,
        valid_from: MONDAY,
        valid_until: date(2027, 2, 1),
        log: signer("log.example/hafan", 7).verifier(),
        intake: weeks(week_count),
        contact: Contact {
            threshold: 1,
            recipients: vec![recipient(1_000)],
        },
        officers: vec![signer("hafan/dyfed-powys/officer-1", 41).verifier()],
        replies: vec![signer("hafan/dyfed-powys/replies-2", 62).verifier()],
        couriers: vec![signer("hafan/dyfed-powys/courier-1", 21).verifier()],
        police_suspect: Some("btp".parse().expect("force")),
    }
}

fn root() -> Signer {
    signer("hafan/dyfed-powys/root", 1)
}

#[test]
fn what_is_signed_opens_again() {
    let directory = Directory::new(contents(3)).unwrap();
    let signed = directory.sign(&root()).unwrap();
    let opened = Directory::open(&signed, &root().verifier()).unwrap();
    assert_eq!(opened, directory);
    assert_eq!(opened.contents(), &contents(3));
    assert_eq!(
        (opened.force().as_str(), opened.sequence()),
        ("dyfed-powys", 12)
    );
}

#[test]
fn every_flipped_bit_of_a_signed_directory_is_refused() {
    let mut contents = contents(1);
    contents.officers = Vec::new();
    contents.contact = Contact {
        threshold: 0,
        recipients: Vec::new(),
    };
    let signed = Directory::new(contents).unwrap().sign(&root()).unwrap();
    let root = root().verifier();
    for bit in 0..signed.len() * 8 {
        let mut flipped = signed.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        assert!(Directory::open(&flipped, &root).is_err(), "bit {bit}");
    }
}

#[test]
fn a_directory_over_256_kib_is_neither_signed_nor_opened() {
    let signed = Directory::new(contents(125))
        .unwrap()
        .sign(&root())
        .unwrap();
    assert!(signed.len() < DIRECTORY_SIZE_BYTES_MAX);
    let large = Directory::new(contents(130)).unwrap().sign(&root());
    assert!(matches!(large, Err(SignError::Size { found }) if found > DIRECTORY_SIZE_BYTES_MAX));
    let found = DIRECTORY_SIZE_BYTES_MAX + 1;
    let opened = Directory::open(&vec![b'a'; found], &root().verifier());
    let wanted = DIRECTORY_SIZE_BYTES_MAX;
    assert!(
        matches!(opened, Err(OpenError::Note(error)) if error == NoteError::Size { found, wanted })
    );
}

#[test]
fn only_the_root_key_of_the_force_signs() {
    let directory = Directory::new(contents(1)).unwrap();
    assert_eq!(root_key_name(directory.force()), "hafan/dyfed-powys/root");
    let other = directory.sign(&signer("hafan/btp/root", 1));
    assert!(matches!(other, Err(SignError::SignerName { found, .. }) if found == "hafan/btp/root"));
}

#[test]
fn a_directory_holds_from_its_first_day_until_before_its_last() {
    let directory = Directory::new(contents(1)).unwrap();
    let (from, until) = (MONDAY, date(2027, 2, 1));
    assert_eq!(directory.check_date(from), Ok(()));
    assert_eq!(directory.check_date(date(2027, 1, 31)), Ok(()));
    let early = date(2026, 12, 20);
    assert_eq!(
        directory.check_date(early),
        Err(DateError::NotYet { from, today: early })
    );
    assert_eq!(
        directory.check_date(until),
        Err(DateError::Expired {
            until,
            today: until
        })
    );
    assert_eq!(
        directory.check_date(until).unwrap_err().to_string(),
        "directory expired on 2027-02-01, and today is 2027-02-01: a new one is needed"
    );
}

#[test]
fn each_day_has_the_intake_key_of_its_iso_week() {
    let directory = Directory::new(contents(3)).unwrap();
    let id = |day| directory.intake_for(day).map(|key| key.id.clone());
    assert_eq!(id(date(2026, 12, 20)), None);
    assert_eq!(id(MONDAY).as_deref(), Some("2026-W52"));
    assert_eq!(id(date(2026, 12, 27)).as_deref(), Some("2026-W52"));
    assert_eq!(id(date(2026, 12, 28)).as_deref(), Some("2026-W53"));
    assert_eq!(id(date(2027, 1, 3)).as_deref(), Some("2026-W53"));
    assert_eq!(id(date(2027, 1, 4)).as_deref(), Some("2027-W01"));
    assert_eq!(id(date(2027, 1, 11)), None);
}

#[test]
fn couriers_are_found_by_their_whole_key_name() {
    let directory = Directory::new(contents(1)).unwrap();
    let courier = signer("hafan/dyfed-powys/courier-1", 21).verifier();
    assert_eq!(
        directory.courier("hafan/dyfed-powys/courier-1"),
        Some(&courier)
    );
    assert_eq!(directory.courier("hafan/dyfed-powys/courier-10"), None);
    assert_eq!(directory.courier(""), None);
}

#[test]
fn the_first_key_for_answers_signs_now() {
    let name = |contents| {
        let directory = Directory::new(contents).unwrap();
        directory.reply_key().map(|key| key.name().to_owned())
    };
    let mut two = contents(1);
    two.replies
        .insert(0, signer("hafan/dyfed-powys/replies-3", 63).verifier());
    assert_eq!(name(two).as_deref(), Some("hafan/dyfed-powys/replies-3"));
    let none = Contents {
        replies: Vec::new(),
        ..contents(1)
    };
    assert_eq!(name(none), None);
}

#[test]
fn the_log_key_opens_checkpoints_of_each_year_and_of_no_other_force() {
    let directory = Directory::new(contents(1)).unwrap();
    let server = signer("log.example/hafan", 7);
    assert_eq!(
        directory.log_origin(2026),
        "log.example/hafan/dyfed-powys/2026"
    );
    let checkpoint = Checkpoint::of(&directory.log_origin(2026), &Frontier::new()).unwrap();
    let signed = checkpoint.sign(&server);
    assert_eq!(
        Checkpoint::open(&signed, &directory.log_verifier(2026).unwrap()),
        Ok(checkpoint)
    );
    assert!(Checkpoint::open(&signed, &directory.log_verifier(2027).unwrap()).is_err());
    let other = Checkpoint::of("log.example/hafan/btp/2026", &Frontier::new()).unwrap();
    let signed = other.sign(&server);
    assert!(Checkpoint::open(&signed, &directory.log_verifier(2026).unwrap()).is_err());
}

#[test]
fn weeks_at_the_end_of_time_do_not_panic() {
    let mut late = contents(1);
    late.intake[0].from = date(9999, 12, 27);
    late.intake[0].until = Date::MAX;
    assert!(matches!(
        Directory::new(late),
        Err(ContentsError::IntakeWeek { at: 0, .. })
    ));
}

#[test]
fn names_of_forces_keep_to_their_grammar() {
    for name in ["btp", "dyfed-powys", "0", "a-", "a--b", &"a".repeat(32)] {
        assert_eq!(
            name.parse::<Force>().map(|force| force.to_string()),
            Ok(name.to_owned())
        );
    }
    assert_eq!("".parse::<Force>(), Err(ForceError::Size { found: 0 }));
    assert_eq!(
        "a".repeat(33).parse::<Force>(),
        Err(ForceError::Size { found: 33 })
    );
    for (name, at) in [
        ("-a", 0),
        ("Btp", 0),
        ("b_p", 1),
        ("b/p", 1),
        ("b.p", 1),
        ("bt\u{e9}", 2),
        ("a\n", 1),
    ] {
        assert_eq!(
            name.parse::<Force>(),
            Err(ForceError::Character { at }),
            "{name:?}"
        );
    }
}

#[test]
fn every_changed_character_of_a_recipient_is_refused() {
    let text = recipient(7).to_string();
    for at in 0..text.len() {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'q' { b'p' } else { b'q' };
        let changed = String::from_utf8(changed).unwrap();
        assert!(changed.parse::<Recipient>().is_err(), "character {at}");
    }
    assert_eq!(
        "age1pq1".parse::<Recipient>(),
        Err(RecipientError::Size { found: 7 })
    );
}

proptest! {
    #[test]
    fn a_recipient_is_read_back_from_its_text(key in prop::collection::vec(any::<u8>(), 1216)) {
        let recipient = Recipient::from_key(&key.try_into().unwrap()).unwrap();
        prop_assert_eq!(recipient.as_str().parse::<Recipient>(), Ok(recipient.clone()));
    }

    #[test]
    fn sound_directories_are_read_back(
        force in "[a-z0-9][a-z0-9-]{0,31}", sequence in 0_u64..1 << 53, week_count in 1_u16..6,
        days in 1_i64..400, officers in 0_u16..5, replies in 0_u8..9, couriers in 0_u8..4,
    ) {
        let mut contents = contents(week_count);
        contents.couriers = (1..=couriers)
            .map(|number| signer(&format!("hafan/{force}/courier-{number}"), 20 + number).verifier())
            .collect();
        contents.replies = (1..=replies)
            .rev()
            .map(|number| signer(&format!("hafan/{force}/replies-{number}"), 60 + number).verifier())
            .collect();
        contents.contact = Contact {
            threshold: officers,
            recipients: (0..officers).map(|number| recipient(500 + number)).collect(),
        };
        contents.officers = (1..=officers)
            .zip(41..)
            .map(|(number, seed)| signer(&format!("hafan/{force}/officer-{number}"), seed).verifier())
            .collect();
        contents.police_suspect = (force != "btp" && days % 2 == 0).then(|| "btp".parse().unwrap());
        contents.valid_until = MONDAY.checked_add(days.days()).unwrap();
        contents.sequence = sequence;
        let root = signer(&format!("hafan/{force}/root"), 1);
        contents.force = force.parse().unwrap();
        let directory = Directory::new(contents).unwrap();
        let signed = directory.sign(&root).unwrap();
        prop_assert_eq!(Directory::open(&signed, &root.verifier()).unwrap(), directory);
    }

    #[test]
    fn signed_nonsense_never_panics_and_is_read_back_when_it_is_read(text in "(hafan directory v1\n)?\\{?[\\PC]{0,200}\\}?\n") {
        let signed = hafan_tlog::note::sign(&text, &[&root()]).unwrap();
        prop_assert!(Directory::open(&signed, &root().verifier()).is_err());
    }
}
