//! The configuration: one TOML file, read once at start. It refuses to guess.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use hafan_directory::{Force, ForceError, root_key_name};
use hafan_tlog::Verifier;
use serde::Deserialize;

/// Largest configuration in bytes.
const CONFIG_SIZE_BYTES_MAX: u64 = 64 * 1024;

/// A loopback address, or a Unix socket given as `unix:/path`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// TCP on this machine.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => write!(f, "{address}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if let Some(path) = text.strip_prefix("unix:") {
            return Ok(Self::Unix(PathBuf::from(path)));
        }
        match text.parse::<SocketAddr>() {
            Ok(address) if address.ip().is_loopback() => Ok(Self::Tcp(address)),
            Ok(_) => Err("wanted a loopback address: what is written here leaves this machine sealed or not at all".into()),
            Err(_) => Err("wanted an address and port such as 127.0.0.1:8081, or unix:/path".into()),
        }
    }
}

impl<'de> Deserialize<'de> for Place {
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
    /// Where the form comes in, through the reverse proxy that ends TLS: `127.0.0.1:8081` or `unix:/run/hafan-gateway/http.sock`
    /// (mode 0660). Port 0 lets the system choose. No default. Who controls it can read what people write.
    pub listen: Place,

    /// The server that keeps reports, on this machine: `127.0.0.1:8080` or `unix:/run/hafan/http.sock`. No default.
    /// Who controls it gets sealed reports and can withhold them; a false directory does not verify against the root keys below.
    pub server: Place,

    /// Folder of the gateway's built pages with its `manifest.json`. No default.
    /// Who controls it controls what people are told and asked: only a released build belongs there.
    pub site_dir: PathBuf,

    /// Where `/leave` sends people: an `https` address of a page that nobody would be asked about. Default: a weather page.
    /// Who controls it chooses what stands in the history after a visit.
    #[serde(default = "default_leave_url")]
    pub leave_url: String,

    /// Whether answers carry `Strict-Transport-Security`. Default false: it belongs to the proxy that ends TLS.
    #[serde(default)]
    pub hsts: bool,

    /// What the machine can carry.
    #[serde(default)]
    pub limits: Limits,

    /// The forces, each with its root key. Who changes a root key can have reports sealed to keys of his own.
    forces: BTreeMap<String, ForceConfig>,
}

/// What the machine can carry.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    /// Connections at once, 1 to 4,096; for one more, the one that has waited longest for its peer is closed. Default 256.
    pub connections_max: u32,
    /// MiB of memory that forms on their way in may hold together: three times what is sent of each and ten times its words, so that the
    /// largest needs 92. Where it is used up, files are thrown away as they come, and who sent them is told to come back; 64 MiB more
    /// are kept for their words. Default 512, at least 128. It is locked: the machine needs as much, and it is no swap space.
    pub memory_mib: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections_max: 256,
            memory_mib: 512,
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct ForceConfig {
    /// The root key of its directory, `hafan/<force>/root+…`, as the ceremony wrote it to `root.vkey`.
    root: String,
}

/// The pinned root keys.
pub type Roots = BTreeMap<Force, Verifier>;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// Not there, or not readable.
    #[error("cannot read {path}")]
    Read {
        /// The file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// Too large to be one.
    #[error("{path} is over 64 KiB, which no configuration is")]
    Size {
        /// The file.
        path: PathBuf,
    },
    /// Not TOML, or a name that is not known.
    #[error("{path} is not a configuration")]
    Form {
        /// The file.
        path: PathBuf,
        /// Where and what.
        source: toml::de::Error,
    },
    /// A value out of its range.
    #[error("{name}: {wanted}")]
    Value {
        /// Which.
        name: &'static str,
        /// What is wanted.
        wanted: &'static str,
    },
    /// Something is as the package has it.
    #[error(
        "`{option}`: it still says {UNFILLED}, as it came with the package: write what is right for you"
    )]
    Unfilled {
        /// Which.
        option: String,
    },
    /// The name of a force is not one.
    #[error("[forces.{name}]")]
    Force {
        /// As written.
        name: String,
        /// What is wrong.
        source: ForceError,
    },
    /// The root key is not one, or another force's.
    #[error(
        "forces.{force}.root is not a verification key named {wanted}: copy the ceremony's root.vkey"
    )]
    Root {
        /// The force.
        force: Force,
        /// The name that its root key has.
        wanted: String,
    },
}

impl Config {
    /// Reads and checks it; paths in it are relative to its folder.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn read(path: &Path) -> Result<Self, ConfigError> {
        let failed = |source| ConfigError::Read {
            path: path.to_owned(),
            source,
        };
        if std::fs::metadata(path).map_err(failed)?.len() > CONFIG_SIZE_BYTES_MAX {
            return Err(ConfigError::Size {
                path: path.to_owned(),
            });
        }
        let text = std::fs::read_to_string(path).map_err(failed)?;
        check_filled(&text)?;
        let mut config: Self = toml::from_str(&text).map_err(|source| ConfigError::Form {
            path: path.to_owned(),
            source,
        })?;
        config.check()?;
        let folder = path.parent().unwrap_or(Path::new(""));
        config.site_dir = folder.join(&config.site_dir);
        Ok(config)
    }

    fn check(&self) -> Result<(), ConfigError> {
        let wrong = |name, wanted| Err(ConfigError::Value { name, wanted });
        if !(1..=4096).contains(&self.limits.connections_max) {
            return wrong("limits.connections_max", "wanted 1 to 4096");
        }
        if !(128..=65_536).contains(&self.limits.memory_mib) {
            return wrong("limits.memory_mib", "wanted 128 to 65536");
        }
        if !self.leave_url.starts_with("https://")
            || !self.leave_url.bytes().all(|b| b.is_ascii_graphic())
        {
            return wrong("leave_url", "wanted an https address");
        }
        if self.forces.is_empty() {
            return wrong(
                "forces",
                "wanted at least one, as [forces.NAME] with its root key",
            );
        }
        self.roots().map(|_| ())
    }

    /// The root keys by force.
    ///
    /// # Errors
    /// A name or key is not one.
    pub fn roots(&self) -> Result<Roots, ConfigError> {
        let mut roots = Roots::new();
        for (name, ForceConfig { root }) in &self.forces {
            let force: Force = name.parse().map_err(|source| ConfigError::Force {
                name: name.clone(),
                source,
            })?;
            let wanted = root_key_name(&force);
            match root.parse::<Verifier>() {
                Ok(key) if key.name() == wanted => roots.insert(force, key),
                Ok(_) | Err(_) => return Err(ConfigError::Root { force, wanted }),
            };
        }
        Ok(roots)
    }
}

/// What the configuration of the package says where only the operator knows.
const UNFILLED: &str = "REPLACE-ME";

/// Refuses a configuration in which something is left as the package has it.
fn check_filled(text: &str) -> Result<(), ConfigError> {
    let mut lines = text
        .lines()
        .map(|line| line.split('#').next().unwrap_or_default());
    let left = lines.find(|line| line.contains(UNFILLED));
    left.map_or(Ok(()), |line| {
        let option = line.split('=').next().unwrap_or_default().trim().to_owned();
        Err(ConfigError::Unfilled { option })
    })
}

fn default_leave_url() -> String {
    "https://www.bbc.co.uk/weather".to_owned()
}

#[cfg(test)]
mod tests {
    use hafan_tlog::Signer;

    use super::{Config, ConfigError};

    fn parsed(text: &str) -> Result<Config, ConfigError> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.toml");
        std::fs::write(&path, text).unwrap();
        Config::read(&path)
    }

    fn refused(text: &str) -> String {
        parsed(text).unwrap_err().to_string()
    }

    #[test]
    fn what_the_package_left_open_is_refused_by_name() {
        let packed = include_str!("../../../deploy/gateway.toml");
        let found = refused(packed);
        assert!(
            found.contains("`server`") && found.contains("REPLACE-ME"),
            "{found}"
        );
        let named = packed.replace("/REPLACE-ME/", "/run/hafan/");
        assert!(refused(&named).contains("`root`"));
        let root = Signer::from_seed("hafan/btp/root", &[7; 32]).unwrap();
        let filled = named.replace("REPLACE-ME\"", &format!("{}\"", root.verifier()));
        assert!(parsed(&filled).is_ok());
    }

    #[test]
    fn a_server_elsewhere_is_refused() {
        let packed = include_str!("../../../deploy/gateway.toml");
        let away = packed.replace("unix:/REPLACE-ME/gateway.sock", "192.0.2.1:8080");
        let error = parsed(&away.replace("REPLACE-ME", "x")).unwrap_err();
        let ConfigError::Form { source, .. } = error else {
            panic!("{error}");
        };
        assert!(source.to_string().contains("loopback"), "{source}");
    }
}
