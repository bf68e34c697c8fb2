//! Builds the reporter's site.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::binaries::target_dir;
use crate::process::run;
use crate::search::files_under;
use crate::{root, tools};

/// Builds `web/dist` and its manifest.
///
/// # Errors
/// When Node is missing and cannot be installed, or the build fails.
pub fn build() -> Result<PathBuf> {
    tools::ensure(&[tools::NODE])?;
    tools::npm_ci()?;
    run(
        "site",
        tools::npm().args(["run", "--silent", "build", "--workspace", "web"]),
    )?;
    Ok(root().join("web/dist"))
}

/// Where the gateway's pages go, and the address that they will be at.
#[derive(Clone, Copy)]
pub struct GatewaySite<'a> {
    /// The folder.
    pub out: &'a Path,
    /// The address, without a slash at its end; the form names it to who has no JavaScript.
    pub url: &'a str,
}

/// Builds the demonstration's site: forces' root keys from `roots`, pages into `out`, and the gateway's with them.
///
/// # Errors
/// When the build fails.
pub fn build_demo(out: &Path, roots: &Path, gateway: Option<GatewaySite<'_>>) -> Result<()> {
    let mut command = tools::npm();
    if let Some(GatewaySite { out, url }) = gateway {
        command
            .env("HAFAN_GATEWAY", out)
            .env("HAFAN_GATEWAY_URL", url);
    }
    run(
        "site of the demonstration",
        command
            .args([
                "run",
                "--silent",
                "build",
                "--workspace",
                "web",
                "--",
                "--kind",
                "demo",
            ])
            .arg("--out")
            .arg(out)
            .arg("--roots")
            .arg(roots),
    )
}

/// Builds the site twice, into two folders, and compares every byte.
///
/// # Errors
/// When a build fails, or a file differs; the text names the first few.
pub fn is_reproducible() -> Result<()> {
    let scratch = target_dir()?.join("suite/site-twice");
    if scratch.exists() {
        fs::remove_dir_all(&scratch)?;
    }
    fs::create_dir_all(&scratch)?;
    let mut builds = Vec::new();
    for name in ["first", "second"] {
        let out = scratch.join(name);
        run(
            "site",
            tools::npm()
                .args([
                    "run",
                    "--silent",
                    "build",
                    "--workspace",
                    "web",
                    "--",
                    "--out",
                ])
                .arg(&out)
                .arg("--gateway")
                .arg(scratch.join(format!("{name}-gateway"))),
        )?;
        let mut made = contents(&out)?;
        for (path, bytes) in contents(&scratch.join(format!("{name}-gateway")))? {
            made.insert(Path::new("gateway").join(path), bytes);
        }
        builds.push(made);
    }
    let [first, second] = builds.as_slice() else {
        bail!("two builds were wanted");
    };
    if first.is_empty() {
        bail!("the build made no file");
    }
    let names: std::collections::BTreeSet<&PathBuf> = first.keys().chain(second.keys()).collect();
    let different: Vec<String> = names
        .into_iter()
        .filter(|name| first.get(*name) != second.get(*name))
        .take(5)
        .map(|name| name.display().to_string())
        .collect();
    if different.is_empty() {
        Ok(())
    } else {
        bail!("two builds differ in {}", different.join(", "))
    }
}

fn contents(dir: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>> {
    files_under(dir)?
        .into_iter()
        .map(|path| {
            let bytes =
                fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
            Ok((path.strip_prefix(dir)?.to_owned(), bytes))
        })
        .collect()
}
