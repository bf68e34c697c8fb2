//! `contact approve`: an officer gives their share to the one who asks.

use std::path::Path;
use std::process::ExitCode;

use hafan_directory::Contents;
use hafan_open::quorum::{Approval, Paper, Request};
use hafan_record::{Event, Hex32};

use super::{Found, check_date, held_of, read_paper, shares, write};
use crate::access;
use crate::cli::contact::Approve;
use crate::failure::{Failure, Kind};
use crate::keyring::{Keyring, officer_number, today};
use crate::keys::{made, must_be_free, seal_to};
use crate::passphrase::Passphrases;
use crate::tty::{show, tell};
use crate::vault::Vault;
use hafan_export::text;

pub(crate) fn run(args: &Approve) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let reason = args.why.reason()?;
    must_be_free(&args.out)?;
    let directory = vault.directory()?;
    let contents = directory.contents();
    let (request, digest) = read_request(&args.request, contents)?;
    let held = vault.held()?;
    let (held, reference) = held_of(&held, request.report)?;
    let to = recipient_of(contents, request.officer)?;
    tell(&format!(
        "officer-{} asks for the sealed contact of report {reference}, on {}: {}.",
        request.officer,
        request.asked_on,
        in_words(&request),
    ));
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let found = Found::of(&keys, held, &reference)?;
    let own = shares::own(&vault, held, &found, &keys).map_err(|why| {
        let what = format!("your share of report {reference} is not right: {why}");
        let advice = "nothing was approved. Other officers may have shares that are right; tell the auditors";
        Failure::new(Kind::No, what, advice)
    })?;
    let own = own.ok_or_else(|| {
        let what = format!("report {reference} has no share for {}", args.who.officer);
        let advice = "only officers who were in the directory when the report was written have one, and their successors. \
                      Ask one of them";
        Failure::new(Kind::No, what, advice)
    })?;
    let event = Event::ContactApproved {
        report: request.report,
        reason: reason.clone(),
        request: request.entry,
    };
    let entry = access::note(&vault, keys.signer(), event)?.number;
    let approval = Paper::Approval(Approval {
        force: vault.force().clone(),
        report: request.report,
        request: digest,
        officer: keys.number(),
        share: own.number,
        approved_on: today(),
        reason,
        sealed: seal_to(own.share.as_bytes(), std::slice::from_ref(to))?,
    });
    let note = approval
        .sign(keys.signer())
        .map_err(|e| made("the approval").because(e))?;
    write(&args.out, &note)?;
    show(&format!(
        "Approved; entry {entry} of the access record says so.\nGive {} to officer-{}, who alone can open it. \
         It takes {} approvals.\n",
        args.out.display(),
        request.officer,
        found.seal.threshold,
    ))?;
    Ok(ExitCode::SUCCESS)
}

fn read_request(path: &Path, contents: &Contents) -> Result<(Request, Hex32), Failure> {
    let signed = read_paper(path, contents)?;
    let Paper::Request(request) = signed.paper else {
        return Err(Failure::new(
            Kind::Usage,
            format!("{} is an approval, not a request", path.display()),
            "give the file that contact request wrote",
        ));
    };
    check_date(request.asked_on)?;
    Ok((request, signed.digest))
}

/// What the directory says that the officer opens with: never what the request says.
fn recipient_of(contents: &Contents, number: u16) -> Result<&hafan_directory::Recipient, Failure> {
    let officers = contents.officers.iter().map(officer_number);
    let found = officers
        .zip(&contents.contact.recipients)
        .find(|(officer, _)| *officer == Some(number));
    found.map(|(_, recipient)| recipient).ok_or_else(|| {
        let what = format!("the newest directory has no officer-{number}");
        Failure::new(
            Kind::No,
            what,
            "ask for a request by an officer who is in it",
        )
    })
}

fn in_words(request: &Request) -> String {
    let words = request
        .reason
        .words()
        .map(|words| text::line(words.as_str()));
    let words = words.map_or_else(String::new, |words| format!(" (\"{words}\")"));
    format!("{}{words}", request.reason.code().meaning())
}
