//! A force's office for tests: officers, a vault, and a stick on which sealed reports come, made without a server.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use hafan_directory::{Contents, Directory};
use hafan_envelope::bundle::{BundleWriter, Head};
use hafan_envelope::reply::Page;
use hafan_envelope::submission::tag_digest;
use hafan_open::{Identity, shamir};
use hafan_report::{Padded, Report, SealedContact};
use hafan_tlog::{
    Checkpoint, Entry, EntryKind, Frontier, Seed, Signer, Verifier, decoy, log_origin,
};
use rand::rngs::{OsRng, StdRng};
use rand::{Rng as _, SeedableRng as _};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;
use xtask::binaries::Binaries;

const LOG_NAME: &str = "office.example/hafan";
const YEAR: u16 = 2026;
const EPOCH: u16 = 8;

/// What a person tells.
pub(crate) struct Told {
    pub(crate) words: &'static str,
    pub(crate) flags: &'static [&'static str],
    /// Who they are, sealed.
    pub(crate) contact: Option<&'static str>,
    /// Which of the directory's weeks it is sealed to.
    pub(crate) week: usize,
    /// Whether there is a way back.
    pub(crate) way: Way,
}

/// Whose words a report was sent with.
#[derive(Clone, Copy)]
pub(crate) enum Way {
    /// Nobody's.
    None,
    /// Those of person N: their first report.
    Words(u8),
    /// Those of person N: an addition to their first report.
    Adds(u8),
    /// Nobody's: what stands in the place of a mailbox looks like one and is no key.
    NoKey,
}

impl Way {
    /// The thread of person N's words.
    pub(crate) fn thread(person: u8) -> String {
        BASE64_URL_SAFE_NO_PAD.encode([person; 16])
    }

    /// What answers to person N are sealed to.
    pub(crate) fn mailbox(person: u8) -> Identity {
        Identity::generate(&mut StdRng::seed_from_u64(person.into()))
    }

    /// `route`, `mailbox`, `thread` and `adds_to` of `report.json`.
    fn members(self) -> [serde_json::Value; 4] {
        let own = || BASE64_URL_SAFE_NO_PAD.encode(OsRng.r#gen::<[u8; 16]>());
        let mailbox = |person| Self::mailbox(person).to_recipient().to_string();
        let null = serde_json::Value::Null;
        match self {
            Self::None => [
                "self".into(),
                null.clone(),
                "AAAAAAAAAAAAAAAAAAAAAA".into(),
                null,
            ],
            Self::NoKey => [
                "self".into(),
                format!("age1pq1{}", "q".repeat(1952)).into(),
                own().into(),
                null,
            ],
            Self::Words(person) => [
                "self".into(),
                mailbox(person).into(),
                Self::thread(person).into(),
                null,
            ],
            Self::Adds(person) => [
                "addition".into(),
                mailbox(person).into(),
                own().into(),
                Self::thread(person).into(),
            ],
        }
    }
}

/// A report of the first week without a contact.
pub(crate) const PLAIN: Told = Told {
    words: "dim ond geiriau",
    flags: &[],
    contact: None,
    week: 0,
    way: Way::None,
};

/// One with a sealed contact.
pub(crate) const fn with_contact(contact: &'static str) -> Told {
    Told {
        contact: Some(contact),
        ..PLAIN
    }
}

pub(crate) struct Office {
    dir: TempDir,
    pub(crate) program: PathBuf,
    log: RefCell<(Frontier, Vec<u8>)>,
}

/// The arguments of a ceremony of `officers`, of whom `quorum` open a contact.
pub(crate) fn ceremony(officers: u8, quorum: u8) -> Vec<String> {
    let log = log_key().verifier().to_string();
    let (officers, quorum) = (officers.to_string(), quorum.to_string());
    [
        ["ceremony", "--force", "btp", "--officers", &officers].as_slice(),
        &["--quorum", &quorum, "--weeks", "3", "--log", &log],
        &["--passphrase-file", "passphrases"],
    ]
    .concat()
    .into_iter()
    .map(str::to_owned)
    .collect()
}

fn log_key() -> Signer {
    Signer::from_seed(LOG_NAME, &[3; 32]).unwrap()
}

pub(crate) fn passphrase(name: &str) -> String {
    format!("only a test's passphrase of {name}")
}

impl Office {
    /// Passphrases for everybody, and nothing else yet.
    pub(crate) fn empty() -> Self {
        let office = Self {
            dir: tempfile::tempdir().unwrap(),
            program: Binaries::built().unwrap().keys(),
            log: RefCell::new((Frontier::new(), Vec::new())),
        };
        let names = (1..=9).map(|number| format!("officer-{number}"));
        let lines: String = names
            .chain(["root".to_owned()])
            .map(|name| format!("{name}: {}\n", passphrase(&name)))
            .collect();
        office.write("passphrases", lines.as_bytes());
        let private = fs::Permissions::from_mode(0o600);
        fs::set_permissions(office.path("passphrases"), private).unwrap();
        office
    }

    /// After a ceremony: `keys` and `vault`.
    pub(crate) fn new(officers: u8, quorum: u8) -> Self {
        let office = Self::empty();
        let args = ceremony(officers, quorum);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        office.ok(&[&args, ["--out", "keys", "--vault", "vault"].as_slice()].concat());
        office
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, bytes: &[u8]) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// What it said to scripts and to the person, in one line.
    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        let said = said(&output);
        assert!(output.status.success(), "{args:?}: {said}");
        said
    }

    pub(crate) fn fails(&self, args: &[&str], code: i32, wanted: &str) {
        let output = self.run(args);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{args:?}: {said}");
        assert!(said.contains(wanted), "{args:?}: {said}");
    }

    /// The directory that the vault has now, taken as published.
    pub(crate) fn directory(&self) -> Contents {
        let root: Verifier = String::from_utf8(self.read("vault/root.vkey"))
            .unwrap()
            .trim()
            .parse()
            .unwrap();
        let directory = Directory::open(&self.read("vault/directory"), &root).unwrap();
        directory.contents().clone()
    }

    /// Seals reports to the directory of now, brings them on a stick, imports them; gives their `h` in the order told.
    pub(crate) fn bring(&self, told: &[Told]) -> Vec<String> {
        let hs = self.load(told, &[]);
        self.ok(&by("officer-1", &["import", "bundle.tar"]));
        hs
    }

    /// Writes `bundle.tar` with an epoch of these reports, and leaves of these pages of answers behind them.
    pub(crate) fn load(&self, told: &[Told], pages: &[Vec<u8>]) -> Vec<String> {
        let contents = self.directory();
        let mut entries = Vec::new();
        let mut blobs = Vec::new();
        for position in 0..EPOCH {
            let at = usize::from(position);
            let Some(told) = told.get(at) else {
                let page = pages.get(at.saturating_sub(told.len()));
                entries.push(page.map_or_else(
                    || decoy(&Seed::from_bytes(&[5; 32]), position),
                    |page| page_leaf(page),
                ));
                continue;
            };
            let intake = contents.intake[told.week].recipient.as_str();
            let envelope = hafan_seal::seal(&pack(told, &contents), &intake.parse().unwrap());
            let (h, submission) = hafan_seal::submission(&envelope.unwrap());
            let t = tag_digest(submission[16..48].try_into().unwrap());
            entries.push(Entry::drop_of(h.0, t));
            blobs.push((h, submission));
        }
        let (tree, previous_checkpoint) = &mut *self.log.borrow_mut();
        let first = tree.size();
        tree.extend(entries.iter().map(Entry::leaf_hash));
        let checkpoint = Checkpoint::of(&log_origin(LOG_NAME, "btp", YEAR), tree);
        let checkpoint = checkpoint.unwrap().sign(&log_key());
        let seed = hex::encode([5; 32]);
        let head = Head {
            directory: self.read("vault/directory"),
            previous_checkpoint: std::mem::replace(previous_checkpoint, checkpoint.clone()),
            checkpoint,
            entries: entries.iter().flat_map(Entry::encode).collect(),
            epochs: format!(r#"[{{"first":{first},"leaves":8,"seed":"{seed}"}}]"#).into_bytes(),
        };
        let mut bundle = BundleWriter::begin(Vec::new(), &head).unwrap();
        for (h, blob) in &blobs {
            bundle.append_blob(h, blob).unwrap();
        }
        self.write("bundle.tar", &bundle.finish().unwrap());
        blobs.iter().map(|(h, _)| h.to_string()).collect()
    }

    /// What an officer's key file holds: the identity and the signing key.
    pub(crate) fn officer(&self, number: u16) -> (Identity, Signer) {
        let name = format!("officer-{number}");
        let locked = self.read(&format!("vault/officers/{name}.age"));
        open_officer(&locked, &name)
    }

    /// The names of the access record's events, in order, but for those of imports and of looking for a way back.
    pub(crate) fn recorded(&self) -> Vec<String> {
        let mut events = self.events();
        let left_out = ["imported", "collected"];
        events.retain(|event| !left_out.contains(&event.as_str()));
        events
    }

    /// The names of the access record's events, in order.
    pub(crate) fn events(&self) -> Vec<String> {
        let lines = String::from_utf8(self.read("vault/access/entries")).unwrap();
        let event = |line: &str| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let payload = BASE64_STANDARD.decode(line["payload"].as_str().unwrap());
            let payload: serde_json::Value = serde_json::from_slice(&payload.unwrap()).unwrap();
            payload["predicate"]["event"]["type"]
                .as_str()
                .unwrap()
                .to_owned()
        };
        lines.lines().map(event).collect()
    }
}

/// The leaf of a page of answers.
fn page_leaf(page: &[u8]) -> Entry {
    let page = Page::parse(page).unwrap();
    Entry {
        kind: EntryKind::ReplyPage,
        h: page.digest().0,
        t: page.index_digest().0,
    }
}

pub(crate) fn open_officer(locked: &[u8], name: &str) -> (Identity, Signer) {
    let secret = hafan_open::unlock(locked, &SecretString::from(passphrase(name))).unwrap();
    let text = std::str::from_utf8(&secret).unwrap();
    let (identity, line) = text.trim_end().split_once('\n').unwrap();
    (identity.parse().ok().unwrap(), parse_signer(line))
}

/// The signing key in the line of a key file.
pub(crate) fn parse_signer(line: &str) -> Signer {
    let mut parts = line.strip_prefix("PRIVATE+KEY+").unwrap().splitn(3, '+');
    let (name, _, key) = (parts.next().unwrap(), parts.next(), parts.next().unwrap());
    let seed: [u8; 32] = BASE64_STANDARD.decode(key).unwrap()[1..]
        .try_into()
        .unwrap();
    Signer::from_seed(name, &seed).unwrap()
}

/// `verb` as an officer, with the flags that all of them need.
pub(crate) fn by<'a>(officer: &'a str, verb: &[&'a str]) -> Vec<&'a str> {
    let who = ["--vault", "vault", "--as", officer];
    [verb, &who, &["--passphrase-file", "passphrases"]].concat()
}

/// An officer reads a report.
pub(crate) fn read<'a>(officer: &'a str, report: &'a str) -> Vec<&'a str> {
    by(officer, &["read", report, "--reason", "exercise"])
}

/// Both streams as words with one space between.
pub(crate) fn said(output: &Output) -> String {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8(text).unwrap();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Seals a contact as the page does: to an identity of its own, shared among the officers.
pub(crate) fn seal_contact(contact: &str, contents: &Contents) -> (SealedContact, Vec<String>) {
    // serde_json's own objects are sorted; the order of a contact is that of the protocol.
    let answer = serde_json::json!(contact);
    let mut plain = format!(
        r#"{{"version":1,"force":"btp","language":"cy","answers":[{{"id":"contact-name","question":"Pwy ydych chi?","answer":{answer}}}]}}"#
    )
    .into_bytes();
    plain.resize(8192, b' ');
    let identity = Identity::generate(&mut OsRng);
    let to = identity.to_recipient();
    let contact = hafan_seal::seal_bytes(&plain, std::slice::from_ref(&to)).unwrap();
    let count = u8::try_from(contents.contact.recipients.len()).unwrap();
    let threshold = u8::try_from(contents.contact.threshold).unwrap();
    let secret = identity.expose();
    let secret = secret.expose_secret().as_bytes();
    let dealt = shamir::split(secret, threshold, count, &mut OsRng).unwrap();
    let digests = dealt
        .iter()
        .map(|s| hex::encode(Sha256::digest(s.as_bytes())));
    let digests = digests.collect();
    let shares = dealt.iter().zip(&contents.contact.recipients);
    let shares = shares.map(|(share, to)| {
        let to = to.as_str().parse().unwrap();
        hafan_seal::seal_bytes(share.as_bytes(), &[to]).unwrap()
    });
    let shares = shares.collect();
    (SealedContact { contact, shares }, digests)
}

/// A report as it is sealed to one of the directory's weeks.
pub(crate) fn pack(told: &Told, contents: &Contents) -> Padded {
    let sealed = told.contact.map(|contact| seal_contact(contact, contents));
    let seal = sealed.as_ref().map(|(_, digests)| {
        serde_json::json!({"threshold": contents.contact.threshold, "shares": digests})
    });
    let [route, mailbox, thread, adds_to] = told.way.members();
    let report: Report = serde_json::from_value(serde_json::json!({
        "version": 1, "question_set": "full-1", "language": "cy", "route": route, "force": "btp",
        "key": {"id": contents.intake[told.week].id,
                "fingerprint": "0000 0000 0000 0000 0000 0000 0000 0000"},
        "promise": {"id": "p", "text": "Ni fyddwn yn ceisio dod o hyd i chi."},
        "written_on": "2026-11-23",
        "answers": [{"id": "a", "question": "Beth ddigwyddodd?", "answer": told.words, "choice": null,
                     "state": "answered", "person": null, "parts": []}],
        "people": [], "flags": told.flags, "wishes": [], "contact": seal, "files": [], "mailbox": mailbox,
        "thread": thread, "adds_to": adds_to,
    }))
    .unwrap();
    Padded::pack(&report, sealed.as_ref().map(|(contact, _)| contact), &[]).unwrap()
}

pub(crate) fn walk(dir: &Path) -> Vec<PathBuf> {
    xtask::search::files_under(dir).unwrap()
}
