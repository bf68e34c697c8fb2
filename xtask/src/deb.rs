//! `cargo xtask deb`: the Debian packages of server and gateway, each from its list `deploy/debian/NAME/files`.
//!
//! Debian's own `dpkg-deb` packs a folder. `cargo-deb` would have to be compiled first, with some two hundred crates, and
//! would add nothing that the list does not say.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::binaries::{cargo, target_dir};
use crate::process::{output, run};
use crate::root;

/// How hard the package is pressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// For a release.
    Xz,
    /// For a test.
    None,
}

/// What is packed. A machine has one of them: the gateway sees what people write, and belongs beside nothing else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Package {
    /// `hafan`.
    Server,
    /// `hafan-gateway`.
    Gateway,
}

impl Package {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Server, Self::Gateway];

    /// Its name, that of its program, of its crate and of its folder in `/etc`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Server => "hafan",
            Self::Gateway => "hafan-gateway",
        }
    }

    const fn description(self) -> &'static str {
        match self {
            Self::Server => {
                "takes sealed reports and publishes the log\n \
                 The server of Hafan: people tell a police force about rape or sexual assault,\n \
                 with or without saying who they are. It holds ciphertext and public keys only.\n"
            }
            Self::Gateway => {
                "takes a report as a plain form and seals it at once\n \
                 The door of Hafan without JavaScript: people tell a police force about rape or\n \
                 sexual assault. It sees one report for as long as it takes to seal it.\n"
            }
        }
    }

    fn dir(self) -> PathBuf {
        root().join("deploy/debian").join(self.name())
    }

    /// The list of what it holds.
    ///
    /// # Errors
    /// When it cannot be read, or a line is none.
    pub fn files(self) -> Result<Vec<Packed>> {
        let path = self.dir().join("files");
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let lines = text.lines().filter(|line| !line.starts_with('#'));
        lines
            .map(|line| {
                let parts: Vec<&str> = line.split_whitespace().collect();
                let [mode, source, target] = parts.as_slice() else {
                    bail!("{}: wanted mode, source and target: {line}", path.display());
                };
                Ok(Packed {
                    mode: u32::from_str_radix(mode, 8)?,
                    source: (*source).to_owned(),
                    target: (*target).to_owned(),
                })
            })
            .collect()
    }

    fn control(self, architecture: &str, installed_kib: u64) -> String {
        format!(
            "Package: {}\nVersion: {}\nArchitecture: {architecture}\nMaintainer: Hafan <hafan@localhost>\n\
             Installed-Size: {installed_kib}\nDepends: libc6 (>= 2.36), libgcc-s1, systemd (>= 252)\nSection: net\n\
             Priority: optional\nDescription: {}",
            self.name(),
            env!("CARGO_PKG_VERSION"),
            self.description()
        )
    }

    /// Packs a program that is built already.
    ///
    /// # Errors
    /// When a file of the list is missing, or `dpkg-deb` refuses.
    pub fn pack(
        self,
        binaries_dir: &Path,
        out_dir: &Path,
        compression: Compression,
    ) -> Result<PathBuf> {
        let stage = out_dir.join("stage");
        if stage.exists() {
            fs::remove_dir_all(&stage)?;
        }
        let files = self.files()?;
        for file in &files {
            let from = match file.source.strip_prefix("bin/") {
                Some(program) => binaries_dir.join(program),
                None => root().join(&file.source),
            };
            put(&from, &stage.join(&file.target), file.mode)?;
        }
        let architecture = output(
            "dpkg --print-architecture",
            Command::new("dpkg").arg("--print-architecture"),
        )?;
        let architecture = String::from_utf8(architecture)?.trim().to_owned();
        let control = stage.join("DEBIAN");
        write(
            &control.join("control"),
            &self.control(&architecture, installed_kib(&stage)?),
            0o644,
        )?;
        let conffiles: String = files
            .iter()
            .filter(|file| file.target.starts_with("etc/"))
            .map(|file| format!("/{}\n", file.target))
            .collect();
        write(&control.join("conffiles"), &conffiles, 0o644)?;
        for script in ["postinst", "prerm", "postrm"] {
            put(&self.dir().join(script), &control.join(script), 0o755)?;
        }
        let package = out_dir.join(format!(
            "{}_{}_{architecture}.deb",
            self.name(),
            env!("CARGO_PKG_VERSION")
        ));
        let method = match compression {
            Compression::Xz => "-Zxz",
            Compression::None => "-Znone",
        };
        run(
            "dpkg-deb --build",
            Command::new("dpkg-deb")
                .args(["--root-owner-group", method, "--build"])
                .arg(&stage)
                .arg(&package)
                .stdout(std::process::Stdio::null()),
        )?;
        Ok(package)
    }
}

/// Builds both programs for release, and their packages: `target/debian/NAME_VERSION_ARCH.deb`.
///
/// # Errors
/// When a program does not build, or `dpkg-deb` is missing or refuses.
pub fn build() -> Result<Vec<PathBuf>> {
    let mut command = cargo();
    command.args(["build", "--release", "--locked", "--bins"]);
    for package in Package::ALL {
        command.args(["--package", package.name()]);
    }
    run("cargo build --release (hafan, hafan-gateway)", &mut command)?;
    let target = target_dir()?;
    let pack = |package: Package| {
        package.pack(
            &target.join("release"),
            &target.join("debian"),
            Compression::Xz,
        )
    };
    Package::ALL.into_iter().map(pack).collect()
}

/// A line of the list.
pub struct Packed {
    /// Permissions.
    pub mode: u32,
    /// In the repository, or `bin/` and a program.
    pub source: String,
    /// In the package.
    pub target: String,
}

/// The size of all files, in KiB, each rounded up, as Debian's policy has it.
fn installed_kib(dir: &Path) -> Result<u64> {
    let mut sum = 0;
    for path in crate::search::files_under(dir)? {
        sum += fs::metadata(&path)?.len().div_ceil(1024);
    }
    Ok(sum)
}

fn put(from: &Path, to: &Path, mode: u32) -> Result<()> {
    make_parent(to)?;
    fs::copy(from, to).with_context(|| format!("cannot copy {}", from.display()))?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

fn write(to: &Path, text: &str, mode: u32) -> Result<()> {
    make_parent(to)?;
    fs::write(to, text)?;
    Ok(fs::set_permissions(to, fs::Permissions::from_mode(mode))?)
}

/// Folders of a package are everybody's to enter, whatever the umask says.
fn make_parent(path: &Path) -> Result<()> {
    let parent = path.parent().context("a file has a folder")?;
    fs::create_dir_all(parent)?;
    for dir in parent.ancestors() {
        fs::set_permissions(dir, fs::Permissions::from_mode(0o755))?;
        if dir.ends_with("stage") {
            return Ok(());
        }
    }
    bail!("{} is outside the folder that is packed", path.display())
}
