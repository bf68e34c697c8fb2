//! What an auditor needs of the server's configuration. Everything else in it is passed over.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::directory::is_force;
use crate::failure::{Failure, Kind};
use crate::files;
use crate::note::Vkey;

const SIZE_BYTES_MAX: usize = 1024 * 1024;

#[derive(Deserialize)]
struct Wire {
    log_name: String,
    store_dir: PathBuf,
    pinned_dir: PathBuf,
    directories_dir: PathBuf,
    release_path: PathBuf,
    release_keys: Vec<String>,
    drafts_dir: PathBuf,
    #[serde(default = "leaves")]
    leaves_per_epoch: u16,
    forces: BTreeMap<String, WireForce>,
}

#[derive(Deserialize)]
struct WireForce {
    root: String,
}

/// As the server has it when nothing is said.
const fn leaves() -> u16 {
    8
}

/// What the server is configured to keep, and where.
pub(super) struct Config {
    pub(super) log_name: String,
    pub(super) store: PathBuf,
    pub(super) pinned: PathBuf,
    pub(super) directories: PathBuf,
    pub(super) release: PathBuf,
    /// The keys that sign releases.
    pub(super) release_keys: Vec<Vkey>,
    pub(super) drafts: PathBuf,
    pub(super) leaves: u16,
    /// Root keys by force.
    pub(super) forces: BTreeMap<String, Vkey>,
}

impl Config {
    /// Reads the file; paths in it are relative to it.
    pub(super) fn read(path: &Path) -> Result<Self, Failure> {
        let usage = |what: &str| {
            let what = format!("{}: {what}", path.display());
            Failure::new(
                Kind::Usage,
                what,
                "give the configuration that the server runs with",
            )
        };
        let bytes = files::read_needed(path, SIZE_BYTES_MAX)?;
        let text = String::from_utf8(bytes).map_err(|_| usage("it is not UTF-8"))?;
        let wire: Wire =
            toml::from_str(&text).map_err(|why| usage("not a configuration").because(why))?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut forces = BTreeMap::new();
        for (force, wire) in wire.forces {
            let root = Vkey::parse(&wire.root).ok();
            let root = root.filter(|root| root.name() == format!("hafan/{force}/root"));
            let root = root.filter(|_| is_force(&force));
            let root = root.ok_or_else(|| usage("a force's root key is not one"))?;
            forces.insert(force, root);
        }
        let keys: Result<Vec<Vkey>, _> = wire
            .release_keys
            .iter()
            .map(|key| Vkey::parse(key))
            .collect();
        let release_keys = keys.map_err(|why| usage("a release key is none").because(why))?;
        Ok(Self {
            log_name: wire.log_name,
            store: base.join(wire.store_dir),
            pinned: base.join(wire.pinned_dir),
            directories: base.join(wire.directories_dir),
            release: base.join(wire.release_path),
            release_keys,
            drafts: base.join(wire.drafts_dir),
            leaves: wire.leaves_per_epoch,
            forces,
        })
    }
}
