//! New keys, and the files that hold them.

use std::io;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hafan_directory::{Force, IntakeKey, Recipient};
use hafan_open::Identity;
use hafan_tlog::{Signer, Verifier};
use rand::RngCore as _;
use rand::rngs::OsRng;
use secrecy::{ExposeSecret as _, SecretString};
use zeroize::Zeroizing;

use crate::failure::{Failure, Kind};
use crate::files::{self, Access};
use crate::passphrase::Passphrases;
use crate::vault::read_line;
use crate::weeks::Week;

const PRIVATE: &str = "PRIVATE+KEY+";

/// A new Ed25519 key: the signer, and the line of its key file, as Go's signed-note tools write it:
/// `PRIVATE+KEY+<name>+<key ID>+<base64(01 || seed[32])>`.
pub(crate) fn new_signer(name: &str) -> Result<(Signer, Zeroizing<String>), Failure> {
    let mut key = Zeroizing::new([0; 33]);
    let [kind, seed @ ..] = &mut *key;
    *kind = 1;
    OsRng.try_fill_bytes(seed).map_err(|e| {
        Failure::new(
            Kind::Unreadable,
            "the system gives no randomness",
            "restart this machine",
        )
        .because(e)
    })?;
    let signer = Signer::from_seed(name, seed).map_err(|e| made(name).because(e))?;
    let encoded = Zeroizing::new(STANDARD.encode(key.as_slice()));
    let line = format!("{PRIVATE}{name}+{}+{}\n", signer.verifier().id(), *encoded);
    Ok((signer, Zeroizing::new(line)))
}

/// Reads the line of a key file back; `None` when it is none.
pub(crate) fn parse_signer(line: &str) -> Option<Signer> {
    let mut parts = line.trim_end().strip_prefix(PRIVATE)?.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    let (kind, seed) = key.split_first()?;
    let signer = Signer::from_seed(name, seed.try_into().ok()?).ok()?;
    (*kind == 1 && signer.verifier().id().to_string() == id).then_some(signer)
}

/// N of the key name `hafan/{force}/replies-N` or `hafan/{force}/courier-N`.
pub(crate) fn number(key: &Verifier) -> Option<u16> {
    key.name().rsplit('-').next()?.parse().ok()
}

/// A new hybrid identity and its recipient as the directory writes it.
pub(crate) fn new_identity() -> Result<(Identity, Recipient), Failure> {
    let identity = Identity::generate(&mut OsRng);
    let recipient = identity.to_recipient().to_string();
    let recipient = recipient
        .parse()
        .map_err(|e| made("a recipient").because(e))?;
    Ok((identity, recipient))
}

/// A new intake key of one week, and its secret sealed to the officers.
pub(crate) fn new_intake(
    week: Week,
    officers: &[Recipient],
) -> Result<(IntakeKey, Vec<u8>), Failure> {
    let (identity, recipient) = new_identity()?;
    let secret = Zeroizing::new(format!("{}\n", identity.expose().expose_secret()));
    let sealed = seal_to(secret.as_bytes(), officers)?;
    let key = IntakeKey {
        id: week.id(),
        recipient,
        from: week.from(),
        until: week.until(),
    };
    Ok((key, sealed))
}

/// A new officer: the key under a passphrase, and the public halves.
pub(crate) struct NewOfficer {
    name: String,
    locked: Vec<u8>,
    public: String,
    pub(crate) recipient: Recipient,
    pub(crate) verifier: Verifier,
}

/// Makes an officer's identity and signing key, and locks both with a passphrase that is asked for.
///
/// The file has two lines: the identity, and the line of the signing key. The public file has the recipient and the vkey.
pub(crate) fn new_officer(
    force: &Force,
    number: u16,
    passphrases: &Passphrases,
) -> Result<NewOfficer, Failure> {
    let name = format!("officer-{number}");
    let (identity, recipient) = new_identity()?;
    let (signer, line) = new_signer(&format!("hafan/{force}/{name}"))?;
    let identity = identity.expose();
    let secret = Zeroizing::new(format!("{}\n{}", identity.expose_secret(), *line));
    let verifier = signer.verifier();
    Ok(NewOfficer {
        locked: lock(&secret, &passphrases.new_for(&name)?)?,
        public: format!("{recipient}\n{verifier}\n"),
        name,
        recipient,
        verifier,
    })
}

impl NewOfficer {
    /// The two files, in the folder of the officers.
    pub(crate) fn files(&self, dir: &Path) -> [(PathBuf, &[u8]); 2] {
        [
            (dir.join(format!("{}.age", self.name)), &self.locked),
            (
                dir.join(format!("{}.pub", self.name)),
                self.public.as_bytes(),
            ),
        ]
    }
}

/// Seals a small secret so that each of these officers can open it.
pub(crate) fn seal_to(secret: &[u8], officers: &[Recipient]) -> Result<Vec<u8>, Failure> {
    let recipients: Result<Vec<hafan_seal::Recipient>, _> = officers
        .iter()
        .map(|officer| officer.as_str().parse())
        .collect();
    let recipients = recipients.map_err(|e| made("an officer's recipient").because(e))?;
    hafan_seal::seal_bytes(secret, &recipients).map_err(|e| made("a sealed secret").because(e))
}

/// Locks a secret line with a passphrase.
pub(crate) fn lock(secret: &str, passphrase: &SecretString) -> Result<Vec<u8>, Failure> {
    hafan_open::lock(secret.as_bytes(), passphrase).map_err(|e| made("a locked key").because(e))
}

/// Before anything is made or recorded: what is going to be given out has a folder to lie in, and nothing has its name.
pub(crate) fn must_be_free(path: &Path) -> Result<(), Failure> {
    if path.symlink_metadata().is_ok() {
        return Err(Failure::new(
            Kind::Unsafe,
            format!("{} is there already", path.display()),
            "give the path of a file that is not there yet",
        ));
    }
    if !files::parent(path).is_dir() {
        return Err(Failure::new(
            Kind::Unreadable,
            format!("{} would lie in a folder that is not there", path.display()),
            "make the folder, or give another path",
        ));
    }
    Ok(())
}

/// Writes what is given out: whole under its name, or nothing at all.
pub(crate) fn give_out(path: &Path, bytes: &[u8], access: Access) -> io::Result<()> {
    files::replace(path, bytes, access).inspect_err(|_| {
        // What is left is in nobody's way: the next run clears it.
        drop(files::remove_if_there(&files::beside(path, ".partial")));
    })
}

/// A vkey, or the path of a file that holds one; `flag` takes it, and `which` says what is wanted.
pub(crate) fn verifier(vkey_or_file: &str, flag: &str, which: &str) -> Result<Verifier, Failure> {
    if let Ok(verifier) = vkey_or_file.trim().parse() {
        return Ok(verifier);
    }
    let path = Path::new(vkey_or_file);
    let usage = |what: String| Failure::new(Kind::Usage, what, format!("give {which}"));
    if !path.is_file() {
        return Err(usage(format!(
            "{flag} is neither a verification key nor a file"
        )));
    }
    read_line(path)?
        .parse()
        .map_err(|_| usage(format!("{} holds no verification key", path.display())))
}

pub(crate) fn made(what: &str) -> Failure {
    Failure::new(
        Kind::Unreadable,
        format!("{what} could not be made"),
        "nothing was kept; this is a fault of the program or the machine: report it",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_reads_back() {
        let (signer, line) = new_signer("hafan/btp/root").unwrap();
        let read = parse_signer(&line).unwrap();
        assert_eq!(read.verifier(), signer.verifier());
        assert!(parse_signer(&line.replace("root", "toor")).is_none());
        assert!(parse_signer("").is_none());
    }
}
