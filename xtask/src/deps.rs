//! Which crates a program links, and the lists of them that are committed in `tests/deps/`.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::binaries::cargo;
use crate::process::{output, say};
use crate::root;

/// The programs whose crates are listed, by package name.
pub const PROGRAMS: [&str; 5] = [
    "hafan",
    "hafan-gateway",
    "hafan-courier",
    "hafan-audit",
    "hafan-keys",
];

/// The target that the lists are for.
const TARGET: &str = "x86_64-unknown-linux-gnu";

/// The names of the crates that a program links, its own included: normal edges only, without procedural macros and
/// what they link, which run when it is built and are not in it.
///
/// # Errors
/// When cargo cannot read the workspace in `dir`.
pub fn linked_crates(dir: &Path, package: &str) -> Result<BTreeSet<String>> {
    let listing = output(
        &format!("cargo tree --package {package}"),
        cargo().current_dir(dir).args([
            "tree",
            "--offline",
            "--package",
            package,
            "--edges=normal,no-proc-macro",
            "--prefix=none",
            "--format={p}",
            "--target",
            TARGET,
        ]),
    )?;
    let listing = String::from_utf8(listing).context("cargo tree did not write UTF-8")?;
    Ok(listing
        .lines()
        .filter_map(|line| line.split_whitespace().next())
        .map(str::to_owned)
        .collect())
}

/// The file that lists a program's crates, one name a line.
#[must_use]
pub fn list_path(package: &str) -> PathBuf {
    root().join("tests/deps").join(format!("{package}.txt"))
}

/// Writes the lists anew, for a person to review in the difference.
///
/// # Errors
/// When cargo cannot read the workspace or a list cannot be written.
pub fn write_lists() -> Result<()> {
    for package in PROGRAMS {
        let crates = linked_crates(&root(), package)?;
        let text: String = crates.iter().map(|name| format!("{name}\n")).collect();
        let path = list_path(package);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        say(&format!("{}: {} crates", path.display(), crates.len()));
    }
    say("Review what is new with: git diff tests/deps");
    Ok(())
}
