//! `push`: pages of sealed answers from the medium to the server, each until the server says that it is durable.
//!
//! A page that cannot be one is refused before any is sent. Must never open a record: there is no cipher in this program.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use hafan_directory::Force;
use hafan_envelope::reply::{PAGE_SIZE_BYTES, Page};
use hafan_envelope::submission::Digest;
use hafan_tlog::Signer;

use crate::client::{Client, Put};
use crate::failure::{Failure, Kind};
use crate::progress::Progress;

const MEDIA_TYPE: &str = "application/vnd.hafan.reply-page";

/// What to push, and with what.
pub(crate) struct Push<'a> {
    pub(crate) client: Client,
    pub(crate) force: Force,
    pub(crate) key: Signer,
    pub(crate) from: &'a Path,
    pub(crate) progress: Progress,
}

/// A page that the server holds.
pub(crate) struct Pushed {
    pub(crate) path: PathBuf,
    pub(crate) h: Digest,
    pub(crate) put: Put,
}

impl Push<'_> {
    /// Brings every page, in order of their names.
    pub(crate) async fn run(&self) -> Result<Vec<Pushed>, Failure> {
        let pages: Result<Vec<_>, Failure> = self
            .paths()?
            .into_iter()
            .map(|path| read_page(&path).map(|(h, bytes)| (path, h, bytes)))
            .collect();
        let pages = pages?;
        let bar = self.progress.bar("pages", pages.len());
        let mut pushed = Vec::new();
        for (path, h, bytes) in pages {
            let address = format!("/v1/forces/{}/replies/{h}", self.force);
            let put = self
                .client
                .put(&address, MEDIA_TYPE, bytes.into(), &self.key)
                .await?;
            bar.inc(1);
            pushed.push(Pushed { path, h, put });
        }
        bar.finish_and_clear();
        Ok(pushed)
    }

    fn paths(&self) -> Result<Vec<PathBuf>, Failure> {
        let failed = |error| Failure::read(self.from, error);
        let mut paths = Vec::new();
        for entry in std::fs::read_dir(self.from).map_err(failed)? {
            let path = entry.map_err(failed)?.path();
            let name = path.file_name().and_then(|name| name.to_str());
            if name.is_some_and(|name| name.starts_with("replies-") && name.ends_with(".page")) {
                paths.push(path);
            }
        }
        paths.sort();
        Ok(paths)
    }
}

fn read_page(path: &Path) -> Result<(Digest, Vec<u8>), Failure> {
    let failed = |error| Failure::read(path, error);
    let most = u64::try_from(PAGE_SIZE_BYTES).unwrap_or(u64::MAX);
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(failed)?;
    file.take(most.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(failed)?;
    let page = Page::parse(&bytes).map_err(|why| {
        Failure::new(
            Kind::No,
            format!("{} is no page of answers", path.display()),
            "nothing was brought. Copy it again from where hafan-keys replies export wrote it",
        )
        .because(why)
    })?;
    Ok((page.digest(), bytes))
}
