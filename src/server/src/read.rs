//! What anybody may read: the directories and the logs. Static bytes, signed by others or by the log key.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::response::Response;
use bytes::Bytes;
use hafan_directory::Force;
use hafan_envelope::submission::Digest;
use hafan_tlog::TilePath;
use jiff::civil::Date;

use crate::clock;
use crate::directories::Issued;
use crate::headers::bytes_answer;
use crate::problem::Problem;
use crate::router::App;

const TEXT: &str = "text/plain; charset=utf-8";
pub(crate) const BYTES: &str = "application/octet-stream";

/// A digest in an address.
pub(crate) fn parse_digest(text: &str) -> Result<Digest, Problem> {
    text.parse().map_err(|_| {
        Problem::Malformed("wanted a digest of 64 lower-case hex characters in the path")
    })
}

/// The directory of a force that is served here, with the force.
pub(crate) fn issued(app: &App, force: &str) -> Result<(Force, Arc<Issued>), Problem> {
    let force: Force = force.parse().map_err(|_| Problem::NoSuchForce)?;
    let issued = app.directories.of(&force).ok_or(Problem::NoSuchForce)?;
    Ok((force, issued))
}

/// `GET /v1/forces/{force}/directory`: the note as it was signed.
pub(crate) async fn directory(
    State(app): State<Arc<App>>,
    Path(force): Path<String>,
) -> Result<Response, Problem> {
    let (_, issued) = issued(&app, &force)?;
    let note = note_for(&issued, clock::today())?;
    Ok(bytes_answer(TEXT, note))
}

/// The note, as long as it holds: an expired one would have people seal to keys that nobody may use any more.
fn note_for(issued: &Issued, today: Date) -> Result<Bytes, Problem> {
    issued
        .directory
        .check_date(today)
        .map_err(|_| Problem::DirectoryExpired)?;
    Ok(issued.note.clone())
}

/// `GET /v1/release`: the note of the release that is served, as it was signed.
pub(crate) async fn release(State(app): State<Arc<App>>) -> Response {
    bytes_answer(TEXT, app.release.clone())
}

/// `GET /log/operator/checkpoint`.
pub(crate) async fn operator_checkpoint(State(app): State<Arc<App>>) -> Response {
    bytes_answer(TEXT, app.operator.checkpoint())
}

/// `GET /log/operator/tile/…`: hashes or entries.
pub(crate) async fn operator_tile(
    State(app): State<Arc<App>>,
    request: Request,
) -> Result<Response, Problem> {
    let tile = app.operator.tile(&tile_path(&request)?);
    Ok(bytes_answer(BYTES, tile.ok_or(Problem::NotFound)?))
}

/// `GET /log/operator/notes/{leaf}`: the directory or release that a leaf stands for.
pub(crate) async fn operator_note(
    State(app): State<Arc<App>>,
    Path(leaf): Path<String>,
) -> Result<Response, Problem> {
    let leaf = parse_number(&leaf)?;
    let note = tokio::task::spawn_blocking(move || app.operator.note(leaf)).await;
    let note = note
        .map_err(|_| Problem::Internal)?
        .map_err(|_| Problem::Internal)?;
    Ok(bytes_answer(TEXT, note.ok_or(Problem::NotFound)?))
}

/// `GET /log/{force}/latest`: the year of the newest log.
pub(crate) async fn latest(
    State(app): State<Arc<App>>,
    Path(force): Path<String>,
) -> Result<Response, Problem> {
    let (force, _) = issued(&app, &force)?;
    let year = app.store.latest_year(&force).ok_or(Problem::NotFound)?;
    Ok(bytes_answer(TEXT, format!("{year}\n")))
}

/// `GET /log/{force}/beat`: the seconds of an epoch and its leaves, so that a reader can tell how far back a time lies.
pub(crate) async fn beat(
    State(app): State<Arc<App>>,
    Path(force): Path<String>,
) -> Result<Response, Problem> {
    issued(&app, &force)?;
    let (seconds, leaves) = (app.epoch_s, app.leaves_per_epoch);
    Ok(bytes_answer(TEXT, format!("{seconds} {leaves}\n")))
}

/// `GET /log/{force}/{year}/checkpoint`.
pub(crate) async fn checkpoint(
    State(app): State<Arc<App>>,
    Path((force, year)): Path<(String, String)>,
) -> Result<Response, Problem> {
    let (force, _) = issued(&app, &force)?;
    let checkpoint = app
        .store
        .checkpoint(&force, parse_year(&year)?)
        .ok_or(Problem::NotFound)?;
    Ok(bytes_answer(TEXT, checkpoint))
}

/// `GET /log/{force}/{year}/tile/…`: hashes or entries.
pub(crate) async fn tile(
    State(app): State<Arc<App>>,
    Path((force, year, _)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let (force, _) = issued(&app, &force)?;
    let year = parse_year(&year)?;
    let path = tile_path(&request)?;
    let tile = tokio::task::spawn_blocking(move || app.store.tile(&force, year, &path)).await;
    let tile = tile
        .map_err(|_| Problem::Internal)?
        .map_err(|_| Problem::Internal)?;
    Ok(bytes_answer(BYTES, tile.ok_or(Problem::NotFound)?))
}

/// From the address as it was sent: `tile/` and what is behind it, in the one way to write it.
fn tile_path(request: &Request) -> Result<TilePath, Problem> {
    let path = request.uri().path().split_once("/tile/");
    let (_, path) = path.ok_or(Problem::NotFound)?;
    format!("tile/{path}")
        .parse()
        .map_err(|_| Problem::NotFound)
}

/// A year of four digits; another way to write one is another address, where nothing is.
pub(crate) fn parse_year(text: &str) -> Result<u16, Problem> {
    if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_digit()) {
        return text.parse().map_err(|_| Problem::NotFound);
    }
    Err(Problem::NotFound)
}

/// A number in the one way to write it; another is another address, where nothing is.
pub(crate) fn parse_number(text: &str) -> Result<u64, Problem> {
    let number: u64 = text.parse().map_err(|_| Problem::NotFound)?;
    if number.to_string() == text {
        Ok(number)
    } else {
        Err(Problem::NotFound)
    }
}

#[cfg(test)]
mod tests {
    use hafan_directory::{Contact, Contents, Directory, IntakeKey, Recipient};
    use hafan_tlog::Signer;
    use jiff::ToSpan as _;

    use super::*;

    #[test]
    fn a_directory_is_given_on_its_days_and_on_no_other() {
        let monday = Date::constant(2026, 11, 23);
        let until = monday.checked_add(7.days()).unwrap();
        let log = Signer::from_seed("log.example/hafan", &[1; 32]).unwrap();
        let directory = Directory::new(Contents {
            force: "btp".parse().unwrap(),
            sequence: 1,
            valid_from: monday,
            valid_until: until,
            log: log.verifier(),
            intake: vec![IntakeKey {
                id: IntakeKey::id_of(monday),
                recipient: Recipient::from_key(&[9; 1216]).unwrap(),
                from: monday,
                until,
            }],
            contact: Contact {
                threshold: 0,
                recipients: Vec::new(),
            },
            officers: Vec::new(),
            replies: Vec::new(),
            couriers: Vec::new(),
            police_suspect: None,
        })
        .unwrap();
        let issued = Issued {
            note: Bytes::from_static(b"note"),
            directory,
        };
        for (day, given) in [
            (monday.yesterday().unwrap(), false),
            (monday, true),
            (until.yesterday().unwrap(), true),
            (until, false),
        ] {
            let found = note_for(&issued, day);
            assert_eq!(found.is_ok(), given, "{day}");
            assert!(given || found == Err(Problem::DirectoryExpired), "{day}");
        }
    }

    #[test]
    fn a_year_has_one_way_to_be_written() {
        assert_eq!(parse_year("2026"), Ok(2026));
        for text in ["", "26", "02026", "+202", "20 6", "２０２６"] {
            assert_eq!(parse_year(text), Err(Problem::NotFound), "{text}");
        }
    }

    #[test]
    fn a_number_has_one_way_to_be_written() {
        assert_eq!(parse_number("0"), Ok(0));
        assert_eq!(parse_number("16384"), Ok(16_384));
        for text in ["", "00", "+1", "-1", "1.0", "18446744073709551616", "٣"] {
            assert_eq!(parse_number(text), Err(Problem::NotFound), "{text}");
        }
    }
}
