//! The server's Debian package: what is in it, with which permissions, and that it starts nothing on a guess.

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
use xtask::deb::{Compression, files, pack};
use xtask::process::output;

fn dpkg_deb(what: &str, package: &Path, more: &[&Path]) -> String {
    let mut command = Command::new("dpkg-deb");
    let said = output("dpkg-deb", command.arg(what).arg(package).args(more)).unwrap();
    String::from_utf8(said).unwrap()
}

#[test]
fn the_package_holds_what_its_list_says_and_its_configuration_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let binaries = Binaries::built().unwrap();
    let package = pack(binaries.dir(), dir.path(), Compression::None).unwrap();

    let control = dpkg_deb("--field", &package, &[]);
    for line in ["Package: hafan", "Section: net", "Depends: libc6"] {
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
    let wanted: BTreeMap<String, String> = files()
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
    assert_eq!(conffiles, "/etc/hafan/config.toml\n");
    for script in ["postinst", "prerm"] {
        let (status, _, said) = told(
            Command::new("sh")
                .arg("-n")
                .arg(unpacked.join("DEBIAN").join(script)),
        )
        .unwrap();
        assert!(status.success(), "{script}: {said}");
        let text = fs::read_to_string(unpacked.join("DEBIAN").join(script)).unwrap();
        assert!(
            text.starts_with("#!/bin/sh\n") && text.contains("set -e"),
            "{script}"
        );
        assert!(!text.contains("rm "), "{script} deletes something");
    }

    // Its program, with its configuration, refuses by name.
    let (status, out, err) = told(
        Command::new(unpacked.join("usr/bin/hafan"))
            .args(["check-config", "--config"])
            .arg(unpacked.join("etc/hafan/config.toml")),
    )
    .unwrap();
    assert_eq!(status.code(), Some(2), "{out}{err}");
    assert!(
        err.contains("`log_name`: it still says REPLACE-ME"),
        "{err}"
    );
}
