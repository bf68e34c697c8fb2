//! What the fuzz targets share: keys that are no secret, and a directory that is signed with one of them.

use std::sync::LazyLock;

use hafan_directory::Directory;
use hafan_tlog::Signer;

/// A vector of tests/vectors: `name: value` lines, an empty line, and the body.
const DIRECTORY: &str = include_str!("../../tests/vectors/directory/ok.txt");
const WITH_REPLIES: &str = include_str!("../../tests/vectors/directory/ok-replies.txt");

/// Signs as the root of a force, so that what comes behind the signature's check is reached.
pub static ROOT: LazyLock<Signer> =
    LazyLock::new(|| Signer::from_seed("hafan/btp/root", &[7; 32]).expect("a key name"));

/// Signs as somebody who releases the site.
pub static RELEASER: LazyLock<Signer> =
    LazyLock::new(|| Signer::from_seed("hafan-release/alys", &[7; 32]).expect("a key name"));

/// The directory of the vector.
pub static COURIERS: LazyLock<Directory> = LazyLock::new(|| directory(DIRECTORY));

/// The directory of the vector with a key for answers.
pub static ANSWERS: LazyLock<Directory> = LazyLock::new(|| directory(WITH_REPLIES));

fn directory(vector: &str) -> Directory {
    let (head, note) = vector.split_once("\n\n").expect("a vector");
    let root = head.lines().find_map(|line| line.strip_prefix("root: "));
    let root = root.and_then(|vkey| vkey.parse().ok()).expect("a vkey");
    Directory::open(note.as_bytes(), &root).expect("a directory")
}
