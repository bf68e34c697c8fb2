//! Releases the demonstration's site, as those who release the real one do: each with a key of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use sha2::{Digest as _, Sha256};

use super::layout::{Layout, Settings, passphrase, private_dir, write_private};
use crate::binaries::Binaries;
use crate::process::{guarded, output};
use crate::root;

impl Layout {
    /// The keys of those who release the site.
    fn releasers(&self) -> PathBuf {
        self.dir().join("keys/release")
    }

    /// The verification key of each of those who release the site, in order of name.
    ///
    /// # Errors
    /// When they are not there.
    pub fn release_vkeys(&self) -> Result<Vec<PathBuf>> {
        self.release_files("vkey")
    }

    fn release_files(&self, extension: &str) -> Result<Vec<PathBuf>> {
        let dir = self.releasers();
        let mut paths = Vec::new();
        let entries = fs::read_dir(&dir).with_context(|| {
            format!(
                "cannot read {}: a demonstration of an earlier version has none; remove that folder, or name another with --dir",
                dir.display()
            )
        })?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|found| found == extension) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }

    /// Makes a key for each of those who release the site.
    pub(super) fn make_releasers(&self, binaries: &Binaries, settings: &Settings) -> Result<()> {
        let dir = self.releasers();
        private_dir(&dir)?;
        let mut lines = String::new();
        for name in &settings.releasers {
            lines.push_str(&format!("{name}: {}\n", passphrase()?));
        }
        let passphrases = dir.join("PASSPHRASES");
        write_private(&passphrases, &lines)?;
        for name in &settings.releasers {
            output(
                "hafan-keys release key",
                guarded(binaries.keys())
                    .args(["release", "key", name, "--out"])
                    .arg(dir.join(format!("{name}.age")))
                    .arg("--passphrase-file")
                    .arg(&passphrases),
            )?;
        }
        Ok(())
    }

    /// Signs the site that lies there, unless the last release is of it.
    ///
    /// # Errors
    /// When there is none, or a program refuses.
    pub fn release_site(&self, binaries: &Binaries) -> Result<()> {
        let manifest = self.site().join("manifest.json");
        let bytes = fs::read(&manifest)
            .with_context(|| format!("there is no site at {}", self.site().display()))?;
        let digest: String = Sha256::digest(&bytes)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let before = fs::read_to_string(self.release()).unwrap_or_default();
        if before.contains(&digest) {
            return Ok(());
        }
        let (sequence, source) = (sequence_of(&before) + 1, source());
        let keys = self.release_files("age")?;
        let mut signed: Option<PathBuf> = None;
        for (at, key) in keys.iter().enumerate() {
            let out = self.dir().join(format!("release.signed-by-{}", at + 1));
            let mut command = guarded(binaries.keys());
            command
                .args(["release", "sign", "--manifest"])
                .arg(&manifest)
                .arg("--key")
                .arg(key)
                .arg("--out")
                .arg(&out)
                .arg("--passphrase-file")
                .arg(self.releasers().join("PASSPHRASES"));
            match signed {
                None => {
                    command.args(["--sequence", &sequence.to_string(), "--source", &source]);
                }
                Some(ref with) => {
                    command.arg("--with").arg(with);
                    for key in keys.iter().take(at) {
                        command.arg("--by").arg(key.with_extension("age.vkey"));
                    }
                }
            }
            output("hafan-keys release sign", &mut command)?;
            if let Some(before) = signed.replace(out) {
                fs::remove_file(before)?;
            }
        }
        let signed = signed.context("nobody releases the site")?;
        fs::rename(signed, self.release()).context("cannot put the release in its place")
    }
}

/// The sequence of a signed release; 0 when there is none.
fn sequence_of(note: &str) -> u64 {
    let json = note.lines().nth(1).unwrap_or_default();
    let release: serde_json::Value = serde_json::from_str(json).unwrap_or_default();
    let sequence = release.get("sequence");
    sequence.and_then(serde_json::Value::as_u64).unwrap_or(0)
}

/// The commit that is checked out; zeros where there is none, such as in an unpacked archive.
fn source() -> String {
    let asked = Command::new("git")
        .arg("-C")
        .arg(root())
        .args(["rev-parse", "HEAD"])
        .output();
    let text = asked.map(|found| String::from_utf8_lossy(&found.stdout).trim().to_owned());
    text.ok()
        .filter(|text| text.len() == 40)
        .unwrap_or_else(|| "0".repeat(40))
}

/// The verification keys, as the configuration lists them.
pub(super) fn listed(vkeys: &[PathBuf]) -> Result<String> {
    let quoted: Result<Vec<String>> = vkeys.iter().map(|path| quoted(path)).collect();
    Ok(quoted?.join(", "))
}

fn quoted(path: &Path) -> Result<String> {
    let text =
        fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    Ok(format!("\"{}\"", text.trim()))
}
