//! The five programs, built once.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow};

use crate::process::{guarded, run};
use crate::root;

/// Names a folder that holds the five programs already, so that nothing is built again: `cargo xtask test` sets it.
pub const BINARIES_DIR_VARIABLE: &str = "HAFAN_BINARIES_DIR";

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Binaries {
    dir: PathBuf,
}

impl Binaries {
    /// The debug programs of this tree, built now unless this process built them before.
    ///
    /// # Errors
    /// When they do not build.
    pub fn built() -> Result<Self> {
        static BUILT: Mutex<Option<Binaries>> = Mutex::new(None);
        let mut built = BUILT.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(binaries) = &*built {
            return Ok(binaries.clone());
        }
        let binaries = match std::env::var_os(BINARIES_DIR_VARIABLE) {
            Some(dir) => Self { dir: dir.into() },
            None => Self::build()?,
        };
        Ok(built.insert(binaries).clone())
    }

    fn build() -> Result<Self> {
        run(
            "cargo build (server, gateway, courier, auditor, officers' tool)",
            cargo().args(["build", "--locked", "--quiet"]).args([
                "--package=hafan",
                "--package=hafan-gateway",
                "--package=hafan-courier",
                "--package=hafan-audit",
                "--package=hafan-keys",
                "--bins",
            ]),
        )?;
        Ok(Self {
            dir: target_dir()?.join("debug"),
        })
    }

    /// Programs in a folder of the caller's.
    #[must_use]
    pub fn in_dir(dir: &Path) -> Self {
        Self {
            dir: dir.to_owned(),
        }
    }

    /// Their folder.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// `hafan`, the server.
    #[must_use]
    pub fn server(&self) -> PathBuf {
        self.dir.join("hafan")
    }

    /// `hafan-gateway`, the door without JavaScript.
    #[must_use]
    pub fn gateway(&self) -> PathBuf {
        self.dir.join("hafan-gateway")
    }

    /// `hafan-courier`.
    #[must_use]
    pub fn courier(&self) -> PathBuf {
        self.dir.join("hafan-courier")
    }

    /// `hafan-audit`, the auditor.
    #[must_use]
    pub fn audit(&self) -> PathBuf {
        self.dir.join("hafan-audit")
    }

    /// `hafan-keys`, the officers' tool.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.dir.join("hafan-keys")
    }
}

/// Cargo, in the root of the repository, without what an outer cargo told this process about its own package.
#[must_use]
pub fn cargo() -> Command {
    let mut command = guarded(cargo_program());
    command.current_dir(root());
    for (name, _) in std::env::vars_os() {
        let name_text = name.to_string_lossy();
        if name_text.starts_with("CARGO_PKG_") || name_text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

fn cargo_program() -> OsString {
    std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// The folder that cargo builds into.
///
/// # Errors
/// When this program does not lie in it.
pub fn target_dir() -> Result<PathBuf> {
    if let Some(dir) = std::env::var_os("CARGO_TARGET_DIR") {
        return Ok(root().join(dir));
    }
    // target/debug/xtask, or target/debug/deps/<test>.
    let here = std::env::current_exe().context("this program's own path")?;
    here.ancestors()
        .find(|dir| dir.join("CACHEDIR.TAG").is_file())
        .map(Path::to_owned)
        .ok_or_else(|| anyhow!("{} is not in a target folder of cargo's", here.display()))
}
