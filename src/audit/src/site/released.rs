//! The release that is served: who signed it, that its manifest is the one that is served, and that it is the newest in
//! the operator's log.

use sha2::{Digest as _, Sha256};

use super::manifest::{MANIFEST_SIZE_BYTES_MAX, Manifest};
use super::{Given, Released};
use crate::checkpoint::Checkpoint;
use crate::client::Client;
use crate::entry::{Entry, Row, TILE_SIZE_BYTES_MAX, tile_name};
use crate::failure::{Failure, Kind};
use crate::note::{NOTE_SIZE_BYTES_MAX, Vkey};
use crate::published::{self, RELEASE_SIZE_BYTES_MAX, Release, Standing, release_leaf, standing};
use crate::report::Report;

const RELEASE: &str = "/v1/release";
const CHECKPOINT: &str = "/log/operator/checkpoint";

/// The manifest of the release that is served; nothing when it cannot be believed, which was found then.
pub(super) fn manifest(
    client: &Client,
    released: &Released,
    report: &mut Report,
) -> Result<Option<Given>, Failure> {
    let Some(note) = client.get(RELEASE, RELEASE_SIZE_BYTES_MAX)? else {
        report.found("missing-release", RELEASE, "no release is served");
        return Ok(None);
    };
    let release = match Release::open(&note, &released.keys) {
        Ok(release) => release,
        Err(why) => {
            report.found("bad-release", RELEASE, why.to_string());
            return Ok(None);
        }
    };
    report.looked_at(
        "release",
        format!(
            "{} of {}, source {}",
            release.sequence, release.released_on, release.source
        ),
    );
    let leaf = release_leaf(&release.manifest, &note);
    logged(client, &released.log_key, &leaf, report)?;
    let Some(bytes) = client.get("/manifest.json", MANIFEST_SIZE_BYTES_MAX)? else {
        let what = "there is none, and the release has one";
        report.found("other-manifest", "/manifest.json", what);
        return Ok(None);
    };
    if Sha256::digest(&bytes).as_slice() != release.manifest {
        let what = format!(
            "its SHA-256 is {}, and that of the release is {}",
            hex::encode(Sha256::digest(&bytes)),
            hex::encode(release.manifest)
        );
        report.found("other-manifest", "/manifest.json", what);
        return Ok(None);
    }
    let manifest = Manifest::parse(&bytes).map_err(|why| {
        let what = "the manifest that was released is none";
        let advice = "tell those who signed the release";
        Failure::new(Kind::Unreachable, what, advice).because(why)
    })?;
    Ok(Some((bytes.into(), manifest)))
}

/// The release must be the newest in the operator's log.
fn logged(
    client: &Client,
    log_key: &Vkey,
    leaf: &Entry,
    report: &mut Report,
) -> Result<(), Failure> {
    let Some(entries) = entries(client, log_key, report)? else {
        return Ok(());
    };
    match standing(leaf, &entries) {
        Standing::Newest => {}
        Standing::Older { newest } => {
            let what = format!("leaf {newest} of the operator's log is a newer one");
            report.found("older-release", RELEASE, what);
        }
        Standing::Unlogged => {
            let what = "it is served, and is not in the operator's log";
            report.found("unlogged-release", RELEASE, what);
        }
    }
    report.looked_at("leaves of the operator's log", entries.len().to_string());
    Ok(())
}

/// Every entry of the operator's log, under its signed root; nothing when it has not that root, which was found then.
fn entries(
    client: &Client,
    log_key: &Vkey,
    report: &mut Report,
) -> Result<Option<Vec<Entry>>, Failure> {
    let Some(note) = client.get(CHECKPOINT, NOTE_SIZE_BYTES_MAX)? else {
        let what = "there is no log of directories and releases, which every server has";
        report.found("missing-log", CHECKPOINT, what);
        return Ok(None);
    };
    let key = log_key.renamed(&format!("{}/operator", log_key.name()));
    let head = match Checkpoint::open(&note, &key) {
        Ok(head) => head,
        Err(why) => {
            report.found("bad-checkpoint", CHECKPOINT, why.to_string());
            return Ok(None);
        }
    };
    let entries = published::entries(&head, |number, width| {
        let name = tile_name(Row::Entries, number, width);
        let found = client.get(&format!("/log/operator/{name}"), TILE_SIZE_BYTES_MAX)?;
        Ok(found.map(Vec::from))
    })?;
    if entries.is_none() {
        let what = format!(
            "the entries that are served have not the signed root of {} leaves, {}",
            head.size, head.root
        );
        report.found("fork", CHECKPOINT, what);
    }
    Ok(entries)
}
