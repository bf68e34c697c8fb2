//! What drills of the officers' side begin with: a ceremony's keys, and sticks with bundles that were made without a server.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use hafan_directory::{Directory, Force, root_key_name};
use hafan_envelope::bundle::{BundleWriter, Head};
use hafan_envelope::submission::{Digest, tag_digest};
use hafan_report::{Padded, Report};
use hafan_tlog::{Checkpoint, Entry, Frontier, Seed, Signer, Verifier, decoy, log_origin};
use tempfile::TempDir;
use xtask::binaries::Binaries;

pub(crate) const LOG_NAME: &str = "offline.example/hafan";
pub(crate) const YEAR: u16 = 2026;
pub(crate) const EPOCH: u16 = 8;
pub(crate) const SEED: [u8; 32] = [5; 32];

/// A ceremony's keys and a stick with one bundle.
pub(crate) struct Drill {
    pub(crate) dir: TempDir,
    pub(crate) keys: PathBuf,
}

impl Drill {
    pub(crate) fn new(reports: &[&str]) -> Self {
        let keys = Binaries::built().unwrap().keys();
        let drill = Self {
            dir: tempfile::tempdir().unwrap(),
            keys,
        };
        let lines = "root: only a test's passphrase\nofficer-1: only one test's passphrase\n\
                     officer-2: only another test's passphrase\n";
        fs::write(drill.path("passphrases"), lines).unwrap();
        fs::set_permissions(drill.path("passphrases"), fs::Permissions::from_mode(0o600)).unwrap();
        let log = signer().verifier().to_string();
        drill.ok(&[
            "ceremony",
            "--force",
            "btp",
            "--officers",
            "2",
            "--quorum",
            "2",
            "--weeks",
            "2",
            "--log",
            &log,
            "--out",
            "keys",
            "--vault",
            "vault",
            "--passphrase-file",
            "passphrases",
        ]);
        drill.write_bundle(reports);
        drill
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(&self.keys);
        command
            .args(args)
            .current_dir(self.dir.path())
            .stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    pub(crate) fn ok(&self, args: &[&str]) -> String {
        let output = self.run(args);
        assert!(
            output.status.success(),
            "{args:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }

    pub(crate) fn fails(&self, args: &[&str], code: i32, said: &str) {
        let output = self.run(args);
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(code), "{args:?}: {text}");
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(text.contains(said), "{text}");
    }

    pub(crate) fn write_bundle(&self, reports: &[&str]) {
        self.write_bundle_to(reports, 0);
    }

    /// Seals to the intake key that is the `week`th of the directory.
    pub(crate) fn write_bundle_to(&self, reports: &[&str], week: usize) {
        let directory = fs::read(self.path("keys/operator/btp.directory")).unwrap();
        let root = fs::read_to_string(self.path("keys/root/root.vkey")).unwrap();
        let root: Verifier = root.trim().parse().unwrap();
        assert_eq!(root.name(), root_key_name(&"btp".parse::<Force>().unwrap()));
        let opened = Directory::open(&directory, &root).unwrap();
        let intake = opened.contents().intake[week]
            .recipient
            .to_string()
            .parse()
            .unwrap();
        let mut entries = Vec::new();
        let mut blobs = Vec::new();
        for position in 0..EPOCH {
            entries.push(match reports.get(usize::from(position)) {
                None => decoy(&Seed::from_bytes(&SEED), position),
                Some(words) => {
                    let padded = Padded::pack(&report(words), None, &[]).unwrap();
                    let envelope = hafan_seal::seal(&padded, &intake).unwrap();
                    let (h, submission) = hafan_seal::submission(&envelope);
                    let t = tag_digest(submission[16..48].try_into().unwrap());
                    blobs.push((h, submission));
                    Entry::drop_of(h.0, t)
                }
            });
        }
        let mut tree = Frontier::new();
        tree.extend(entries.iter().map(Entry::leaf_hash));
        let origin = log_origin(LOG_NAME, "btp", YEAR);
        let head = Head {
            directory,
            previous_checkpoint: Vec::new(),
            checkpoint: Checkpoint::of(&origin, &tree).unwrap().sign(&signer()),
            entries: entries.iter().flat_map(Entry::encode).collect(),
            epochs: format!(
                r#"[{{"first":0,"leaves":8,"seed":"{}"}}]"#,
                hex::encode(SEED)
            )
            .into_bytes(),
        };
        write(&self.path("bundle.tar"), &head, &blobs);
        blobs.remove(0);
        write(&self.path("withheld.tar"), &head, &blobs);
    }
}

pub(crate) fn write(path: &Path, head: &Head, blobs: &[(Digest, Vec<u8>)]) {
    let mut bundle = BundleWriter::begin(Vec::new(), head).unwrap();
    for (h, blob) in blobs {
        bundle.append_blob(h, blob).unwrap();
    }
    fs::write(path, bundle.finish().unwrap()).unwrap();
}

pub(crate) fn signer() -> Signer {
    Signer::from_seed(LOG_NAME, &[3; 32]).unwrap()
}

pub(crate) fn report(words: &str) -> Report {
    let json = serde_json::json!({
        "version": 1, "question_set": "full-1", "language": "cy", "route": "self", "force": "btp",
        "key": {"id": "2026-W48", "fingerprint": "0000 0000 0000 0000 0000 0000 0000 0000"},
        "promise": {"id": "p", "text": "Ni fyddwn yn ceisio dod o hyd i chi."},
        "written_on": "2026-11-23",
        "answers": [
            {"id": "a", "question": "Beth ddigwyddodd?", "answer": words, "choice": null,
             "state": "answered", "person": null, "parts": []},
            {"id": "b", "question": "Pryd?", "answer": null, "choice": null,
             "state": "skipped", "person": null, "parts": []},
        ],
        "people": [], "flags": [], "wishes": [], "contact": null, "files": [], "mailbox": null,
        "thread": "AAAAAAAAAAAAAAAAAAAAAA", "adds_to": null,
    });
    serde_json::from_value(json).unwrap()
}

pub(crate) fn walk(dir: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(walk(&path));
        } else {
            files.push(path);
        }
    }
    files
}

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            fs::copy(&path, &target).unwrap();
        }
    }
}
