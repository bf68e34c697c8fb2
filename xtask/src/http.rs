//! A client for tests: writes the bytes it is told to on one TCP connection, and reads one answer.
//!
//! Not for production: it is here because a test must be able to send what no proper client would.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};

/// The largest answer taken: above the largest submission.
const ANSWER_SIZE_BYTES_MAX: usize = 64 << 20;
const HEAD_SIZE_BYTES_MAX: usize = 64 << 10;

/// An answer, whole.
#[derive(Debug, Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// Names in lower case with their values, in the order sent.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Answer {
    /// The first value of a header; the name in lower case.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| value.as_str())
    }

    /// The body as text, with what is not UTF-8 replaced.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is none.
    pub fn json(&self) -> Result<serde_json::Value> {
        serde_json::from_slice(&self.body).context("the body is not JSON")
    }
}

/// Asks for a path.
///
/// # Errors
/// When there is no answer within 30 s, or it is not HTTP/1.1.
pub fn get(server: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Answer> {
    request(server, "GET", path, headers, None)
}

/// Sends one request with the given head fields; with a body, its `Content-Length` is added.
///
/// # Errors
/// When there is no answer within 30 s, or it is not HTTP/1.1.
pub fn request(
    server: SocketAddr,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: Option<&[u8]>,
) -> Result<Answer> {
    let mut head = format!("{method} {path} HTTP/1.1\r\nHost: {server}\r\nConnection: close\r\n");
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(body) = body {
        head.push_str(&format!("Content-Length: {}\r\n", body.len()));
    }
    head.push_str("\r\n");
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(body.unwrap_or_default());
    raw(server, &bytes)
}

/// Sends bytes as they are, on a connection of their own, and reads one answer.
///
/// A server may answer and close before it has read everything, so a failure to write is only an error when no answer comes.
///
/// # Errors
/// When there is no answer within 30 s, or it is not HTTP/1.1.
pub fn raw(server: SocketAddr, bytes: &[u8]) -> Result<Answer> {
    let mut stream = connect(server)?;
    let written = stream.write_all(bytes);
    match read_answer(&mut stream) {
        Ok(answer) => Ok(answer),
        Err(error) => {
            written.context("cannot send the whole request")?;
            Err(error)
        }
    }
}

/// A connection with limits of 30 s on each read and write.
///
/// # Errors
/// When nothing listens there.
pub fn connect(server: SocketAddr) -> Result<TcpStream> {
    let limit = Duration::from_secs(30);
    let stream = TcpStream::connect_timeout(&server, limit)
        .with_context(|| format!("nothing answers at {server}"))?;
    stream.set_read_timeout(Some(limit))?;
    stream.set_write_timeout(Some(limit))?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// Reads one answer: its head, and a body of `Content-Length` bytes, in chunks, or up to the end of the connection.
///
/// # Errors
/// When the connection ends before, or what comes is not HTTP/1.1.
pub fn read_answer(stream: &mut impl Read) -> Result<Answer> {
    let mut bytes = Vec::new();
    let head_end = loop {
        if let Some(end) = memchr::memmem::find(&bytes, b"\r\n\r\n") {
            break end;
        }
        if bytes.len() > HEAD_SIZE_BYTES_MAX {
            bail!("the head of the answer is over {HEAD_SIZE_BYTES_MAX} bytes");
        }
        if !read_more(stream, &mut bytes)? {
            bail!("the connection ended after {} bytes of head", bytes.len());
        }
    };
    let mut rest = bytes.split_off(head_end);
    rest.drain(..4);
    let (status, headers) = parse_head(&bytes)?;
    let mut answer = Answer {
        status,
        headers,
        body: Vec::new(),
    };
    if status == 204 || status == 304 || (100..200).contains(&status) {
        return Ok(answer);
    }
    if answer.header("transfer-encoding") == Some("chunked") {
        while read_more(stream, &mut rest)? {}
        answer.body = unchunk(&rest)?;
        return Ok(answer);
    }
    let length = match answer.header("content-length") {
        Some(text) => Some(text.parse::<usize>().context("Content-Length")?),
        None => None,
    };
    while length.is_none_or(|length| rest.len() < length) {
        if rest.len() > ANSWER_SIZE_BYTES_MAX {
            bail!("the body of the answer is over {ANSWER_SIZE_BYTES_MAX} bytes");
        }
        if !read_more(stream, &mut rest)? {
            break;
        }
    }
    if let Some(length) = length
        && rest.len() < length
    {
        bail!("the body ended after {} of {length} bytes", rest.len());
    }
    rest.truncate(length.unwrap_or(usize::MAX));
    answer.body = rest;
    Ok(answer)
}

fn read_more(stream: &mut impl Read, bytes: &mut Vec<u8>) -> Result<bool> {
    let mut buffer = [0; 16 << 10];
    let n = stream.read(&mut buffer).context("no answer")?;
    bytes.extend_from_slice(buffer.get(..n).unwrap_or_default());
    Ok(n > 0)
}

fn parse_head(bytes: &[u8]) -> Result<(u16, Vec<(String, String)>)> {
    let text = std::str::from_utf8(bytes).context("the head is not UTF-8")?;
    let mut lines = text.split("\r\n");
    let status = lines
        .next()
        .and_then(|line| line.strip_prefix("HTTP/1.1 "))
        .and_then(|rest| rest.get(..3))
        .ok_or_else(|| anyhow!("the status line is not HTTP/1.1"))?
        .parse()?;
    let headers = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    Ok((status, headers))
}

fn unchunk(mut rest: &[u8]) -> Result<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = memchr::memmem::find(rest, b"\r\n").ok_or_else(|| anyhow!("cut chunk"))?;
        let (line, after) = rest.split_at(end);
        let line = std::str::from_utf8(line)?;
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default().trim(), 16)?;
        if size == 0 {
            return Ok(body);
        }
        let data = after.get(2..2 + size).ok_or_else(|| anyhow!("cut chunk"))?;
        body.extend_from_slice(data);
        rest = after.get(size + 4..).unwrap_or_default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(bytes: &[u8]) -> Result<Answer> {
        read_answer(&mut &*bytes)
    }

    #[test]
    fn a_body_of_known_length_is_read_to_that_length() {
        let found =
            answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nX-A: b\r\n\r\nabcdef").unwrap();
        assert_eq!((found.status, found.text().as_str()), (200, "abc"));
        assert_eq!(found.header("x-a"), Some("b"));
    }

    #[test]
    fn chunks_are_put_together() {
        let bytes = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n";
        assert_eq!(answer(bytes).unwrap().text(), "abcde");
    }

    #[test]
    fn a_cut_answer_is_an_error() {
        assert!(answer(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab").is_err());
        assert!(answer(b"HTTP/1.1 200 OK\r\nContent-Le").is_err());
        assert!(answer(b"SSH-2.0\r\n\r\n").is_err());
    }
}
