//! How far each log was published, as a restore knows it: from the pins, and from checkpoints that somebody else kept.
//!
//! Every one of them must be signed by the log key. The newest of a log decides.

use std::collections::BTreeMap;

use hafan_directory::Force;
use hafan_tlog::{Checkpoint, Verifier, log_origin};

use super::StoreConfig;
use super::folder::{Folder, StagedFile, make_private_dir};
use super::operator;
use super::pin::{self, Pins};
use super::restore::{Behind, Logs, RestoreError, failed};

/// How far each log is known to have been published.
pub(crate) struct Known {
    pub(crate) pins: Pins,
    pub(crate) sizes: BTreeMap<(Force, u16), u64>,
    /// What was given and is newer than the pin.
    given: BTreeMap<(Force, u16), Vec<u8>>,
    /// How far the operator's log was published, when anybody says it, and what was given and is newer than its pin.
    operator: Option<u64>,
    given_of_operator: Option<Vec<u8>>,
}

impl Known {
    pub(crate) fn read(
        config: &StoreConfig,
        verifier: &Verifier,
        published: &[(String, Vec<u8>)],
    ) -> Result<Self, RestoreError> {
        let mut pins = Pins::take(&config.pinned_dir).map_err(failed(&config.pinned_dir))?;
        let mut sizes = BTreeMap::new();
        let mut given = BTreeMap::new();
        let listed = pins.list().map_err(failed(&config.pinned_dir))?;
        for (force, year) in listed {
            let path = pins.path(&force, year);
            let note = pins.read(&force, year).map_err(failed(&path))?;
            let what = path.display().to_string();
            let log = open(config, verifier, &what, &note.unwrap_or_default())?;
            if log.0 != (force, year) {
                return Err(none_of_ours(config, &what));
            }
            sizes.insert(log.0, log.1);
        }
        let pin_path = config.pinned_dir.join(operator::PIN_NAME);
        let mut of_operator = match pin::read(&pin_path).map_err(failed(&pin_path))? {
            Some(note) => {
                let head = operator::open_head(&note, &config.log_name, verifier);
                let what = pin_path.display().to_string();
                Some(head.ok_or_else(|| none_of_ours(config, &what))?.size())
            }
            None => None,
        };
        let mut given_of_operator = None;
        for (what, note) in published {
            if let Some(head) = operator::open_head(note, &config.log_name, verifier) {
                if of_operator.is_none_or(|known| known < head.size()) {
                    of_operator = Some(head.size());
                    given_of_operator = Some(note.clone());
                }
                continue;
            }
            let (log, size) = open(config, verifier, what, note)?;
            if sizes.get(&log).is_none_or(|known| *known < size) {
                sizes.insert(log.clone(), size);
                pins.put_taken(log.0.clone(), log.1, note.clone());
                given.insert(log, note.clone());
            }
        }
        Ok(Self {
            pins,
            sizes,
            given,
            operator: of_operator,
            given_of_operator,
        })
    }

    /// Refuses an operator's log that is behind, or of which nobody knows whether it is. Whether its notes are those of
    /// its head the start looks at.
    pub(crate) fn compare_operator(
        &self,
        folder: &Folder,
        config: &StoreConfig,
        verifier: &Verifier,
    ) -> Result<(), RestoreError> {
        let path = folder.operator().join("checkpoint");
        let note = pin::read(&path).map_err(failed(&path))?;
        let head = operator::open_head(&note.unwrap_or_default(), &config.log_name, verifier);
        let what = "operator/checkpoint of the backup";
        let found = head.ok_or_else(|| none_of_ours(config, what))?.size();
        match self.operator {
            None => Err(RestoreError::OperatorUnpinned),
            Some(published) if found < published => {
                Err(RestoreError::OperatorOlder { found, published })
            }
            Some(_) => Ok(()),
        }
    }

    /// Refuses a backup that is behind, or of which nobody knows whether it is.
    pub(crate) fn compare(
        &self,
        logs: &BTreeMap<(Force, u16), (u64, Vec<u8>)>,
    ) -> Result<(), RestoreError> {
        let behind: Vec<_> = self
            .sizes
            .iter()
            .map(|((force, year), published)| Behind {
                force: force.clone(),
                year: *year,
                found: logs.get(&(force.clone(), *year)).map(|(size, _)| *size),
                published: *published,
            })
            .filter(|log| log.found.is_none_or(|found| found < log.published))
            .collect();
        if !behind.is_empty() {
            return Err(RestoreError::Older(behind));
        }
        let unpinned: Vec<_> = logs
            .keys()
            .filter(|log| !self.sizes.contains_key(log))
            .cloned()
            .collect();
        if unpinned.is_empty() {
            Ok(())
        } else {
            Err(RestoreError::Unpinned(Logs(unpinned)))
        }
    }

    /// Pins what was given and newer.
    pub(crate) fn pin(&self, folder: &Folder, config: &StoreConfig) -> Result<(), RestoreError> {
        let dir = &config.pinned_dir;
        if !dir.exists() {
            make_private_dir(dir).map_err(failed(dir))?;
        }
        let pins = Pins::new(dir);
        for ((force, year), note) in &self.given {
            pins.stage(force, *year, note)
                .and_then(|staged| staged.commit())
                .map_err(failed(folder.root()))?;
        }
        if let Some(note) = &self.given_of_operator {
            StagedFile::write(&dir.join(operator::PIN_NAME), note)
                .and_then(StagedFile::commit)
                .map_err(failed(dir))?;
        }
        Ok(())
    }
}

pub(crate) fn none_of_ours(config: &StoreConfig, what: &str) -> RestoreError {
    RestoreError::Checkpoint {
        what: what.to_owned(),
        log_name: config.log_name.clone(),
    }
}

/// The log and size of a checkpoint that the log key signed for one of this server's logs.
pub(crate) fn open(
    config: &StoreConfig,
    verifier: &Verifier,
    what: &str,
    note: &[u8],
) -> Result<((Force, u16), u64), RestoreError> {
    let wrong = || none_of_ours(config, what);
    let origin = note.split(|byte| *byte == b'\n').next();
    let origin = origin.and_then(|line| std::str::from_utf8(line).ok());
    let log = origin.and_then(|origin| {
        let (force, year) = origin
            .strip_prefix(&config.log_name)?
            .strip_prefix('/')?
            .rsplit_once('/')?;
        Some((force.parse::<Force>().ok()?, year.parse::<u16>().ok()?))
    });
    let (force, year) = log.ok_or_else(wrong)?;
    let origin = log_origin(&config.log_name, force.as_str(), year);
    let verifier = verifier.renamed(&origin).map_err(|_| wrong())?;
    let checkpoint = Checkpoint::open(note, &verifier).map_err(|_| wrong())?;
    Ok(((force, year), checkpoint.size()))
}
