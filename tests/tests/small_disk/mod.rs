//! A disk that is given room one page at a time: a tmpfs. Needs root, `mount` and `umount`.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use xtask::process::{output, run};

const PAGE_SIZE_BYTES: usize = 4096;

/// A tmpfs, unmounted when dropped.
pub(crate) struct Small(PathBuf);

impl Small {
    /// Mounts one of 2 MiB at a folder that it makes.
    pub(crate) fn mount(dir: PathBuf) -> Self {
        fs::create_dir(&dir).unwrap();
        let tmpfs = ["-t", "tmpfs", "-o", "size=2m", "none"];
        run(
            "mount (needs root)",
            Command::new("mount").args(tmpfs).arg(&dir),
        )
        .unwrap();
        Self(dir)
    }

    /// Leaves room for so many pages.
    pub(crate) fn leave(&self, pages: usize) {
        let filler = self.0.join("filler");
        drop(fs::remove_file(&filler));
        let mut bytes = vec![0; 2 << 20];
        while fs::write(&filler, &bytes).is_err() {
            bytes.truncate(bytes.len() - PAGE_SIZE_BYTES);
        }
        let size = bytes.len().checked_sub(pages * PAGE_SIZE_BYTES);
        let file = fs::File::options().write(true).open(&filler).unwrap();
        file.set_len(u64::try_from(size.unwrap()).unwrap()).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let umount = output("umount", Command::new("umount").arg(&self.0));
        assert!(umount.is_ok() || std::thread::panicking(), "{umount:?}");
    }
}
