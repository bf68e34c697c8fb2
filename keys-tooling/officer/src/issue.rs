//! `directory issue`: the next version of the directory. And what every verb does that ends with one.

use std::path::Path;
use std::process::ExitCode;

use hafan_directory::{Contents, Directory, Force, IntakeKey};
use hafan_record::{Event, Hex32};
use hafan_tlog::Signer;
use jiff::ToSpan as _;

use crate::access;
use crate::cli::keys::{Issue, OtherForce, Signing};
use crate::destroy;
use crate::failure::{Failure, Kind, counted};
use crate::files::{self, Access};
use crate::keyring::{Keyring, is_retired, today, unlock};
use crate::keys::{self, give_out, made, must_be_free};
use crate::passphrase::Passphrases;
use crate::replies;
use crate::rotate;
use crate::tty::{show, tell};
use crate::vault::{DIRECTORY, SMALL_SIZE_BYTES_MAX, Vault, damaged};
use crate::weeks::Week;
use crate::words::Fingerprint;

/// How far beyond its end a directory can be for this machine's date to be believed, in weeks.
const WEEKS_LATE_MAX: i64 = 8;

pub(crate) fn run(args: &Issue) -> Result<ExitCode, Failure> {
    let vault = Vault::open(&args.signing.who.vault)?;
    let _lock = vault.lock()?;
    let directory = vault.directory()?;
    let before = directory.contents();
    must_be_able(&args.signing, &vault, before)?;
    if let Some(path) = &args.add_courier {
        must_be_free(path)?;
    }
    let wanted = wanted(args, before)?;
    let passphrases = Passphrases::from(args.signing.who.passphrases.passphrase_file.as_deref())?;
    let keys = Keyring::unlock(&vault, &args.signing.who.officer, &passphrases)?;
    let root = unlock_root(&vault, &args.signing.root, &passphrases)?;
    let (intake, new) = intake(args, &vault, &keys, before)?;
    let mut contents = Contents { intake, ..wanted };
    let courier = match &args.add_courier {
        Some(path) => Some(add_courier(path, &mut contents)?),
        None => None,
    };
    let reply_key = if args.new_reply_key {
        Some(replies::key::add(&vault, &mut contents)?)
    } else {
        None
    };
    let next = publish(&vault, &root, &keys, contents, &args.signing.out)?;
    let mut text = summary(next.contents(), &args.signing.out);
    if let (Some(name), Some(path)) = (courier, &args.add_courier) {
        text.push_str(&format!(
            "The key of {name} is {}: it goes to the courier's machine and nowhere else.\n",
            path.display()
        ));
    }
    if let (Some(name), Some(key)) = (reply_key, next.reply_key()) {
        let words = Fingerprint::of(&key.to_string()).words();
        text.push_str(&format!(
            "Answers are signed by {name} from now on:\n  {words}\n"
        ));
    }
    for key in next
        .contents()
        .intake
        .iter()
        .filter(|key| new.contains(&key.id))
    {
        text.push_str(&format!("New: {}  {}\n", key.id, fingerprint(key)));
    }
    show(&text)?;
    if args.new_reply_key && !before.replies.is_empty() {
        tell(&format!(
            "\nThe key for answers before was destroyed. {}",
            destroy::LIMITS
        ));
    }
    Ok(ExitCode::SUCCESS)
}

/// What can be told before anybody types a passphrase.
pub(crate) fn must_be_able(
    args: &Signing,
    vault: &Vault,
    before: &Contents,
) -> Result<(), Failure> {
    must_be_free(&args.out)?;
    let seen = vault.tree().sequence();
    if seen > before.sequence {
        return Err(Failure::new(
            Kind::Unsafe,
            format!(
                "this vault's directory is {}, and directory {seen} came with a bundle",
                before.sequence
            ),
            "this is an old copy of the vault, which has not the newest keys: use the newest one",
        ));
    }
    let today = today();
    let late = before.valid_until.saturating_add(WEEKS_LATE_MAX.weeks());
    let is_likely = (before.valid_from..late).contains(&today);
    if is_likely || args.today == Some(today) {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Unsafe,
        format!(
            "this machine says that today is {today}; the newest directory holds from {} until {}",
            before.valid_from, before.valid_until
        ),
        format!("set this machine's date. If {today} is right, give --today {today}"),
    ))
}

/// The root key, which must be that of the vault.
pub(crate) fn unlock_root(
    vault: &Vault,
    path: &Path,
    passphrases: &Passphrases,
) -> Result<Signer, Failure> {
    let locked = files::read(path, SMALL_SIZE_BYTES_MAX).map_err(|e| Failure::read(path, e))?;
    let secret = unlock(path, &locked, "root", passphrases)?;
    let line = std::str::from_utf8(&secret).map_err(|_| damaged(path))?;
    let root = keys::parse_signer(line).ok_or_else(|| damaged(path))?;
    if root.verifier() != *vault.root() {
        return Err(Failure::new(
            Kind::No,
            format!("{} is not the root key of this vault", path.display()),
            "give the root.age of the same ceremony as the vault",
        ));
    }
    Ok(root)
}

/// Signs the next directory, records it, puts it into the vault, and only then gives it out. From then on the keys for answers
/// that it names behind the newest are not needed, and are destroyed whether or not it could be given out.
pub(crate) fn publish(
    vault: &Vault,
    root: &Signer,
    keys: &Keyring,
    contents: Contents,
    out: &Path,
) -> Result<Directory, Failure> {
    let (Some(first), Some(last)) = (contents.intake.first(), contents.intake.last()) else {
        return Err(made("an intake key"));
    };
    let contents = Contents {
        sequence: contents.sequence.saturating_add(1),
        valid_from: first.from,
        valid_until: last.until,
        ..contents
    };
    let next = Directory::new(contents).map_err(unsound)?;
    let note = next
        .sign(root)
        .map_err(|e| made("the directory").because(e))?;
    let event = Event::DirectoryIssued {
        sequence: next.sequence(),
        note: Hex32::sha256(&note),
    };
    access::note(vault, keys.signer(), event)?;
    // The keys are in the vault already: now it names them, and only then is the directory given out.
    let path = vault.path(DIRECTORY);
    files::replace(&path, &note, Access::Owner).map_err(|e| Failure::write(&path, e))?;
    let given = give_out(out, &note, Access::Everyone).map_err(|e| {
        Failure::new(
            Kind::Unreadable,
            format!(
                "the directory is signed and in the vault, and cannot be written to {}",
                out.display()
            ),
            format!(
                "copy {} to where it is wanted: it is the same file",
                path.display()
            ),
        )
        .because(e)
    });
    let destroyed = replies::key::destroy_older(vault, next.contents());
    given.and(destroyed)?;
    Ok(next)
}

/// What the terminal shows of a new directory.
pub(crate) fn summary(contents: &Contents, out: &Path) -> String {
    let other = contents
        .police_suspect
        .as_ref()
        .map_or_else(|| "no other force".to_owned(), Force::to_string);
    format!(
        "Directory {} of {}: {}, valid until {}; {}, quorum {}; {}; reports on its own people go to {other}.\n\
         Give {} to the operator of the server.\n",
        contents.sequence,
        contents.force,
        counted(count(&contents.intake), "week"),
        contents.valid_until,
        counted(count(&contents.officers), "officer"),
        contents.contact.threshold,
        counted(count(&contents.couriers), "courier"),
        out.display()
    )
}

fn count<T>(of: &[T]) -> u64 {
    u64::try_from(of.len()).unwrap_or(u64::MAX)
}

fn unsound(why: hafan_directory::ContentsError) -> Failure {
    Failure::new(
        Kind::Usage,
        "the directory would not be sound, and nothing was signed",
        "change what the message names",
    )
    .because(why)
}

/// As before, but for what needs no new key. Refuses what would change nothing.
fn wanted(args: &Issue, before: &Contents) -> Result<Contents, Failure> {
    let mut wanted = before.clone();
    if let Some(OtherForce(other)) = &args.police_suspect {
        wanted.police_suspect.clone_from(other);
    }
    if let Some(name) = &args.remove_courier {
        let full = format!("hafan/{}/{name}", before.force);
        wanted.couriers.retain(|courier| courier.name() != full);
        if wanted.couriers.len() == before.couriers.len() {
            return Err(Failure::new(
                Kind::Usage,
                "the directory has no courier of that name",
                format!("after --remove-courier give one of: {}", names(before)),
            ));
        }
    }
    let is_asked =
        args.add_weeks > 0 || args.police_suspect.is_some() || args.add_courier.is_some();
    if !is_asked && args.remove_courier.is_none() && !args.new_reply_key {
        return Err(Failure::new(
            Kind::Usage,
            "nothing was asked to be changed",
            "give --add-weeks W, --police-suspect FORCE, --add-courier FILE, --remove-courier NAME or --new-reply-key",
        ));
    }
    // Whether it would be sound is told before any key is made.
    Directory::new(wanted.clone()).map_err(unsound)?;
    Ok(wanted)
}

fn names(contents: &Contents) -> String {
    let couriers = contents.couriers.iter();
    let names: Vec<&str> = couriers
        .filter_map(|c| c.name().rsplit('/').next())
        .collect();
    names.join(", ")
}

fn add_courier(path: &Path, contents: &mut Contents) -> Result<String, Failure> {
    let numbers = contents.couriers.iter().filter_map(keys::number);
    let name = format!("courier-{}", numbers.max().unwrap_or(0).saturating_add(1));
    let (signer, line) = keys::new_signer(&format!("hafan/{}/{name}", contents.force))?;
    give_out(path, line.as_bytes(), Access::Owner).map_err(|e| Failure::write(path, e))?;
    contents.couriers.push(signer.verifier());
    Ok(name)
}

/// The weeks that are not over, with new ones behind them; and which of them are new.
fn intake(
    args: &Issue,
    vault: &Vault,
    keys: &Keyring,
    before: &Contents,
) -> Result<(Vec<IntakeKey>, Vec<String>), Failure> {
    let this_week = Week::of(today());
    // Weeks that are over leave the directory; their keys stay in the vault.
    let mut intake: Vec<IntakeKey> = before
        .intake
        .iter()
        .filter(|key| key.until > this_week.from())
        .cloned()
        .collect();
    let mut week = intake.last().map_or(this_week, |key| Week::of(key.until));
    // A retired week that is not over needs another key; then the weeks that were asked for.
    let retired = intake.iter().filter(|key| is_retired(vault, &key.id));
    let mut weeks: Vec<Week> = retired.map(|key| Week::of(key.from)).collect();
    for _ in 0..args.add_weeks {
        weeks.push(week);
        week = week.next();
    }
    if let (Some(first), Some(last)) = (weeks.first(), weeks.last()) {
        let id = |week: &Week| week.id().parse().map_err(|e| made("a week").because(e));
        let event = Event::Rotated {
            first: id(first)?,
            last: id(last)?,
        };
        access::note(vault, keys.signer(), event)?;
    }
    for week in &weeks {
        let key = rotate::add_week(vault, *week, &before.contact.recipients)?;
        match intake.iter_mut().find(|old| old.id == key.id) {
            Some(old) => *old = key,
            None => intake.push(key),
        }
    }
    Ok((intake, weeks.iter().map(|week| week.id()).collect()))
}

/// As the page shows it and an officer reads it out: docs/protocol.md section 9.
fn fingerprint(key: &IntakeKey) -> String {
    let hex = Fingerprint::of(key.recipient.as_str()).hex();
    hex.lines().next().unwrap_or_default().to_owned()
}
