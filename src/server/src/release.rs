//! The signed release of the site that the server hands out, read from `release_path` at start.
//!
//! Every release key of the configuration must have signed it, and its manifest must be the one in the site's folder.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use hafan_directory::operator::Published;
use hafan_directory::release::{RELEASE_SIZE_BYTES_MAX, Release, ReleaseError};
use hafan_tlog::Verifier;

use crate::site::Site;
use crate::store::Publication;

/// Why the release cannot be handed out.
#[derive(Debug, thiserror::Error)]
pub enum IssuedReleaseError {
    /// It cannot be read.
    #[error(
        "cannot read the release {path}: it comes with the site, and `hafan-keys release sign` makes it"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// From the operating system.
        source: io::Error,
    },
    /// Not signed by each release key, or no release.
    #[error("the release {path} is refused")]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: Box<ReleaseError>,
    },
    /// Of another site.
    #[error(
        "the release {path} is of another site: its manifest has SHA-256 {wanted}, and the one in site_dir has {found}; \
         bring both from one release"
    )]
    Site {
        /// The file.
        path: PathBuf,
        /// Of the manifest in the site's folder.
        found: String,
        /// Of the manifest that was released.
        wanted: String,
    },
}

/// Reads the release of a site.
///
/// # Errors
/// [`IssuedReleaseError`].
pub(crate) fn read(
    path: &Path,
    keys: &[Verifier],
    site: &Site,
) -> Result<Publication, IssuedReleaseError> {
    let mut note = Vec::new();
    let limit = u64::try_from(RELEASE_SIZE_BYTES_MAX).unwrap_or(u64::MAX);
    File::open(path)
        .and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut note))
        .map_err(|source| IssuedReleaseError::Read {
            path: path.to_owned(),
            source,
        })?;
    let release = Release::open(&note, keys).map_err(|source| IssuedReleaseError::Open {
        path: path.to_owned(),
        source: Box::new(source),
    })?;
    let found = site.manifest_digest();
    if found != *release.manifest() {
        return Err(IssuedReleaseError::Site {
            path: path.to_owned(),
            found: hex::encode(found),
            wanted: hex::encode(release.manifest()),
        });
    }
    Ok(Publication {
        note: Bytes::from(note),
        published: Published::Release(release),
    })
}
