//! `release`: the keys and signatures of those who release the site. docs/protocol.md section 9.
//!
//! What is signed is the digest of the manifest that the signer built; nothing of it is believed from the one before.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use hafan_directory::release::{RELEASE_SIZE_BYTES_MAX, Release, ReleaseError, release_key_name};
use hafan_tlog::{Signer, Verifier};
use sha2::{Digest as _, Sha256};

use crate::cli;
use crate::failure::{Failure, Kind};
use crate::files::{self, Access};
use crate::keyring::{today, unlock};
use crate::keys::{self, give_out, must_be_free};
use crate::passphrase::Passphrases;
use crate::tty::show;
use crate::vault::{SMALL_SIZE_BYTES_MAX, damaged};
use crate::words::Fingerprint;

/// The largest manifest that is read, in bytes.
const MANIFEST_SIZE_BYTES_MAX: u64 = 8 * 1024 * 1024;

pub(crate) fn run(verb: &cli::release::Release) -> Result<ExitCode, Failure> {
    match verb {
        cli::release::Release::Key(args) => key(args),
        cli::release::Release::Sign(args) => sign(args),
    }
}

fn key(args: &cli::release::Key) -> Result<ExitCode, Failure> {
    let name = release_key_name(&args.name).ok_or_else(|| {
        Failure::new(
            Kind::Usage,
            "that is no name for a key",
            "give 1 to 32 characters of a-z, 0-9 and -, such as alys",
        )
    })?;
    let public = vkey_path(&args.out);
    must_be_free(&args.out)?;
    must_be_free(&public)?;
    let passphrases = Passphrases::from(args.passphrases.passphrase_file.as_deref())?;
    let passphrase = passphrases.new_for(&holder(&args.out))?;
    let (signer, line) = keys::new_signer(&name)?;
    let vkey = signer.verifier().to_string();
    let locked = keys::lock(&line, &passphrase)?;
    give_out(&args.out, &locked, Access::Owner).map_err(|e| Failure::write(&args.out, e))?;
    give_out(&public, format!("{vkey}\n").as_bytes(), Access::Everyone)
        .map_err(|e| Failure::write(&public, e))?;
    show(&format!(
        "The key is {}: keep it, and its passphrase, for yourself.\n\nIts verification key, for operators and auditors, is in {}:\n  {vkey}\n  {}\n",
        args.out.display(),
        public.display(),
        Fingerprint::of(&vkey).words(),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// `FILE.vkey` beside the key.
fn vkey_path(key: &Path) -> PathBuf {
    let mut path = key.as_os_str().to_owned();
    path.push(".vkey");
    PathBuf::from(path)
}

/// Under which name a passphrase is asked for: that of the key's file.
fn holder(key: &Path) -> String {
    let name = key.file_stem().unwrap_or_default();
    name.to_string_lossy().into_owned()
}

fn sign(args: &cli::release::Sign) -> Result<ExitCode, Failure> {
    must_be_free(&args.out)?;
    let manifest = files::read(&args.manifest, MANIFEST_SIZE_BYTES_MAX)
        .map_err(|e| Failure::read(&args.manifest, e))?;
    let digest: [u8; 32] = Sha256::digest(&manifest).into();
    let before = match &args.with {
        Some(path) => Some(Before::read(path, &args.by, &digest)?),
        None => None,
    };
    let mut by: Vec<String> = Vec::new();
    let (release, note) = match &before {
        Some(before) => {
            by.extend(before.keys.iter().map(|key| key.name().to_owned()));
            let signer = unlock_key(&args.key, args)?;
            by.push(signer.name().to_owned());
            let note = Release::add_signature(&before.note, &before.keys, &signer);
            (before.release.clone(), note.map_err(refused)?)
        }
        None => {
            let (sequence, source) = (args.sequence.unwrap_or(0), args.source.as_deref());
            let release = Release::new(sequence, today(), source.unwrap_or_default(), digest)
                .map_err(refused)?;
            let signer = unlock_key(&args.key, args)?;
            by.push(signer.name().to_owned());
            let note = release.sign(&[&signer]).map_err(refused)?;
            (release, note)
        }
    };
    give_out(&args.out, &note, Access::Everyone).map_err(|e| Failure::write(&args.out, e))?;
    show(&format!(
        "Release {} of {}, signed by {}: {}\n  source    {}\n  manifest  {}\n",
        release.sequence(),
        release.released_on(),
        by.join(" and "),
        args.out.display(),
        release.source(),
        hex::encode(release.manifest()),
    ))?;
    Ok(ExitCode::SUCCESS)
}

/// A release that others have signed.
struct Before {
    note: Vec<u8>,
    release: Release,
    keys: Vec<Verifier>,
}

impl Before {
    /// Reads it; its manifest must be the one that was built here.
    fn read(path: &Path, by: &[String], built: &[u8; 32]) -> Result<Self, Failure> {
        let limit = u64::try_from(RELEASE_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
        let note = files::read(path, limit).map_err(|e| Failure::read(path, e))?;
        let keys: Result<Vec<Verifier>, Failure> = by.iter().map(|key| vkey(key)).collect();
        let keys = keys?;
        let release = Release::open(&note, &keys).map_err(|why| {
            let what = format!("{} is not what these keys signed", path.display());
            let advice =
                "give --by once for each who signed it, and no other; or ask for the file again";
            Failure::new(Kind::No, what, advice).because(why)
        })?;
        if release.manifest() != built {
            let what = format!(
                "the manifest that you built has SHA-256 {}, and the one in {} has {}: they are two sites",
                hex::encode(built),
                path.display(),
                hex::encode(release.manifest())
            );
            let advice = format!(
                "build {} with the tools that the repository pins, and compare the two manifests; sign nothing before you know why they differ",
                release.source()
            );
            return Err(Failure::new(Kind::No, what, advice));
        }
        Ok(Self {
            note: note.to_vec(),
            release,
            keys,
        })
    }
}

/// A vkey, or a file that holds one.
fn vkey(vkey_or_file: &str) -> Result<Verifier, Failure> {
    keys::verifier(vkey_or_file, "--by", "the .vkey file of who signed")
}

fn unlock_key(path: &Path, args: &cli::release::Sign) -> Result<Signer, Failure> {
    let locked = files::read(path, SMALL_SIZE_BYTES_MAX).map_err(|e| Failure::read(path, e))?;
    let passphrases = Passphrases::from(args.passphrases.passphrase_file.as_deref())?;
    let secret = unlock(path, &locked, &holder(path), &passphrases)?;
    let line = std::str::from_utf8(&secret).map_err(|_| damaged(path))?;
    keys::parse_signer(line).ok_or_else(|| damaged(path))
}

fn refused(why: ReleaseError) -> Failure {
    let what = "that cannot be a release";
    let advice = "see hafan-keys release sign --help";
    Failure::new(Kind::Usage, what, advice).because(why)
}
