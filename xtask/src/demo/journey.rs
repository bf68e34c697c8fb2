//! One report's way: typed into a real browser, carried by the courier, taken in, listed and read by an officer.

use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;

use super::layout::Layout;
use crate::binaries::Binaries;
use crate::process::{guarded, output, run as run_command, say};
use crate::root;
use crate::search::{Hit, forms, search_files};

/// What is typed, and where.
pub struct Journey {
    /// The force.
    pub force: &'static str,
    /// The page's language: `en` or `cy`.
    pub language: &'static str,
    /// The route: `self`, `other` or `witness`.
    pub route: &'static str,
    /// The reporter's own words.
    pub words: String,
}

/// How long a submission may take to reach the log: a few epochs.
const LOGGED_WITHIN: Duration = Duration::from_secs(60);

/// Opens a real browser, fills the form in by its short way and sends it.
///
/// # Errors
/// When a page does not do what it should; the text holds what the script saw last.
pub fn type_and_send(address: SocketAddr, journey: &Journey, scratch: &Path) -> Result<()> {
    let order = scratch.join("journey.json");
    let order_text = serde_json::json!({
        "url": format!("http://{address}"),
        "force": journey.force,
        "language": journey.language,
        "route": journey.route,
        "words": journey.words,
    });
    fs::write(&order, order_text.to_string())?;
    output(
        "the browser",
        guarded("node")
            .current_dir(root())
            .arg("xtask/journey.mjs")
            .arg(&order),
    )?;
    fs::remove_file(&order).context("cannot remove what was to be typed")
}

/// Types, sends, carries, takes in, lists, reads, compares, and looks for the text in the store.
pub(super) fn travel(layout: &Layout, binaries: &Binaries, address: SocketAddr) -> Result<()> {
    let journey = Journey {
        force: "btp",
        language: "en",
        route: "self",
        words: words(),
    };
    let scratch = layout.dir().join("scratch");
    fs::create_dir_all(&scratch)?;

    say("» a report in a real browser");
    type_and_send(address, &journey, &scratch)?;
    say("» courier: pull");
    let bundles = pull(layout, binaries, address, journey.force)?;
    for bundle in &bundles {
        run_command(
            "officer: import",
            guarded(binaries.keys())
                .arg("import")
                .arg(bundle)
                .arg("--vault")
                .arg(layout.vault(journey.force))
                .args(["--as", "officer-1", "--passphrase-file"])
                .arg(layout.passphrases(journey.force)),
        )?;
    }
    run_command(
        "officer: list",
        &mut officer(layout, binaries, journey.force, &["list"]),
    )?;
    let reference = newest_reference(layout, binaries, journey.force)?;
    run_command(
        "officer: read",
        &mut officer(
            layout,
            binaries,
            journey.force,
            &["read", &reference, "--reason", "exercise"],
        ),
    )?;
    let read = output(
        "hafan-keys read --json",
        officer(
            layout,
            binaries,
            journey.force,
            &["read", &reference, "--reason", "exercise"],
        )
        .arg("--json"),
    )?;
    compare(&read, &journey)?;
    say("» looking for what was typed in the store's files");
    search_store(layout, &journey.words, &scratch)?;
    fs::remove_dir_all(&scratch)?;
    say("What was typed is what was read, and the store's files hold none of it.");
    Ok(())
}

/// Words that no other run types, in several scripts.
fn words() -> String {
    let run = std::process::id();
    let time = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos());
    format!(
        "Demonstration report number {run}-{time}.\nIt was at the station, by the ticket gates.\nRoedd hi'n tywyllu; tŷ, ŵyr, pêl, ïodin {time}.\nهذا نص تجريبي {time}\n🌧️ and that is all {run}{time}"
    )
}

/// Pulls until there is a bundle with a report in it.
fn pull(
    layout: &Layout,
    binaries: &Binaries,
    address: SocketAddr,
    force: &str,
) -> Result<Vec<PathBuf>> {
    let start = Instant::now();
    let mut bundles = Vec::new();
    while start.elapsed() < LOGGED_WITHIN {
        let told = output(
            "hafan-courier pull",
            guarded(binaries.courier())
                .args(["pull", "--json", "--force", force, "--server"])
                .arg(format!("http://{address}"))
                .arg("--key")
                .arg(layout.courier_key(force))
                .arg("--root")
                .arg(layout.root_vkey(force))
                .arg("--out")
                .arg(layout.stick(force)),
        )?;
        let told: Value = serde_json::from_slice(&told).context("hafan-courier pull --json")?;
        let mut drops = 0;
        for bundle in array(&told, "bundles")? {
            drops += bundle["drops"]
                .as_u64()
                .context("a bundle without a count of drops")?;
            ensure!(
                bundle["missing"] == 0 || bundle["missing"].is_null(),
                "the server withholds a report"
            );
            let path = bundle["path"].as_str().context("a bundle without a path")?;
            bundles.push(layout.stick(force).join(path));
        }
        if drops > 0 {
            return Ok(bundles);
        }
        std::thread::sleep(Duration::from_secs(1));
    }
    bail!(
        "no report was in the log after {} s",
        LOGGED_WITHIN.as_secs()
    )
}

/// `hafan-keys VERB… --vault … --as officer-1` with the passphrases of the demonstration.
fn officer(
    layout: &Layout,
    binaries: &Binaries,
    force: &str,
    verb: &[&str],
) -> std::process::Command {
    let mut command = guarded(binaries.keys());
    command
        .args(verb)
        .arg("--vault")
        .arg(layout.vault(force))
        .args(["--as", "officer-1", "--passphrase-file"])
        .arg(layout.passphrases(force));
    command
}

/// The reference of the one report that nobody has read.
fn newest_reference(layout: &Layout, binaries: &Binaries, force: &str) -> Result<String> {
    let listed = output(
        "hafan-keys list --json",
        officer(layout, binaries, force, &["list"]).arg("--json"),
    )?;
    let listed: Value = serde_json::from_slice(&listed).context("hafan-keys list --json")?;
    let reports = array(&listed, "reports")?;
    let new: Vec<&Value> = reports
        .iter()
        .filter(|report| report["state"] == "new")
        .collect();
    let [report] = new.as_slice() else {
        bail!("{} new reports are listed, wanted 1", new.len());
    };
    Ok(report["reference"]
        .as_str()
        .context("a report without a reference")?
        .to_owned())
}

/// Whether the report holds the words as typed.
fn compare(report: &[u8], journey: &Journey) -> Result<()> {
    let report: Value = serde_json::from_slice(report).context("hafan-keys read --json")?;
    for (member, wanted) in [
        ("force", journey.force),
        ("language", journey.language),
        ("route", journey.route),
    ] {
        ensure!(
            report.get(member).and_then(Value::as_str) == Some(wanted),
            "the report's {member} is not what was chosen"
        );
    }
    let answers = array(&report, "answers")?;
    let found = answers
        .iter()
        .any(|answer| answer["answer"].as_str() == Some(journey.words.as_str()));
    ensure!(found, "no answer of the report is what was typed");
    Ok(())
}

/// Looks for each line of `words`, in each form, in every file that the server keeps; and proves that it would be found.
fn search_store(layout: &Layout, words: &str, scratch: &Path) -> Result<()> {
    let wanted: Vec<_> = words.lines().flat_map(forms).collect();
    let mut searched = 0;
    for dir in [layout.store(), layout.pinned()] {
        let (findings, bytes) = search_files(&dir, &wanted)?;
        searched += bytes;
        ensure!(findings.is_empty(), "found what was typed: {findings:?}");
    }
    let planted_dir = scratch.join("planted");
    fs::create_dir_all(&planted_dir)?;
    for (number, form) in wanted.iter().enumerate() {
        let mut planted = vec![0xff; 4096 + number];
        planted.extend_from_slice(&form.planted);
        planted.extend_from_slice(&[0xff; 64]);
        let path = planted_dir.join("segment");
        fs::write(&path, &planted)?;
        let (found, _) = search_files(&planted_dir, &wanted)?;
        ensure!(
            found.iter().any(|finding: &Hit| finding.form == form.name),
            "the search does not find {} where it was planted",
            form.name
        );
    }
    say(&format!(
        "  {} MiB searched for {} needles: none; each was found where it was planted",
        searched >> 20,
        wanted.len()
    ));
    Ok(())
}

/// A member that is a list.
fn array<'a>(value: &'a Value, member: &str) -> Result<&'a Vec<Value>> {
    value
        .get(member)
        .and_then(Value::as_array)
        .with_context(|| format!("the answer has no list called {member}"))
}
