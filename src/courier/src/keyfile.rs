//! The courier's signing key, and verification keys from the command line.
//!
//! A key file is one line, `PRIVATE+KEY+<name>+<key ID>+<base64(01 || seed[32])>`, as Go's signed-note
//! tools write it, readable by its owner only. Must never print it.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hafan_directory::Force;
use hafan_tlog::{Signer, Verifier};
use zeroize::Zeroizing;

use crate::failure::{Failure, Kind};

const SIZE_BYTES_MAX: u64 = 4096;

/// Reads the courier's key.
pub(crate) fn read(path: &Path, force: &Force) -> Result<Signer, Failure> {
    let metadata = fs::metadata(path).map_err(|e| Failure::read(path, e))?;
    if metadata.mode() & 0o077 != 0 {
        return Err(Failure::new(
            Kind::Unsafe,
            format!(
                "the key {} can be read by others than its owner",
                path.display()
            ),
            format!(
                "if nobody else has seen it: chmod 600 {}; else have a new one made",
                path.display()
            ),
        ));
    }
    if metadata.len() > SIZE_BYTES_MAX {
        return Err(malformed(path));
    }
    let text = Zeroizing::new(fs::read_to_string(path).map_err(|e| Failure::read(path, e))?);
    let signer = parse(text.trim_end()).ok_or_else(|| malformed(path))?;
    if !signer
        .name()
        .starts_with(&format!("hafan/{force}/courier-"))
    {
        return Err(Failure::new(
            Kind::Usage,
            format!(
                "{} is the key {}, a courier's key of {force} wanted",
                path.display(),
                signer.name()
            ),
            "give the key file that the ceremony of this force made",
        ));
    }
    Ok(signer)
}

fn parse(line: &str) -> Option<Signer> {
    let mut parts = line.strip_prefix("PRIVATE+KEY+")?.splitn(3, '+');
    let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
    let key = Zeroizing::new(STANDARD.decode(key).ok()?);
    let (kind, seed) = key.split_first()?;
    let signer = Signer::from_seed(name, seed.try_into().ok()?).ok()?;
    (*kind == 1 && signer.verifier().id().to_string() == id).then_some(signer)
}

fn malformed(path: &Path) -> Failure {
    Failure::new(
        Kind::Usage,
        format!("{} is not a courier's key", path.display()),
        "want one line that begins with PRIVATE+KEY+, as the ceremony writes it",
    )
}

/// A vkey, or the path of a file that holds one.
pub(crate) fn verifier(vkey_or_file: &str) -> Result<Verifier, Failure> {
    if let Ok(verifier) = vkey_or_file.trim().parse() {
        return Ok(verifier);
    }
    let path = Path::new(vkey_or_file);
    let usage = |what: String| {
        Failure::new(
            Kind::Usage,
            what,
            "give root.vkey of the ceremony, or the key in it",
        )
    };
    let size = fs::metadata(path)
        .map_err(|e| Failure::read(path, e))?
        .len();
    if size > SIZE_BYTES_MAX {
        return Err(usage(format!(
            "{} is {size} bytes, a vkey wanted",
            path.display()
        )));
    }
    let text = fs::read_to_string(path).map_err(|e| Failure::read(path, e))?;
    text.trim()
        .parse()
        .map_err(|source: hafan_tlog::note::VerifierError| {
            usage(format!("{} holds no verification key", path.display())).because(source)
        })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    fn line(name: &str) -> String {
        let signer = Signer::from_seed(name, &[7; 32]).unwrap();
        let key = STANDARD.encode([&[1][..], &[7; 32]].concat());
        format!("PRIVATE+KEY+{name}+{}+{key}", signer.verifier().id())
    }

    fn read_line(line: &str, mode: u32) -> Result<Signer, Failure> {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("courier-1.key");
        fs::write(&path, format!("{line}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        read(&path, &"btp".parse().unwrap())
    }

    #[test]
    fn a_key_file_reads_back() {
        let signer = read_line(&line("hafan/btp/courier-1"), 0o600).unwrap();
        assert_eq!(signer.name(), "hafan/btp/courier-1");
    }

    #[test]
    fn a_key_that_others_may_read_is_refused_for_safety() {
        let refused = read_line(&line("hafan/btp/courier-1"), 0o640)
            .err()
            .unwrap();
        assert_eq!(refused.kind, Kind::Unsafe);
    }

    #[test]
    fn keys_of_others_and_broken_lines_are_usage_errors() {
        let whole = line("hafan/btp/courier-1");
        for wrong in [
            line("hafan/merseyside/courier-1"),
            line("hafan/btp/root"),
            whole.replace("PRIVATE", "PUBLIC"),
            whole.replace("courier-1", "courier-2"),
            whole[..whole.len() - 1].to_owned(),
            String::new(),
        ] {
            assert_eq!(read_line(&wrong, 0o600).err().unwrap().kind, Kind::Usage);
        }
    }
}
