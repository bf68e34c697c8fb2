//! The pages: read whole at start, compared with their manifest, answered from memory. docs/protocol.md section 9, with the
//! headers of `web/gateway-headers.json`. Nothing on disk is read afterwards.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use http::HeaderValue;
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::headers::HEADERS_JSON;

/// The question set, beside the pages; it is read, and answered to nobody.
pub const FORM_DATA: &str = "/form.json";

const FILES_MAX: usize = 4096;
const FILE_SIZE_BYTES_MAX: u64 = 8 << 20;

/// Why the pages are not served.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file cannot be read.
    #[error(
        "cannot read {path} of the gateway's pages: build them with `cargo xtask site` and name their folder in `site_dir`"
    )]
    Read {
        /// Which.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// The manifest is not of its form.
    #[error("the manifest of the gateway's pages is not of the form that this program knows")]
    Manifest(#[source] serde_json::Error),
    /// More files than there can be, or a larger one.
    #[error(
        "the gateway's pages are over {FILES_MAX} files, or one is over {FILE_SIZE_BYTES_MAX} bytes"
    )]
    Size,
    /// Built for other headers.
    #[error(
        "the pages were built with other headers than this program's: build both from one commit"
    )]
    Headers,
    /// A path that leads elsewhere.
    #[error("the manifest names {0}, which is no path of a page")]
    Path(String),
    /// A file is another than the manifest says.
    #[error("the page {0} is not the one in the manifest: restore the released build")]
    Differs(String),
    /// A page that the program answers with is not there.
    #[error("the page {0} is not there: build pages and program from one commit")]
    Missing(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: u8,
    headers: BTreeMap<String, String>,
    files: BTreeMap<String, Entry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sha256: String,
    content_type: String,
    encodings: BTreeMap<String, Encoded>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    path: String,
    sha256: String,
}

/// One page, as it is answered.
pub struct Page {
    /// Its media type.
    pub content_type: HeaderValue,
    /// Its bytes.
    pub plain: Bytes,
    /// The same, compressed.
    pub gzip: Option<Bytes>,
}

/// The pages, in memory.
pub struct Site {
    pages: BTreeMap<String, Page>,
    form_data: Bytes,
}

impl Site {
    /// Reads the pages that the manifest names, and compares each with it.
    ///
    /// # Errors
    /// [`SiteError`]: any difference.
    pub fn read(dir: &Path) -> Result<Self, SiteError> {
        let manifest: Manifest = serde_json::from_slice(&read_file(&dir.join("manifest.json"))?)
            .map_err(SiteError::Manifest)?;
        let ours: BTreeMap<String, String> =
            serde_json::from_str(HEADERS_JSON).map_err(SiteError::Manifest)?;
        if manifest.version != 1 || manifest.headers != ours {
            return Err(SiteError::Headers);
        }
        if manifest.files.len() > FILES_MAX {
            return Err(SiteError::Size);
        }
        let mut pages = BTreeMap::new();
        for (address, entry) in manifest.files {
            let content_type = HeaderValue::try_from(&entry.content_type)
                .map_err(|_| SiteError::Path(address.clone()))?;
            let file = file_of(&address).ok_or_else(|| SiteError::Path(address.clone()))?;
            let plain = read_checked(dir, &file, &entry.sha256)?;
            let gzip = match entry.encodings.get("gzip") {
                Some(Encoded { path, sha256 }) => {
                    let is_beside = *path == format!("{file}.gz");
                    let path = is_beside
                        .then_some(path)
                        .ok_or_else(|| SiteError::Path(path.clone()))?;
                    Some(read_checked(dir, path, sha256)?)
                }
                None => None,
            };
            let page = Page {
                content_type,
                plain,
                gzip,
            };
            pages.insert(address, page);
        }
        let form_data = pages
            .remove(FORM_DATA)
            .ok_or_else(|| SiteError::Missing(FORM_DATA.to_owned()))?;
        Ok(Self {
            pages,
            form_data: form_data.plain,
        })
    }

    /// The question set.
    #[must_use]
    pub fn form_data(&self) -> &[u8] {
        &self.form_data
    }

    /// The page of an address.
    #[must_use]
    pub fn page(&self, address: &str) -> Option<&Page> {
        self.pages.get(address)
    }
}

fn read_checked(dir: &Path, file: &str, sha256: &str) -> Result<Bytes, SiteError> {
    let bytes = read_file(&dir.join(file))?;
    if hex::encode(Sha256::digest(&bytes)) != *sha256 {
        return Err(SiteError::Differs(file.to_owned()));
    }
    Ok(bytes.into())
}

fn read_file(path: &Path) -> Result<Vec<u8>, SiteError> {
    let failed = |source| SiteError::Read {
        path: path.to_owned(),
        source,
    };
    if std::fs::metadata(path).map_err(failed)?.len() > FILE_SIZE_BYTES_MAX {
        return Err(SiteError::Size);
    }
    std::fs::read(path).map_err(failed)
}

/// The file of an address below the folder, or nothing for what could lead out of it.
fn file_of(address: &str) -> Option<String> {
    let path = address.strip_prefix('/')?;
    let segments: Vec<&str> = path.split('/').collect();
    let (last, folders) = segments.split_last()?;
    let plain = |segment: &str| {
        !segment.is_empty()
            && segment.bytes().any(|b| b != b'.')
            && segment
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
    };
    if !folders.iter().all(|segment| plain(segment)) {
        return None;
    }
    match *last {
        "" => Some(format!("{path}index.html")),
        name if plain(name) => Some(path.to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::file_of;

    #[test]
    fn a_path_that_leaves_the_folder_is_refused() {
        for address in [
            "/../x", "/./x", "//x", "x", "/a b", "/%2e", "/a\\b", "/x/../",
        ] {
            assert_eq!(file_of(address), None, "{address}");
        }
        assert_eq!(file_of("/btp/en/").as_deref(), Some("btp/en/index.html"));
        assert_eq!(file_of("/").as_deref(), Some("index.html"));
    }
}
