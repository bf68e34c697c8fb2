//! The manifest of a published site, read with code of our own. docs/protocol.md section 9.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::entry::parse_digest;

/// The largest manifest in bytes.
pub const MANIFEST_SIZE_BYTES_MAX: usize = 8 * 1024 * 1024;

const FILES_MAX: usize = 4096;

/// What a site is to be.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    version: u64,
    /// The headers of every answer.
    pub headers: BTreeMap<String, String>,
    /// The files, by path.
    pub files: BTreeMap<String, File>,
}

/// One file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Of its bytes, in hex.
    pub sha256: String,
    /// As it is served.
    pub content_type: String,
    /// Its compressed forms, by the name that a browser asks for.
    pub encodings: BTreeMap<String, Encoding>,
}

/// A compressed form of a file.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Encoding {
    /// Where it lies among the site's files.
    pub path: String,
    /// Of the compressed bytes, in hex.
    pub sha256: String,
}

/// Why bytes are no manifest.
#[derive(Debug, thiserror::Error)]
#[error("no manifest of a site: {why}")]
pub struct ManifestError {
    why: String,
}

impl Manifest {
    /// Reads a manifest.
    ///
    /// # Errors
    /// It is none, or names what no site has.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        let failed = |why: &str| ManifestError {
            why: why.to_owned(),
        };
        let manifest: Self = serde_json::from_slice(bytes).map_err(|e| failed(&e.to_string()))?;
        if manifest.version != 1 {
            return Err(failed("its version is not 1"));
        }
        if manifest.files.is_empty() || manifest.files.len() > FILES_MAX {
            return Err(failed("it names no file, or too many"));
        }
        for (path, file) in &manifest.files {
            let encodings = file.encodings.iter();
            let known = encodings
                .clone()
                .all(|(name, _)| name == "br" || name == "gzip");
            let digests = encodings.map(|(_, encoding)| &encoding.sha256);
            let digests = digests.chain([&file.sha256]);
            let sound = digests.clone().all(|digest| parse_digest(digest).is_some());
            if !is_path(path) || !known || !sound {
                return Err(failed("a file of it is not as it must be"));
            }
        }
        Ok(manifest)
    }
}

impl File {
    /// The digest and the encoding of what a browser gets that accepts these encodings.
    #[must_use]
    pub fn for_browser(&self, accepts: &[&str]) -> (&str, Option<&'static str>) {
        for name in ["br", "gzip"] {
            if let Some(encoding) = self.encodings.get(name)
                && accepts.contains(&name)
            {
                return (&encoding.sha256, Some(name));
            }
        }
        (&self.sha256, None)
    }
}

/// `/`, then segments of `[A-Za-z0-9._-]`, none of dots only.
fn is_path(path: &str) -> bool {
    let Some(rest) = path.strip_prefix('/') else {
        return false;
    };
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let known = |b: u8| b.is_ascii_alphanumeric() || b"._-".contains(&b);
    let is_segment = |segment: &str| {
        !segment.is_empty()
            && segment.bytes().all(known)
            && !segment.bytes().all(|byte| byte == b'.')
    };
    path == "/" || rest.split('/').all(is_segment)
}
