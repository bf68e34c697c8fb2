//! `pull`: everything of one force that was not carried yet, verified, into one bundle a log.
//!
//! The server is not trusted: the directory is signed by the root key, the checkpoint by the log key
//! that it names, the entries go on from what was carried before and give the signed root, and each
//! blob is the one that its leaf stands for. A fork or a rollback is refused and nothing is written.
//! Must never open a report: there is no cipher in this program.

use std::collections::BTreeMap;
use std::fs;
use std::io::BufWriter;
use std::path::{Path, PathBuf};

use hafan_directory::{Directory, Force};
use hafan_envelope::SUBMISSION_SIZE_BYTES_MAX;
use hafan_envelope::bundle::{
    BundleName, BundleWriter, DIRECTORY_SIZE_BYTES_MAX, Head, LEAVES_MAX, NOTE_SIZE_BYTES_MAX,
};
use hafan_envelope::submission::{Digest, digest, tag_digest};
use hafan_tlog::{Checkpoint, Entry, EntryKind, Frontier, Seed, Signer, Verifier, decoy};
use serde::Deserialize;

use crate::client::{Access, Client};
use crate::entries;
use crate::failure::{Failure, Kind};
use crate::progress::Progress;
use crate::state::{Carried, State, create_partial, sync_parent};

/// The largest answer to `drops`: 1,024 leaves, each in an epoch and a drop of its own.
const PAGE_SIZE_BYTES_MAX: usize = 512 * 1024;

/// How many years before the newest are looked for when nothing was carried yet.
const YEARS_BACK_MAX: u16 = 50;

/// What to pull, and with what.
pub(crate) struct Pull<'a> {
    pub(crate) client: Client,
    pub(crate) force: Force,
    pub(crate) key: Signer,
    pub(crate) root: Verifier,
    pub(crate) out: &'a Path,
    pub(crate) year: Option<u16>,
    pub(crate) progress: Progress,
}

/// A bundle that was written.
pub(crate) struct Written {
    pub(crate) path: PathBuf,
    pub(crate) name: BundleName,
    pub(crate) drops: u64,
    pub(crate) decoys: u64,
    /// Leaves that stand for pages of answers: who has made them tells whether they are right.
    pub(crate) pages: u64,
    /// Leaves that are no decoys and whose blob the server did not give or gave damaged.
    pub(crate) missing: Vec<Missing>,
}

/// One leaf without its blob.
pub(crate) struct Missing {
    pub(crate) index: u64,
    pub(crate) why: &'static str,
}

#[derive(Deserialize)]
struct Page {
    year: u16,
    size: u64,
    epochs: Vec<Epoch>,
    drops: Vec<Drop>,
    next: u64,
}

#[derive(Clone, Deserialize)]
struct Epoch {
    first: u64,
    leaves: u16,
    seed: String,
}

#[derive(Clone, Deserialize)]
struct Drop {
    index: u64,
    h: String,
    size: u64,
}

/// What the server says of the leaves [first, last).
struct Listing {
    epochs: Vec<Epoch>,
    drops: BTreeMap<u64, Drop>,
}

impl Pull<'_> {
    /// Pulls year after year, the oldest first, so that the old log is finished before the new begins.
    pub(crate) async fn run(&self) -> Result<Vec<Written>, Failure> {
        let note = self.fetch_directory().await?;
        let directory = self.open_directory(&note)?;
        let mut state = State::read(self.out, &self.force, &directory)?;
        let mut written = Vec::new();
        for year in self.years(&state).await? {
            written.extend(self.pull_year(year, &note, &directory, &mut state).await?);
        }
        Ok(written)
    }

    async fn fetch_directory(&self) -> Result<Vec<u8>, Failure> {
        let max = usize::try_from(DIRECTORY_SIZE_BYTES_MAX).unwrap_or(usize::MAX);
        let path = format!("/v1/forces/{}/directory", self.force);
        let note = self.client.get(&path, max, Access::Public).await?;
        let note = note.ok_or_else(|| {
            Failure::new(
                Kind::Usage,
                format!("the server has no force {}", self.force),
                "check --force and --server",
            )
        })?;
        Ok(note.into())
    }

    fn open_directory(&self, note: &[u8]) -> Result<Directory, Failure> {
        let directory = Directory::open(note, &self.root).map_err(|source| {
            Failure::unbelievable("the server's directory does not verify with --root")
                .because(source)
        })?;
        if directory.force() != &self.force {
            return Err(Failure::unbelievable(format!(
                "the server's directory is of {}, {} wanted",
                directory.force(),
                self.force
            )));
        }
        let today = jiff::Timestamp::now()
            .to_zoned(jiff::tz::TimeZone::UTC)
            .date();
        directory.check_date(today).map_err(|source| {
            Failure::new(
                Kind::Unsafe,
                "the server's directory does not hold today",
                "check this machine's clock (UTC); if it is right, the officers have to issue the \
                 next directory: hafan-keys directory issue",
            )
            .because(source)
        })?;
        let named = directory
            .courier(self.key.name())
            .is_some_and(|key| *key == self.key.verifier());
        if named {
            return Ok(directory);
        }
        Err(Failure::new(
            Kind::No,
            format!("the directory does not name the key {}", self.key.name()),
            "use the key that the newest directory names, or have one issued that names this key",
        ))
    }

    async fn years(&self, state: &State) -> Result<Vec<u16>, Failure> {
        if let Some(year) = self.year {
            return Ok(vec![year]);
        }
        let path = format!("/log/{}/latest", self.force);
        let latest = self.client.get(&path, 16, Access::Public).await?;
        let latest = latest.and_then(|text| {
            std::str::from_utf8(&text)
                .ok()?
                .strip_suffix('\n')?
                .parse::<u16>()
                .ok()
        });
        let latest = latest.ok_or_else(|| {
            Failure::new(
                Kind::Unreachable,
                format!(
                    "the server did not say which year's log of {} is the newest",
                    self.force
                ),
                "check --server: it may be another program, or the log has not begun yet",
            )
        })?;
        let mut first = latest;
        match state.years.last_key_value() {
            Some((carried, _)) if *carried > latest => {
                return Err(Failure::unbelievable(format!(
                    "the server's newest log is of {latest}, and that of {carried} was carried before"
                )));
            }
            Some((carried, _)) => first = *carried,
            None => {
                for back in 1..=YEARS_BACK_MAX {
                    let year = latest.saturating_sub(back);
                    if self.fetch_checkpoint(year).await?.is_none() {
                        break;
                    }
                    first = year;
                }
            }
        }
        Ok((first..=latest).collect())
    }

    async fn fetch_checkpoint(&self, year: u16) -> Result<Option<Vec<u8>>, Failure> {
        let max = usize::try_from(NOTE_SIZE_BYTES_MAX).unwrap_or(usize::MAX);
        let path = format!("/log/{}/{year}/checkpoint", self.force);
        Ok(self
            .client
            .get(&path, max, Access::Public)
            .await?
            .map(Into::into))
    }

    async fn pull_year(
        &self,
        year: u16,
        directory_note: &[u8],
        directory: &Directory,
        state: &mut State,
    ) -> Result<Option<Written>, Failure> {
        let note = self.fetch_checkpoint(year).await?.ok_or_else(|| {
            Failure::new(
                Kind::Unreachable,
                format!("the server has no log of {} for {year}", self.force),
                "check --year, or leave it out",
            )
        })?;
        let checkpoint = open_checkpoint(&note, year, directory)?;
        let carried = state.years.get(&year);
        let frontier = carried.map_or_else(Frontier::new, |carried| carried.frontier.clone());
        if !check_continuity(year, &frontier, &checkpoint)? {
            return Ok(None);
        }
        let name = BundleName {
            year,
            first: frontier.size(),
            last: checkpoint.size(),
        };
        if name.last.saturating_sub(name.first) > LEAVES_MAX {
            return Err(Failure::new(
                Kind::No,
                format!(
                    "{} leaves are new, and a bundle holds at most {LEAVES_MAX}",
                    name.last - name.first
                ),
                "pull more often",
            ));
        }
        let entries = entries::fetch(&self.client, &self.force, name, &self.progress).await?;
        let mut grown = frontier;
        grown.extend(entries.iter().map(Entry::leaf_hash));
        if grown.root() != checkpoint.root() {
            return Err(Failure::unbelievable(format!(
                "the log of {year} was rewritten: its entries do not lead from what was carried \
                 before to the signed checkpoint of {} leaves",
                name.last
            )));
        }
        let listing = self.list(name).await?;
        let head = Head {
            directory: directory_note.to_vec(),
            // The first bundle of a year follows the empty log, of which no note is to be had any more.
            previous_checkpoint: carried
                .map_or_else(Vec::new, |carried| carried.checkpoint.clone()),
            checkpoint: note.clone(),
            entries: entries.iter().flat_map(Entry::encode).collect(),
            epochs: listing.encode_epochs(),
        };
        let written = self.write_bundle(name, &head, &entries, &listing).await?;
        // Only now: a state that is ahead of its bundle would leave a gap that nobody could fill.
        state.years.insert(
            year,
            Carried {
                frontier: grown,
                checkpoint: note,
            },
        );
        state.write()?;
        Ok(Some(written))
    }

    /// Asks for epochs and drops, page after page.
    async fn list(&self, name: BundleName) -> Result<Listing, Failure> {
        let mut listing = Listing {
            epochs: Vec::new(),
            drops: BTreeMap::new(),
        };
        let mut after = name.first;
        while after < name.last {
            let path = format!(
                "/v1/forces/{}/drops?year={}&after={after}",
                self.force, name.year
            );
            let body = self
                .client
                .get(&path, PAGE_SIZE_BYTES_MAX, Access::Courier(&self.key))
                .await?;
            let page: Option<Page> = body.and_then(|body| serde_json::from_slice(&body).ok());
            let page = page.ok_or_else(|| {
                Failure::unbelievable(format!("the answer to {path} is no list of drops"))
            })?;
            let forward = page.next > after && page.next <= page.size && page.size >= name.last;
            if page.year != name.year || !forward {
                return Err(Failure::unbelievable(format!(
                    "the list of drops does not go on from leaf {after}"
                )));
            }
            listing.epochs.extend(
                page.epochs
                    .into_iter()
                    .filter(|epoch| epoch.first < name.last),
            );
            listing.drops.extend(
                page.drops
                    .into_iter()
                    .filter(|drop| drop.index < name.last)
                    .map(|drop| (drop.index, drop)),
            );
            after = page.next;
        }
        listing.check(name)?;
        Ok(listing)
    }

    /// Writes the bundle beside its final name, syncs it, and only then gives it the name.
    async fn write_bundle(
        &self,
        name: BundleName,
        head: &Head,
        entries: &[Entry],
        listing: &Listing,
    ) -> Result<Written, Failure> {
        let path = self.out.join(name.to_string());
        let partial = self.out.join(format!(".{name}.partial"));
        let failed = |e: std::io::Error| Failure::write(&partial, e);
        let torn = |e| failed(std::io::Error::other(e));
        let file = create_partial(&partial).map_err(failed)?;
        let mut bundle = BundleWriter::begin(BufWriter::new(file), head).map_err(torn)?;
        let (open, decoys) = listing.open_leaves(name, entries)?;
        let (pages, open): (Vec<_>, Vec<_>) = open
            .into_iter()
            .partition(|(_, entry)| entry.kind == EntryKind::ReplyPage);
        let pages = u64::try_from(pages.len()).unwrap_or(u64::MAX);
        let mut missing = Vec::new();
        let mut drops: u64 = 0;
        let bar = self.progress.bar("reports", open.len());
        for (index, entry) in open {
            bar.inc(1);
            match self.blob(index, &entry, listing).await? {
                Ok(bytes) => {
                    bundle.append_blob(&Digest(entry.h), &bytes).map_err(torn)?;
                    drops = drops.saturating_add(1);
                }
                Err(why) => missing.push(Missing { index, why }),
            }
        }
        bar.finish_and_clear();
        let file = bundle.finish().map_err(torn)?;
        let file = file.into_inner().map_err(|e| failed(e.into_error()))?;
        file.sync_all().map_err(failed)?;
        fs::rename(&partial, &path)
            .and_then(|()| sync_parent(&path))
            .map_err(failed)?;
        Ok(Written {
            path,
            name,
            drops,
            decoys,
            pages,
            missing,
        })
    }

    /// One blob that matches its leaf; or why there is none, which does not keep the others back.
    async fn blob(
        &self,
        index: u64,
        entry: &Entry,
        listing: &Listing,
    ) -> Result<Result<Vec<u8>, &'static str>, Failure> {
        if entry.kind != EntryKind::Drop {
            return Ok(Err("a leaf of a kind that this version does not know"));
        }
        let h = Digest(entry.h);
        match listing.drops.get(&index) {
            None => return Ok(Err("withheld: no decoy, and not in the server's list")),
            Some(drop) if drop.h != h.to_string() => {
                return Ok(Err("the server's list names another report than the log"));
            }
            Some(_) => {}
        }
        let max = usize::try_from(SUBMISSION_SIZE_BYTES_MAX).unwrap_or(usize::MAX);
        let path = format!("/v1/forces/{}/blobs/{h}", self.force);
        let Some(bytes) = self
            .client
            .get(&path, max, Access::Courier(&self.key))
            .await?
        else {
            return Ok(Err("withheld: the server has no blob for it"));
        };
        Ok(if matches_leaf(&bytes, entry) {
            Ok(bytes.into())
        } else {
            Err("damaged: the blob does not match its leaf")
        })
    }
}

fn matches_leaf(bytes: &[u8], entry: &Entry) -> bool {
    bytes
        .split_first_chunk()
        .and_then(|(salt, rest)| Some((salt, rest.split_first_chunk()?)))
        .is_some_and(|(salt, (tag, envelope))| {
            digest(salt, envelope).0 == entry.h && tag_digest(tag) == entry.t
        })
}

fn open_checkpoint(note: &[u8], year: u16, directory: &Directory) -> Result<Checkpoint, Failure> {
    let wrong =
        || Failure::unbelievable(format!("the server's checkpoint of {year} does not verify"));
    let verifier = directory
        .log_verifier(year)
        .map_err(|e| wrong().because(e))?;
    Checkpoint::open(note, &verifier).map_err(|e| wrong().because(e))
}

/// Whether there is anything new; a rollback or a fork is an error.
fn check_continuity(
    year: u16,
    carried: &Frontier,
    checkpoint: &Checkpoint,
) -> Result<bool, Failure> {
    if checkpoint.size() < carried.size() {
        return Err(Failure::unbelievable(format!(
            "the log of {year} was rolled back: it has {} leaves, and {} were carried before",
            checkpoint.size(),
            carried.size()
        )));
    }
    if checkpoint.size() > carried.size() {
        return Ok(true);
    }
    if checkpoint.root() == carried.root() {
        return Ok(false);
    }
    Err(Failure::unbelievable(format!(
        "the log of {year} was forked: at {} leaves its root is not the one carried before",
        carried.size()
    )))
}

impl Listing {
    /// The epochs cover the leaves exactly; the drops lie within.
    fn check(&self, name: BundleName) -> Result<(), Failure> {
        let mut next = name.first;
        for epoch in &self.epochs {
            let lower = epoch
                .seed
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
            if epoch.first != next || epoch.leaves == 0 || epoch.seed.len() != 64 || !lower {
                return Err(Failure::unbelievable(format!(
                    "the list of epochs has a gap or a fault at leaf {next}"
                )));
            }
            next = next.saturating_add(u64::from(epoch.leaves));
        }
        let size_wrong = self
            .drops
            .values()
            .any(|drop| drop.size > SUBMISSION_SIZE_BYTES_MAX);
        let early = self
            .drops
            .keys()
            .next()
            .is_some_and(|index| *index < name.first);
        if next != name.last || size_wrong || early {
            return Err(Failure::unbelievable(format!(
                "the server's list does not cover the leaves {} to {}",
                name.first, name.last
            )));
        }
        Ok(())
    }

    fn encode_epochs(&self) -> Vec<u8> {
        let epochs: Vec<String> = self
            .epochs
            .iter()
            .map(
                |Epoch {
                     first,
                     leaves,
                     seed,
                 }| {
                    format!(r#"{{"first":{first},"leaves":{leaves},"seed":"{seed}"}}"#)
                },
            )
            .collect();
        format!("[{}]", epochs.join(",")).into_bytes()
    }

    /// The leaves that are no decoys, and how many are.
    fn open_leaves(
        &self,
        name: BundleName,
        entries: &[Entry],
    ) -> Result<(Vec<(u64, Entry)>, u64), Failure> {
        let mut open = Vec::new();
        let mut decoys: u64 = 0;
        let mut leaves = (name.first..).zip(entries);
        for epoch in &self.epochs {
            let mut seed = [0; hafan_tlog::entry::SEED_SIZE_BYTES];
            hex::decode_to_slice(&epoch.seed, &mut seed).map_err(|e| {
                Failure::unbelievable("the seed of an epoch is not hexadecimal").because(e)
            })?;
            let seed = Seed::from_bytes(&seed);
            for (position, (index, entry)) in (0..epoch.leaves).zip(leaves.by_ref()) {
                if *entry == decoy(&seed, position) {
                    decoys = decoys.saturating_add(1);
                } else {
                    open.push((index, *entry));
                }
            }
        }
        Ok((open, decoys))
    }
}
