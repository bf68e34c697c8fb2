//! The auditor against systems with one fault each: the right command ends with 1 and names it, and with 0 on the intact
//! one. Nothing that could not be read ends with 0.
#![cfg(test)]

mod access;
mod bundles;
mod log;
mod made;
mod made_record;
mod made_store;
#[path = "../keys/office.rs"]
#[expect(dead_code, reason = "other drills use the rest")]
mod office;
mod operator;
#[path = "../../oracles/mod.rs"]
#[expect(dead_code, reason = "logs are verified here, the rest elsewhere")]
mod oracles;
mod site;
mod store;
mod store_beside;
mod store_files;

use std::path::Path;
use std::process::Command;

use hafan_tests::told;
use xtask::binaries::Binaries;

/// What a run of the auditor ended with, and all that it said.
struct Said {
    code: Option<i32>,
    text: String,
}

/// Runs a command of the auditor's.
fn audit(args: &[&str]) -> Said {
    let program = Binaries::built().unwrap().audit();
    let (status, out, err) = told(Command::new(program).args(args)).unwrap();
    Said {
        code: status.code(),
        text: out + &err,
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

impl Said {
    #[track_caller]
    fn holds(&self) {
        assert_eq!(self.code, Some(0), "{}", self.text);
        assert!(
            self.text
                .ends_with("HOLDS: nothing was found that should not be\n"),
            "{}",
            self.text
        );
    }

    /// Ends with 1 and a finding that begins so: its name, and the place.
    #[track_caller]
    fn finds(&self, wanted: &str) {
        assert_eq!(self.code, Some(1), "wanted {wanted}: {}", self.text);
        let line = format!("FINDING {wanted}");
        let found = self.text.lines().any(|found| found.starts_with(&line));
        assert!(found, "wanted {wanted}: {}", self.text);
    }

    #[track_caller]
    fn fails(&self, code: i32, wanted: &str) {
        assert_eq!(self.code, Some(code), "wanted {wanted}: {}", self.text);
        assert!(self.text.contains(wanted), "wanted {wanted}: {}", self.text);
    }
}
