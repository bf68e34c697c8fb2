//! A process that has no file handle left: alone in its program, because the limit is the process's.

mod store_support;

use std::fs::File;
use std::os::fd::AsRawFd as _;

use hafan::store::{Accepted, Store, SubmitError};
use rustix::process::{Resource, getrlimit, setrlimit};
use store_support::{YEAR, blob, check_log, config, force, open, signer, submit};

#[test]
fn a_passing_shortage_of_handles_is_answered_and_passes() {
    let dir = tempfile::tempdir().unwrap();
    let config = config(dir.path(), &["btp"], 8);
    Store::create(&config, &signer(), YEAR).unwrap();
    let store = open(&config).unwrap();
    let btp = force("btp");
    submit(&store, &btp, 1, 100_000).unwrap();
    let limit = getrlimit(Resource::Nofile);
    // The next needs a segment, and the making of one needs two handles. First none is left, then one.
    for left in [0, 1] {
        // The runtime of `submit` takes some: it is made before.
        let runtime = tokio::runtime::Builder::new_current_thread()
            .build()
            .unwrap();
        let (h, body) = store_support::submission(2, 100_000);
        let lowest = File::open("/dev/null").unwrap();
        let mut short = limit;
        short.current = Some(u64::try_from(lowest.as_raw_fd()).unwrap() + left);
        drop(lowest);
        setrlimit(Resource::Nofile, short).unwrap();
        let answer = runtime.block_on(store.submit(&btp, h, hafan::store::Body::Memory(body)));
        setrlimit(Resource::Nofile, limit).unwrap();
        assert!(matches!(answer, Err(SubmitError::StoreFull)), "{answer:?}");
        let segments = std::fs::read_dir(config.store_dir.join("segments")).unwrap();
        assert_eq!(segments.count(), 1, "{left} left: nothing half made stays");
    }
    assert_eq!(submit(&store, &btp, 2, 100_000).unwrap(), Accepted::Created);
    store.close_epoch(&btp, YEAR, &signer()).unwrap();
    assert_eq!(check_log(&store, &btp, YEAR, 8).len(), 2);
    let (h, body) = store_support::submission(2, 100_000);
    assert_eq!(blob(&store, &btp, &h), Some(body));
}
