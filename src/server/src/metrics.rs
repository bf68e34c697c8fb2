//! How the server is: `/healthz`, `/readyz`, and on the admin listener `/metrics` (Prometheus text).
//!
//! Nothing here varies with a report: a log grows by the same number of leaves in every epoch, whether one came or not.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use hafan_tlog::Checkpoint;
use jiff::civil::Date;

use crate::headers::bytes_answer;
use crate::problem::Problem;
use crate::router::App;
use crate::{clock, collected};

const TEXT: &str = "text/plain; charset=utf-8";

/// Live: the process answers.
pub(crate) async fn healthz() -> Response {
    bytes_answer(TEXT, "ok\n")
}

/// Ready: submissions are taken and the log is published.
pub(crate) async fn readyz(State(app): State<Arc<App>>) -> Result<Response, Problem> {
    let health = app.store.health();
    if health.full {
        return Err(Problem::StoreFull);
    }
    if !(health.writable && health.publishing) {
        return Err(Problem::Busy);
    }
    Ok(bytes_answer(TEXT, "ready\n"))
}

/// The gauges, as documented in the text itself.
pub(crate) async fn metrics(State(app): State<Arc<App>>) -> Response {
    bytes_answer("text/plain; version=0.0.4; charset=utf-8", encode(&app))
}

fn encode(app: &App) -> String {
    let health = app.store.health();
    let mut text = String::new();
    gauge(
        &mut text,
        "hafan_build_info",
        "The version that runs.",
        &[(format!("{{version=\"{}\"}}", env!("CARGO_PKG_VERSION")), 1)],
    );
    let days = days_since_1970(app.started_on);
    gauge(
        &mut text,
        "hafan_start_day",
        "Day of the start, in days since 1970-01-01 (UTC).",
        &[(String::new(), days)],
    );
    gauge(
        &mut text,
        "hafan_store_writable",
        "1 when submissions can be made durable.",
        &[(String::new(), health.writable.into())],
    );
    gauge(
        &mut text,
        "hafan_store_full",
        "1 when submissions are refused for want of room.",
        &[(String::new(), health.full.into())],
    );
    gauge(
        &mut text,
        "hafan_log_publishing",
        "1 when epochs are closed in time.",
        &[(String::new(), health.publishing.into())],
    );
    let forces = |value: &dyn Fn(&hafan_directory::Force) -> u64| -> Vec<(String, u64)> {
        app.directories
            .forces()
            .map(|force| (format!("{{force=\"{force}\"}}"), value(force)))
            .collect()
    };
    let epochs = forces(&|force| epochs_published(app, force));
    gauge(
        &mut text,
        "hafan_epochs_published",
        "Epochs in the newest log.",
        &epochs,
    );
    let day_of_leaves = u64::from(app.leaves_per_epoch) * 86_400 / u64::from(app.epoch_s).max(1);
    let behind = forces(&|force| u64::from(app.store.backlog(force) > day_of_leaves));
    gauge(
        &mut text,
        "hafan_backlog_over_a_day",
        "1 when what waits for the force's log fills over a day of epochs: a flood, or an epoch too small.",
        &behind,
    );
    let uncollected = forces(&|force| uncollected_days(app, force));
    gauge(
        &mut text,
        "hafan_uncollected_days",
        "Whole days of the force's newest log that no courier is known to have, counted from the log's beginning after a \
         start, until a courier asks.",
        &uncollected,
    );
    let today = clock::today();
    let valid = forces(&|force| {
        u64::from(
            app.directories
                .of(force)
                .is_some_and(|issued| issued.directory.check_date(today).is_ok()),
        )
    });
    gauge(
        &mut text,
        "hafan_directory_valid",
        "1 when the force's directory holds today.",
        &valid,
    );
    let left = forces(&|force| days_left(app, force, today));
    gauge(
        &mut text,
        "hafan_directory_days_left",
        "Days until the force's directory no longer holds.",
        &left,
    );
    text
}

fn gauge(text: &mut String, name: &str, help: &str, samples: &[(String, u64)]) {
    let mut write = || -> std::fmt::Result {
        writeln!(text, "# HELP {name} {help}\n# TYPE {name} gauge")?;
        samples
            .iter()
            .try_for_each(|(labels, value)| writeln!(text, "{name}{labels} {value}"))
    };
    write().expect("a String takes all that is written to it");
}

/// From the public checkpoint: its size is a multiple of the leaves of an epoch.
fn epochs_published(app: &App, force: &hafan_directory::Force) -> u64 {
    newest_log(app, force).map_or(0, |(_, size)| size / u64::from(app.leaves_per_epoch))
}

/// Leaves come at a fixed beat whether or not somebody reported, so their number tells the age of the oldest that no
/// courier has, and nothing of any report.
fn uncollected_days(app: &App, force: &hafan_directory::Force) -> u64 {
    newest_log(app, force).map_or(0, |(year, size)| {
        let collected = app.collected.leaves(force, year);
        collected::days(size, collected, app.leaves_per_epoch, app.epoch_s)
    })
}

/// Year and size of a force's newest log.
fn newest_log(app: &App, force: &hafan_directory::Force) -> Option<(u16, u64)> {
    let year = app.store.latest_year(force)?;
    let note = app.store.checkpoint(force, year)?;
    Some((year, checkpoint_size(&note)?))
}

fn days_left(app: &App, force: &hafan_directory::Force, today: Date) -> u64 {
    let issued = app.directories.of(force);
    let until = issued.map_or(today, |issued| issued.directory.contents().valid_until);
    u64::try_from((until - today).get_days()).unwrap_or_default()
}

/// The size line of a checkpoint of our own, which needs no check of its signature.
fn checkpoint_size(note: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(note).ok()?;
    let (body, _signatures) = text.split_once("\n\n")?;
    Checkpoint::parse(&format!("{body}\n"))
        .ok()
        .map(|checkpoint| checkpoint.size())
}

fn days_since_1970(day: Date) -> u64 {
    let days = (day - Date::constant(1970, 1, 1)).get_days();
    u64::try_from(days).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_start_is_told_to_the_day() {
        assert_eq!(days_since_1970(Date::constant(2026, 11, 23)), 20_780);
    }

    #[test]
    fn a_gauge_is_written_with_its_help() {
        let mut text = String::new();
        gauge(
            &mut text,
            "x",
            "An x.",
            &[("{force=\"btp\"}".to_owned(), 3)],
        );
        assert_eq!(text, "# HELP x An x.\n# TYPE x gauge\nx{force=\"btp\"} 3\n");
    }
}
