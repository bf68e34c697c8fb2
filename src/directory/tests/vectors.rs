//! The vectors in tests/vectors/directory, which an independent program made.

use std::error::Error;
use std::fs;

use hafan_directory::Directory;
use hafan_tlog::Verifier;

#[test]
fn every_vector_of_the_directory_is_read_as_it_says() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/directory");
    let mut seen = 0;
    for file in fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let content = fs::read_to_string(&path).unwrap();
        let (head, body) = content.split_once("\n\n").unwrap();
        let said = |name: &str| {
            head.lines()
                .find_map(|line| line.strip_prefix(name))
                .unwrap()
        };
        let root: Verifier = said("root: ").parse().unwrap();
        let expected = said("expect: ");
        let found = match Directory::open(body.as_bytes(), &root) {
            Ok(directory) => {
                assert!(body.starts_with(&directory.encode_text().unwrap()));
                "success".to_owned()
            }
            Err(error) => chain(&error),
        };
        let as_expected = (found == "success") == (expected == "success");
        assert!(
            as_expected && found.contains(expected),
            "{}: found {found}, want {expected}",
            path.display()
        );
        seen += 1;
    }
    assert!(seen > 50, "only {seen} vectors found");
}

fn chain(error: &dyn Error) -> String {
    let cause = error.source().map(chain);
    cause.map_or_else(|| error.to_string(), |cause| format!("{error}: {cause}"))
}
