//! `record verify` and `record export`: the access record, checked and given out. Needs no key and no passphrase.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufReader, BufWriter};
use std::path::Path;
use std::process::ExitCode;

use hafan_record::{Entry, Event, Hex32, KnownHead, Material, MaterialError, Verification, verify};
use serde_json::json;

use crate::access;
use crate::cli::record::{Export, Record, Verify};
use crate::failure::{COLUMNS, Failure, Kind, counted, print};
use crate::files::{self, Access};
use crate::reference::Reference;
use crate::state::State;
use crate::vault::{SMALL_SIZE_BYTES_MAX, Vault};
use crate::words::Fingerprint;
use hafan_export::text;

const LIMIT: &str = "A vault that was put back whole to an earlier day looks whole. Compare the head with those that were \
     written down or exported earlier (--against FILE).";

pub(crate) fn run(verb: &Record) -> Result<ExitCode, Failure> {
    match verb {
        Record::Verify(args) => run_verify(args),
        Record::Export(args) => run_export(args),
    }
}

fn run_verify(args: &Verify) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.vault)?;
    let material = material(&vault)?;
    let heads = earlier_heads(&vault, &args.against)?;
    let known: Vec<KnownHead<'_>> = heads
        .iter()
        .map(|(name, note)| KnownHead { name, note })
        .collect();
    let verification = verify(&material, vault.force(), vault.root(), &known);
    let mut findings: Vec<String> = verification
        .findings
        .iter()
        .map(ToString::to_string)
        .collect();
    findings.extend(unrecorded(&vault, &verification.entries)?);
    let shown = if args.json {
        as_json(&verification, &findings, args.entries)
    } else {
        as_text(&verification, &findings, args.entries)
    };
    print(&shown)?;
    Ok(if findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn run_export(args: &Export) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.vault)?;
    let material = material(&vault)?;
    let verification = verify(&material, vault.force(), vault.root(), &[]);
    let file =
        files::create_new(&args.to, Access::Everyone).map_err(|e| Failure::write(&args.to, e))?;
    let written = material
        .export(BufWriter::new(file))
        .map_err(|why| Failure::write(&args.to, std::io::Error::other(why)))?;
    let file = written
        .into_inner()
        .map_err(|e| Failure::write(&args.to, e.into_error()))?;
    file.sync_all()
        .and_then(|()| files::sync_dir(files::parent(&args.to)))
        .map_err(|e| Failure::write(&args.to, e))?;
    let mut shown = head(&verification);
    shown.push_str(&text::paragraph(
        &format!(
            "Give {} to the auditors, and write the head down where the vault is not.",
            args.to.display()
        ),
        0,
        COLUMNS,
    ));
    if !verification.findings.is_empty() {
        shown.push_str(
            "\nThis record is NOT WHOLE: hafan-keys record verify names what is wrong.\n",
        );
    }
    print(&shown)?;
    Ok(if verification.findings.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn material(vault: &Vault) -> Result<Material, Failure> {
    let dir = access::place(vault).dir;
    Material::of_dir(&dir).map_err(|why| unreadable(&dir, why))
}

fn unreadable(path: &Path, why: MaterialError) -> Failure {
    Failure::new(
        Kind::Unreadable,
        format!("the access record at {} cannot be read", path.display()),
        "check that it is there, that you may read it and that nothing else lies in its folder",
    )
    .because(why)
}

/// The heads that are known from elsewhere: the copy in the vault, and those of exports.
fn earlier_heads(
    vault: &Vault,
    exports: &[std::path::PathBuf],
) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut heads = Vec::new();
    let pin = access::place(vault).pin;
    if pin.exists() {
        let note = files::read(&pin, SMALL_SIZE_BYTES_MAX).map_err(|e| Failure::read(&pin, e))?;
        heads.push(("the vault's copy of the head".to_owned(), note.to_vec()));
    }
    for path in exports {
        let file = File::open(path).map_err(|e| Failure::read(path, e))?;
        let export = Material::of_export(BufReader::new(file)).map_err(|why| {
            let what = format!("{} is no exported access record", path.display());
            Failure::new(
                Kind::Unreadable,
                what,
                "give a file that hafan-keys record export wrote",
            )
            .because(why)
        })?;
        if let Some(note) = export.head {
            heads.push((format!("the head in {}", path.display()), note));
        }
    }
    Ok(heads)
}

/// Reports that the vault knows to have been read, and that no entry says were opened.
fn unrecorded(vault: &Vault, entries: &[Entry]) -> Result<Vec<String>, Failure> {
    let opened: BTreeSet<Hex32> = entries
        .iter()
        .filter(|entry| matches!(entry.event, Event::Opened { .. } | Event::Exported { .. }))
        .filter_map(|entry| entry.event.report())
        .collect();
    let state = State::open(vault)?;
    let held = vault.held()?;
    let missing = held
        .iter()
        .filter(|held| state.is_read(&held.h) && !opened.contains(&Hex32::from(&held.h)));
    Ok(missing
        .map(|held| {
            let reference = held.reference();
            format!("missing: report {reference} was read, and no entry says by whom")
        })
        .collect())
}

fn head(verification: &Verification) -> String {
    let Some(root) = verification.root.filter(|_| verification.size > 0) else {
        return "The access record has no entry yet.\n".to_owned();
    };
    let root = root.to_string();
    let words = Fingerprint::of(&root).words();
    format!(
        "Head: {}\nRoot: {root}\n{}",
        counted_entries(verification.size),
        text::paragraph(&format!("Words: {words}"), 7, COLUMNS).trim_start_matches(' ')
    )
}

fn counted_entries(count: u64) -> String {
    if count == 1 {
        "1 entry".to_owned()
    } else {
        format!("{count} entries")
    }
}

fn as_text(verification: &Verification, findings: &[String], with_entries: bool) -> String {
    let mut shown = String::new();
    if with_entries {
        for entry in &verification.entries {
            shown.push_str(text::paragraph(&line(entry), 6, COLUMNS).trim_start_matches(' '));
        }
        shown.push('\n');
    }
    shown.push_str(&head(verification));
    shown.push('\n');
    for notice in &verification.notices {
        shown.push_str(&text::paragraph(&format!("note: {notice}."), 0, COLUMNS));
    }
    if findings.is_empty() {
        shown.push_str(
            "The record is whole: every signature, every digest and their order are right.\n",
        );
        shown.push_str(&text::paragraph(LIMIT, 0, COLUMNS));
        return shown;
    }
    shown.push_str(&format!(
        "The record is NOT WHOLE: {}.\n",
        counted(u64::try_from(findings.len()).unwrap_or(u64::MAX), "finding")
    ));
    for finding in findings {
        shown.push_str(&text::paragraph(finding, 2, COLUMNS));
    }
    shown.push_str(
        "\nChange nothing in the vault, export the record as it is, and tell the auditors today.\n",
    );
    shown
}

/// One entry in one line: number, day, officer, what, which report, why.
fn line(entry: &Entry) -> String {
    let mut line = format!(
        "{:>4}  {}  {}  {}",
        entry.number,
        entry.date,
        entry.officer.rsplit('/').next().unwrap_or_default(),
        entry.event.name()
    );
    if let Some(report) = entry.event.report() {
        let h = hafan_envelope::submission::Digest(report.0);
        line.push_str(&format!("  {}", Reference::of(&h)));
    }
    if let Some(reason) = entry.event.reason() {
        line.push_str(&format!("  {}", reason.code()));
        if let Some(words) = reason.words() {
            line.push_str(&format!(": {}", words.as_str()));
        }
    }
    line
}

fn as_json(verification: &Verification, findings: &[String], with_entries: bool) -> String {
    let notices: Vec<String> = verification
        .notices
        .iter()
        .map(ToString::to_string)
        .collect();
    let entries: Vec<serde_json::Value> = verification
        .entries
        .iter()
        .map(|entry| {
            json!({"entry": entry.number, "date": entry.date, "officer": entry.officer,
                   "directory": entry.directory, "tool": entry.tool, "event": entry.event})
        })
        .collect();
    let mut json = json!({
        "whole": findings.is_empty(),
        "size": verification.size,
        "root": verification.root.map(|root| root.to_string()),
        "findings": findings,
        "notices": notices,
    });
    if let Some(object) = json.as_object_mut().filter(|_| with_entries) {
        object.insert("entries".to_owned(), entries.into());
    }
    format!("{json}\n")
}
