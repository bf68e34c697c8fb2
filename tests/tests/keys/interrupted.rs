//! Cut anywhere, by a full disk or by SIGKILL: no key is lost, nothing looks finished, and the same command finishes it.
//!
//! Needs root, `mount` and `umount`: the vault lies on a tmpfs that is given room one page at a time.

use std::fs;
use std::os::unix::fs::symlink;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use hafan_open::{Identity, open_bytes};
use xtask::process::run;

use crate::contact::request;
use crate::office::{Office, PLAIN, Told, Way, by, ceremony, said, walk, with_contact};
use crate::officers::{add, issue, remove};
use crate::small_disk::Small;

/// The program in a session of its own, which has no terminal to ask on.
pub(crate) fn without_terminal(office: &Office, args: &[&str]) -> Command {
    let mut command = Command::new("setsid");
    command
        .args(["--wait", office.program.to_str().unwrap()])
        .args(args)
        .current_dir(office.path("."))
        .stdin(Stdio::null());
    command
}

/// Two officers, three weeks, a report with a contact that officer-1 asks for, one with a way back and an addition, and one that
/// only seems to have a way back.
fn office() -> (Office, Vec<Identity>) {
    let office = Office::new(2, 2);
    let ways = [Way::Words(1), Way::Adds(1), Way::NoKey];
    let [words, adds, no_key] = ways.map(|way| Told { way, ..PLAIN });
    let told = [with_contact("Ffugenw"), words, adds, no_key];
    let h = office.bring(&told).remove(0);
    office.ok(&add("officer-1", "with-3"));
    request(&office, "officer-1", &h, "q");
    let identities = (1..=3).map(|number| office.officer(number).0).collect();
    (office, identities)
}

/// Every verb that changes a vault, and what it gives out.
fn verbs(week: &str) -> Vec<(Vec<&str>, Option<&'static str>)> {
    let out = "small/out";
    let approve = ["contact", "approve", "q", "--reason", "audit", "--out", out];
    let reseal = [
        "contact",
        "reseal",
        "--from",
        "officer-2",
        "--to",
        "officer-3",
        "--vault",
        "vault",
    ];
    vec![
        (issue(&["--add-weeks", "2"], out), Some(out)),
        (issue(&["--new-reply-key"], out), Some(out)),
        (by("officer-2", &approve), Some(out)),
        (
            [reseal.as_slice(), &["--passphrase-file", "passphrases"]].concat(),
            None,
        ),
        (add("officer-1", out), Some(out)),
        (remove("officer-2", "officer-1", out), Some(out)),
        (by("officer-1", &["retire", week, "--yes"]), None),
    ]
}

/// Whatever was cut: each week of the directory has a key that opens for some officer, or was retired.
fn is_sound(office: &Office, officers: &[Identity]) {
    let contents = office.directory();
    for key in &contents.intake {
        let path = office.path(&format!("vault/intake/{}.age", key.id));
        if !path.exists() {
            assert!(
                path.with_extension("retired").exists(),
                "{} is lost",
                key.id
            );
            continue;
        }
        let sealed = fs::read(&path).unwrap();
        let opened = officers
            .iter()
            .find_map(|officer| open_bytes(&sealed, &[officer]).ok());
        let Some(secret) = opened else {
            assert!(
                path.with_extension("retired").exists(),
                "{} opens for nobody",
                key.id
            );
            continue;
        };
        let identity: Identity = std::str::from_utf8(&secret)
            .unwrap()
            .trim_end()
            .parse()
            .ok()
            .unwrap();
        assert_eq!(
            identity.to_recipient().to_string(),
            key.recipient.to_string()
        );
    }
    // What answers are signed with is there, and what was answered; both open for some officer.
    let key = contents.replies[0].name().rsplit('/').next().unwrap();
    for name in [key, "ledger"] {
        let sealed = office.read(&format!("vault/replies/{name}.age"));
        let is_open = |officer: &Identity| open_bytes(&sealed, &[officer]).is_ok();
        assert!(officers.iter().any(is_open), "{name} opens for nobody");
    }
    for path in walk(&office.path("vault/")) {
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with("officer-") && name.ends_with(".age") {
            assert!(
                hafan_envelope::header::parse(&fs::read(&path).unwrap()).is_ok(),
                "{name}"
            );
        }
    }
}

/// What was given out is whole.
fn is_whole(office: &Office, out: Option<&str>) {
    let Some(out) = out.filter(|out| office.path(out).exists()) else {
        return;
    };
    let bytes = office.read(out);
    let is_directory = bytes == office.read("vault/directory");
    assert!(is_directory || bytes.starts_with(b"hafan contact approval v1\n"));
    assert!(bytes.ends_with(b"\n") && bytes.len() > 200);
}

/// The vault as it was before any verb.
fn begin_anew(office: &Office) {
    drop(fs::remove_dir_all(office.path("small/vault")));
    run(
        "cp",
        Command::new("cp")
            .arg("-a")
            .arg(office.path("first"))
            .arg(office.path("small/vault")),
    )
    .unwrap();
}

/// The same command again, with room and in peace: it does what was left to do.
fn is_finished_by_the_next(
    office: &Office,
    officers: &[Identity],
    args: &[&str],
    out: Option<&str>,
) {
    is_sound(office, officers);
    is_whole(office, out);
    let give_again = || out.is_some_and(|out| fs::remove_file(office.path(out)).is_ok());
    give_again();
    let output = office.run(args);
    let said = said(&output);
    let was_done = ["no such officer", "was retired before"]
        .iter()
        .any(|done| said.contains(done));
    assert!(output.status.success() || was_done, "{args:?}: {said}");
    is_sound(office, officers);
    if output.status.success() {
        assert!(out.is_none() || give_again());
    }
}

#[test]
fn a_disk_that_is_full_at_any_write_loses_nothing() {
    let (office, officers) = office();
    let small = Small::mount(office.path("small"));
    fs::rename(office.path("vault"), office.path("first")).unwrap();
    symlink("small/vault", office.path("vault")).unwrap();
    begin_anew(&office);
    let week = office.directory().intake[0].id.clone();
    for (args, out) in verbs(&week) {
        // One page more of room each time, until it is enough.
        for pages in 0.. {
            begin_anew(&office);
            small.leave(pages);
            let output = office.run(&args);
            if output.status.success() {
                assert!(pages >= 1, "{args:?}: {pages}");
                break;
            }
            let said = said(&output);
            assert_eq!(output.status.code(), Some(3), "{args:?}: {said}");
            assert!(
                said.contains("cannot") && (said.contains("room") || said.contains("copy")),
                "{said}"
            );
            // Nothing is there under its name that is not whole.
            assert!(
                out.is_none_or(|out| !office.path(out).exists()),
                "{args:?}: {said}"
            );
            fs::remove_file(office.path("small/filler")).unwrap();
            is_finished_by_the_next(&office, &officers, &args, out);
        }
        drop(out.map(|out| fs::remove_file(office.path(out))));
        fs::remove_file(office.path("small/filler")).unwrap();
    }
    drop(small);
    fs::remove_file(office.path("vault")).unwrap();
}

/// When something in the vault first changes, and a little later.
fn kill_at_work(office: &Office, args: &[&str], later: Duration) -> bool {
    let entries = office.path("vault/access/entries");
    let size = || fs::metadata(&entries).map_or(0, |metadata| metadata.len());
    let before = size();
    let mut running = office.command(args);
    let mut running = running
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    while size() == before {
        if running.try_wait().unwrap().is_some() {
            return false;
        }
    }
    let start = Instant::now();
    while start.elapsed() < later {}
    let is_cut = running.try_wait().unwrap().is_none();
    running.kill().unwrap();
    running.wait().unwrap();
    is_cut
}

#[test]
fn a_run_that_is_killed_at_its_work_is_finished_by_the_next() {
    let (office, officers) = office();
    let week = office.directory().intake[0].id.clone();
    fs::create_dir(office.path("small")).unwrap();
    fs::rename(office.path("vault"), office.path("first")).unwrap();
    symlink("small/vault", office.path("vault")).unwrap();
    let mut cuts = 0;
    for (args, out) in verbs(&week) {
        for round in 0..4_u32 {
            begin_anew(&office);
            let later = Duration::from_millis(1) * round * round;
            cuts += u32::from(kill_at_work(&office, &args, later));
            is_finished_by_the_next(&office, &officers, &args, out);
        }
    }
    assert!(cuts >= 8, "only {cuts} were cut at their work");
}

/// From no room at all to enough, one page at a time, and from the start each time.
#[test]
fn a_ceremony_on_a_disk_that_is_full_at_any_write_leaves_nothing() {
    let office = Office::empty();
    let small = Small::mount(office.path("small"));
    let args = ceremony(1, 1);
    let args: Vec<&str> = args
        .iter()
        .map(String::as_str)
        .chain(["--out", "small/keys"])
        .collect();
    let mut cut = 0;
    for pages in 0.. {
        small.leave(pages);
        let output = office.run(&args);
        if output.status.success() {
            break;
        }
        let said = said(&output);
        assert_eq!(output.status.code(), Some(3), "{said}");
        assert!(
            said.contains("cannot write") && said.contains("has room"),
            "{said}"
        );
        assert_eq!(walk(&office.path("small")), [office.path("small/filler")]);
        cut += 1;
    }
    assert!(cut >= 10, "{cut}");
    assert!(office.path("small/keys/vault/tree.json").exists());
}
