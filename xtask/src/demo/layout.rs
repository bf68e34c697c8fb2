//! Lays out a demonstration, or a test's system: keys of each force, the store, the configuration.
//!
//! Under one folder: `store/`, `pinned/`, `directories/`, `site/`, `keys/<force>/`, `vault/<force>/`, `stick/<force>/`,
//! `gateway-site/`, `keys/release/`, `release`, `log.key`, `roots.json`, `config.toml`, and `gateway.toml` once the gateway was started.
//! Of the others `config.toml` is written last: where it is, everything else is.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use super::release::listed;
use crate::binaries::Binaries;
use crate::http;
use crate::process::{Output, Running, guarded, output, say};

/// The name that the demonstration's logs are signed under.
pub const LOG_NAME: &str = "demo.invalid/hafan";

/// How a system is to be laid out.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The forces that have keys.
    pub forces: Vec<String>,
    /// Officers a force, and how many of them open a contact together.
    pub officers: u8,
    /// See `officers`.
    pub quorum: u8,
    /// Weeks of intake keys.
    pub weeks: u8,
    /// The people who release the site together.
    pub releasers: Vec<String>,
    /// Seconds an epoch.
    pub epoch_s: u32,
    /// Leaves an epoch.
    pub leaves_per_epoch: u16,
    /// Milliseconds that submissions are gathered for.
    pub intake_batch_ms: u32,
    /// Lines of TOML put before the configuration's `[forces]`, such as a `[limits]` table.
    pub more: String,
}

impl Settings {
    /// As `cargo xtask demo` has it: every force, an epoch of 2 s.
    #[must_use]
    pub fn demo() -> Self {
        Self {
            forces: crate::FORCES.map(str::to_owned).to_vec(),
            officers: 3,
            quorum: 2,
            weeks: 8,
            releasers: vec!["alys".to_owned(), "bryn".to_owned()],
            epoch_s: 2,
            leaves_per_epoch: 8,
            intake_batch_ms: 500,
            more: "gateway_listen = \"127.0.0.1:0\"\n".to_owned(),
        }
    }

    /// For tests: one force with one officer, the shortest epoch and batch.
    #[must_use]
    pub fn small() -> Self {
        Self {
            forces: vec!["btp".to_owned()],
            officers: 1,
            quorum: 1,
            weeks: 2,
            releasers: vec!["alys".to_owned()],
            epoch_s: 1,
            leaves_per_epoch: 8,
            intake_batch_ms: 20,
            more: String::new(),
        }
    }
}

impl Settings {
    /// The force that reads reports which involve people of `force`: the next one, if there is more than one.
    fn police_suspect(&self, force: &str) -> Option<&str> {
        let at = self.forces.iter().position(|other| other == force)?;
        let next = self.forces.get(at + 1).or_else(|| self.forces.first())?;
        (next != force).then_some(next.as_str())
    }
}

/// The paths of a system, and the address that its server takes.
#[derive(Clone, Debug)]
pub struct Layout {
    dir: PathBuf,
    port: u16,
}

impl Layout {
    /// A system under `dir` whose server listens on 127.0.0.1:`port`; 0 lets the system choose.
    #[must_use]
    pub fn new(dir: &Path, port: u16) -> Self {
        Self {
            dir: dir.to_owned(),
            port,
        }
    }

    /// The folder that holds everything.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The server's store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.dir.join("store")
    }

    /// The newest checkpoint of each log.
    #[must_use]
    pub fn pinned(&self) -> PathBuf {
        self.dir.join("pinned")
    }

    /// The built pages.
    #[must_use]
    pub fn site(&self) -> PathBuf {
        self.dir.join("site")
    }

    /// The signed release of the built pages.
    #[must_use]
    pub fn release(&self) -> PathBuf {
        self.dir.join("release")
    }

    /// The built pages of the gateway.
    #[must_use]
    pub fn gateway_site(&self) -> PathBuf {
        self.dir.join("gateway-site")
    }

    /// The gateway's configuration.
    #[must_use]
    pub fn gateway_config(&self) -> PathBuf {
        self.dir.join("gateway.toml")
    }

    /// The signed directories that the server gives out.
    #[must_use]
    pub fn directories(&self) -> PathBuf {
        self.dir.join("directories")
    }

    /// Everything that a force's ceremony made.
    #[must_use]
    pub fn keys(&self, force: &str) -> PathBuf {
        self.dir.join("keys").join(force)
    }

    /// The passphrases of a force's keys.
    #[must_use]
    pub fn passphrases(&self, force: &str) -> PathBuf {
        self.keys(force).join("PASSPHRASES")
    }

    /// The public half of a force's root key.
    #[must_use]
    pub fn root_vkey(&self, force: &str) -> PathBuf {
        self.keys(force).join("root/root.vkey")
    }

    /// The key of a force's first courier.
    #[must_use]
    pub fn courier_key(&self, force: &str) -> PathBuf {
        self.keys(force).join("courier/courier-1.key")
    }

    /// The officers' vault of a force.
    #[must_use]
    pub fn vault(&self, force: &str) -> PathBuf {
        self.dir.join("vault").join(force)
    }

    /// The removable media between a force's courier and its officers.
    #[must_use]
    pub fn stick(&self, force: &str) -> PathBuf {
        self.dir.join("stick").join(force)
    }

    /// The server's configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.dir.join("config.toml")
    }

    /// The root keys by force, as the site's build wants them.
    #[must_use]
    pub fn roots(&self) -> PathBuf {
        self.dir.join("roots.json")
    }

    fn log_key(&self) -> PathBuf {
        self.dir.join("log.key")
    }

    /// Whether everything is there already.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.config().is_file()
    }

    /// Makes everything but the site.
    ///
    /// # Errors
    /// When the folder holds something already, or a program refuses.
    pub fn make(&self, binaries: &Binaries, settings: &Settings) -> Result<()> {
        if self.dir.exists() && !self.dir.is_dir() {
            bail!(
                "{} is not a folder: name another with --dir",
                self.dir.display()
            );
        }
        if self.dir.exists() && fs::read_dir(&self.dir)?.next().is_some() {
            bail!(
                "{} holds something, but not a whole demonstration (no config.toml): remove it, or name another folder with --dir",
                self.dir.display()
            );
        }
        private_dir(&self.dir)?;
        for name in ["keys", "vault", "stick", "directories"] {
            private_dir(&self.dir.join(name))?;
        }
        let vkey = output(
            "hafan log-key",
            guarded(binaries.server())
                .args(["log-key", "--log-name", LOG_NAME, "--out"])
                .arg(self.log_key()),
        )?;
        let vkey = String::from_utf8(vkey).context("hafan log-key did not write UTF-8")?;
        for force in &settings.forces {
            self.hold_ceremony(binaries, settings, force, vkey.trim())?;
        }
        self.make_releasers(binaries, settings)?;
        self.write_roots(settings)?;
        if !self.site().exists() {
            fs::create_dir(self.site())?;
        }
        let unfinished = self.dir.join("config.unfinished.toml");
        fs::write(&unfinished, self.config_text(settings)?)?;
        output(
            "hafan init",
            guarded(binaries.server())
                .args(["init", "--config"])
                .arg(&unfinished),
        )?;
        fs::rename(&unfinished, self.config())?;
        Ok(())
    }

    /// Writes the configuration anew, for another port or other settings.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_config(&self, settings: &Settings) -> Result<()> {
        fs::write(self.config(), self.config_text(settings)?)
            .with_context(|| format!("cannot write {}", self.config().display()))
    }

    fn hold_ceremony(
        &self,
        binaries: &Binaries,
        settings: &Settings,
        force: &str,
        log: &str,
    ) -> Result<()> {
        // The ceremony makes its own folder, so the passphrases wait beside it.
        let waiting = self.dir.join("keys").join(format!("{force}.PASSPHRASES"));
        let mut lines = format!("root: {}\n", passphrase()?);
        for officer in 1..=settings.officers {
            lines.push_str(&format!("officer-{officer}: {}\n", passphrase()?));
        }
        write_private(&waiting, &lines)?;
        let mut ceremony = guarded(binaries.keys());
        ceremony
            .args(["ceremony", "--force", force, "--log", log])
            .args(["--officers", &settings.officers.to_string()])
            .args(["--quorum", &settings.quorum.to_string()])
            .args(["--weeks", &settings.weeks.to_string()])
            .arg("--out")
            .arg(self.keys(force))
            .arg("--vault")
            .arg(self.vault(force))
            .arg("--passphrase-file")
            .arg(&waiting);
        if let Some(other) = settings.police_suspect(force) {
            ceremony.args(["--police-suspect", other]);
        }
        output(
            &format!("hafan-keys ceremony --force {force}"),
            &mut ceremony,
        )?;
        fs::rename(&waiting, self.passphrases(force))?;
        private_dir(&self.stick(force))?;
        self.publish_directory(force)
    }

    /// Copies the directory that the ceremony signed to where the server reads it.
    ///
    /// # Errors
    /// When it is not there or cannot be copied.
    pub fn publish_directory(&self, force: &str) -> Result<()> {
        let name = format!("{force}.directory");
        let signed = self.keys(force).join("operator").join(&name);
        fs::copy(&signed, self.directories().join(&name))
            .with_context(|| format!("cannot copy {}", signed.display()))?;
        Ok(())
    }

    fn root(&self, force: &str) -> Result<String> {
        let path = self.root_vkey(force);
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(text.trim().to_owned())
    }

    fn write_roots(&self, settings: &Settings) -> Result<()> {
        let mut roots = BTreeMap::new();
        for force in &settings.forces {
            roots.insert(force.as_str(), self.root(force)?);
        }
        let mut text = serde_json::to_string_pretty(&roots)?;
        text.push('\n');
        fs::write(self.roots(), text).context("cannot write roots.json")
    }

    fn config_text(&self, settings: &Settings) -> Result<String> {
        let mut text = format!(
            "# Written by cargo xtask. What each option means: src/server/src/config.rs.\n\
             listen = \"127.0.0.1:{}\"\n\
             log_name = \"{LOG_NAME}\"\n\
             log_key_path = \"log.key\"\n\
             store_dir = \"store\"\n\
             pinned_dir = \"pinned\"\n\
             drafts_dir = \"drafts\"\n\
             site_dir = \"site\"\n\
             release_path = \"release\"\n\
             release_keys = [{}]\n\
             directories_dir = \"directories\"\n\
             epoch_s = {}\n\
             leaves_per_epoch = {}\n\
             intake_batch_ms = {}\n\
             {}\n",
            self.port,
            listed(&self.release_vkeys()?)?,
            settings.epoch_s,
            settings.leaves_per_epoch,
            settings.intake_batch_ms,
            settings.more,
        );
        for force in &settings.forces {
            text.push_str(&format!(
                "[forces.{force}]\nroot = \"{}\"\n",
                self.root(force)?
            ));
        }
        Ok(text)
    }

    /// Where a server that was just started takes what the gateway passes on; `gateway_listen` must be configured.
    ///
    /// # Errors
    /// When it does not say so within 60 s.
    pub fn gateway_door(server: &mut Running) -> Result<SocketAddr> {
        let heard = server.listener();
        let mut address = None;
        server.wait_until(Duration::from_secs(60), || {
            address = said_after("gateway listening on ", &heard.bytes());
            address.is_some()
        })?;
        address.context("the server does not say where it listens for the gateway")
    }

    /// Starts the gateway, which passes on to `server`, and waits until it listens; its pages must be built.
    ///
    /// # Errors
    /// When it ends before, or does not listen within 60 s.
    pub fn serve_gateway(
        &self,
        mut command: std::process::Command,
        settings: &Settings,
        server: SocketAddr,
        port: u16,
        show: Output,
    ) -> Result<(Running, SocketAddr)> {
        let mut text = format!(
            "# Written by cargo xtask. What each option means: src/gateway/src/config.rs.\n\
             listen = \"127.0.0.1:{port}\"\nserver = \"{server}\"\nsite_dir = \"gateway-site\"\n",
        );
        for force in &settings.forces {
            let root = self.root(force)?;
            text.push_str(&format!("[forces.{force}]\nroot = \"{root}\"\n"));
        }
        fs::write(self.gateway_config(), text)
            .with_context(|| format!("cannot write {}", self.gateway_config().display()))?;
        command
            .args(["serve", "--config"])
            .arg(self.gateway_config());
        let mut gateway = Running::start("hafan-gateway serve", command, show)?;
        let heard = gateway.listener();
        let mut address = None;
        gateway.wait_until(Duration::from_secs(60), || {
            address = said_address(&heard.bytes());
            address.is_some()
        })?;
        Ok((
            gateway,
            address.context("the gateway does not say where it listens")?,
        ))
    }

    /// Starts the server with the site that lies there, which is released first, and waits until it is ready.
    ///
    /// # Errors
    /// When it ends before it is ready, or is not within 60 s.
    pub fn serve(&self, binaries: &Binaries, show: Output) -> Result<(Running, SocketAddr)> {
        self.release_site(binaries)?;
        let mut command = guarded(binaries.server());
        let limit = Duration::from_secs(60);
        command.args(["serve", "--config"]).arg(self.config());
        let mut server = Running::start("hafan serve", command, show)?;
        let mut address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let heard = server.listener();
        server.wait_until(limit, || {
            let found = said_address(&heard.bytes());
            if let Some(found) = found {
                address = found;
            }
            found.is_some()
        })?;
        server.wait_until(limit, || {
            http::get(address, "/readyz", &[]).is_ok_and(|answer| answer.status == 200)
        })?;
        Ok((server, address))
    }
}

/// The address in the server's one line `listening on 127.0.0.1:PORT`, once that line is whole.
fn said_address(heard: &[u8]) -> Option<SocketAddr> {
    said_after("listening on ", heard)
}

fn said_after(label: &str, heard: &[u8]) -> Option<SocketAddr> {
    let text = String::from_utf8_lossy(heard);
    text.split_inclusive('\n')
        .filter_map(|line| line.strip_suffix('\n'))
        .find_map(|line| line.strip_prefix(label)?.parse().ok())
}

/// Writes a new file that only its owner can read.
pub(super) fn write_private(path: &Path, text: &str) -> Result<()> {
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("cannot make {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    file.sync_all()?;
    Ok(())
}

/// Makes a folder that only its owner can look into, unless it is there.
pub(super) fn private_dir(dir: &Path) -> Result<()> {
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .with_context(|| format!("cannot make {}", dir.display()))
}

/// 120 bits from the operating system, in groups that can be typed.
pub(super) fn passphrase() -> Result<String> {
    let mut bytes = [0; 15];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("cannot read /dev/urandom")?;
    let groups: Vec<String> = bytes
        .chunks(3)
        .map(|group| group.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    Ok(groups.join("-"))
}

/// Says that a demonstration goes on where it was.
pub(super) fn say_resumed(layout: &Layout) {
    say(&format!(
        "Going on with the demonstration in {}; to start afresh, remove that folder.",
        layout.dir().display()
    ));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_taken_from_the_whole_line_that_says_it() {
        let heard = b"{\"message\":\"127.0.0.1:1\"}\nlistening on 127.0.0.1:4711\n";
        assert_eq!(said_address(heard).unwrap().port(), 4711);
        assert_eq!(said_address(b"listening on 127.0.0.1:47"), None);
        assert_eq!(said_address(b"admin listening on 127.0.0.1:4712\n"), None);
        assert_eq!(said_address(b"gateway listening on 127.0.0.1:4713\n"), None);
    }

    #[test]
    fn two_passphrases_differ_and_are_long_enough() {
        let (first, second) = (passphrase().unwrap(), passphrase().unwrap());
        assert_ne!(first, second);
        assert_eq!(first.len(), 34);
    }
}
