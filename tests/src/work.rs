//! Does the work that a busy server asks for (docs/protocol.md section 17), written from that page and not from the server.

use std::net::SocketAddr;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use xtask::http::{self, Answer};

use crate::reports::Prepared;

/// The value of `Hafan-Work` for what a problem asks for, and the submission `h`.
///
/// # Errors
/// When the answer asks for no work.
pub fn solve(asked: &Answer, h: &str) -> Result<String> {
    let problem = asked.json()?;
    let member = |name: &str| problem.get(name).context("a member is missing");
    ensure!(member("type")? == "/problems/work", "{problem}");
    let number = |name: &str| member(name)?.as_u64().context("no number");
    let (span, bits) = (number("span")?, u32::try_from(number("bits")?)?);
    let challenge = hex::decode(member("challenge")?.as_str().context("no challenge")?)?;
    let start = [b"hafan/work/v1\0".as_slice(), &challenge, &hex::decode(h)?].concat();
    let seed = Sha256::digest(start);
    let mut nonces = Vec::new();
    for part in 0..16_u32 {
        let mut tried = [seed.as_slice(), &part.to_be_bytes(), &[0; 4]].concat();
        for nonce in 0..=u32::MAX {
            tried.truncate(36);
            tried.extend(nonce.to_be_bytes());
            let found = Sha256::digest(&tried);
            let zeros = found.iter().take_while(|byte| **byte == 0).count();
            let next = found.get(zeros).map_or(0, |byte| byte.leading_zeros());
            if u32::try_from(zeros)? * 8 + next >= bits {
                nonces.extend(nonce.to_be_bytes());
                break;
            }
        }
    }
    Ok(format!(
        "{span}.{bits}.{}",
        BASE64_URL_SAFE_NO_PAD.encode(nonces)
    ))
}

/// Sends a submission as a page does: when work is asked for, it is done, and the same bytes are sent again.
///
/// # Errors
/// When no answer comes within 30 s.
pub fn put_working(server: SocketAddr, force: &str, report: &Prepared) -> Result<Answer> {
    let h = report.h.to_string();
    let answer = crate::put(server, force, &h, &report.submission)?;
    if answer.status != 503
        || answer
            .json()?
            .get("type")
            .is_none_or(|kind| kind != "/problems/work")
    {
        return Ok(answer);
    }
    let proof = solve(&answer, &h)?;
    put_with(server, force, report, &proof)
}

/// Sends a submission with work.
///
/// # Errors
/// When no answer comes within 30 s.
pub fn put_with(server: SocketAddr, force: &str, report: &Prepared, proof: &str) -> Result<Answer> {
    http::request(
        server,
        "PUT",
        &format!("/v1/forces/{force}/drops/{}", report.h),
        &[
            ("Content-Type", "application/vnd.hafan.submission"),
            ("Hafan-Work", proof),
        ],
        Some(&report.submission),
    )
}
