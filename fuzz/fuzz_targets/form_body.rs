#![no_main]
//! A form as a browser posts it: what is taken is answered in fields of the question set; the report of it breaks no rule.
use std::sync::LazyLock;

use bytes::Bytes;
use hafan_gateway::answers::{Circumstances, report};
use hafan_gateway::form::{self, Files};
use hafan_gateway::questions::QuestionSet;
use hafan_report::{Language, SealedTo, Thread};
use http_body_util::Full;

static QUESTIONS: LazyLock<QuestionSet> = LazyLock::new(|| {
    QuestionSet::parse(include_bytes!("../form.json")).expect("the questions of the seeds")
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let body = Full::new(Bytes::copy_from_slice(data));
    let reading = form::read(body, "multipart/form-data; boundary=x", &QUESTIONS, Files::Held);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    if let Ok(read) = runtime.block_on(reading) {
        // As the gateway asks before it makes a report.
        if QUESTIONS.lacks_choice(&read.given) || !QUESTIONS.has_substance(&read.given) {
            return;
        }
        let circumstances = Circumstances {
            language: Language::English,
            written_on: "2026-11-26".parse().expect("a date"),
            thread: Thread([0; 16]),
            key: SealedTo { id: "2026-W48".to_owned(), fingerprint: ["0000"; 8].join(" ") },
            files: Vec::new(),
        };
        let made = report(&QUESTIONS, &read.given, "btp", circumstances).expect("a force of the questions");
        made.check().expect("a report that breaks no rule");
    }
});
