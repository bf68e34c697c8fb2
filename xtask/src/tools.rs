//! Fetches what a command needs from Debian, only when it is missing.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};

use crate::binaries::target_dir;
use crate::process::{guarded, run, say};
use crate::root;

/// Something that a command needs, and the Debian 12 package that has it.
#[derive(Clone, Copy)]
pub struct Tool {
    /// A program on the PATH, or a path that exists once the package is installed.
    probe: &'static str,
    package: &'static str,
}

const fn tool(probe: &'static str, package: &'static str) -> Tool {
    Tool { probe, package }
}

/// What the site's build needs.
pub const NODE: &[Tool] = &[tool("node", "nodejs"), tool("npm", "npm")];
/// What a browser journey needs besides.
pub const BROWSER: &[Tool] = &[
    tool("/usr/bin/chromium", "chromium"),
    tool(
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "fonts-dejavu-core",
    ),
];
/// What measuring Firefox needs.
pub const FIREFOX: &[Tool] = &[tool("firefox-esr", "firefox-esr")];
/// What opening is measured against, besides `rage`.
pub const AGE: &[Tool] = &[tool("age", "age")];
/// What the server is tried with that should stand in a storm.
pub const STORM: &[Tool] = &[tool("slowhttptest", "slowhttptest")];
/// What the fuzz targets need besides: libFuzzer is C++ and compiled with them.
pub const FUZZ: &[Tool] = &[tool("c++", "g++")];
/// What the whole test suite needs besides: tracing, symbol lists, Go's log verifier, loop-mounted disks, what
/// `deploy/` has configurations for.
pub const TESTS: &[Tool] = &[
    tool("strace", "strace"),
    tool("nm", "binutils"),
    tool("go", "golang-go"),
    tool(
        "/usr/share/gocode/src/golang.org/x/mod/sumdb",
        "golang-golang-x-mod-dev",
    ),
    tool("python3", "python3"),
    tool("/usr/share/doc/python3-venv", "python3-venv"),
    tool("mkfs.ext4", "e2fsprogs"),
    tool("mount", "mount"),
    tool("unshare", "util-linux"),
    tool("git", "git"),
    tool("nginx", "nginx-light"),
    tool("caddy", "caddy"),
    tool("tor", "tor"),
    tool("openssl", "openssl"),
    tool("systemd-analyze", "systemd"),
];

/// Installs what is missing.
///
/// # Errors
/// When something is missing and this is not root on a Debian, or `apt-get` fails.
pub fn ensure(groups: &[&[Tool]]) -> Result<()> {
    let missing = missing(groups);
    if missing.is_empty() {
        return Ok(());
    }
    say(&format!(
        "These Debian packages are missing: {}",
        missing.join(" ")
    ));
    if find("apt-get").is_none() || !rustix::process::geteuid().is_root() {
        bail!(
            "cannot install them: that needs apt-get and root; as root: apt-get install {}",
            missing.join(" ")
        );
    }
    run("apt-get update", apt().arg("update"))?;
    run(
        &format!("apt-get install {}", missing.join(" ")),
        apt()
            .args(["install", "--yes", "--no-install-recommends"])
            .args(&missing),
    )
}

fn apt() -> Command {
    let mut command = guarded("apt-get");
    command.arg("-q").env("DEBIAN_FRONTEND", "noninteractive");
    command
}

fn missing(groups: &[&[Tool]]) -> Vec<&'static str> {
    let mut packages = Vec::new();
    for tool in groups.iter().copied().flatten() {
        if find(tool.probe).is_none() && !packages.contains(&tool.package) {
            packages.push(tool.package);
        }
    }
    packages
}

/// Where a program (or, with a leading `/`, a path) is.
#[must_use]
pub fn find(probe: &str) -> Option<PathBuf> {
    if probe.starts_with('/') {
        return Path::new(probe).exists().then(|| PathBuf::from(probe));
    }
    let path = std::env::var_os("PATH")?;
    // Root's tools (mkfs.ext4) are not on every PATH.
    let dirs = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    dirs.map(|dir| dir.join(probe)).find(|file| file.is_file())
}

/// Installs the site's and the browser journeys' npm packages as the lock file names them, unless that is done already.
///
/// # Errors
/// When `npm ci` fails.
pub fn npm_ci() -> Result<()> {
    let root = root();
    let lock = root.join("package-lock.json");
    let done = root.join("node_modules/.package-lock.json");
    if is_newer(&done, &lock)? {
        return Ok(());
    }
    run("npm ci (packages of the site)", npm().arg("ci"))
}

/// `npm` in the root of the repository.
#[must_use]
pub fn npm() -> Command {
    let mut command = guarded("npm");
    command.current_dir(root());
    command
}

/// Where the `test` script of an npm package writes how its tests ended, in words; nowhere unless it is set.
const TEST_REPORT_VARIABLE: &str = "HAFAN_TEST_REPORT";

/// The heading in that report behind which the tests that failed stand, each with its reason.
const FAILING: &str = "failing tests:";

/// Runs the tests of an npm package. What failed stands in the error too: in a long run nobody sees what went by.
///
/// # Errors
/// When one of them fails, or they cannot be run.
pub fn npm_test(what: &str, workspace: &str, set: impl FnOnce(&mut Command)) -> Result<()> {
    let report = target_dir()?.join(format!("{}.report", workspace.replace('/', "-")));
    let mut command = npm();
    command
        .args(["test", "--workspace", workspace])
        .env(TEST_REPORT_VARIABLE, &report);
    set(&mut command);
    run(what, &mut command).map_err(|error| {
        let told = std::fs::read_to_string(&report).unwrap_or_default();
        match told.rsplit_once(FAILING) {
            Some((_, failed)) => error.context(failed.trim().to_owned()),
            None => error,
        }
    })
}

fn is_newer(made: &Path, source: &Path) -> Result<bool> {
    let source_time = source
        .metadata()
        .and_then(|meta| meta.modified())
        .with_context(|| format!("cannot read {}", source.display()))?;
    match made.metadata().and_then(|meta| meta.modified()) {
        Ok(made_time) => Ok(made_time >= source_time),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error).with_context(|| format!("cannot read {}", made.display())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tool_that_is_nowhere_is_missing_once_and_one_that_is_there_is_not() {
        let groups: &[&[Tool]] = &[
            &[tool("no-such-program-1", "package-a"), tool("sh", "dash")],
            &[tool("/no/such/path", "package-a"), tool("/", "base-files")],
        ];
        assert_eq!(missing(groups), ["package-a"]);
    }
}
