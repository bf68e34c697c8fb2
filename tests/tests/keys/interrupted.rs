//! Cut anywhere, by a full disk or by SIGKILL: no key is lost, nothing looks finished, and the same command finishes it.

use std::process::Command;

use crate::office::Office;

/// The program in a session of its own, which has no terminal to ask on.
pub(crate) fn without_terminal(office: &Office, args: &[&str]) -> Command {
    let mut command = Command::new("setsid");
    command
        .args(["--wait", office.program.to_str().unwrap()])
        .args(args)
        .current_dir(office.path("."))
        .stdin(std::process::Stdio::null());
    command
}
