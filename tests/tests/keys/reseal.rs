//! The shares of an officer who leaves: passed on to a successor, one share of a report to each officer at most.

use std::fs;

use hafan_open::{Identity, open_bytes};

use crate::contact::request;
use crate::office::{Office, PLAIN, by, walk, with_contact};
use crate::officers::{add, remove};

fn reseal<'a>(from: &'a str, to: &'a str) -> Vec<&'a str> {
    let verb = [
        "contact", "reseal", "--vault", "vault", "--from", from, "--to", to,
    ];
    [verb.as_slice(), &["--passphrase-file", "passphrases"]].concat()
}

fn approve<'a>(officer: &'a str, out: &'a str) -> Vec<&'a str> {
    let verb = [
        "contact",
        "approve",
        "q",
        "--reason",
        "safeguarding",
        "--out",
        out,
    ];
    by(officer, &verb)
}

/// Three officers, quorum 2; officer-4 came after the reports; officer-2 leaves and officer-4 succeeds.
#[test]
fn a_successor_approves_with_the_share_of_one_who_left() {
    let office = Office::new(3, 2);
    let h = office.bring(&[with_contact("Ffugenw"), PLAIN]).remove(0);
    office.ok(&add("officer-1", "next"));
    request(&office, "officer-1", &h, "q");
    office.fails(
        &approve("officer-4", "none"),
        1,
        "has no share for officer-4",
    );

    let said = office.ok(&reseal("officer-2", "officer-4"));
    assert!(
        said.contains("from officer-2 to officer-4: the shares of 1 report"),
        "{said}"
    );
    assert!(
        said.contains("What officer-2 copied before, this cannot take back"),
        "{said}"
    );
    assert_eq!(office.recorded().last().unwrap(), "share-resealed");
    // Again, and to one who has a share: nobody gets two of one report.
    let said = office.ok(&reseal("officer-2", "officer-4"));
    assert!(said.contains("the shares of 0 reports"), "{said}");
    assert!(
        said.contains("1 report: officer-4 has a share already"),
        "{said}"
    );
    let said = office.ok(&reseal("officer-2", "officer-3"));
    assert!(said.contains("officer-3 has a share already"), "{said}");
    office.fails(
        &reseal("officer-2", "officer-2"),
        2,
        "cannot pass shares on to themselves",
    );
    office.fails(
        &reseal("officer-2", "officer-9"),
        2,
        "no key of that officer",
    );

    // The share lies sealed to officer-4, and to nobody else.
    let passed = walk(&office.path("vault/contact-shares"));
    let [passed] = passed.as_slice() else {
        panic!("{passed:?}");
    };
    assert!(passed.ends_with(format!("{h}/02-officer-2-to-officer-4.age")));
    let sealed = fs::read(passed).unwrap();
    let opens = |number| open_bytes(&sealed, &[&office.officer(number).0]).is_ok();
    assert_eq!([1, 2, 3, 4].map(opens), [false, false, false, true]);

    // While both are there, their share counts once.
    office.ok(&approve("officer-2", "a2"));
    office.ok(&approve("officer-4", "a4"));
    let open =
        |files: &[&'static str]| by("officer-1", &[&["contact", "open", "q"], files].concat());
    office.fails(&open(&["a2", "a4"]), 1, "both say that theirs is share 2");
    let said = office.ok(&remove("officer-2", "officer-1", "without"));
    assert!(
        said.contains("has passed on the shares of 1. With the other 0"),
        "{said}"
    );
    office.fails(
        &open(&["a2", "a4"]),
        1,
        "no officer of the newest directory has signed it",
    );
    office.fails(&open(&["a4"]), 1, "1 of the 2 approvals");
    office.ok(&approve("officer-1", "a1"));
    assert!(office.ok(&open(&["a1", "a4"])).contains("Ffugenw"));

    // What was passed on is passed on again.
    office.ok(&add("officer-3", "with-5"));
    let said = office.ok(&reseal("officer-4", "officer-5"));
    assert!(said.contains("the shares of 1 report"), "{said}");
    office.ok(&approve("officer-5", "a5"));
    assert!(office.ok(&open(&["a1", "a5"])).contains("Ffugenw"));
}

#[test]
fn a_share_that_was_changed_in_the_vault_is_found() {
    let office = Office::new(2, 2);
    let h = office.bring(&[with_contact("Ffugenw")]).remove(0);
    office.ok(&add("officer-1", "next"));
    office.ok(&reseal("officer-2", "officer-3"));
    request(&office, "officer-1", &h, "q");
    let passed = walk(&office.path("vault/contact-shares")).remove(0);
    let whole = fs::read(&passed).unwrap();
    let to = office.directory().contact.recipients[2]
        .as_str()
        .parse()
        .unwrap();
    let forged = hafan_seal::seal_bytes(&[7; 78], &[to]).unwrap();
    let stranger = Identity::generate(&mut rand::rngs::OsRng).to_recipient();
    let elsewhere = hafan_seal::seal_bytes(&[7; 78], &[stranger]).unwrap();
    for (bytes, why) in [
        (forged, "it is not the share that the report names"),
        (elsewhere, "it is sealed to another key"),
    ] {
        fs::write(&passed, bytes).unwrap();
        office.fails(&approve("officer-3", "a3"), 1, why);
    }
    fs::write(&passed, whole).unwrap();
    office.ok(&approve("officer-3", "a3"));
}
