//! The static site: read whole at start, compared with its manifest, served from memory. docs/protocol.md section 9.
//!
//! Never opens a file for a request. Trusts the folder only as far as the manifest's digests go.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use axum::response::Response;
use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use crate::headers::{HEADERS_JSON, bytes_answer};
use crate::problem::Problem;

const MANIFEST_NAME: &str = "manifest.json";
const FILES_MAX: usize = 4096;
/// All files together, as memory holds them: a hundred times what the site is.
const SITE_SIZE_BYTES_MAX: u64 = 64 * 1024 * 1024;
const NOT_FOUND_PAGE: &str = "/404.html";
const TAKEN: [&str; 4] = ["/leave", "/healthz", "/readyz", "/manifest.json"];
const TAKEN_BELOW: [&str; 3] = ["/v1/", "/log/", "/problems/"];

/// Why the site is not served.
#[derive(Debug, thiserror::Error)]
pub enum SiteError {
    /// A file or folder cannot be read.
    #[error(
        "cannot read {path} of the site: build it with `cargo xtask site` and name its folder in `site_dir`"
    )]
    Read {
        /// Which.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// The manifest is not of the shape of section 9.
    #[error("the site's manifest is not of the form that this server knows")]
    Manifest(#[source] serde_json::Error),
    /// An entry of the manifest breaks a rule.
    #[error("the site's manifest: {path}: {wanted}")]
    Entry {
        /// The entry's key.
        path: String,
        /// The rule.
        wanted: &'static str,
    },
    /// The site was built for other headers.
    #[error("the site was built with other headers than this server's: build both from one commit")]
    Headers,
    /// A file is not the one that was built.
    #[error("the site's file {0} is not the one in the manifest: restore the released build")]
    Differs(String),
    /// A file that the manifest does not name.
    #[error("the site has the file {0}, which its manifest does not name: remove it")]
    Stray(String),
    /// Neither a file nor a folder.
    #[error("the site has {0}, which is neither a file nor a folder: remove it")]
    NotAFile(String),
    /// Too much.
    #[error("the site is over {SITE_SIZE_BYTES_MAX} bytes or {FILES_MAX} files")]
    Size,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Manifest {
    version: Version,
    headers: BTreeMap<String, String>,
    files: Entries,
}

/// The one version there is.
struct Version;

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match u32::deserialize(deserializer)? {
            1 => Ok(Self),
            found => Err(serde::de::Error::custom(format!(
                "version {found}, wanted 1"
            ))),
        }
    }
}

/// The files of a manifest; a path that comes twice is refused, where a map would keep the last.
struct Entries(BTreeMap<String, Entry>);

impl<'de> Deserialize<'de> for Entries {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Entries;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object of files")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(
                self,
                mut map: A,
            ) -> Result<Entries, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some((path, entry)) = map.next_entry::<String, Entry>()? {
                    if entries.insert(path, entry).is_some() {
                        return Err(serde::de::Error::custom("a file twice"));
                    }
                }
                Ok(Entries(entries))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    sha256: String,
    content_type: String,
    encodings: Encodings,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encodings {
    br: Option<Encoded>,
    gzip: Option<Encoded>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Encoded {
    path: String,
    sha256: String,
}

struct Page {
    content_type: HeaderValue,
    plain: Bytes,
    br: Option<Bytes>,
    gzip: Option<Bytes>,
}

/// The site, in memory.
pub struct Site {
    manifest: Bytes,
    pages: BTreeMap<String, Page>,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site")
            .field("pages", &self.pages.len())
            .finish_non_exhaustive()
    }
}

impl Site {
    /// Reads the site and compares it with its manifest.
    ///
    /// # Errors
    /// [`SiteError`]: any difference between folder, manifest and this server's headers.
    pub fn read(dir: &Path) -> Result<Self, SiteError> {
        let mut files = read_folder(dir)?;
        let manifest = files.remove(MANIFEST_NAME).ok_or_else(|| SiteError::Read {
            path: dir.join(MANIFEST_NAME),
            source: io::ErrorKind::NotFound.into(),
        })?;
        let parsed: Manifest = serde_json::from_slice(&manifest).map_err(SiteError::Manifest)?;
        let Manifest {
            version: Version,
            headers,
            files: Entries(entries),
        } = parsed;
        let ours: BTreeMap<String, String> =
            serde_json::from_str(HEADERS_JSON).map_err(SiteError::Manifest)?;
        if headers != ours {
            return Err(SiteError::Headers);
        }
        let mut pages = BTreeMap::new();
        for (path, entry) in entries {
            let page = take_page(&mut files, &path, &entry)?;
            pages.insert(path, page);
        }
        match files.into_keys().next() {
            Some(stray) => Err(SiteError::Stray(stray)),
            None => Ok(Self {
                manifest: manifest.into(),
                pages,
            }),
        }
    }

    /// SHA-256 of the manifest, as a release names it.
    #[must_use]
    pub fn manifest_digest(&self) -> [u8; 32] {
        Sha256::digest(&self.manifest).into()
    }

    /// The manifest, as it lies on disk.
    pub(crate) fn manifest(&self) -> Response {
        bytes_answer("application/json", self.manifest.clone())
    }

    /// Answers a path, with a page of its own for one that is not there.
    pub(crate) fn answer(&self, path: &str, headers: &HeaderMap) -> Result<Response, Problem> {
        if let Some(page) = self.pages.get(path) {
            return Ok(page.answer(headers));
        }
        match self.pages.get(NOT_FOUND_PAGE) {
            Some(page) if !TAKEN_BELOW.iter().any(|taken| path.starts_with(taken)) => {
                let mut response = page.answer(headers);
                *response.status_mut() = StatusCode::NOT_FOUND;
                Ok(response)
            }
            Some(_) | None => Err(Problem::NotFound),
        }
    }
}

impl Page {
    fn answer(&self, headers: &HeaderMap) -> Response {
        let (body, encoding) = match (&self.br, &self.gzip) {
            (Some(br), _) if accepts(headers, "br") => (br, Some("br")),
            (_, Some(gzip)) if accepts(headers, "gzip") => (gzip, Some("gzip")),
            (_, _) => (&self.plain, None),
        };
        let mut response = Response::new(body.clone().into());
        response
            .headers_mut()
            .insert(CONTENT_TYPE, self.content_type.clone());
        if let Some(encoding) = encoding {
            response
                .headers_mut()
                .insert(CONTENT_ENCODING, HeaderValue::from_static(encoding));
        }
        response
    }
}

/// Whether `Accept-Encoding` names the coding, and not with a weight of zero (RFC 9110 section 12.5.3).
fn accepts(headers: &HeaderMap, coding: &str) -> bool {
    headers
        .get_all(ACCEPT_ENCODING)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|item| {
            let mut parts = item.split(';').map(str::trim);
            let named = parts
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case(coding));
            let refused = parts
                .filter_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")))
                .any(|weight| weight.parse::<f32>().map_or(true, |weight| weight <= 0.0));
            named && !refused
        })
}

/// All files below a folder, by their path in it with `/`.
fn read_folder(dir: &Path) -> Result<BTreeMap<String, Vec<u8>>, SiteError> {
    let mut files = BTreeMap::new();
    let mut left = SITE_SIZE_BYTES_MAX;
    let mut folders = vec![(dir.to_owned(), String::new())];
    while let Some((folder, prefix)) = folders.pop() {
        let failed = |source| SiteError::Read {
            path: folder.clone(),
            source,
        };
        for entry in std::fs::read_dir(&folder).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
            let kind = entry.file_type().map_err(failed)?;
            if kind.is_dir() {
                folders.push((entry.path(), format!("{name}/")));
            } else if kind.is_file() {
                let size = entry.metadata().map_err(failed)?.len();
                left = left.checked_sub(size).ok_or(SiteError::Size)?;
                let bytes = std::fs::read(entry.path()).map_err(|source| SiteError::Read {
                    path: entry.path(),
                    source,
                })?;
                files.insert(name, bytes);
            } else {
                return Err(SiteError::NotAFile(name));
            }
            if files.len() > FILES_MAX {
                return Err(SiteError::Size);
            }
        }
    }
    Ok(files)
}

fn take_page(
    files: &mut BTreeMap<String, Vec<u8>>,
    path: &str,
    entry: &Entry,
) -> Result<Page, SiteError> {
    let wrong = |wanted| SiteError::Entry {
        path: path.to_owned(),
        wanted,
    };
    let file = file_of(path)
        .ok_or_else(|| wrong("wanted / and segments of letters, digits, . _ - joined by /"))?;
    if TAKEN.contains(&path) || TAKEN_BELOW.iter().any(|taken| path.starts_with(taken)) {
        return Err(wrong("this address is the server's own"));
    }
    let content_type = HeaderValue::try_from(&entry.content_type)
        .map_err(|_| wrong("content_type is not a header value"))?;
    let plain = take_file(files, &file, &entry.sha256)?;
    let mut encoded = |encoding: &Option<Encoded>| {
        encoding
            .as_ref()
            .map(|encoded| take_file(files, &encoded.path, &encoded.sha256))
            .transpose()
    };
    let br = encoded(&entry.encodings.br)?;
    let gzip = encoded(&entry.encodings.gzip)?;
    Ok(Page {
        content_type,
        plain,
        br,
        gzip,
    })
}

/// The file of an address, relative to the site's folder.
fn file_of(path: &str) -> Option<String> {
    let relative = path.strip_prefix('/')?;
    let file = if path.ends_with('/') {
        format!("{relative}index.html")
    } else {
        relative.to_owned()
    };
    let sound = |segment: &str| {
        segment
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
            && segment.bytes().any(|byte| byte != b'.')
    };
    file.split('/').all(sound).then_some(file)
}

/// A file comes out of the map once, so that no two entries share one.
fn take_file(
    files: &mut BTreeMap<String, Vec<u8>>,
    file: &str,
    sha256: &str,
) -> Result<Bytes, SiteError> {
    let bytes = files
        .remove(file)
        .ok_or_else(|| SiteError::Differs(file.to_owned()))?;
    if hex::encode(Sha256::digest(&bytes)) != sha256 {
        return Err(SiteError::Differs(file.to_owned()));
    }
    // A boxed slice holds no spare room.
    Ok(Bytes::from(bytes.into_boxed_slice()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sha256(bytes: &[u8]) -> String {
        hex::encode(Sha256::digest(bytes))
    }

    /// A site of two pages; `change` may break its manifest.
    fn site(change: impl FnOnce(&mut serde_json::Value)) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("index.html", "home"),
            ("index.html.br", "BR"),
            ("index.html.gz", "GZ"),
            ("404.html", "gone"),
        ] {
            std::fs::write(dir.path().join(name), bytes).unwrap();
        }
        let headers: serde_json::Value = serde_json::from_str(HEADERS_JSON).unwrap();
        let mut manifest = serde_json::json!({"version": 1, "headers": headers, "files": {
            "/": {"sha256": sha256(b"home"), "content_type": "text/html; charset=utf-8", "encodings": {
                "br": {"path": "index.html.br", "sha256": sha256(b"BR")},
                "gzip": {"path": "index.html.gz", "sha256": sha256(b"GZ")}}},
            "/404.html": {"sha256": sha256(b"gone"), "content_type": "text/html; charset=utf-8", "encodings": {}}}});
        change(&mut manifest);
        std::fs::write(dir.path().join("manifest.json"), manifest.to_string()).unwrap();
        dir
    }

    fn refused(change: impl FnOnce(&mut serde_json::Value)) -> SiteError {
        Site::read(site(change).path()).unwrap_err()
    }

    fn encoding_for(accept: &'static str) -> Option<HeaderValue> {
        let site = Site::read(site(|_| ()).path()).unwrap();
        let headers = HeaderMap::from_iter([(ACCEPT_ENCODING, HeaderValue::from_static(accept))]);
        site.answer("/", &headers)
            .unwrap()
            .headers()
            .get(CONTENT_ENCODING)
            .cloned()
    }

    #[test]
    fn a_built_site_is_served_in_the_best_coding_asked_for() {
        assert_eq!(encoding_for("gzip, deflate, br").unwrap(), "br");
        assert_eq!(encoding_for("gzip, br;q=0").unwrap(), "gzip");
        assert_eq!(encoding_for("identity"), None);
    }

    #[test]
    fn a_page_that_is_not_there_has_the_sites_own_page() {
        let site = Site::read(site(|_| ()).path()).unwrap();
        assert_eq!(
            site.answer("/none", &HeaderMap::new()).unwrap().status(),
            StatusCode::NOT_FOUND
        );
        assert_eq!(
            site.answer("/v1/none", &HeaderMap::new()).unwrap_err(),
            Problem::NotFound
        );
    }

    #[test]
    fn a_digest_that_differs_is_refused_by_file() {
        let error = refused(|manifest| {
            manifest["files"]["/"]["encodings"]["br"]["sha256"] = sha256(b"?").into();
        });
        assert!(matches!(error, SiteError::Differs(file) if file == "index.html.br"));
    }

    #[test]
    fn a_stray_file_is_refused_by_name() {
        let dir = site(|_| ());
        std::fs::write(dir.path().join("extra.js"), "x").unwrap();
        assert!(
            matches!(Site::read(dir.path()), Err(SiteError::Stray(file)) if file == "extra.js")
        );
    }

    #[test]
    fn a_symbolic_link_is_refused() {
        let dir = site(|_| ());
        std::os::unix::fs::symlink("/etc/passwd", dir.path().join("link")).unwrap();
        assert!(matches!(
            Site::read(dir.path()),
            Err(SiteError::NotAFile(_))
        ));
    }

    #[test]
    fn other_headers_are_refused() {
        assert!(matches!(
            refused(|manifest| manifest["headers"]["x-frame-options"] = "ALLOW".into()),
            SiteError::Headers
        ));
    }

    #[test]
    fn a_file_that_two_addresses_share_is_refused() {
        let error = refused(|manifest| {
            let page = manifest["files"]["/"].clone();
            manifest["files"]["/index.html"] = page;
        });
        assert!(matches!(error, SiteError::Differs(_)));
    }

    #[test]
    fn an_address_of_the_servers_own_is_refused() {
        let error = refused(|manifest| {
            manifest["files"]["/leave"] = manifest["files"]["/404.html"].clone();
        });
        assert!(matches!(error, SiteError::Entry { .. }));
    }

    #[test]
    fn a_path_that_leaves_the_folder_is_refused() {
        for path in ["/../x", "/./x", "//x", "x", "/a b", "/%2e", "/a\\b"] {
            assert_eq!(file_of(path), None, "{path}");
        }
        assert_eq!(file_of("/btp/en/").as_deref(), Some("btp/en/index.html"));
    }

    #[test]
    fn another_member_of_the_manifest_is_refused() {
        assert!(matches!(
            refused(|manifest| manifest["more"] = 1.into()),
            SiteError::Manifest(_)
        ));
        assert!(matches!(
            refused(|manifest| manifest["version"] = 2.into()),
            SiteError::Manifest(_)
        ));
    }
}
