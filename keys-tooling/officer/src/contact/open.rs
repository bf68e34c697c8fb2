//! `contact open`: the officer who asked puts the shares together, and reads who the report is from.

use std::path::PathBuf;
use std::process::ExitCode;

use hafan_directory::Contents;
use hafan_open::contact::{Details, check_share, open_contact};
use hafan_open::quorum::{Approval, Paper, Request};
use hafan_open::shamir::Share;
use hafan_record::{Event, Hex32};
use zeroize::Zeroizing;

use super::{Found, check_date, held_of, read_paper, shares};
use crate::access;
use crate::cli::contact::Open;
use crate::failure::{Failure, Kind, print, say};
use crate::keyring::Keyring;
use crate::passphrase::Passphrases;
use crate::read::columns;
use crate::reference::Reference;
use crate::vault::Vault;
use hafan_export::text;

/// What was asked, and the approvals that go with it.
struct Papers {
    request: Request,
    approvals: Vec<(PathBuf, Approval)>,
}

pub(crate) fn run(args: &Open) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.who.vault)?;
    let directory = vault.directory()?;
    let papers = read_papers(&args.files, directory.contents())?;
    let asker = format!("officer-{}", papers.request.officer);
    if args.who.officer != asker {
        return Err(Failure::new(
            Kind::Usage,
            format!("{asker} asked, so the shares are sealed to {asker}"),
            format!("run this with --as {asker}, or ask with a request of your own"),
        ));
    }
    let held = vault.held()?;
    let (held, reference) = held_of(&held, papers.request.report)?;
    let passphrases = Passphrases::from(args.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.who.officer, &passphrases)?;
    let found = Found::of(&keys, held, &reference)?;
    let shares = gather(&papers, &found, &keys)?;
    let event = Event::ContactOpened {
        report: papers.request.report,
        request: papers.request.entry,
        approved_by: papers.approvals.iter().map(|(_, a)| a.officer).collect(),
    };
    access::note(&vault, keys.signer(), event)?;
    let details = open_contact(&found.sealed.contact, &shares).map_err(|why| {
        let what = format!("the shares are those of report {reference}, and its contact does not open");
        let advice = "the device that sealed it made a mistake, or somebody meant to send what does not open. No other \
                      officers can change that";
        Failure::new(Kind::No, what, advice).because(why)
    })?;
    if details.force != found.force {
        let what =
            format!("what is sealed as the contact of report {reference} is of another force");
        let advice = "nothing of it is shown. Whoever sent it put a contact there that was made for another report";
        return Err(Failure::new(Kind::No, what, advice));
    }
    print(&shown(&details, &reference))?;
    say("This window still holds what was shown: close it afterwards. It is on no disk.");
    Ok(ExitCode::SUCCESS)
}

/// Sorts the files, and refuses what does not go together.
fn read_papers(files: &[PathBuf], contents: &Contents) -> Result<Papers, Failure> {
    let mut requests = Vec::new();
    let mut approvals: Vec<(PathBuf, Approval)> = Vec::new();
    for path in files {
        let signed = read_paper(path, contents)?;
        match signed.paper {
            Paper::Request(request) => requests.push((request, signed.digest)),
            Paper::Approval(approval) => approvals.push((path.clone(), approval)),
        }
    }
    let found = requests.len();
    let (Some((request, digest)), 1) = (requests.pop(), found) else {
        return Err(Failure::new(
            Kind::Usage,
            format!("{found} requests were given, want one"),
            "give the request that you wrote, and the approvals of it",
        ));
    };
    check_date(request.asked_on)?;
    for (path, approval) in &approvals {
        must_be_of(path, approval, &request, digest)?;
    }
    must_differ(&approvals)?;
    Ok(Papers { request, approvals })
}

fn must_be_of(
    path: &std::path::Path,
    approval: &Approval,
    request: &Request,
    digest: Hex32,
) -> Result<(), Failure> {
    let what = if approval.report != request.report {
        "another report"
    } else if approval.request != digest {
        "another request for this report"
    } else {
        return Ok(());
    };
    Err(Failure::new(
        Kind::No,
        format!("{} approves {what}, and nothing was opened", path.display()),
        format!("ask officer-{} to approve this request", approval.officer),
    ))
}

/// Each officer counts once, and so does each share.
fn must_differ(approvals: &[(PathBuf, Approval)]) -> Result<(), Failure> {
    for (at, (path, approval)) in approvals.iter().enumerate() {
        for (_, other) in approvals.iter().take(at) {
            if other.officer == approval.officer {
                return Err(Failure::new(
                    Kind::Usage,
                    format!(
                        "{} is a second approval by officer-{}",
                        path.display(),
                        approval.officer
                    ),
                    "each officer counts once: give one approval by each",
                ));
            }
            if other.share == approval.share {
                return Err(Failure::new(
                    Kind::No,
                    format!(
                        "officer-{} and officer-{} both say that theirs is share {}, and nothing was opened",
                        other.officer, approval.officer, approval.share
                    ),
                    "a share counts once. If one of them passed it on to the other, leave one of the two files out; if not, \
                     keep both and tell the auditors",
                ));
            }
        }
    }
    Ok(())
}

/// The shares, each checked against the report; or nothing, and by whom the wrong ones are.
fn gather(papers: &Papers, found: &Found, keys: &Keyring) -> Result<Vec<Share>, Failure> {
    let mut shares = Vec::new();
    let mut wrong = Vec::new();
    for (_, approval) in &papers.approvals {
        match share(approval, found, keys) {
            Ok(share) => shares.push(share),
            Err(why) => wrong.push(format!("officer-{}: {why}", approval.officer)),
        }
    }
    if !wrong.is_empty() {
        return Err(Failure::new(
            Kind::No,
            format!(
                "forged or damaged, and nothing was opened: {}",
                wrong.join("; ")
            ),
            "keep the files and tell the auditors. With approvals by other officers it may be opened still",
        ));
    }
    let (found, wanted) = (shares.len(), usize::from(found.seal.threshold));
    if found < wanted {
        return Err(Failure::new(
            Kind::No,
            format!("{found} of the {wanted} approvals that it takes, and nothing was opened"),
            "have more officers approve the request, then give all of the files",
        ));
    }
    Ok(shares)
}

fn share(approval: &Approval, found: &Found, keys: &Keyring) -> Result<Share, String> {
    let digest = shares::digest(found, approval.share);
    let digest = digest.ok_or_else(|| format!("the report has no share {}", approval.share))?;
    let bytes = keys
        .open_sealed(&approval.sealed)
        .map_err(|why| format!("the share does not open: {why}"))?;
    check_share(bytes, digest).map_err(|why| why.to_string())
}

fn shown(details: &Details, reference: &Reference) -> Zeroizing<String> {
    let columns = columns();
    // Room enough for all of it, so that growing leaves no copy behind.
    let mut shown = Zeroizing::new(String::with_capacity(64 * 1024));
    shown.push_str(&format!("SEALED CONTACT OF REPORT {reference}\n"));
    for answer in &details.answers {
        shown.push('\n');
        shown.push_str(&Zeroizing::new(text::paragraph(
            &answer.question,
            0,
            columns,
        )));
        // Each row is marked, so that an answer cannot pass for our own words or the next question.
        for row in Zeroizing::new(text::block(&answer.answer, 0, columns.saturating_sub(4))).lines()
        {
            shown.push_str("  | ");
            shown.push_str(row);
            shown.push('\n');
        }
    }
    shown.push_str("\nEnd of the contact.\n");
    shown
}
