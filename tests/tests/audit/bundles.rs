//! `hafan-audit access --bundle`: a report is in a bundle when its submission is, and its leaf in the log that was signed.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::made::{MadeLog, root, signed, write};
use crate::made_record::{MadeEntry, MadeRecord, archive, directory};
use crate::made_store::{leaf, sent};
use crate::office::{Office, by, read, with_contact};
use crate::{Said, audit, text};

const WHY: &str = ",\"reason\":{\"code\":\"safeguarding\",\"words\":null}";

/// A log in which leaf 5 is a report, and leaf 70 another.
fn log() -> MadeLog {
    let log = MadeLog::new(128);
    let log = log.with(5, leaf(&sent(1).submission));
    log.with(70, leaf(&sent(2).submission))
}

/// A bundle of the leaves from `first` to `last`, with the submissions of these numbers.
struct MadeBundle {
    note: Vec<u8>,
    entries: Vec<u8>,
    blobs: Vec<(String, Vec<u8>)>,
}

impl MadeBundle {
    fn new(first: usize, last: usize, numbers: &[u64]) -> Self {
        let blob = |number: &u64| {
            let sent = sent(*number);
            (format!("blobs/{}", sent.h), sent.submission)
        };
        Self {
            note: signed(&log().cut(last).head(), &[7; 32]),
            entries: log().leaves[first..last].concat(),
            blobs: numbers.iter().map(blob).collect(),
        }
    }

    fn write(&self, path: &Path) {
        let directory = directory(1, 3, 2);
        let mut members: Vec<(String, &[u8])> = vec![
            ("directory".to_owned(), &directory),
            ("previous-checkpoint".to_owned(), b""),
            ("checkpoint".to_owned(), &self.note),
            ("entries".to_owned(), &self.entries),
            ("epochs.json".to_owned(), b"[]"),
        ];
        for (name, blob) in &self.blobs {
            members.push((name.clone(), blob));
        }
        write(path, &archive(&members));
    }
}

struct Scene {
    dir: TempDir,
    bundles: Vec<MadeBundle>,
    opened: Vec<String>,
}

impl Scene {
    fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            bundles: vec![MadeBundle::new(0, 64, &[1]), MadeBundle::new(64, 128, &[2])],
            opened: vec![sent(1).h.to_string(), sent(2).h.to_string()],
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn look(&self) -> Said {
        let notes = [(0, 64), (64, 128)].map(|(first, last)| {
            let made = MadeBundle::new(first, last, &[]);
            let [first, last] = [first, last].map(|leaf| u64::try_from(leaf).unwrap());
            MadeEntry::imported_under(1, first, last, &made.note)
        });
        let opened = self.opened.iter();
        let opened = opened.map(|h| MadeEntry::about(2, "opened", h, WHY));
        let entries: Vec<_> = notes.into_iter().chain(opened).collect();
        write(&self.path("record.tar"), &MadeRecord::of(&entries).export());
        write(&self.path("btp.directory"), &directory(1, 3, 2));
        // Names sort otherwise than leaves do.
        for (bundle, name) in self
            .bundles
            .iter()
            .zip(["bundle-2026-0-64", "bundle-2026-64-128"])
        {
            bundle.write(&self.path(&format!("stick/{name}.tar")));
        }
        audit(&[
            "access",
            text(&self.path("record.tar")),
            "--directory",
            text(&self.path("btp.directory")),
            "--root",
            &root().verifier().to_string(),
            "--bundle",
            text(&self.path("stick")),
        ])
    }
}

type Fault = (&'static str, fn(&mut Scene), &'static str);

const FAULTS: &[Fault] = &[
    (
        "a decoy was opened",
        |scene| scene.opened[0] = hex::encode(&log().leaves[6][2..34]),
        "not-imported entry 3",
    ),
    (
        "the submission of a leaf was withheld, and opened all the same",
        |scene| scene.bundles[0].blobs.clear(),
        "not-imported entry 3",
    ),
    (
        "an entry of a bundle was changed",
        |scene| scene.bundles[0].entries[66 * 6 + 9] ^= 1,
        "bad-bundle bundle-2026-0-64.tar: its entries are not those that its checkpoint was signed over",
    ),
    (
        "an entry of a later bundle was changed",
        |scene| scene.bundles[1].entries[66 * 6 + 9] ^= 1,
        "bad-bundle bundle-2026-64-128.tar: its entries are not those",
    ),
    (
        "a byte of a submission",
        |scene| scene.bundles[0].blobs[0].1[30_000] ^= 1,
        "bad-bundle bundle-2026-0-64.tar: blobs/",
    ),
    (
        "a submission under another's name",
        |scene| scene.bundles[0].blobs[0].1 = sent(3).submission,
        "bad-bundle bundle-2026-0-64.tar: blobs/",
    ),
    (
        "a submission that is no leaf",
        |scene| scene.bundles[0].blobs = MadeBundle::new(0, 64, &[3]).blobs,
        "bad-bundle bundle-2026-0-64.tar: blobs/",
    ),
    (
        "a checkpoint that another key signed",
        |scene| scene.bundles[0].note = signed(&log().cut(64).head(), &[8; 32]),
        "bad-bundle bundle-2026-0-64.tar: its checkpoint: another key",
    ),
];

#[test]
fn each_way_to_explain_an_opening_falsely_is_named() {
    let said = Scene::new().look();
    said.holds();
    assert!(said.text.contains("looked at submissions in bundles: 2\n"));
    for (what, change, wanted) in FAULTS {
        let mut scene = Scene::new();
        change(&mut scene);
        let said = scene.look();
        assert_eq!(said.code, Some(1), "{what}: {}", said.text);
        said.finds(wanted);
    }
}

#[test]
fn a_bundle_whose_beginning_was_not_given_is_told() {
    let mut scene = Scene::new();
    scene.opened.remove(0);
    scene.look().holds();
    fs::remove_dir_all(scene.path("stick")).unwrap();
    let later = scene.bundles.remove(1);
    scene.bundles.clear();
    later.write(&scene.path("stick/bundle-2026-64-128.tar"));
    let said = scene.look();
    said.holds();
    assert!(
        said.text.contains("begins at leaf 64, where no bundle"),
        "{}",
        said.text
    );
}

/// What the officers' own tool writes, over a whole piece of work, with the bundles that it took in.
#[test]
fn what_the_officers_tool_records_holds_and_its_bundles_explain_it() {
    let office = Office::new(3, 2);
    let report = office.bring(&[with_contact("Ffugenw")]).remove(0);
    fs::create_dir(office.path("stick")).unwrap();
    fs::copy(
        office.path("bundle.tar"),
        office.path("stick/bundle-2026-0-8.tar"),
    )
    .unwrap();
    office.ok(&read("officer-1", &report));
    let why = ["--reason", "safeguarding"];
    let ask = ["contact", "request", &report, "--out", "request"];
    office.ok(&by("officer-1", &[&ask[..], &why].concat()));
    for number in ["officer-2", "officer-3"] {
        let verb = ["contact", "approve", "request", "--out", number];
        office.ok(&by(number, &[&verb[..], &why].concat()));
    }
    let open = ["contact", "open", "request", "officer-2", "officer-3"];
    office.ok(&by("officer-1", &open));
    office.ok(&["record", "export", "--vault", "vault", "--to", "record.tar"]);
    let path = |name: &str| office.path(name).to_str().unwrap().to_owned();
    let (record, directory, root) = (
        path("record.tar"),
        path("vault/directory"),
        path("vault/root.vkey"),
    );
    let base = [
        "access",
        &record,
        "--directory",
        &directory,
        "--root",
        &root,
    ];
    let said = audit(&[&base[..], &["--bundle", &path("stick")]].concat());
    said.holds();
    for wanted in [
        "sealed contacts that were opened: 1\n",
        "looked at bundles: 1\n",
    ] {
        assert!(said.text.contains(wanted), "{wanted}: {}", said.text);
    }
    // Another bundle than the one that came does not explain it.
    office.bring(&[with_contact("Arall")]);
    fs::copy(
        office.path("bundle.tar"),
        office.path("stick/bundle-2026-0-8.tar"),
    )
    .unwrap();
    let said = audit(&[&base[..], &["--bundle", &path("stick")]].concat());
    said.finds("not-imported entry");
    write(&office.path("stick/bundle-2026-8-16.tar"), b"no bundle");
    audit(&[&base[..], &["--bundle", &path("stick")]].concat())
        .finds("bad-bundle bundle-2026-8-16.tar");
}
