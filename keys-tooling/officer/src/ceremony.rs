//! `ceremony`: all keys of a force, made in one sitting, there at the end or not at all.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hafan_directory::{Contact, Contents, Directory, Force, Recipient, root_key_name};
use hafan_open::tree::VaultTree;
use hafan_tlog::{Signer, Verifier};
use zeroize::Zeroizing;

use crate::ceremony_record::Record;
use crate::cli::Ceremony;
use crate::failure::{Failure, Kind, counted, say};
use crate::files::{self, Access};
use crate::keyring::today;
use crate::keys::{self, made};
use crate::passphrase::{CHARACTERS_MIN, Passphrases};
use crate::replies::{self, REPLIES};
use crate::tty::{must_type, show, tell};
use crate::vault::{BUNDLES, DIRECTORY, FORCE, INTAKE, OFFICERS, ROOT, TREE};
use crate::weeks::Week;
use crate::words::Fingerprint;

/// The folders that a ceremony fills under names that do not count yet.
struct Places {
    out: PathBuf,
    vault: PathBuf,
    out_partial: PathBuf,
    vault_partial: PathBuf,
}

struct Courier {
    verifier: Verifier,
    line: Zeroizing<String>,
}

pub(crate) fn run(args: &Ceremony) -> Result<ExitCode, Failure> {
    if args.quorum > args.officers {
        return Err(Failure::new(
            Kind::Usage,
            format!("a quorum of {} of {} officers", args.quorum, args.officers),
            "the quorum is at most the number of officers",
        ));
    }
    let log = keys::verifier(
        &args.log,
        "--log",
        "the log key that hafan init printed (name+ID+key), or a file that holds it",
    )?;
    let passphrases = Passphrases::from(args.passphrases.passphrase_file.as_deref())?;
    let places = Places::begin(args)?;
    let done =
        begin(args, &log, &passphrases).and_then(|()| fill(args, log, &passphrases, &places));
    let record = match done {
        Ok(record) => record,
        Err(failure) => {
            places.give_up();
            return Err(failure);
        }
    };
    places.finish()?;
    show(&record.summary(&places.out, &places.vault))?;
    Ok(ExitCode::SUCCESS)
}

/// Says what is going to be made, and has the one thing that comes from elsewhere compared.
fn begin(args: &Ceremony, log: &Verifier, passphrases: &Passphrases) -> Result<(), Failure> {
    tell(&format!(
        "Ceremony of {}: {}, any {} of whom together can open a sealed contact; {} of intake keys; {}.",
        args.force,
        counted(args.officers.into(), "officer"),
        args.quorum,
        counted(args.weeks.into(), "week"),
        counted(args.couriers.into(), "courier key"),
    ));
    if let Some(other) = &args.police_suspect {
        tell(&format!(
            "Reports that involve people of {} itself are going to be read by {other}.",
            args.force
        ));
    }
    if args.quorum == 1 {
        tell(
            "note: with a quorum of 1 one officer alone would open a sealed contact, so the site does not offer it. \
             For the sealed contact give --quorum 2 or more.",
        );
    }
    if !passphrases.are_typed() {
        return Ok(());
    }
    tell(&format!(
        "\nEveryone is here, and this machine has no network. You can stop at any time with Ctrl-C: until the last step nothing \
         counts, and you begin again.\n\nThe server's log key in words:\n\n    {}\n\nHave the operator read theirs to you over the \
         telephone.",
        Fingerprint::of(&log.to_string()).words()
    ));
    must_type(
        "The same twelve words? Then type yes:",
        "yes",
        "nothing was made. Ask the operator for the log key again, and compare the words before you trust it",
        "give --passphrase-file",
    )
}

/// Tells who acts now, and what for; only when somebody is there to be told.
fn step(number: u8, title: &str, about: &str, passphrases: &Passphrases) {
    say(&format!("\n{number} of 5  {title}"));
    if passphrases.are_typed() {
        tell(about);
    }
}

fn fill(
    args: &Ceremony,
    log: Verifier,
    passphrases: &Passphrases,
    places: &Places,
) -> Result<Record, Failure> {
    let rule = format!(
        "A passphrase has at least {CHARACTERS_MIN} characters: four or more words that have nothing to do with each other. \
         You type it twice and it is not shown. Nobody else looks."
    );
    let about = format!(
        "It signs the list of keys that the site believes. Who leads the ceremony types now. {rule}"
    );
    step(1, "The root key", &about, passphrases);
    let root = make_root(&args.force, passphrases, places)?;
    let about = format!(
        "One after the other comes to the keyboard. Your passphrase opens your key: you type it whenever you read reports. {rule}"
    );
    step(2, "The officers' keys", &about, passphrases);
    let (recipients, officers) = make_officers(&args.force, args.officers, passphrases, places)?;
    let about = "They let a courier fetch sealed reports and open none. Nobody types anything.";
    step(3, "The courier keys", about, passphrases);
    let couriers = make_couriers(&args.force, args.couriers)?;
    let about = "One a week for reports, and one that signs answers; each is sealed to every officer. Nobody types anything.";
    step(
        4,
        "The weekly intake keys, and the key for answers",
        about,
        passphrases,
    );
    let intake = make_intake(args, &recipients, places)?;
    let replies = make_reply_key(&args.force, &recipients, places)?;
    let about = "The directory is signed, and everything gets its name at once.";
    step(5, "The directory and the record", about, passphrases);
    let (Some(first), Some(last)) = (intake.first(), intake.last()) else {
        return Err(made("an intake key"));
    };
    let contents = Contents {
        force: args.force.clone(),
        sequence: 1,
        valid_from: first.from,
        valid_until: last.until,
        log,
        intake,
        contact: Contact {
            threshold: u16::from(args.quorum),
            recipients,
        },
        officers,
        replies: vec![replies],
        couriers: couriers.iter().map(|c| c.verifier.clone()).collect(),
        police_suspect: args.police_suspect.clone(),
    };
    let directory = Directory::new(contents).map_err(|e| {
        let advice =
            "check --log (a log key's name is <host>/hafan) and --police-suspect (another force)";
        Failure::new(Kind::Usage, "the directory would not be sound", advice).because(e)
    })?;
    let note = directory
        .sign(&root)
        .map_err(|e| made("the directory").because(e))?;
    let record = Record::new(&directory, &root.verifier(), today());
    write_all(args, places, &root.verifier(), &couriers, &note, &record)?;
    Ok(record)
}

fn make_root(force: &Force, passphrases: &Passphrases, places: &Places) -> Result<Signer, Failure> {
    let (root, line) = keys::new_signer(&root_key_name(force))?;
    let locked = keys::lock(&line, &passphrases.new_for("root")?)?;
    put(
        &places.out_partial.join("root/root.age"),
        &locked,
        Access::Owner,
    )?;
    say("  made: the root key");
    Ok(root)
}

fn make_officers(
    force: &Force,
    count: u8,
    passphrases: &Passphrases,
    places: &Places,
) -> Result<(Vec<Recipient>, Vec<Verifier>), Failure> {
    let dir = places.vault_partial.join(OFFICERS);
    let (mut recipients, mut officers) = (Vec::new(), Vec::new());
    for number in 1..=count {
        if passphrases.are_typed() {
            say(&format!(
                "\nofficer-{number} to the keyboard, please ({number} of {count})."
            ));
        }
        let officer = keys::new_officer(force, number.into(), passphrases)?;
        for (path, bytes) in officer.files(&dir) {
            put(&path, bytes, Access::Owner)?;
        }
        say(&format!("  made: the key of officer-{number}"));
        recipients.push(officer.recipient);
        officers.push(officer.verifier);
    }
    Ok((recipients, officers))
}

fn make_couriers(force: &Force, count: u8) -> Result<Vec<Courier>, Failure> {
    let mut couriers = Vec::new();
    for number in 1..=count {
        let (signer, line) = keys::new_signer(&format!("hafan/{force}/courier-{number}"))?;
        couriers.push(Courier {
            verifier: signer.verifier(),
            line,
        });
    }
    say(&format!("  made: {}", counted(count.into(), "courier key")));
    Ok(couriers)
}

fn make_intake(
    args: &Ceremony,
    officers: &[Recipient],
    places: &Places,
) -> Result<Vec<hafan_directory::IntakeKey>, Failure> {
    let mut week = Week::of(args.start.unwrap_or_else(today));
    let mut intake = Vec::new();
    for _ in 0..args.weeks {
        let (key, sealed) = keys::new_intake(week, officers)?;
        let path = places
            .vault_partial
            .join(INTAKE)
            .join(format!("{}.age", key.id));
        put(&path, &sealed, Access::Owner)?;
        intake.push(key);
        week = week.next();
    }
    say(&format!(
        "  made: {}",
        counted(args.weeks.into(), "intake key")
    ));
    Ok(intake)
}

fn make_reply_key(
    force: &Force,
    officers: &[Recipient],
    places: &Places,
) -> Result<Verifier, Failure> {
    let (verifier, sealed) = replies::key::new(force, 1, officers)?;
    let path = places.vault_partial.join(REPLIES).join("replies-1.age");
    put(&path, &sealed, Access::Owner)?;
    say("  made: the key for answers");
    Ok(verifier)
}

fn write_all(
    args: &Ceremony,
    places: &Places,
    root: &Verifier,
    couriers: &[Courier],
    note: &[u8],
    record: &Record,
) -> Result<(), Failure> {
    let Places {
        out_partial: out,
        vault_partial: vault,
        ..
    } = places;
    let vkey = format!("{root}\n");
    let tree = VaultTree::new(args.force.clone(), 1);
    let tree = tree
        .encode()
        .map_err(|e| made("the vault's tree").because(e))?;
    let (json, html) = (record.json(), record.html());
    let force = format!("{}\n", args.force);
    for (number, courier) in (1_u32..).zip(couriers) {
        let path = out.join(format!("courier/courier-{number}.key"));
        put(&path, courier.line.as_bytes(), Access::Owner)?;
    }
    let files: [(PathBuf, &[u8], Access); 9] = [
        (
            out.join(format!("operator/{}.directory", args.force)),
            note,
            Access::Everyone,
        ),
        (
            out.join("root/root.vkey"),
            vkey.as_bytes(),
            Access::Everyone,
        ),
        (out.join("record.html"), html.as_bytes(), Access::Everyone),
        (out.join("record.json"), json.as_bytes(), Access::Everyone),
        (vault.join(FORCE), force.as_bytes(), Access::Owner),
        (vault.join(ROOT), vkey.as_bytes(), Access::Owner),
        (vault.join(DIRECTORY), note, Access::Owner),
        (vault.join(TREE), &tree, Access::Owner),
        (vault.join("record.json"), json.as_bytes(), Access::Owner),
    ];
    for (path, bytes, access) in files {
        put(&path, bytes, access)?;
    }
    Ok(())
}

fn put(path: &Path, bytes: &[u8], access: Access) -> Result<(), Failure> {
    files::write_new(path, bytes, access).map_err(|e| Failure::write(path, e))
}

impl Places {
    fn begin(args: &Ceremony) -> Result<Self, Failure> {
        let out = args.out.clone();
        let vault = args.vault.clone().unwrap_or_else(|| out.join("vault"));
        for path in [&out, &vault] {
            if path.symlink_metadata().is_ok() {
                return Err(Failure::new(
                    Kind::Unsafe,
                    format!(
                        "{} is there already, and keys are never written over",
                        path.display()
                    ),
                    "give the path of a folder that is not there yet",
                ));
            }
        }
        let out_partial = files::beside(&out, ".partial");
        // A vault within the folder comes into being with it, in one step.
        let vault_partial = match vault.strip_prefix(&out) {
            Ok(within) => out_partial.join(within),
            Err(_) => files::beside(&vault, ".partial"),
        };
        let places = Self {
            out,
            vault,
            out_partial,
            vault_partial,
        };
        places
            .make_folders()
            .map_err(|e| Failure::write(&places.out_partial, e))?;
        Ok(places)
    }

    fn make_folders(&self) -> std::io::Result<()> {
        files::remove_dir_if_there(&self.out_partial)?;
        files::create_dir(&self.out_partial)?;
        for part in ["operator", "courier", "root"] {
            files::create_dir(&self.out_partial.join(part))?;
        }
        if !self.is_within() {
            files::remove_dir_if_there(&self.vault_partial)?;
        }
        files::create_dir(&self.vault_partial)?;
        for part in [OFFICERS, INTAKE, BUNDLES, REPLIES] {
            files::create_dir(&self.vault_partial.join(part))?;
        }
        Ok(())
    }

    fn is_within(&self) -> bool {
        self.vault_partial.starts_with(&self.out_partial)
    }

    /// Gives both folders their names; the one with the record last, so that whoever sees it has all.
    fn finish(&self) -> Result<(), Failure> {
        let failed = |e| Failure::write(&self.out, e);
        files::sync_tree(&self.out_partial).map_err(failed)?;
        if !self.is_within() {
            files::sync_tree(&self.vault_partial).map_err(failed)?;
            fs::rename(&self.vault_partial, &self.vault).map_err(failed)?;
            files::sync_dir(files::parent(&self.vault)).map_err(failed)?;
        }
        fs::rename(&self.out_partial, &self.out).map_err(failed)?;
        files::sync_dir(files::parent(&self.out)).map_err(failed)
    }

    /// Takes away what was begun. What cannot be taken away is named so that it cannot pass for whole.
    fn give_up(&self) {
        for partial in [&self.out_partial, &self.vault_partial] {
            if let Err(error) = files::remove_dir_if_there(partial) {
                say(&format!(
                    "note: {} is left over, delete it: {error}",
                    partial.display()
                ));
            }
        }
    }
}
