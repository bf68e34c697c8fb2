//! The server's configuration: one TOML file, each option with its unit, its default, and what whoever controls it can do.
//!
//! An unknown option is refused, nothing is guessed, and nothing that is missing is made. Relative paths are relative to the file's folder.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

use hafan_directory::{Force, release, root_key_name};
use hafan_tlog::Verifier;
use serde::Deserialize;

use crate::forwarded::Forwarded;
use crate::store::StoreConfig;

/// The size of each segment of the value log: docs/protocol.md section 6.
const SEGMENT_SIZE_BYTES: u64 = 64 * 1024 * 1024;

/// Half of it is a force's own: the largest submission that is held in memory has room there.
const MEMORY_A_FORCE_BYTES_MIN: u32 = 1_310_720;

/// Where to listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A loopback address: TLS and the outside world are the reverse proxy's.
    Tcp(SocketAddr),
    /// A Unix socket, given as `unix:/path`.
    Unix(PathBuf),
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Listen {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        let address: SocketAddr = text.parse().map_err(|_| {
            "wanted an address and port such as 127.0.0.1:8080, or unix:/path".to_owned()
        })?;
        if !address.ip().is_loopback() {
            return Err(
                "wanted a loopback address: TLS ends in a reverse proxy on this machine".to_owned(),
            );
        }
        Ok(Self::Tcp(address))
    }
}

impl<'de> Deserialize<'de> for Listen {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The file as it is written.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where reporters' requests come in, through the reverse proxy: `127.0.0.1:8080` or `unix:/run/hafan/http.sock`
    /// (mode 0660). Port 0 lets the system choose. No default. Who controls it can take the service off the air.
    pub listen: Listen,

    /// Where `/metrics` is: a loopback address or a Unix socket. Default: nowhere.
    /// Who reads it learns how many epochs were published and whether the store is full: nothing of any report.
    #[serde(default)]
    pub admin_listen: Option<Listen>,

    /// Where the gateway passes on what it sealed for people without JavaScript: a Unix socket or a loopback address.
    /// Default: nowhere. Nobody else should reach it: a quarter of the room is kept for it, and it is asked for no work.
    #[serde(default)]
    pub gateway_listen: Option<Listen>,

    /// What becomes of a request in which the proxy passes on who asks (`X-Forwarded-For` and its like): `refuse` or
    /// `strip`. Default `refuse`, so that a proxy that is set wrong is found at its first request and not years later.
    /// Who sets `strip` has addresses come as far as this process, whose memory they are in until the answer.
    #[serde(default)]
    pub forwarded: Forwarded,

    /// The log name, `<host>/hafan`: first part of the origin of every log. No default.
    /// Who changes it makes every checkpoint one of another log, which auditors and officers refuse.
    pub log_name: String,

    /// File of the key that signs the logs, made by `hafan init`, mode 0600. No default.
    /// Who reads it can sign a false log, which auditors and the officers' last checkpoint expose; it opens no report.
    pub log_key_path: PathBuf,

    /// Folder of the value log and its index, made by `hafan init`. No default.
    /// Losing it loses reports. Who reads it has ciphertext and public leaves.
    pub store_dir: PathBuf,

    /// Folder of the newest checkpoint of each log, made by `hafan init`; keep it on another disk. No default.
    /// Who controls it and the store can put an older store in its place unseen by this server, not by officers.
    pub pinned_dir: PathBuf,

    /// Folder of the drafts: what was written and not sent, sealed, for thirty days; made by `hafan init`. No default.
    /// Losing it loses unfinished drafts and nothing else. Who reads it has ciphertext under random names, by the day.
    pub drafts_dir: PathBuf,

    /// Folder of the built site with its `manifest.json`. No default.
    /// Who controls it controls the page that seals reports: only a released build belongs there.
    pub site_dir: PathBuf,

    /// File of the signed release of the site in `site_dir`. No default.
    /// Who controls it can put an older release in its place, which the operator's log refuses; none of his own.
    pub release_path: PathBuf,

    /// The vkeys of the people who release the site, `hafan-release/<name>+…`: each of them must have signed. 1 to 8.
    /// No default. Who changes them can serve a site of his own, which auditors refuse, who have the keys from elsewhere.
    pub release_keys: Vec<String>,

    /// Folder of the signed directories, `<force>.directory`; read at start and on SIGHUP. No default.
    /// Who controls it can withhold a newer directory; a false one does not verify against the force's root key.
    pub directories_dir: PathBuf,

    /// Whether answers carry `Strict-Transport-Security`. Default false: it belongs to the proxy that ends TLS.
    #[serde(default)]
    pub hsts: bool,

    /// Where `/leave` sends people: an `https` address of a page that nobody would be asked about.
    /// Default: a weather page. Who controls it chooses what stands in the history after a visit.
    #[serde(default = "default_leave_url")]
    pub leave_url: String,

    /// Seconds from one epoch to the next, 1 to 86,400. Default 300.
    /// Who shortens it narrows the time in which a leaf can have come in.
    #[serde(default = "default_epoch_s")]
    pub epoch_s: u32,

    /// Leaves a force's log grows by in each epoch, 1 to 256. Default 8.
    /// Who changes it shows on the public log when it was changed; too small a number makes reports queue.
    #[serde(default = "default_leaves_per_epoch")]
    pub leaves_per_epoch: u16,

    /// Milliseconds that submissions are gathered, shuffled and synced together, 1 to 10,000. Default 1,000.
    /// Who shortens it lets the disk keep a finer order of arrival.
    #[serde(default = "default_intake_batch_ms")]
    pub intake_batch_ms: u32,

    /// What the machine can carry.
    #[serde(default)]
    pub limits: Limits,

    /// The forces, each with its root key. Who changes a root key can have envelopes sealed to keys of his own;
    /// the page pins the same key and refuses.
    pub forces: BTreeMap<String, ForceConfig>,
}

/// What the machine can carry.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once, 1 to 65,536; for one more, the one that has waited longest for its peer is closed. Default 4,096.
    pub connections_max: u32,
    /// Bytes of memory that submissions, pages of answers and drafts on their way in may hold together; more are told
    /// to come back. Half of it is shared out among the forces, so that a flood to one stops no other. Default 64 MiB, at
    /// least 4 MiB and 1.25 MiB a force.
    pub in_flight_bytes_max: u32,
    /// Submissions over 1 MiB at once, each with a file of up to 33 MiB in the store's file system; fewer when the
    /// disk has no room for all of them. Half of it is shared out among the forces: under two a force there is none for
    /// each, and a flood of large ones to one force stops the large ones of all. Default 128.
    pub spilled_max: u32,
    /// Epochs that a force's waiting submissions may fill before more are told to come back. Default 576: two days
    /// of 300 s. Who raises it lets a flood hold up honest reports for longer, unseen by those who sent them.
    pub backlog_epochs_max: u32,
    /// Drafts at once, each of 67,195 bytes; more are told that there is no room. Default 20,000: 1.3 GB.
    /// Who lowers it lets a flood keep people from saving; reports are not touched by it.
    pub drafts_max: u32,
    /// Bytes that stay free in the store's file system; under it submissions are refused with 507. Default 256 MiB.
    /// Drafts give way before reports do: they are refused under twice as many in the file system of `drafts_dir`.
    pub free_bytes_min: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 4096,
            in_flight_bytes_max: 64 * 1024 * 1024,
            spilled_max: 128,
            backlog_epochs_max: 576,
            drafts_max: 20_000,
            free_bytes_min: 256 * 1024 * 1024,
        }
    }
}

/// One force.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ForceConfig {
    /// The vkey of the force's root key, `hafan/<force>/root+…`.
    pub root: String,
}

fn default_leave_url() -> String {
    "https://www.bbc.co.uk/weather".to_owned()
}

fn default_epoch_s() -> u32 {
    300
}

fn default_leaves_per_epoch() -> u16 {
    8
}

fn default_intake_batch_ms() -> u32 {
    1000
}

/// Why a configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The file cannot be read.
    #[error("cannot read the configuration {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// Not TOML, an unknown option, a missing one, or one of the wrong kind.
    #[error("configuration {path}")]
    Toml {
        /// The file.
        path: PathBuf,
        /// Says line, option and what was wanted. Boxed for its size.
        source: Box<toml::de::Error>,
    },
    /// An option is out of its bounds.
    #[error("configuration: `{option}`: {wanted}")]
    Option {
        /// The option's name.
        option: String,
        /// What was wanted.
        wanted: String,
    },
}

fn wrong(option: impl Into<String>, wanted: impl Into<String>) -> ConfigError {
    ConfigError::Option {
        option: option.into(),
        wanted: wanted.into(),
    }
}

/// What the configuration of the package says where only the operator knows.
const UNFILLED: &str = "REPLACE-ME";

/// Refuses a configuration in which something is left as the package has it.
fn check_filled(text: &str) -> Result<(), ConfigError> {
    let lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let left = lines
        .filter(|line| line.contains(UNFILLED))
        .map(|line| line.split('=').next().unwrap_or_default().trim())
        .next();
    left.map_or(Ok(()), |option| {
        Err(wrong(
            option,
            format!(
                "it still says {UNFILLED}, as it came with the package: write what is right for you"
            ),
        ))
    })
}

/// The forces and the root key that each force's directory is signed with.
pub type Roots = BTreeMap<Force, Verifier>;

impl Config {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`ConfigError`]: unreadable, not as documented, or out of bounds.
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path).map_err(|source| ConfigError::Read {
            path: path.to_owned(),
            source,
        })?;
        let base = path.parent().unwrap_or(Path::new(""));
        Self::parse(&text, base).map_err(|error| match error {
            ConfigError::Toml { source, .. } => ConfigError::Toml {
                path: path.to_owned(),
                source,
            },
            ConfigError::Read { .. } | ConfigError::Option { .. } => error,
        })
    }

    fn parse(text: &str, base: &Path) -> Result<Self, ConfigError> {
        let mut config: Self = toml::from_str(text).map_err(|source| ConfigError::Toml {
            path: PathBuf::new(),
            source: Box::new(source),
        })?;
        check_filled(text)?;
        for path in [
            &mut config.log_key_path,
            &mut config.store_dir,
            &mut config.pinned_dir,
            &mut config.drafts_dir,
            &mut config.site_dir,
            &mut config.release_path,
            &mut config.directories_dir,
        ] {
            *path = base.join(&path);
        }
        config.check_bounds()?;
        config.roots()?;
        config.release_verifiers()?;
        Ok(config)
    }

    fn check_bounds(&self) -> Result<(), ConfigError> {
        if !(1..=86_400).contains(&self.epoch_s) {
            return Err(wrong("epoch_s", "wanted 1 to 86400 seconds"));
        }
        if !(1..=256).contains(&self.leaves_per_epoch) {
            return Err(wrong("leaves_per_epoch", "wanted 1 to 256 leaves"));
        }
        if !(1..=10_000).contains(&self.intake_batch_ms) {
            return Err(wrong("intake_batch_ms", "wanted 1 to 10000 milliseconds"));
        }
        if !(1..=65_536).contains(&self.limits.connections_max) {
            return Err(wrong("limits.connections_max", "wanted 1 to 65536"));
        }
        let forces = u32::try_from(self.forces.len()).unwrap_or(u32::MAX);
        let memory_min = forces
            .saturating_mul(MEMORY_A_FORCE_BYTES_MIN)
            .max(4 * 1024 * 1024);
        if self.limits.in_flight_bytes_max < memory_min {
            return Err(wrong(
                "limits.in_flight_bytes_max",
                format!("wanted at least {memory_min} bytes for {forces} forces"),
            ));
        }
        if self.limits.spilled_max == 0 {
            return Err(wrong("limits.spilled_max", "wanted at least 1"));
        }
        if self.limits.backlog_epochs_max == 0 {
            return Err(wrong("limits.backlog_epochs_max", "wanted at least 1"));
        }
        let host = self.log_name.strip_suffix("/hafan").unwrap_or_default();
        if host.is_empty()
            || host.contains('/')
            || host.contains(char::is_whitespace)
            || host.contains('+')
        {
            return Err(wrong("log_name", "wanted <host>/hafan"));
        }
        if !self.leave_url.starts_with("https://")
            || http::HeaderValue::try_from(&self.leave_url).is_err()
        {
            return Err(wrong("leave_url", "wanted an https address"));
        }
        if self.forces.is_empty() {
            return Err(wrong("forces", "wanted at least one, such as [forces.btp]"));
        }
        Ok(())
    }

    /// The forces and their root keys.
    ///
    /// # Errors
    /// [`ConfigError::Option`] for a name that is no force's, or a vkey that is not that force's root key.
    pub fn roots(&self) -> Result<Roots, ConfigError> {
        let mut roots = Roots::new();
        for (name, config) in &self.forces {
            let force: Force = name
                .parse()
                .map_err(|error| wrong(format!("forces.{name}"), format!("{error}")))?;
            let option = format!("forces.{name}.root");
            let root: Verifier = config
                .root
                .parse()
                .map_err(|error| wrong(option.clone(), format!("{error}")))?;
            if root.name() != root_key_name(&force) {
                return Err(wrong(
                    option,
                    format!("wanted the vkey named {}", root_key_name(&force)),
                ));
            }
            roots.insert(force, root);
        }
        Ok(roots)
    }

    /// The keys that sign releases of the site.
    ///
    /// # Errors
    /// [`ConfigError::Option`] for what is no vkey, and for keys that cannot be those of releases.
    pub fn release_verifiers(&self) -> Result<Vec<Verifier>, ConfigError> {
        let keys: Result<Vec<Verifier>, ConfigError> = self
            .release_keys
            .iter()
            .map(|vkey| {
                vkey.parse()
                    .map_err(|error| wrong("release_keys", format!("{error}")))
            })
            .collect();
        let keys = keys?;
        release::check_keys(&keys).map_err(|error| wrong("release_keys", error.to_string()))?;
        Ok(keys)
    }

    /// Every place that is listened on.
    pub fn listens(&self) -> impl Iterator<Item = &Listen> {
        let others = [&self.admin_listen, &self.gateway_listen];
        std::iter::once(&self.listen).chain(others.into_iter().flatten())
    }

    /// What the store needs to know.
    #[must_use]
    pub fn store(&self, forces: Vec<Force>) -> StoreConfig {
        StoreConfig {
            store_dir: self.store_dir.clone(),
            pinned_dir: self.pinned_dir.clone(),
            intake_batch: Duration::from_millis(self.intake_batch_ms.into()),
            free_bytes_min: self.limits.free_bytes_min,
            segment_size_bytes: SEGMENT_SIZE_BYTES,
            leaves_per_epoch: self.leaves_per_epoch,
            log_name: self.log_name.clone(),
            forces,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vkey(name: &str) -> Verifier {
        let signer = hafan_tlog::Signer::from_seed(name, &[7; 32]).unwrap();
        signer.verifier()
    }

    fn sound() -> String {
        let root = vkey("hafan/btp/root");
        let release = vkey("hafan-release/alys");
        format!(
            "listen = \"127.0.0.1:0\"\nlog_name = \"log.example/hafan\"\nlog_key_path = \"log.key\"\n\
             store_dir = \"store\"\npinned_dir = \"pinned\"\ndrafts_dir = \"drafts\"\nsite_dir = \"site\"\ndirectories_dir = \"directories\"\n\
             release_path = \"release\"\nrelease_keys = [\"{release}\"]\n\
             [forces.btp]\nroot = \"{root}\"\n"
        )
    }

    fn refused(text: &str) -> String {
        let error = Config::parse(text, Path::new("/etc/hafan")).unwrap_err();
        match &error {
            ConfigError::Toml { source, .. } => source.to_string(),
            ConfigError::Read { .. } | ConfigError::Option { .. } => error.to_string(),
        }
    }

    #[test]
    fn what_is_left_out_has_its_documented_default() {
        let config = Config::parse(&sound(), Path::new("/etc/hafan")).unwrap();
        assert_eq!(
            (
                config.epoch_s,
                config.leaves_per_epoch,
                config.intake_batch_ms
            ),
            (300, 8, 1000)
        );
        assert_eq!(config.limits.connections_max, 4096);
        assert_eq!(config.store_dir, Path::new("/etc/hafan/store"));
        assert!(!config.hsts);
        assert!(config.admin_listen.is_none());
    }

    #[test]
    fn an_unknown_option_is_refused_by_name() {
        assert!(refused(&format!("sync = false\n{}", sound())).contains("unknown field `sync`"));
    }

    #[test]
    fn what_the_package_left_open_is_refused_by_name() {
        let packed = include_str!("../../../deploy/config.toml");
        let found = refused(packed);
        assert!(
            found.contains("`log_name`") && found.contains("REPLACE-ME"),
            "{found}"
        );
        let named = packed.replacen("REPLACE-ME/hafan", "log.example/hafan", 1);
        assert!(refused(&named).contains("`pinned_dir`"));
        let pinned = named.replace("/REPLACE-ME/", "/srv/");
        assert!(refused(&pinned).contains("`release_keys`"));
        let releaser = vkey("hafan-release/alys");
        let released = pinned.replace("[\"REPLACE-ME\"]", &format!("[\"{releaser}\"]"));
        assert!(refused(&released).contains("`root`"));
        let root = vkey("hafan/btp/root");
        let filled = released.replace("\"REPLACE-ME\"", &format!("\"{root}\""));
        assert!(Config::parse(&filled, Path::new("/etc/hafan")).is_ok());
    }

    #[test]
    fn an_address_that_is_not_loopback_is_refused() {
        assert!(refused(&sound().replace("127.0.0.1:0", "0.0.0.0:80")).contains("loopback"));
    }

    #[test]
    fn each_bound_is_checked() {
        for (option, line) in [
            ("epoch_s", "epoch_s = 0"),
            ("leaves_per_epoch", "leaves_per_epoch = 257"),
            ("intake_batch_ms", "intake_batch_ms = 0"),
            ("leave_url", "leave_url = \"http://example\""),
            ("limits.connections_max", "limits.connections_max = 0"),
            (
                "limits.in_flight_bytes_max",
                "limits.in_flight_bytes_max = 1",
            ),
            ("limits.spilled_max", "limits.spilled_max = 0"),
            ("limits.backlog_epochs_max", "limits.backlog_epochs_max = 0"),
        ] {
            let found = refused(&format!("{line}\n{}", sound()));
            assert!(found.contains(&format!("`{option}`")), "{option}: {found}");
        }
    }

    #[test]
    fn a_root_key_of_another_force_is_refused() {
        let found = refused(&sound().replace("[forces.btp]", "[forces.leicestershire]"));
        assert!(
            found.contains("wanted the vkey named hafan/leicestershire/root"),
            "{found}"
        );
    }

    #[test]
    fn keys_that_cannot_be_those_of_releases_are_refused() {
        for (wanted, keys) in [
            ("`release_keys`", "[]"),
            ("`release_keys`", "[\"hafan-release/alys\"]"),
            (
                "hafan-release/NAME",
                &format!("[\"{}\"]", vkey("hafan/btp/root")),
            ),
            (
                "different keys",
                &format!("[\"{0}\", \"{0}\"]", vkey("hafan-release/alys")),
            ),
        ] {
            let text = sound();
            let line = text.lines().find(|line| line.starts_with("release_keys"));
            let found = refused(&text.replace(line.unwrap(), &format!("release_keys = {keys}")));
            assert!(found.contains(wanted), "{keys}: {found}");
        }
    }

    #[test]
    fn a_log_name_without_a_host_is_refused() {
        assert!(refused(&sound().replace("log.example/hafan", "hafan")).contains("`log_name`"));
    }
}
