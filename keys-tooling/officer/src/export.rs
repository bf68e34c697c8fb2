//! `export`: one report as an evidence package, in a folder of the officer's choice.
//!
//! The one verb that writes words of a report to a disk. It does so only after the access record names the officer, the
//! reason and the package; and never opens what the person sent.

use std::io;
use std::path::Path;
use std::process::ExitCode;

use hafan_directory::Directory;
use hafan_envelope::bundle::DIRECTORY_SIZE_BYTES_MAX;
use hafan_envelope::submission::Submission;
use hafan_export::continuity::{self, Source, concern_words};
use hafan_export::package::{ENTRY, Package, package};
use hafan_export::sheet::Place;
use hafan_export::text;
use hafan_record::{Event, Hex32, Reason};
use hafan_report::Language;
use hafan_tlog::{Checkpoint, Hash, leaf_hash, proof};

use crate::access::{self, TOOL};
use crate::cli::export::Export;
use crate::failure::{COLUMNS, Failure, Kind, counted, print, say};
use crate::files::{self, Access};
use crate::keyring::{Keyring, today};
use crate::passphrase::Passphrases;
use crate::read::{find, mark_read, open};
use crate::vault::{DIRECTORY, Held, Vault, damaged};

pub(crate) fn run(args: &Export) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let reason = args.why.reason()?;
    check_out(&args.out, &vault)?;
    let held = vault.held()?;
    let (held, reference) = find(&held, &args.reference)?;
    let reference = reference.to_string();
    let origin = Origin::of(&vault, held)?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let opened = open(&vault, &keys, held, &reference, reason.clone())?;
    let submission = held.read().map_err(|why| cannot_read(&reference, &why))?;
    let envelope = Submission::parse(&submission)
        .map_err(|why| cannot_read(&reference, &why.to_string()))?
        .envelope;
    let week = opened.week.id();
    let source = Source {
        place: Place {
            reference: &reference,
            week: &week,
            year: held.year,
            index: held.index,
            adds_to: None,
        },
        h: Hex32::from(&held.h),
        imported_on: held.imported_on,
        submission: &submission,
        envelope: envelope.as_bytes(),
        directory: &origin.directory,
        proof: &origin.proof,
        origin: origin.checkpoint.origin(),
        size: origin.checkpoint.size(),
    };
    let by = continuity::Export {
        officer: &args.who.officer,
        key: &keys.signer().verifier().to_string(),
        on: today(),
        reason: &reason,
        tool: TOOL,
    };
    let package = package(&opened.report, &opened.files, &source, &by).map_err(|why| {
        let what =
            format!("the package of report {reference} cannot be made, and nothing was written");
        Failure::new(Kind::No, what, "this is a fault of the program: report it").because(why)
    })?;
    let entry = note(&vault, &keys, held, reason, package.manifest)?;
    write(&args.out, &package, &entry).map_err(|why| {
        let what = "the access record says that this report was exported, and no package was written";
        let advice = "make room on the disk or choose another place, then run the same command again: it makes a new \
                      entry. What may be left beside DIR in a folder that ends in .partial is removed then";
        Failure::new(Kind::Unreadable, format!("{what}: {}", args.out.display()), advice).because(why)
    })?;
    if let Err(why) = mark_read(&vault, held) {
        say(&format!("note: this report stays marked as new: {why}"));
    }
    tell(args, &package, &reference)
}

/// Writes down what is going to be exported, and gives the signed entry.
fn note(
    vault: &Vault,
    keys: &Keyring,
    held: &Held,
    reason: Reason,
    manifest: Hex32,
) -> Result<Vec<u8>, Failure> {
    let event = Event::Exported {
        report: Hex32::from(&held.h),
        reason,
        manifest,
    };
    Ok(access::note(vault, keys.signer(), event)?.line)
}

/// A place for words of a report: not there yet, beside something that is, and not in the vault.
fn check_out(out: &Path, vault: &Vault) -> Result<(), Failure> {
    let refused = |what: String, advice: &str| Err(Failure::new(Kind::Usage, what, advice));
    if out.symlink_metadata().is_ok() {
        return refused(
            format!("{} is there already", out.display()),
            "give a folder after --out that is not there yet; nothing is ever written over",
        );
    }
    let parent = files::parent(out);
    let Ok(parent) = parent.canonicalize() else {
        return refused(
            format!("the folder {} is not there", parent.display()),
            "make it, or connect the medium that it is on; then run the same command again",
        );
    };
    if out.file_name().is_none() || vault.holds(&parent)? {
        return refused(
            format!(
                "{} is in the vault, or is no name of a folder",
                out.display()
            ),
            "the vault holds sealed reports only: give a folder elsewhere after --out",
        );
    }
    Ok(())
}

/// What shows that a report's leaf is in the public log.
struct Origin {
    checkpoint: Checkpoint,
    proof: Vec<u8>,
    /// The note of the directory that names the log's key.
    directory: Vec<u8>,
}

impl Origin {
    fn of(vault: &Vault, held: &Held) -> Result<Self, Failure> {
        let of_year = |name: &hafan_envelope::bundle::BundleName| name.year == held.year;
        let bundles: Vec<_> = vault.bundles().into_iter().filter(of_year).collect();
        let tree = || damaged(&vault.path(crate::vault::TREE));
        let newest = bundles.last().ok_or_else(tree)?;
        let path = vault.bundle_dir(*newest).join(DIRECTORY);
        let note =
            files::read(&path, DIRECTORY_SIZE_BYTES_MAX).map_err(|e| Failure::read(&path, e))?;
        let directory =
            Directory::open(&note, vault.root()).map_err(|e| damaged(&path).because(e))?;
        let log_key = directory.log_verifier(held.year);
        let log_key = log_key.map_err(|e| damaged(&path).because(e))?;
        let signed = vault.tree().log(held.year).ok_or_else(tree)?.checkpoint();
        let checkpoint = Checkpoint::open(signed, &log_key).map_err(|e| tree().because(e))?;
        let mut leaves: Vec<Hash> = Vec::new();
        for name in bundles {
            let dir = vault.bundle_dir(name);
            let entries = vault.entries(name).map_err(|e| Failure::read(&dir, e))?;
            let entries = entries.as_chunks::<{ hafan_tlog::ENTRY_SIZE_BYTES }>().0;
            leaves.extend(entries.iter().map(|entry| leaf_hash(entry)));
        }
        let inclusion = proof::inclusion(leaves.as_slice(), held.index, checkpoint.size());
        let inclusion = inclusion.map_err(|e| tree().because(e))?;
        let at = usize::try_from(held.index).ok();
        let leaf = at.and_then(|at| leaves.get(at)).ok_or_else(tree)?;
        proof::verify_inclusion(
            leaf,
            held.index,
            checkpoint.size(),
            &inclusion,
            &checkpoint.root(),
        )
        .map_err(|e| tree().because(e))?;
        Ok(Self {
            proof: proof::tlog_proof(held.index, &inclusion, signed),
            checkpoint,
            directory: note.to_vec(),
        })
    }
}

fn cannot_read(reference: &str, why: &str) -> Failure {
    let what = format!("the sealed original of report {reference} cannot be read again: {why}");
    Failure::new(
        Kind::Unreadable,
        what,
        "check the disk, then run the same command again; nothing was written",
    )
}

/// Writes the package beside its place and gives it its name when all of it is on the disk. What cannot be written whole
/// is removed again.
fn write(out: &Path, package: &Package<'_>, entry: &[u8]) -> io::Result<()> {
    let partial = files::beside(out, ".partial");
    files::remove_dir_if_there(&partial)?;
    let written = write_parts(&partial, package, entry)
        .and_then(|()| files::sync_tree(&partial))
        .and_then(|()| rename_new(&partial, out));
    if written.is_err() {
        // It holds words of a report. Where this fails too, the message says that it may be left.
        drop(files::remove_dir_if_there(&partial));
    }
    written?;
    files::sync_dir(files::parent(out))
}

fn write_parts(dir: &Path, package: &Package<'_>, entry: &[u8]) -> io::Result<()> {
    files::create_dir(dir)?;
    for folder in ["files", "original"] {
        files::create_dir(&dir.join(folder))?;
    }
    for file in &package.files {
        files::write_new(&dir.join(&file.path), file.bytes(), Access::Owner)?;
    }
    files::write_new(&dir.join(ENTRY), entry, Access::Owner)
}

/// Renames, and never over anything that came there meanwhile.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE) {
        // A file system of a stick may not know how.
        Err(rustix::io::Errno::INVAL) => std::fs::rename(from, to),
        other => Ok(other?),
    }
}

/// Says what was written and how it is checked. Nothing of it is a word of the report, but names of files.
fn tell(args: &Export, package: &Package<'_>, reference: &str) -> Result<ExitCode, Failure> {
    let names = package.files.iter().map(|file| file.path.as_str());
    if args.json {
        let files: Vec<&str> = names.chain([ENTRY]).collect();
        let json = serde_json::json!({
            "reference": reference,
            "out": args.out.display().to_string(),
            "manifest": package.manifest.to_string(),
            "files": files,
        });
        print(&format!("{json}\n"))?;
        return Ok(ExitCode::SUCCESS);
    }
    let count = u64::try_from(package.files.len().saturating_add(1)).unwrap_or(u64::MAX);
    let out = text::line(&args.out.display().to_string());
    let mut told = format!(
        "Report {reference}: {} in {out}\n\nCheck it there:  sha256sum -c SHA256SUMS\nSHA256SUMS has SHA-256\n  {}\n\
         and so says the newest entry of the access record, which lies beside it.\n",
        counted(count, "file"),
        package.manifest
    );
    let of_concern = package.attachments.iter();
    let of_concern = of_concern.filter(|file| !file.concerns.is_empty());
    for (number, file) in (0..).zip(of_concern) {
        if number == 0 {
            told.push_str("\nOf the files that the person sent, take care with:\n");
        }
        let words = file.concerns.iter();
        let words: Vec<&str> = words
            .map(|concern| concern_words(*concern, Language::English))
            .collect();
        let line = format!("{}: {}", file.path, words.join("; "));
        told.push_str(&text::paragraph(&line, 2, COLUMNS));
    }
    print(&told)?;
    let care = "This folder holds the report in the clear. Move it to where evidence is kept; deleting it here does not wipe the \
                disk.";
    say(text::paragraph(care, 0, COLUMNS).trim_end());
    Ok(ExitCode::SUCCESS)
}
