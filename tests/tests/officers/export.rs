//! Evidence packages: whole, the same each time, read by others' tools; nothing where something stands in the way; and no
//! name or word of a stranger's that leads anywhere.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use hafan_envelope::submission::Digest;
use hafan_report::{Attachment, FileEntry, Metadata, Padded, Report};
use serde_json::{Value, json};

use crate::office::{Office, by, passphrase, said, walk};
use crate::oracles;
use crate::small_disk::Small;
use crate::stick::{Stick, pack};

/// What strangers may send, under the names that they may choose.
const FILES: [(&str, &[u8]); 9] = [
    ("photo.jpg", b"\xff\xd8\xff\xe0\0\x10JFIF and more"),
    ("../../etc/cron.d/x", b"* * * * * root id\n"),
    ("C:\\CON.txt", "dŵr".as_bytes()),
    ("\u{202e}gpj.exe", b"MZ\x90\0"),
    ("-rf ~;$(id)\n.sh", b"#!/bin/sh\nid\n"),
    ("bomb.zip", b"PK\x03\x04 and what unpacks to more"),
    ("empty.png", b""),
    ("page.html", b"<!DOCTYPE html><script>fetch('/')</script>"),
    ("scan.pdf", b"%PDF-1.7 /OpenAction /JS"),
];

/// One report with all that is hard to print, and one beside it.
fn told() -> Padded {
    let long = "Roedd hi'n dywyll. It was dark, and I walked home. ".repeat(400);
    let answers = [
        "=HYPERLINK(\"http://x\")",
        " +1",
        "-2",
        "@SUM(A1)",
        "\t=1",
        "\u{ff1d}1",
        "%1",
        "|x",
        "a,\"b\"\r\nc",
        "",
        "\u{1b}[2J\u{202e}gnol",
        "שלום עולם, I said שלום",
        "مرحبا بالعالم",
        "我很害怕",
        "e\u{301} ŵ Ŷ ❤\u{fe0f} 🏴",
        "x\u{0}y",
        "\\u{202e}",
        "A line\n\n\nand one after two empty ones\n",
        &long,
        &"w".repeat(3000),
    ];
    let answered = |(number, answer): (usize, &&str)| {
        let state = if answer.is_empty() {
            "skipped"
        } else {
            "answered"
        };
        let text = if answer.is_empty() {
            Value::Null
        } else {
            json!(answer)
        };
        let person = (number % 3 == 0).then_some(1);
        let parts = match number {
            4 => json!([{"id": "a5-line", "question": "=Which line?", "answer": ["=1", "Two"],
                         "choice": ["one", "two"], "person": 2}]),
            _ => json!([]),
        };
        json!({"id": format!("a{number}"), "question": format!("Question {number}, as it was asked?"), "answer": text,
               "choice": null, "state": state, "person": person, "parts": parts})
    };
    let answers: Vec<Value> = (1..).zip(&answers).map(answered).collect();
    let data: Vec<Attachment> = FILES.map(|(_, data)| Attachment::new(data.to_vec())).into();
    let files = FILES.map(|(name, data)| {
        let entry = FileEntry::describe(name, "image/jpeg", Metadata::Removed, data);
        serde_json::to_value(&entry).unwrap()
    });
    let report: Report = serde_json::from_value(json!({
        "version": 1, "question_set": "full-1", "language": "cy", "route": "witness", "force": "btp",
        "key": {"id": "2026-W48", "fingerprint": "0000 0000 0000 0000 0000 0000 0000 0000"},
        "promise": {"id": "p", "text": "We will not try to find you."}, "written_on": "2026-11-23", "answers": answers,
        "people": [{"role": "reported", "basis": "told"}, {"role": "witness", "basis": null}],
        "flags": ["child", "danger"], "wishes": ["talk"], "contact": null, "files": files, "mailbox": null,
        "thread": "AAAAAAAAAAAAAAAAAAAAAA", "adds_to": null,
    }))
    .unwrap();
    Padded::pack(&report, None, &data).unwrap()
}

/// Two officers, and the report in their vault.
fn office() -> (Office, Digest) {
    let office = Office::new(2, 2);
    let mut stick = Stick::new(&office);
    let h = stick.epoch(&[told()]).remove(0);
    office.write("stick.tar", &pack(&stick.members()));
    office.ok(&by("officer-1", &["import", "stick.tar"]));
    (office, h)
}

fn export<'a>(h: &'a str, out: &'a str) -> Vec<&'a str> {
    by(
        "officer-1",
        &["export", h, "--reason", "disclosure", "--out", out],
    )
}

/// GNU coreutils finds every file as the manifest says.
fn is_whole(office: &Office, out: &str) -> bool {
    let sums = Command::new("sha256sum")
        .args(["--check", "--strict", "--quiet", "SHA256SUMS"])
        .current_dir(office.path(out))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    sums.unwrap().success()
}

#[test]
fn others_tools_find_it_whole_and_it_is_the_same_each_time() {
    let (office, h) = office();
    let h = h.to_string();
    let told = office.ok(&export(&h, "first"));
    assert!(told.contains("sha256sum -c SHA256SUMS"), "{told}");
    assert!(told.contains("an archive, not unpacked"), "{told}");
    assert!(is_whole(&office, "first"));
    let verdict = oracles::verify_package(&office.path("first"), &office.path("vault/root.vkey"));
    assert!(
        verdict
            .as_ref()
            .is_ok_and(|line| line.contains("20 answers")),
        "{verdict:?}"
    );
    let json = by("officer-1", &["read", &h, "--reason", "audit", "--json"]);
    let json = office.run(&json).stdout;
    assert_eq!(json.trim_ascii_end(), office.read("first/report.json"));
    let record = office.read("vault/access/entries");
    let entry = office.read("first/access-record.json");
    assert!(record.windows(entry.len()).any(|part| part == entry));
    office.ok(&["record", "verify", "--vault", "vault"]);
    assert_eq!(office.recorded(), ["opened", "exported", "opened"]);
    for path in walk(&office.path("first")) {
        let mode = fs::metadata(&path).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{}", path.display());
    }

    // The same report, exported again on the same day, but for the entry that says so.
    office.ok(&export(&h, "second"));
    for path in walk(&office.path("first")) {
        let name = path.strip_prefix(office.path("first")).unwrap();
        let second = fs::read(office.path("second").join(name)).unwrap();
        let is_same = second == fs::read(&path).unwrap();
        assert_eq!(
            is_same,
            !name.ends_with("access-record.json"),
            "{}",
            name.display()
        );
    }

    // A changed byte is found by both.
    let mut changed = office.read("second/report.json");
    changed.push(b' ');
    office.write("second/report.json", &changed);
    assert!(!is_whole(&office, "second"));
    let verdict = oracles::verify_package(&office.path("second"), &office.path("vault/root.vkey"));
    assert!(verdict.is_err_and(|why| why.contains("digest of report.json")));
}

#[test]
fn names_of_strangers_lead_nowhere() {
    let (office, h) = office();
    office.ok(&export(&h.to_string(), "out"));
    let mut names: Vec<String> = fs::read_dir(office.path("out/files"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let wanted = [
        "01-photo.jpg",
        "02-.._.._etc_cron.d_x.bin",
        "03-C__CON.txt",
        "04-gpj.exe.bin",
        "05--rf_____id_.sh.bin",
        "06-bomb.zip.bin",
        "07-empty.png.bin",
        "08-page.html.bin",
        "09-scan.pdf",
    ];
    assert_eq!(names, wanted);
    let text = String::from_utf8(office.read("out/report-en.txt")).unwrap();
    assert!(text.contains("\\u{1b}[2J\\u{202e}gnol"), "{text}");
    assert!(!text.contains(['\u{1b}', '\u{202e}', '\0']));
}

#[test]
fn what_stands_in_the_way_is_said_and_nothing_is_written() {
    let (office, h) = office();
    let h = h.to_string();
    office.write("taken", b"mine");
    office.fails(&export(&h, "taken"), 2, "taken is there already");
    office.fails(&export(&h, "vault/out"), 2, "is in the vault");
    office.fails(&export(&h, "nowhere/out"), 2, "nowhere is not there");
    office.fails(
        &export("ffff", "out"),
        1,
        "no report in this vault has that reference",
    );
    let other = by(
        "officer-1",
        &["export", &h, "--reason", "other", "--out", "out"],
    );
    office.fails(&other, 2, "'other' needs words");
    let lines = format!("officer-1: {}\n", passphrase("somebody else"));
    office.write("wrong", lines.as_bytes());
    fs::set_permissions(office.path("wrong"), fs::Permissions::from_mode(0o600)).unwrap();
    let mut wrong = export(&h, "out");
    *wrong.last_mut().unwrap() = "wrong";
    office.fails(&wrong, 1, "that is not its passphrase");
    assert_eq!(office.recorded(), [""; 0]);
    // Who cannot be written down exports nothing.
    fs::rename(office.path("vault/access"), office.path("away")).unwrap();
    office.fails(&export(&h, "out"), 4, "nothing was opened");
    assert!(!office.path("out").exists());
    assert_eq!(office.read("taken"), b"mine");
}

#[test]
fn a_full_disk_or_a_kill_leaves_no_package_that_looks_whole() {
    let (office, h) = office();
    let h = h.to_string();
    let small = Small::mount(office.path("small"));
    let mut pages = 0;
    loop {
        small.leave(pages);
        let output = office.run(&export(&h, "small/out"));
        if output.status.success() {
            break;
        }
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(
            said(&output).contains("no package was written"),
            "{}",
            said(&output)
        );
        let left = walk(&office.path("small"));
        assert_eq!(left, [office.path("small/filler")], "with {pages} pages");
        pages += 24;
    }
    assert!(
        pages > 24 && is_whole(&office, "small/out"),
        "{pages} pages"
    );

    let mut killed = 0;
    for step in 0.. {
        let mut command = office.command(&export(&h, "out"));
        let mut program = command
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        thread::sleep(Duration::from_millis(step * 250));
        drop(program.kill());
        if program.wait().unwrap().success() {
            break;
        }
        killed += 1;
        assert!(!office.path("out").exists() || is_whole(&office, "out"));
        if office.path("out").exists() {
            fs::remove_dir_all(office.path("out")).unwrap();
        }
    }
    assert!(killed > 3 && is_whole(&office, "out"), "{killed} killed");
    let hidden = fs::read_dir(office.path(".")).unwrap();
    let mut hidden = hidden.map(|entry| entry.unwrap().file_name());
    assert!(!hidden.any(|name| name.to_string_lossy().ends_with(".partial")));
}
