//! The store's folder: its files, their permissions, the lock, the format, and the mark of a clean stop.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, Mode, OFlags, flock};

use super::scan::segment_path;
use super::times::set_to_midnight;

const FORMAT: &str = "hafan store 1\n";

/// The paths of a store.
#[derive(Clone, Debug)]
pub(crate) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(crate) fn new(root: &Path) -> Self {
        Self {
            root: root.to_path_buf(),
        }
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    pub(crate) fn segments(&self) -> PathBuf {
        self.root.join("segments")
    }

    pub(crate) fn index(&self) -> PathBuf {
        self.root.join("index")
    }

    pub(crate) fn operator(&self) -> PathBuf {
        self.root.join("operator")
    }

    pub(crate) fn format(&self) -> PathBuf {
        self.root.join("format")
    }

    pub(crate) fn lock_path(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// What becomes [`Self::format`] when a restore is done.
    pub(crate) fn restoring(&self) -> PathBuf {
        self.root.join("restoring")
    }

    fn clean(&self) -> PathBuf {
        self.root.join("clean")
    }

    /// Takes the lock of the store, for as long as the file is open; nothing when another has it.
    pub(crate) fn lock(&self) -> io::Result<Option<File>> {
        let file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(self.lock_path())?;
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Some(file)),
            Err(rustix::io::Errno::WOULDBLOCK) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Whether the folder says that it is a store of our format; nothing when it does not say what it is.
    pub(crate) fn has_format(&self) -> io::Result<Option<bool>> {
        match fs::read(self.format()) {
            Ok(found) => Ok(Some(found == FORMAT.as_bytes())),
            Err(error) if is_missing(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Writes the format, which makes the folder a store.
    pub(crate) fn write_format(&self) -> io::Result<()> {
        self.write_durably(&self.format(), FORMAT)
    }

    /// Marks the folder as one that is being restored.
    pub(crate) fn write_restoring(&self) -> io::Result<()> {
        self.write_durably(&self.restoring(), FORMAT)
    }

    /// Whether the last stop was clean and left the value log ending there. The mark is taken away, durably, so that it
    /// cannot outlive the next stop.
    pub(crate) fn take_clean_mark(&self, end: (u32, u64)) -> io::Result<bool> {
        let found = match fs::read_to_string(self.clean()) {
            Ok(found) => found,
            Err(error) if is_missing(&error) => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::InvalidData => String::new(),
            Err(error) => return Err(error),
        };
        fs::remove_file(self.clean())?;
        File::open(&self.root)?.sync_all()?;
        Ok(found == clean_text(end))
    }

    /// Marks a clean stop.
    pub(crate) fn write_clean_mark(&self, end: (u32, u64)) -> io::Result<()> {
        self.write_durably(&self.clean(), &clean_text(end))
    }

    fn write_durably(&self, path: &Path, text: &str) -> io::Result<()> {
        let mut file = create_private(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        File::open(&self.root)?.sync_all()
    }

    /// Keeps the bytes of a torn frame, durably, before they are made zero: `torn-SEGMENT-BYTE`, with a number behind it
    /// when that is there with other bytes.
    pub(crate) fn keep_torn(&self, segment: u32, torn: &Range<u64>) -> io::Result<()> {
        let mut bytes = Vec::new();
        let mut from = File::open(segment_path(&self.segments(), segment))?;
        from.seek(SeekFrom::Start(torn.start))?;
        from.take(torn.end.saturating_sub(torn.start))
            .read_to_end(&mut bytes)?;
        let name = format!("torn-{segment:06}-{}", torn.start);
        let mut path = self.root.join(&name);
        let mut number = 2;
        while path.exists() {
            // An earlier start was interrupted after this one was kept and before the cut.
            if fs::read(&path)? == bytes {
                return Ok(());
            }
            path = self.root.join(format!("{name}-{number}"));
            number += 1;
        }
        let staged = self.root.join("torn.next");
        let mut file = create_private(&staged)?;
        file.write_all(&bytes)?;
        set_to_midnight(&file)?;
        file.sync_all()?;
        fs::rename(&staged, &path)?;
        File::open(&self.root)?.sync_all()
    }

    /// A file without a name, for a submission that is too large for memory.
    pub(crate) fn spill_file(&self) -> io::Result<File> {
        let flags = OFlags::RDWR | OFlags::TMPFILE | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.root, flags, Mode::RUSR | Mode::WUSR)?.into())
    }
}

fn clean_text((segment, byte): (u32, u64)) -> String {
    format!("value log ends at segment {segment:06} byte {byte}\n")
}

fn is_missing(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
    )
}

/// Makes a folder that only its owner enters, or takes an empty one, whose permissions it mends.
pub(crate) fn make_private_dir(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::set_permissions(path, Permissions::from_mode(0o700))?;
        }
        Err(error) => return Err(error),
    }
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => File::open(parent)?.sync_all(),
        _ => Ok(()),
    }
}

/// Opens a file for writing from its first byte, which only its owner reads.
pub(crate) fn create_private(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(path)
}

/// A file that is whole and on the disk under another name, `.next` behind its own.
pub(crate) struct StagedFile {
    staged: PathBuf,
    path: PathBuf,
}

impl StagedFile {
    /// Writes and syncs what is to be at `path`, beside what is there: what a full disk would refuse is refused here.
    pub(crate) fn write(path: &Path, bytes: &[u8]) -> io::Result<Self> {
        let mut staged = path.as_os_str().to_owned();
        staged.push(".next");
        let staged = PathBuf::from(staged);
        let mut file = create_private(&staged)?;
        file.write_all(bytes)?;
        set_to_midnight(&file)?;
        file.sync_all()?;
        let path = path.to_path_buf();
        Ok(Self { staged, path })
    }

    /// Puts it in the place of what is there, durably.
    pub(crate) fn commit(self) -> io::Result<()> {
        fs::rename(&self.staged, &self.path)?;
        let dir = File::open(self.path.parent().unwrap_or(Path::new(".")))?;
        set_to_midnight(&dir)?;
        dir.sync_all()
    }
}

/// Whether a folder has nothing in it; one that is not there has nothing in it either.
pub(crate) fn is_empty_dir(path: &Path) -> io::Result<bool> {
    match fs::read_dir(path) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}
