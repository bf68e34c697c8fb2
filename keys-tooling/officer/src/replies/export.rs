//! `replies export`: whole pages of answers, for the courier.
//!
//! There is always a page, so that nobody outside can tell whether there was anything to tell. Pages are laid into the outbox
//! and remembered before the access record names them, and are given out after that; the outbox is emptied when they are there.
//! An export that was cut gives out the very same pages again: a record that stood on two pages would be known for no decoy.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page, RECORDS};
use hafan_record::{Event, Hex32};
use hafan_seal::reply::{Record, pages};
use jiff::Timestamp;

use super::ledger::{Ledger, Message, Step};
use super::looked::PagesMade;
use super::seen::seen;
use super::{key, outbox};
use crate::access;
use crate::cli::replies::Export;
use crate::failure::{Failure, Kind, counted, print};
use crate::files::{self, Access};
use crate::keyring::{Keyring, today};
use crate::keys::{self, made};
use crate::passphrase::Passphrases;
use crate::tty::show;
use crate::vault::{Vault, damaged};

/// The most pages of one export: its entry of the access record names each.
const PAGES_MAX: usize = 128;

pub(crate) fn run(args: &Export) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let _lock = vault.lock()?;
    check_to(&args.to, &vault)?;
    let directory = vault.directory()?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let mut ledger = Ledger::open(&vault, &keys)?;
    outbox::clear(&vault, &ledger)?;
    if ledger.staged.is_empty() {
        let signer = key::must_sign(&vault, &keys, &directory)?;
        let seen = seen(&vault, &directory, &signer, Timestamp::now())?;
        stage(&vault, &mut ledger, &seen)?;
        ledger.save(&vault, &directory)?;
    }
    let is_staged = |step: &Step| *step == Step::Staged;
    let messages = ledger.messages.iter();
    let staged = messages.filter(|message| is_staged(&message.step));
    let records = u64::try_from(staged.count()).unwrap_or(u64::MAX);
    let event = Event::RepliesExported {
        records,
        pages: ledger.staged.clone(),
    };
    access::note(&vault, keys.signer(), event)?;
    let mut files = Vec::new();
    for h in &ledger.staged {
        files.push(give_out(&vault, h, &args.to)?);
    }
    let messages = ledger.messages.iter_mut();
    for message in messages.filter(|message| is_staged(&message.step)) {
        message.step = Step::Exported(today());
    }
    let given = std::mem::take(&mut ledger.staged);
    ledger.save(&vault, &directory)?;
    outbox::clear(&vault, &ledger)?;
    tell_outcome(args, records, &given, &files, &ledger)?;
    Ok(ExitCode::SUCCESS)
}

/// A folder that is there, and not in the vault.
fn check_to(to: &Path, vault: &Vault) -> Result<(), Failure> {
    let refused = |what: String, advice: &str| Err(Failure::new(Kind::Usage, what, advice));
    let Some(to) = to.canonicalize().ok().filter(|to| to.is_dir()) else {
        return refused(
            format!("the folder {} is not there", to.display()),
            "connect the stick of the courier, or make the folder; then run the same command again",
        );
    };
    if vault.holds(&to)? {
        return refused(
            format!("{} is in the vault", to.display()),
            "give the folder of the courier's stick after --to",
        );
    }
    Ok(())
}

/// Puts what is queued onto pages, and remembers each before anything names it. The ledger has to be saved then.
fn stage(vault: &Vault, ledger: &mut Ledger, seen: &[u8]) -> Result<(), Failure> {
    let queued = ledger
        .messages
        .iter_mut()
        .filter(|message| matches!(message.step, Step::Queued(_)));
    let mut records: Vec<Record> = Vec::new();
    for message in queued.take(PAGES_MAX.saturating_mul(RECORDS)) {
        if let Step::Queued(name) = &message.step {
            records.push(outbox::record(vault, name)?);
            message.step = Step::Staged;
        }
    }
    let mut made_before = PagesMade::open(vault)?;
    for bytes in pages(&records, seen).map_err(|e| made("a page of answers").because(e))? {
        let page = Page::parse(&bytes).map_err(|e| made("a page of answers").because(e))?;
        let h = Hex32(page.digest().0);
        outbox::put_page(vault, &h, &bytes)?;
        made_before.add(&page);
        ledger.staged.push(h);
    }
    made_before.save(vault)
}

/// Writes one page to the folder, whole or not at all, and never over another file.
fn give_out(vault: &Vault, h: &Hex32, to: &Path) -> Result<PathBuf, Failure> {
    let path = outbox::page_path(vault, h);
    let size = u64::try_from(PAGE_SIZE_BYTES).unwrap_or(u64::MAX);
    let bytes = files::read(&path, size).map_err(|e| Failure::read(&path, e))?;
    let page = Page::parse(&bytes)
        .ok()
        .filter(|page| page.digest().0 == h.0);
    page.ok_or_else(|| damaged(&path))?;
    let name = h.to_string();
    let out = to.join(format!("replies-{}.page", name.get(..16).unwrap_or(&name)));
    if out.symlink_metadata().is_ok() {
        let there = files::read(&out, size).map_err(|e| Failure::read(&out, e))?;
        if *there == *bytes {
            return Ok(out);
        }
        return Err(Failure::new(
            Kind::Unsafe,
            format!("{} is there already, and is another page", out.display()),
            "give another folder after --to: nothing is ever written over",
        ));
    }
    keys::give_out(&out, &bytes, Access::Everyone).map_err(|e| {
        Failure::new(
            Kind::Unreadable,
            format!("cannot write {}", out.display()),
            "nothing is lost: make room there, then run the same command again. It gives out the same pages",
        )
        .because(e)
    })?;
    Ok(out)
}

fn tell_outcome(
    args: &Export,
    records: u64,
    given: &[Hex32],
    files: &[PathBuf],
    ledger: &Ledger,
) -> Result<(), Failure> {
    let queued = |message: &&Message| matches!(message.step, Step::Queued(_));
    let left = ledger.messages.iter().filter(queued).count();
    let left = u64::try_from(left).unwrap_or(u64::MAX);
    if args.json {
        let pages: Vec<_> = given
            .iter()
            .zip(files)
            .map(|(h, file)| serde_json::json!({"h": h, "file": file.display().to_string()}))
            .collect();
        let json = serde_json::json!({"records": records, "pages": pages, "left": left});
        return print(&format!("{json}\n"));
    }
    let pages = u64::try_from(given.len()).unwrap_or(u64::MAX);
    let mut words = format!(
        "{} with {} in {}:\n",
        counted(pages, "page"),
        counted(records, "message"),
        args.to.display()
    );
    for file in files {
        words.push_str(&format!(
            "  {}\n",
            file.file_name().unwrap_or_default().to_string_lossy()
        ));
    }
    words.push_str("Give the stick to the courier. Nobody can tell from a page whether there is a message on it.\n");
    if left > 0 {
        words.push_str(&format!(
            "{} more in the outbox: run the same command again.\n",
            counted(left, "message")
        ));
    }
    show(&words)
}
