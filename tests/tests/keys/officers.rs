//! `officers` and `directory issue`: keys that come and go, and who opens what afterwards.

use std::collections::BTreeSet;
use std::fs;

use hafan_directory::Contents;
use hafan_open::{Identity, open_bytes};

use crate::office::{Office, PLAIN, by, open_officer, walk};

fn signing<'a>(verb: &[&'a str], officer: &'a str, out: &'a str) -> Vec<&'a str> {
    let root = ["--root", "keys/root/root.age", "--out", out];
    by(officer, &[verb, &root].concat())
}

pub(crate) fn add<'a>(officer: &'a str, out: &'a str) -> Vec<&'a str> {
    signing(&["officers", "add"], officer, out)
}

pub(crate) fn remove<'a>(leaver: &'a str, officer: &'a str, out: &'a str) -> Vec<&'a str> {
    signing(&["officers", "remove", leaver, "--yes"], officer, out)
}

pub(crate) fn issue<'a>(more: &[&'a str], out: &'a str) -> Vec<&'a str> {
    signing(&[&["directory", "issue"], more].concat(), "officer-1", out)
}

/// The weeks whose intake key opens with this identity, and is the one that the directory names.
fn opens(office: &Office, identity: &Identity, contents: &Contents) -> usize {
    let opens = |key: &&hafan_directory::IntakeKey| {
        let sealed = office.read(&format!("vault/intake/{}.age", key.id));
        let Ok(secret) = open_bytes(&sealed, &[identity]) else {
            return false;
        };
        let text = std::str::from_utf8(&secret).unwrap().trim_end();
        let identity: Identity = text.parse().ok().unwrap();
        assert_eq!(
            identity.to_recipient().to_string(),
            key.recipient.to_string()
        );
        true
    };
    contents.intake.iter().filter(opens).count()
}

fn names(contents: &Contents) -> Vec<&str> {
    contents
        .officers
        .iter()
        .map(|officer| officer.name())
        .collect()
}

#[test]
fn a_new_officer_reads_and_one_who_left_does_not() {
    let office = Office::new(2, 2);
    office.bring(&[PLAIN]);
    let said = office.ok(&add("officer-2", "next"));
    assert!(said.contains("officer-3 can open every report"), "{said}");
    assert_eq!(office.read("next"), office.read("vault/directory"));
    let contents = office.directory();
    assert_eq!(contents.sequence, 2);
    assert_eq!(contents.contact.threshold, 2);
    assert_eq!(
        names(&contents),
        [
            "hafan/btp/officer-1",
            "hafan/btp/officer-2",
            "hafan/btp/officer-3"
        ]
    );
    for number in 1..=3_u16 {
        let (identity, signer) = office.officer(number);
        let at = usize::from(number) - 1;
        assert_eq!(signer.verifier(), contents.officers[at]);
        let recipient = identity.to_recipient().to_string();
        assert_eq!(recipient, contents.contact.recipients[at].to_string());
        assert_eq!(opens(&office, &identity, &contents), 3);
    }
    office.ok(&by("officer-3", &["list"]));
    assert_eq!(
        office.recorded()[..2],
        ["officer-added", "directory-issued"]
    );

    // officer-1 leaves, with a copy of their key and of all that the vault had.
    let (leaver, _) = office.officer(1);
    let said = office.ok(&remove("officer-1", "officer-3", "without"));
    for wanted in ["any copy that officer-1 made", "retire the weeks", "SSD"] {
        assert!(said.contains(wanted), "{said}");
    }
    let contents = office.directory();
    assert_eq!(
        names(&contents),
        ["hafan/btp/officer-2", "hafan/btp/officer-3"]
    );
    assert_eq!(opens(&office, &leaver, &contents), 0);
    for file in walk(&office.path("vault")) {
        assert!(
            open_bytes(&fs::read(&file).unwrap(), &[&leaver]).is_err(),
            "{}",
            file.display()
        );
    }
    for number in [2, 3] {
        assert_eq!(opens(&office, &office.officer(number).0, &contents), 3);
    }
    office.fails(
        &by("officer-1", &["list"]),
        2,
        "give one of: officer-2, officer-3",
    );
    office.ok(&by("officer-2", &["list"]));

    // The number is not used again; new weeks are wrapped to those who are there.
    office.ok(&add("officer-2", "again"));
    assert_eq!(names(&office.directory())[2], "hafan/btp/officer-4");
    let mut more = issue(&["--add-weeks", "2"], "more");
    let at = more.iter().position(|arg| *arg == "officer-1").unwrap();
    more[at] = "officer-4";
    office.ok(&more);
    let contents = office.directory();
    assert_eq!(contents.intake.len(), 5);
    assert_eq!(opens(&office, &leaver, &contents), 0);
    for number in [2, 3, 4] {
        assert_eq!(opens(&office, &office.officer(number).0, &contents), 5);
    }
}

#[test]
fn who_comes_and_goes_is_refused_before_anything_is_changed() {
    let office = Office::new(2, 2);
    let before = snapshot(&office);
    let quorum = |args: &[&'static str], k| [args, &["--quorum", k]].concat();
    office.fails(
        &remove("officer-1", "officer-1", "out"),
        2,
        "cannot take themselves out",
    );
    office.fails(
        &remove("officer-7", "officer-1", "out"),
        2,
        "give one of: officer-1, officer-2",
    );
    office.fails(
        &remove("officer-02", "officer-1", "out"),
        2,
        "no such officer",
    );
    office.fails(
        &remove("officer-2", "officer-1", "out"),
        2,
        "a quorum of 2 of 1 officers",
    );
    office.fails(
        &quorum(&add("officer-1", "out"), "4"),
        2,
        "a quorum of 4 of 3 officers",
    );
    office.fails(&add("officer-1", "vault/directory"), 4, "is there already");
    office.fails(
        &add("officer-1", "no/folder"),
        3,
        "a folder that is not there",
    );
    // Without --yes and without a terminal nobody can be asked.
    let without: Vec<&str> = remove("officer-2", "officer-1", "out")
        .into_iter()
        .filter(|arg| *arg != "--yes")
        .collect();
    let mut asked = crate::interrupted::without_terminal(&office, &quorum(&without, "1"));
    let output = asked.output().unwrap();
    assert_eq!(output.status.code(), Some(3));
    assert!(crate::office::said(&output).contains("there is no terminal"));
    // Another force's root key, no root key, another's passphrase.
    let other = Office::new(1, 1);
    fs::copy(other.path("keys/root/root.age"), office.path("other.age")).unwrap();
    for (file, code, why) in [
        ("other.age", 1, "is not the root key of this vault"),
        ("vault/root.vkey", 1, "is not as hafan-keys wrote it"),
        ("no.age", 3, "cannot read no.age"),
    ] {
        let mut args = add("officer-1", "out");
        let at = args
            .iter()
            .position(|arg| *arg == "keys/root/root.age")
            .unwrap();
        args[at] = file;
        office.fails(&args, code, why);
    }
    let whole = fs::read_to_string(office.path("passphrases")).unwrap();
    let private = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    for (lost, why) in [
        ("root", "the key of root did not open"),
        ("officer-1", "the key of officer-1 did not open"),
    ] {
        let line = format!("{lost}: {}", crate::office::passphrase(lost));
        office.write(
            "wrong",
            whole
                .replace(&line, &format!("{lost}: forgotten"))
                .as_bytes(),
        );
        fs::set_permissions(office.path("wrong"), fs::Permissions::clone(&private)).unwrap();
        let mut args = issue(&["--add-weeks", "1"], "out");
        *args.last_mut().unwrap() = "passphrases";
        let args: Vec<&str> = args
            .into_iter()
            .map(|arg| if arg == "passphrases" { "wrong" } else { arg })
            .collect();
        office.fails(&args, 1, why);
    }
    assert!(!office.path("out").exists());
    assert!(snapshot(&office) == before);
}

#[test]
fn a_directory_changes_what_it_is_told_to_and_nothing_else() {
    let office = Office::new(1, 1);
    let old = office.directory();
    let couriers = |contents: &Contents| {
        let names = contents
            .couriers
            .iter()
            .map(|courier| courier.name().to_owned());
        names.collect::<Vec<_>>()
    };
    office.fails(&issue(&[], "out"), 2, "nothing was asked to be changed");
    office.fails(
        &issue(&["--police-suspect", "btp"], "out"),
        2,
        "want another force",
    );
    office.fails(
        &issue(&["--police-suspect", "no force"], "out"),
        2,
        "police-suspect",
    );
    office.fails(
        &issue(&["--remove-courier", "courier-2"], "out"),
        2,
        "give one of: courier-1",
    );
    assert_eq!(office.directory(), old);

    office.ok(&issue(&["--police-suspect", "merseyside"], "1"));
    let contents = office.directory();
    assert_eq!(
        contents.police_suspect.as_ref().unwrap().as_str(),
        "merseyside"
    );
    assert_eq!(contents.intake, old.intake);
    office.ok(&issue(
        &["--police-suspect", "none", "--add-courier", "courier-2.key"],
        "2",
    ));
    let contents = office.directory();
    assert_eq!(contents.police_suspect, None);
    assert_eq!(
        couriers(&contents),
        ["hafan/btp/courier-1", "hafan/btp/courier-2"]
    );
    let key = String::from_utf8(office.read("courier-2.key")).unwrap();
    assert!(key.starts_with("PRIVATE+KEY+hafan/btp/courier-2+"));
    office.ok(&issue(&["--remove-courier", "courier-1"], "3"));
    assert_eq!(couriers(&office.directory()), ["hafan/btp/courier-2"]);

    let said = office.ok(&issue(&["--add-weeks", "2"], "4"));
    let contents = office.directory();
    assert_eq!((contents.sequence, contents.intake.len()), (5, 5));
    assert_eq!(contents.intake[..3], old.intake);
    assert_eq!(contents.valid_until, contents.intake[4].until);
    assert_eq!(said.matches("New: ").count(), 2);
    assert!(
        said.contains(&format!("New: {}", contents.intake[4].id)),
        "{said}"
    );
    assert_eq!(
        office.recorded(),
        [
            "directory-issued",
            "directory-issued",
            "directory-issued",
            "rotated",
            "directory-issued"
        ]
    );
    for (number, out) in (1..).zip(["1", "2", "3", "4"]) {
        assert!(
            office.read(out).starts_with(b"hafan directory v1\n"),
            "{number}"
        );
    }
}

#[test]
fn a_date_that_is_far_from_the_directorys_is_asked_about() {
    let office = Office::empty();
    let log = crate::office::ceremony(1, 1);
    for (start, out) in [("2025-11-24", "past"), ("2037-11-24", "future")] {
        let vault = format!("{out}/vault");
        let more = ["--start", start, "--out", out];
        let args: Vec<&str> = log.iter().map(String::as_str).chain(more).collect();
        office.ok(&args);
        let today = jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date()
            .to_string();
        let verb = [
            "directory",
            "issue",
            "--add-weeks",
            "2",
            "--vault",
            &vault,
            "--as",
            "officer-1",
        ];
        let root = format!("{out}/root/root.age");
        let more = [
            "--root",
            &root,
            "--out",
            "next",
            "--passphrase-file",
            "passphrases",
        ];
        let args = [verb.as_slice(), &more].concat();
        office.fails(
            &args,
            4,
            &format!("this machine says that today is {today}"),
        );
        let wrong = [args.as_slice(), &["--today", "2026-01-01"]].concat();
        office.fails(&wrong, 4, "set this machine's date");
        office.ok(&[args.as_slice(), &["--today", &today]].concat());
        fs::remove_file(office.path("next")).unwrap();
    }
}

#[test]
fn an_old_copy_of_the_vault_signs_nothing() {
    let office = Office::new(1, 1);
    let old = office.read("vault/directory");
    office.ok(&issue(&["--add-weeks", "1"], "next"));
    office.bring(&[PLAIN]);
    office.write("vault/directory", &old);
    office.fails(
        &issue(&["--add-weeks", "1"], "out"),
        4,
        "this is an old copy of the vault",
    );
}

#[test]
fn what_an_interrupted_addition_left_is_taken_up_again() {
    let office = Office::new(1, 1);
    let directory = office.read("vault/directory");
    office.ok(&add("officer-1", "next"));
    // As if it had been cut before the directory was signed.
    office.write("vault/directory", &directory);
    let left = office.read("vault/officers/officer-2.age");
    fs::remove_file(office.path("next")).unwrap();
    office.ok(&add("officer-1", "next"));
    let contents = office.directory();
    assert_eq!(contents.officers.len(), 2);
    assert_eq!(opens(&office, &office.officer(2).0, &contents), 3);
    assert_eq!(
        opens(&office, &open_officer(&left, "officer-2").0, &contents),
        0
    );
}

#[test]
fn an_officer_who_cannot_open_every_week_cannot_pass_them_on() {
    let office = Office::new(2, 1);
    let contents = office.directory();
    let key = format!("vault/intake/{}.age", contents.intake[1].id);
    let only_two = [contents.contact.recipients[1].as_str().parse().unwrap()];
    let (two, _) = office.officer(2);
    let secret = open_bytes(&office.read(&key), &[&two]).unwrap();
    office.write(&key, &hafan_seal::seal_bytes(&secret, &only_two).unwrap());
    let why = format!(
        "officer-1 cannot open the intake keys of {}",
        contents.intake[1].id
    );
    office.fails(&add("officer-1", "next"), 1, &why);
    office.ok(&add("officer-2", "next"));
    assert_eq!(opens(&office, &office.officer(1).0, &office.directory()), 3);
}

/// Each file of the vault, by name and bytes.
fn snapshot(office: &Office) -> BTreeSet<String> {
    let files = walk(&office.path("vault")).into_iter();
    let files = files.filter(|path| !path.ends_with(".lock"));
    let of = |path: std::path::PathBuf| {
        format!(
            "{} {}",
            path.display(),
            hex::encode(fs::read(&path).unwrap())
        )
    };
    files.map(of).collect()
}
