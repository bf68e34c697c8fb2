//! `retire`: after it, nothing that is left on the disk opens the week.
//!
//! The vault lies on an ext4 of its own, whose raw blocks are searched afterwards. Needs root, `mkfs.ext4`, `losetup`, `mount`
//! and `umount`.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::Command;

use hafan_envelope::submission::Submission;
use hafan_open::{Identity, open_bytes, open_envelope};
use xtask::process::{output, run};
use xtask::search::find;

use crate::contact::request;
use crate::interrupted::without_terminal;
use crate::office::{Office, PLAIN, Told, by, read, said, walk, with_contact};
use crate::officers::{add, issue};

/// An ext4 in a file, mounted; unmounted when dropped.
struct Disk {
    image: PathBuf,
    dir: PathBuf,
}

impl Disk {
    fn mount(image: PathBuf, dir: PathBuf) -> Self {
        fs::File::create(&image).unwrap().set_len(64 << 20).unwrap();
        fs::create_dir(&dir).unwrap();
        let options = ["-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0"];
        run(
            "mkfs.ext4",
            Command::new("mkfs.ext4").args(options).arg(&image),
        )
        .unwrap();
        run(
            "mount (needs root)",
            Command::new("mount")
                .args(["-o", "loop"])
                .arg(&image)
                .arg(&dir),
        )
        .unwrap();
        Self { image, dir }
    }

    /// Every byte of it, once nothing is left in memory only.
    fn unmounted(self) -> Vec<u8> {
        let image = self.image.clone();
        drop(self);
        fs::read(image).unwrap()
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let umount = output("umount", Command::new("umount").arg(&self.dir));
        assert!(umount.is_ok() || std::thread::panicking(), "{umount:?}");
    }
}

fn retire<'a>(week: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    by("officer-1", &[&["retire", week], more].concat())
}

/// The identity in an intake key's file.
fn intake(sealed: &[u8], officer: &Identity) -> Option<Identity> {
    let secret = open_bytes(sealed, &[officer]).ok()?;
    std::str::from_utf8(&secret).ok()?.trim_end().parse().ok()
}

#[test]
fn nothing_left_on_the_disk_opens_a_retired_week() {
    let office = Office::new(3, 2);
    let disk = Disk::mount(office.path("image"), office.path("disk"));
    run(
        "cp",
        Command::new("cp")
            .arg("-a")
            .arg(office.path("vault"))
            .arg(office.path("disk")),
    )
    .unwrap();
    fs::remove_dir_all(office.path("vault")).unwrap();
    symlink("disk/vault", office.path("vault")).unwrap();
    let told = [with_contact("un"), PLAIN, Told { week: 1, ..PLAIN }];
    let hs = office.bring(&told);
    let week = office.directory().intake[0].id.clone();
    let key = format!("vault/intake/{week}.age");

    // Everything that can leave another copy: wrapped anew, passed on, a run that was cut, a copy by hand.
    let mut wrapped = vec![office.read(&key)];
    office.ok(&add("officer-1", "next"));
    wrapped.push(office.read(&key));
    let reseal = [
        "contact",
        "reseal",
        "--from",
        "officer-2",
        "--to",
        "officer-4",
        "--vault",
        "vault",
    ];
    office.ok(&[reseal.as_slice(), &["--passphrase-file", "passphrases"]].concat());
    office.write(&format!("vault/intake/.{week}.age.partial"), &wrapped[1]);
    fs::create_dir(office.path("vault/old")).unwrap();
    office.write("vault/old/a copy by hand", &wrapped[1]);
    let officers: Vec<Identity> = (1..=4).map(|number| office.officer(number).0).collect();
    let key_of_week = intake(&wrapped[1], &officers[0]).unwrap();
    let envelopes = envelopes(&office);
    let opened = envelopes
        .iter()
        .filter(|e| open_envelope(e, &key_of_week).is_ok());
    assert_eq!((envelopes.len(), opened.count()), (3, 2));
    run("sync", &mut Command::new("sync")).unwrap();
    assert!(find(&fs::read(&disk.image).unwrap(), tail(&wrapped[1])).is_some());

    let said = office.ok(&retire(&week, &["--yes"]));
    assert!(
        said.contains("is destroyed: 3 files of the vault"),
        "{said}"
    );
    assert!(
        !office
            .path(&format!("vault/contact-shares/{}", hs[0]))
            .exists()
    );
    assert_eq!(office.recorded().last().unwrap(), "retired");

    // Whatever key there is in whatever file, with every officer's key: none opens the week, and the other still opens.
    let mut identities = Vec::new();
    for file in walk(&office.path("disk")) {
        let bytes = fs::read(&file).unwrap();
        identities.extend(
            officers
                .iter()
                .filter_map(|officer| intake(&bytes, officer)),
        );
    }
    assert_eq!(identities.len(), 8);
    let opened = envelopes.iter().map(|envelope| {
        let keys = identities.iter().chain(&officers);
        keys.filter(|key| open_envelope(envelope, key).is_ok())
            .count()
    });
    assert_eq!(opened.collect::<Vec<_>>(), [0, 0, 4]);
    let list = office.run(&by("officer-1", &["list"]));
    let listed = crate::office::said(&list);
    assert_eq!(listed.matches("NOT OPENED").count(), 2);
    assert!(
        listed.contains("was retired") && !listed.contains("Missing intake keys"),
        "{listed}"
    );
    office.fails(&retire(&week, &["--yes"]), 1, "was retired before");

    // The raw disk, free blocks too, has no block of any form in which the key was wrapped.
    let image = disk.unmounted();
    for file in &wrapped {
        for piece in file.chunks(64).filter(|piece| piece.len() == 64).skip(1) {
            assert!(find(&image, piece).is_none());
        }
    }
    fs::remove_file(office.path("vault")).unwrap();
}

/// The end of an age file: what only this wrapping has.
fn tail(file: &[u8]) -> &[u8] {
    &file[file.len() - 64..]
}

/// Every envelope in the vault, in order of leaf.
fn envelopes(office: &Office) -> Vec<Vec<u8>> {
    let mut drops: Vec<PathBuf> = walk(&office.path("vault/bundles/2026-0-8"));
    drops.retain(|path| name(path).len() == 64);
    let order = office.read("vault/bundles/2026-0-8/drops.json");
    drops.sort_by_key(|path| find(&order, name(path).as_bytes()));
    let envelope = |path: &PathBuf| {
        let submission = fs::read(path).unwrap();
        let submission = Submission::parse(&submission).unwrap();
        submission.envelope.as_bytes().to_vec()
    };
    drops.iter().map(envelope).collect()
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn what_goes_is_shown_and_asked_first() {
    let office = Office::new(2, 2);
    let urgent = Told {
        flags: &["danger", "child"],
        ..PLAIN
    };
    let hs = office.bring(&[PLAIN, urgent, Told { week: 2, ..PLAIN }]);
    let weeks: Vec<String> = office
        .directory()
        .intake
        .iter()
        .map(|key| key.id.clone())
        .collect();
    let week = &weeks[0];
    let opened = read("officer-1", &hs[0]);
    office.ok(&opened);
    let recorded = office.recorded();

    // Nobody is there to type the week: it is shown, and nothing is destroyed.
    let output = without_terminal(&office, &retire(week, &[]))
        .output()
        .unwrap();
    let shown = said(&output);
    assert_eq!(output.status.code(), Some(3), "{shown}");
    assert!(shown.contains(&format!("Week {week}: 2 reports in the vault, unreadable from then on. 1 read at least once 1 never opened")), "{shown}");
    let never = format!(
        "NEVER OPENED by anyone: {}-{}-{}  danger, child",
        &hs[1][..4],
        &hs[1][4..8],
        &hs[1][8..12]
    );
    assert!(shown.contains(&never.replace("  ", " ")), "{shown}");
    assert!(
        shown.contains("WARNING: the newest directory still names this week"),
        "{shown}"
    );
    assert!(shown.contains("there is no terminal"), "{shown}");
    assert_eq!(office.recorded(), recorded);
    office.ok(&opened);

    office.fails(&retire("2026-W99", &["--yes"]), 2, "that is not a week");
    office.fails(&retire("2031-W01", &["--yes"]), 2, "has no key of 2031-W01");
    office.fails(&retire("../2026", &["--yes"]), 2, "that is not a week");
    // An officer who cannot open the key cannot tell what would go.
    let file = format!("vault/intake/{week}.age");
    let whole = office.read(&file);
    let two = office.directory().contact.recipients[1]
        .as_str()
        .parse()
        .unwrap();
    office.write(&file, &hafan_seal::seal_bytes(b"x", &[two]).unwrap());
    office.fails(
        &retire(week, &["--yes"]),
        1,
        "officer-1 cannot open the key",
    );
    office.write(&file, b"age-encryption.org/v1\n");
    office.fails(&retire(week, &["--yes"]), 1, "damaged");
    office.write(&file, &whole);

    office.ok(&retire(week, &["--yes"]));
    office.fails(&opened, 1, "was retired");
    office.fails(&read("officer-2", &hs[1]), 1, "was retired");
    office.ok(&read("officer-2", &hs[2]));
    // The next directory gives the week, which is not over, another key; reports of the old one stay closed.
    let before = office.directory();
    let told = office.ok(&issue(&["--police-suspect", "merseyside"], "next"));
    assert!(told.contains(&format!("New: {week}")), "{told}");
    let after = office.directory();
    assert_eq!(after.intake[0].id, *week);
    assert!(after.intake[0].recipient != before.intake[0].recipient);
    assert_eq!(after.intake[1..], before.intake[1..]);
    let new = office.bring(&[PLAIN]).remove(0);
    office.ok(&read("officer-2", &new));
    office.fails(&opened, 1, "was retired");
    // And that key can be retired as well.
    let told = office.ok(&retire(week, &["--yes"]));
    assert!(told.contains("1 report in the vault"), "{told}");
}

#[test]
fn a_contact_of_a_retired_week_opens_no_more() {
    let office = Office::new(2, 2);
    let h = office.bring(&[with_contact("Ffugenw")]).remove(0);
    request(&office, "officer-1", &h, "q");
    for officer in ["officer-1", "officer-2"] {
        let verb = [
            "contact", "approve", "q", "--reason", "audit", "--out", officer,
        ];
        office.ok(&by(officer, &verb));
    }
    let week = office.directory().intake[0].id.clone();
    office.ok(&retire(&week, &["--yes"]));
    let open = by(
        "officer-1",
        &["contact", "open", "q", "officer-1", "officer-2"],
    );
    office.fails(&open, 1, "was retired");
}

/// A run that was cut while it wrote over the key, after the record and before the file was gone.
#[test]
fn destroying_is_finished_by_the_next_run() {
    let office = Office::new(1, 1);
    office.bring(&[PLAIN]);
    let week = office.directory().intake[0].id.clone();
    office.write(&format!("vault/intake/{week}.retired"), b"2026-11-24\n");
    office.write(&format!("vault/intake/{week}.age"), &[7; 4096]);
    let said = office.ok(&retire(&week, &["--yes"]));
    assert!(said.contains("is destroyed: 1 file of the vault"), "{said}");
    assert!(!office.path(&format!("vault/intake/{week}.age")).exists());
}
