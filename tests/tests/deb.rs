//! The Debian packages of server and gateway: what is in them, with which permissions, and that nothing starts on a guess.

#![expect(
    clippy::unwrap_used,
    reason = "what sets a case up may fail loudly, as tests may"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use hafan_tests::told;
use xtask::binaries::Binaries;
use xtask::deb::{Compression, Package};
use xtask::process::output;

fn dpkg_deb(what: &str, package: &Path, more: &[&Path]) -> String {
    let mut command = Command::new("dpkg-deb");
    let said = output("dpkg-deb", command.arg(what).arg(package).args(more)).unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn the_servers_package_holds_what_its_list_says_and_its_configuration_is_refused() {
    holds_what_it_should(
        Package::Server,
        "`log_name`: it still says REPLACE-ME, as it came",
    );
}

#[test]
fn the_gateways_package_holds_what_its_list_says_and_its_configuration_is_refused() {
    holds_what_it_should(
        Package::Gateway,
        "`server`: it still says REPLACE-ME, as it came",
    );
}

/// Makes the user and the folder of a package in `root`; gives the accounts that there are then.
fn user_and_folder(root: &Path, name: &str) -> String {
    let mut at = std::ffi::OsString::from("--root=");
    at.push(root);
    let file = format!("{name}.conf");
    let mut users = Command::new("systemd-sysusers");
    output("systemd-sysusers", users.arg(&at).arg(&file)).unwrap();
    let mut folders = Command::new("systemd-tmpfiles");
    output(
        "systemd-tmpfiles",
        folders.arg(&at).args(["--create", &file]),
    )
    .unwrap();
    fs::read_to_string(root.join("etc/passwd")).unwrap()
}

fn holds_what_it_should(of: Package, refused: &str) {
    let name = of.name();
    let dir = tempfile::tempdir().unwrap();
    let binaries = Binaries::built().unwrap();
    let package = of
        .pack(binaries.dir(), dir.path(), Compression::None)
        .unwrap();

    let control = dpkg_deb("--field", &package, &[]);
    for line in [
        &format!("Package: {name}\n"),
        "Section: net",
        "Depends: libc6",
    ] {
        assert!(control.contains(line), "{line}: {control}");
    }
    // Every file as listed, all of root, nothing that others may write, nothing that runs as somebody else.
    let contents = dpkg_deb("--contents", &package, &[]);
    let mut found = BTreeMap::new();
    for line in contents.lines() {
        let parts: Vec<&str> = line.split_whitespace().collect();
        let (mode, owner, name) = (
            parts.first().unwrap(),
            parts.get(1).unwrap(),
            parts.last().unwrap(),
        );
        assert_eq!(*owner, "root/root", "{line}");
        match mode.strip_prefix('d') {
            Some(mode) => assert_eq!(mode, "rwxr-xr-x", "{line}"),
            None => {
                found.insert(name.trim_start_matches("./").to_owned(), (*mode).to_owned());
            }
        }
    }
    let wanted: BTreeMap<String, String> = of
        .files()
        .unwrap()
        .into_iter()
        .map(|file| {
            let mode = if file.mode == 0o755 {
                "-rwxr-xr-x"
            } else {
                "-rw-r--r--"
            };
            (file.target, mode.to_owned())
        })
        .collect();
    assert_eq!(found, wanted);

    let unpacked = dir.path().join("unpacked");
    dpkg_deb("--raw-extract", &package, &[&unpacked]);
    let conffiles = fs::read_to_string(unpacked.join("DEBIAN/conffiles")).unwrap();
    assert_eq!(conffiles, format!("/etc/{name}/config.toml\n"));
    let mut scripts = ["postinst", "prerm", "postrm"]
        .map(|name| format!("DEBIAN/{name}"))
        .to_vec();
    scripts.extend(
        found
            .into_keys()
            .filter(|name| name.starts_with("usr/sbin/")),
    );
    for script in scripts {
        let path = unpacked.join(&script);
        let (status, _, said) = told(Command::new("sh").arg("-n").arg(&path)).unwrap();
        assert!(status.success(), "{script}: {said}");
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.starts_with("#!/bin/sh\n") && text.contains("set -e"),
            "{script}"
        );
        assert!(!text.contains("rm "), "{script} deletes something");
    }

    // What its postinst asks of systemd, of the unpacked package instead of this machine.
    let accounts = user_and_folder(&unpacked, name);
    assert!(accounts.contains(&format!("{name}:x:")), "{accounts}");
    assert!(unpacked.join("run").join(name).is_dir());

    // Its program, with its configuration, refuses by name.
    let (status, out, err) = told(
        Command::new(unpacked.join("usr/bin").join(name))
            .args(["check-config", "--config"])
            .arg(unpacked.join("etc").join(name).join("config.toml")),
    )
    .unwrap();
    assert_eq!(status.code(), Some(2), "{out}{err}");
    assert!(err.contains(refused), "{err}");
}
