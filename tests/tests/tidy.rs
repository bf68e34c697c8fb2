//! What no compiler checks: lengths, words that promise instead of doing, links, vectors that nobody reads, commands of the README.

#![expect(
    clippy::unwrap_used,
    reason = "a helper of a test fails as loudly as the test"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use xtask::process::output;
use xtask::root;

const LINES_MAX: usize = 600;

/// Words of unfinished work, split so that this file does not hold them.
const UNFINISHED: [&str; 7] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("XX", "X:"),
    concat!("HA", "CK:"),
    concat!("place", "holder"),
    concat!("lorem", " ipsum"),
    concat!("not yet ", "implemented"),
];

/// Every file that git knows or would take, but for those of other people's making.
fn our_files() -> Vec<PathBuf> {
    let listing = output(
        "git ls-files",
        Command::new("git").current_dir(root()).args([
            "ls-files",
            "--cached",
            "--others",
            "--exclude-standard",
        ]),
    )
    .unwrap();
    String::from_utf8(listing)
        .unwrap()
        .lines()
        .map(|name| root().join(name))
        .filter(|path| path.is_file())
        .collect()
}

fn text_of(path: &Path) -> Option<String> {
    let extension = path.extension()?.to_str()?;
    let known = [
        "rs", "toml", "md", "mjs", "ts", "njk", "scss", "json", "go", "py",
    ];
    known
        .contains(&extension)
        .then(|| fs::read_to_string(path).unwrap())
}

fn is_vector(path: &Path) -> bool {
    path.starts_with(root().join("tests/vectors"))
}

#[test]
fn no_source_file_is_over_600_lines() {
    let long: Vec<_> = our_files()
        .into_iter()
        .filter(|path| {
            path.extension().is_some_and(|ext| {
                ["rs", "ts", "mjs", "go", "py"]
                    .iter()
                    .any(|known| ext == *known)
            })
        })
        .filter(|path| lines_but_tests(&fs::read_to_string(path).unwrap()) > LINES_MAX)
        .collect();
    assert_eq!(long, Vec::<PathBuf>::new());
}

/// A file's own tests stand at its end and are not counted.
fn lines_but_tests(text: &str) -> usize {
    text.lines()
        .take_while(|line| *line != "#[cfg(test)]")
        .count()
}

#[test]
fn nothing_is_left_unfinished_in_words() {
    let mut found = Vec::new();
    for path in our_files() {
        let generated = path.ends_with("package-lock.json") || is_vector(&path);
        let Some(text) = text_of(&path).filter(|_| !generated) else {
            continue;
        };
        for (number, line) in text.lines().enumerate() {
            for word in UNFINISHED {
                if line.contains(word) {
                    found.push(format!("{}:{}: {word}", path.display(), number + 1));
                }
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn no_file_names_the_host_of_a_package_registry() {
    let hosts = [
        concat!("registry.", "npmjs.org"),
        concat!("index.", "crates.io"),
        concat!("static.", "crates.io"),
        concat!("files.", "pythonhosted.org"),
        concat!("proxy.", "golang.org"),
    ];
    let mut found = Vec::new();
    for path in our_files() {
        // Cargo.lock names its index by a fixed string of cargo's own.
        let Some(text) = text_of(&path) else { continue };
        for host in hosts {
            if text.contains(host) {
                found.push(format!("{}: {host}", path.display()));
            }
        }
    }
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut dead = Vec::new();
    for path in our_files() {
        if path.extension().is_none_or(|ext| ext != "md") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for target in links(&text) {
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let linked = if file.is_empty() {
                path.clone()
            } else {
                path.parent().unwrap().join(file)
            };
            let lives = linked.exists()
                && (anchor.is_empty()
                    || anchors(&fs::read_to_string(&linked).unwrap()).any(|found| found == anchor));
            if !lives {
                dead.push(format!("{}: {target}", path.display()));
            }
        }
    }
    assert_eq!(dead, Vec::<String>::new());
}

#[test]
fn the_check_of_links_sees_one() {
    let text = "see [a](docs/a.md#the-end) and `[code](no)` and [b](https://example.org)";
    assert_eq!(links(text), ["docs/a.md#the-end"]);
    assert_eq!(anchors("# The end!\ntext").next().unwrap(), "the-end");
}

/// Relative targets of `[text](target)`, but for those in code.
fn links(text: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut fenced = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        }
        if fenced {
            continue;
        }
        for prose in line.split('`').step_by(2) {
            for part in prose.split("](").skip(1) {
                let target = part.split(')').next().unwrap();
                if !target.contains("://") && !target.starts_with("mailto:") {
                    found.push(target);
                }
            }
        }
    }
    found
}

/// The anchors of a document's headings.
fn anchors(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| {
            line.trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
                .map(|c| if c == ' ' { '-' } else { c })
                .collect()
        })
}

/// The tests that read a folder of vectors whole, by folder, and what a file of it is called.
const READERS: [(&str, &str, &str); 9] = [
    ("directory", "src/directory/tests/vectors.rs", "txt"),
    ("log", "src/tlog/tests/vectors.rs", "txt"),
    (
        "record",
        "keys-tooling/record/tests/record/vectors.rs",
        "json",
    ),
    ("release", "src/directory/tests/release.rs", "txt"),
    ("reply", "keys-tooling/open/tests/reply_vectors.rs", "json"),
    ("report", "src/report/tests/vectors.rs", "json"),
    ("shamir", "keys-tooling/open/tests/shamir.rs", "json"),
    ("words", "tests/tests/oracles.rs", "json"),
    ("work", "src/server/tests/work_vectors.rs", "json"),
];

#[test]
fn every_vector_is_read_by_a_test() {
    let vectors = root().join("tests/vectors");
    for (folder, reader, _) in READERS {
        let reader = fs::read_to_string(root().join(reader)).unwrap();
        assert!(reader.contains("read_dir("), "{folder}");
        assert!(
            reader.contains(&format!("tests/vectors/{folder}\"")),
            "{folder}"
        );
    }
    let read: Vec<PathBuf> = xtask::search::files_under(&vectors)
        .unwrap()
        .into_iter()
        .filter(|path| !path.ends_with("README.md"))
        .filter(|path| {
            READERS.iter().all(|(folder, _, extension)| {
                path.parent() != Some(vectors.join(folder).as_path())
                    || path.extension().is_none_or(|found| found != *extension)
            })
        })
        .collect();
    assert_eq!(read, Vec::<PathBuf>::new(), "no test reads these");
}

/// The parsers of what strangers send, and the fuzz target that calls each.
const PARSERS: [(&str, &str); 39] = [
    ("form_body", "form::read("),
    ("submission", "Submission::parse("),
    ("submission", "check_header"),
    ("age_header", "header::split("),
    ("ustar", "hafan_ustar::members("),
    ("ustar", "stream::Reader::new("),
    ("report_json", "Report::parse("),
    ("directory", "Directory::open("),
    ("release", "Release::open("),
    ("note", "note::open("),
    ("checkpoint", "Checkpoint::parse("),
    ("cosigned", "open_cosigned("),
    ("cosigned", "open_seen("),
    ("entry_bundle", "decode_entries("),
    ("tile_path", "parse::<hafan_tlog::TilePath>"),
    ("bundle", "BundleReader::open("),
    ("request_signature", "verify("),
    ("work_proof", "Proof::parse("),
    ("contact_paper", "Paper::parse("),
    ("message", "Message::parse("),
    ("reply_page", "Page::parse("),
    ("contact_details", "Details::parse("),
    ("shares", "Share::from_bytes("),
    ("shares", "combine("),
    ("auditor_note", "Note::parse("),
    ("auditor_note", "Vkey::parse("),
    ("auditor_note", "Checkpoint::parse("),
    ("auditor_note", "Directory::parse("),
    ("auditor_tile", "entries("),
    ("auditor_tile", "Entry::parse("),
    ("auditor_store", "parse_header"),
    ("auditor_store", "judge_tail("),
    ("auditor_store", "payload::parse("),
    ("auditor_store", "first_stray("),
    ("auditor_record", "Parts::of("),
    ("auditor_record", "Line::parse("),
    ("auditor_published", "Published::read("),
    ("auditor_site", "Manifest::parse("),
    ("auditor_site", "scripts("),
];

#[test]
fn every_parser_of_hostile_input_is_fuzzed_from_seeds() {
    let dir = root().join("fuzz/fuzz_targets");
    let manifest = fs::read_to_string(root().join("fuzz/Cargo.toml")).unwrap();
    let seeds = fs::read_to_string(root().join("fuzz/seeds.mjs")).unwrap();
    for (target, call) in PARSERS {
        let source = fs::read_to_string(dir.join(format!("{target}.rs"))).unwrap();
        assert!(source.contains(call), "{target}: {call}");
        assert!(manifest.contains(&format!("\"fuzz_targets/{target}.rs\"")));
        assert!(seeds.contains(&format!("seed(\"{target}\"")), "{target}");
    }
    let targets = fs::read_dir(&dir).unwrap().count();
    let named: std::collections::BTreeSet<_> = PARSERS.iter().map(|(target, _)| target).collect();
    assert_eq!(targets, named.len());
}

#[test]
fn every_command_of_the_readme_exists() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let xtask = fs::read_to_string(root().join("xtask/src/main.rs")).unwrap();
    let commands: Vec<&str> = readme
        .split("cargo xtask ")
        .skip(1)
        .filter_map(|rest| rest.split(|c: char| !c.is_ascii_lowercase()).next())
        .filter(|command| !command.is_empty())
        .collect();
    assert!(
        commands.contains(&"demo") && commands.contains(&"test"),
        "{commands:?}"
    );
    for command in commands {
        let mut variant = command.to_owned();
        variant[..1].make_ascii_uppercase();
        assert!(
            xtask.contains(&format!("Command::{variant}")),
            "cargo xtask {command}"
        );
    }
}

#[test]
fn the_protocol_and_the_constants_agree() {
    let protocol = fs::read_to_string(root().join("docs/protocol.md")).unwrap();
    let header = hafan_envelope::HEADER_SIZE_BYTES;
    assert!(protocol.contains(&format!("The header is {header} bytes")));
    let entry = hafan_tlog::ENTRY_SIZE_BYTES;
    assert!(protocol.contains(&format!("leaf (log entry), {entry} bytes")));
    assert_eq!(
        hafan_envelope::SIZE_CLASSES.map(u64::trailing_zeros),
        [16, 17, 18, 19, 20, 21, 22, 23, 24, 25]
    );
    assert!(protocol.contains("64 KiB (2^16) ≤ 2^k ≤ 32 MiB (2^25)"));
}
