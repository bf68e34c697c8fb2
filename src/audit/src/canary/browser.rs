//! A Chromium of one's own, spoken to over two pipes in its debugging protocol: messages of JSON with a zero byte behind each.
//!
//! It has a fresh profile in a temporary folder, which goes with it.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::failure::{Failure, Kind};

/// The longest that one answer of the browser may take.
const ANSWER_MAX: Duration = Duration::from_secs(60);

/// Chromium reads its third and writes its fourth descriptor; these are the shell's input and output.
const ON_PIPES: &str = r#"exec "$0" "$@" 3<&0 4>&1 </dev/null >/dev/null"#;

const SWITCHES: [&str; 9] = [
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--remote-debugging-pipe",
    "about:blank",
];

pub(super) struct Browser {
    child: Child,
    input: ChildStdin,
    answers: Receiver<Value>,
    session: Option<String>,
    asked: u64,
    /// Its profile, and what else has to be there as long as it is.
    kept: Vec<TempDir>,
}

impl Browser {
    /// Starts a browser with one empty page.
    ///
    /// # Errors
    /// It does not start or does not answer.
    pub(super) fn start(program: &Path) -> Result<Self, Failure> {
        let profile =
            tempfile::tempdir().map_err(|error| Failure::write(&std::env::temp_dir(), error))?;
        let mut command = Command::new("sh");
        command.args(["-c", ON_PIPES]).arg(program);
        // As root there is no sandbox to have: who wants one runs this as another user.
        if rustix::process::geteuid().is_root() {
            command.arg("--no-sandbox");
        }
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        command.args(SWITCHES);
        let spawned = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child =
            spawned.map_err(|error| broken("cannot start a shell for it").because(error))?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(broken("it has no pipes"));
        };
        let (tell, answers) = channel();
        thread::spawn(move || {
            for message in BufReader::new(output).split(0) {
                // What is no JSON ends the conversation, as the end of the browser does.
                let Some(value) = message
                    .ok()
                    .and_then(|bytes| serde_json::from_slice(&bytes).ok())
                else {
                    return;
                };
                if tell.send(value).is_err() {
                    return;
                }
            }
        });
        let mut browser = Self {
            child,
            input,
            answers,
            session: None,
            asked: 0,
            kept: vec![profile],
        };
        let target = browser.ask("Target.createTarget", &json!({"url": "about:blank"}))?;
        let id = target.get("targetId").cloned().unwrap_or_default();
        let attached = browser.ask(
            "Target.attachToTarget",
            &json!({"targetId": id, "flatten": true}),
        )?;
        browser.session = attached
            .get("sessionId")
            .and_then(Value::as_str)
            .map(str::to_owned);
        Ok(browser)
    }

    /// Goes to an address and waits until its document has been read.
    ///
    /// # Errors
    /// The page does not come.
    pub(super) fn open(&mut self, url: &str) -> Result<(), Failure> {
        let went = self.ask("Page.navigate", &json!({"url": url}))?;
        if let Some(why) = went.get("errorText").and_then(Value::as_str) {
            return Err(broken(&format!("{url} does not open: {why}")));
        }
        self.wait_for(
            "document.readyState === 'complete' && location.href !== 'about:blank'",
            ANSWER_MAX,
        )
    }

    /// The value of an expression in the page.
    ///
    /// # Errors
    /// It throws, or no answer comes.
    pub(super) fn value(&mut self, expression: &str) -> Result<Value, Failure> {
        let params = json!({"expression": expression, "awaitPromise": true, "returnByValue": true});
        let answer = self.ask("Runtime.evaluate", &params)?;
        if answer.get("exceptionDetails").is_some() {
            return Err(broken("the page is not built as it was known"));
        }
        Ok(answer.pointer("/result/value").cloned().unwrap_or_default())
    }

    /// Waits until an expression in the page is true.
    ///
    /// # Errors
    /// It is not, for so long.
    pub(super) fn wait_for(&mut self, expression: &str, at_most: Duration) -> Result<(), Failure> {
        let begun = Instant::now();
        // Between two documents an expression throws: it is asked again.
        while self.value(expression).ok() != Some(Value::Bool(true)) {
            if begun.elapsed() > at_most {
                return Err(broken(&format!("waited in vain for {expression}")));
            }
            thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }

    /// Types text where the focus is.
    ///
    /// # Errors
    /// No answer comes.
    pub(super) fn type_text(&mut self, text: &str) -> Result<(), Failure> {
        self.ask("Input.insertText", &json!({"text": text}))
            .map(drop)
    }

    /// Chooses a file in the control that a selector names.
    ///
    /// # Errors
    /// There is no such control.
    pub(super) fn choose_file(&mut self, selector: &str, path: &Path) -> Result<(), Failure> {
        let document = self.ask("DOM.getDocument", &json!({}))?;
        let root = document
            .pointer("/root/nodeId")
            .cloned()
            .unwrap_or_default();
        let found = self.ask(
            "DOM.querySelector",
            &json!({"nodeId": root, "selector": selector}),
        )?;
        let node = found.get("nodeId").cloned().unwrap_or_default();
        let files = [path.display().to_string()];
        self.ask(
            "DOM.setFileInputFiles",
            &json!({"nodeId": node, "files": files}),
        )
        .map(drop)
    }

    /// Keeps a folder until the browser has ended.
    pub(super) fn keep(&mut self, dir: TempDir) {
        self.kept.push(dir);
    }

    fn ask(&mut self, method: &str, params: &Value) -> Result<Value, Failure> {
        self.asked += 1;
        let id = self.asked;
        let mut message = json!({"id": id, "method": method, "params": params});
        if let (Some(session), Some(object)) = (&self.session, message.as_object_mut()) {
            object.insert("sessionId".to_owned(), json!(session));
        }
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0);
        self.input
            .write_all(&bytes)
            .map_err(|error| broken("it has ended").because(error))?;
        let begun = Instant::now();
        loop {
            let left = ANSWER_MAX.saturating_sub(begun.elapsed());
            let answer = match self.answers.recv_timeout(left) {
                Ok(answer) => answer,
                Err(RecvTimeoutError::Timeout) => {
                    return Err(broken(&format!("{method} has no answer")));
                }
                Err(RecvTimeoutError::Disconnected) => return Err(broken("it has ended")),
            };
            // Events, and answers to nobody, are passed over.
            if answer.get("id").and_then(Value::as_u64) != Some(id) {
                continue;
            }
            if let Some(error) = answer.pointer("/error/message").and_then(Value::as_str) {
                return Err(broken(&format!("{method}: {error}")));
            }
            return Ok(answer.get("result").cloned().unwrap_or_default());
        }
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to end and nobody to wait for.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn broken(what: &str) -> Failure {
    let advice = "give a Chromium with --browser, as a user that may run it; reports that were sent before stay sent";
    Failure::new(Kind::Unreachable, format!("the browser: {what}"), advice)
}
