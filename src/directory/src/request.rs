//! Request signatures of couriers: RFC 9421 with one profile, docs/protocol.md section 7.
//!
//! The library for structured fields is `sfv` (RFC 9651); why not a whole library for request
//! signatures is in docs/decisions/0001-request-signatures.md. What comes from the network is not
//! trusted: the header fields are bounded, and there is one way to write each.

use std::fmt;

use hafan_tlog::{Signer, Verifier};
use sfv::{
    BareItem, Dictionary, FieldType as _, InnerList, Integer, Item, Key, ListEntry, Parameters,
    Parser,
};

use crate::directory::Directory;

/// Name of the header field that says what was signed.
pub const SIGNATURE_INPUT: &str = "signature-input";

/// Name of the header field with the signature.
pub const SIGNATURE: &str = "signature";

/// How far a courier's clock may be off, in seconds, either way.
pub const CLOCK_SKEW_S_MAX: u64 = 300;

/// Longest header field of ours in bytes.
const FIELD_SIZE_BYTES_MAX: usize = 1024;

/// Label of the signature in both header fields.
const LABEL: &str = "hafan";

/// What is signed, in this order.
const COMPONENTS: [&str; 3] = ["@method", "@path", "@query"];

/// Value of the parameter `alg`.
const ALGORITHM: &str = "ed25519";

/// Value of the parameter `tag`.
const TAG: &str = "hafan-courier";

/// What a request asks for: the parts that are signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target<'a> {
    /// The method, as sent: `GET`.
    pub method: &'a str,
    /// The path, as sent, with its percent-encoding: `/v1/forces/btp/drops`.
    pub path: &'a str,
    /// The query, as sent, without its question mark; empty when there is none.
    pub query: &'a str,
}

/// Why a request cannot be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignError {
    /// Method, path or query cannot be sent as they are.
    #[error("method, path or query of the request holds a byte that cannot be sent")]
    Target,
    /// The key name cannot be written in a header field.
    #[error("key name holds a character that cannot stand in a header field")]
    KeyName,
    /// The time cannot be written.
    #[error("time of the request is out of bounds")]
    Created,
}

/// Why a request is not one of a courier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RequestError {
    /// A header field is missing.
    #[error("request has no {field}, want one signed by a courier")]
    Unsigned {
        /// Name of the header field.
        field: &'static str,
    },
    /// A header field is too long.
    #[error("{field} is {found} bytes, want at most {FIELD_SIZE_BYTES_MAX}")]
    Size {
        /// Name of the header field.
        field: &'static str,
        /// Size in bytes.
        found: usize,
    },
    /// A header field is not a dictionary in the one form that it has.
    #[error("{field} is not a structured field in its canonical form (RFC 9651)")]
    Form {
        /// Name of the header field.
        field: &'static str,
    },
    /// Not exactly one signature with our label.
    #[error("{field} does not have the one label `{LABEL}`")]
    Label {
        /// Name of the header field.
        field: &'static str,
    },
    /// Other parts of the request are signed.
    #[error("signature does not cover method, path and query in this order and nothing else")]
    Components,
    /// The parameters are not the four that must be there.
    #[error(
        "signature does not have the parameters created, keyid, alg=\"{ALGORITHM}\" and \
         tag=\"{TAG}\" and no other"
    )]
    Parameters,
    /// Method, path or query hold something that no request has.
    #[error("method, path or query of the request holds a byte that cannot be signed")]
    Target,
    /// The directory does not name the key.
    #[error("signature is by a key that the directory does not name")]
    Key,
    /// The signature is not by that key over this request.
    #[error("signature does not verify for this request")]
    Signature,
    /// Signed by a courier, but too long ago or in the future.
    #[error(
        "the request was signed {skew}: set the courier's clock, want at most \
         {CLOCK_SKEW_S_MAX} seconds of difference"
    )]
    Clock {
        /// How far off.
        skew: Skew,
    },
}

/// How far a courier's clock is from the server's. It is shown in words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Skew {
    /// The courier's clock is behind by this many seconds.
    Behind(u64),
    /// The courier's clock is ahead by this many seconds.
    Ahead(u64),
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, side) = match *self {
            Self::Behind(seconds) => (seconds, "before"),
            Self::Ahead(seconds) => (seconds, "after"),
        };
        write!(f, "{} {side} the server's time", Words(seconds))
    }
}

/// Seconds in words, in the two largest units that fit.
struct Words(u64);

impl fmt::Display for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let units = [
            ("day", 86_400),
            ("hour", 3_600),
            ("minute", 60),
            ("second", 1),
        ];
        let mut rest = self.0;
        let mut written = 0;
        for (unit, seconds) in units {
            let count = rest / seconds;
            rest %= seconds;
            if count == 0 && (written > 0 || seconds > 1) {
                if written > 0 {
                    break;
                }
                continue;
            }
            let space = if written > 0 { " " } else { "" };
            let plural = if count == 1 { "" } else { "s" };
            write!(f, "{space}{count} {unit}{plural}")?;
            written += 1;
            if written == 2 {
                break;
            }
        }
        Ok(())
    }
}

/// Signs a request: names and values of the two header fields to send with it.
///
/// `created` is the time in seconds since 1970 (Unix time); the signer is a courier's key.
///
/// # Errors
///
/// The request, key name or time cannot be written as they must be.
pub fn sign(
    courier: &Signer,
    target: &Target<'_>,
    created: i64,
) -> Result<[(&'static str, String); 2], SignError> {
    let input = signature_input(courier.name(), created)?;
    let base = signature_base(target, &input).ok_or(SignError::Target)?;
    let signature = courier.sign_bytes(base.as_bytes());
    let item = Item::new(BareItem::ByteSequence(signature.to_vec()));
    let signature = one_member(item.into()).ok_or(SignError::KeyName)?;
    Ok([
        (SIGNATURE_INPUT, format!("{LABEL}={input}")),
        (SIGNATURE, signature),
    ])
}

/// Checks that a courier whom the directory names has signed this request, within 300 seconds.
///
/// `now` is the time in seconds since 1970. Whether the directory holds today is for the caller.
/// That the clock is off is said only to a courier whose signature verifies.
///
/// # Errors
///
/// The first thing that is wrong, in the order of [`RequestError`].
pub fn verify(
    directory: &Directory,
    target: &Target<'_>,
    signature_input: Option<&str>,
    signature: Option<&str>,
    now: i64,
) -> Result<(), RequestError> {
    let input = member(SIGNATURE_INPUT, signature_input)?;
    let signature = member(SIGNATURE, signature)?;
    let params = parse_input(&input.entry)?;
    let signature = parse_signature(&signature.entry)?;
    let base = signature_base(target, &input.text).ok_or(RequestError::Target)?;
    let courier: &Verifier = directory
        .courier(&params.key_name)
        .ok_or(RequestError::Key)?;
    if !courier.verifies_bytes(base.as_bytes(), &signature) {
        return Err(RequestError::Signature);
    }
    check_clock(params.created, now)
}

/// What the parameters of a signature say, once their fixed ones are right.
struct Params {
    created: i64,
    key_name: String,
}

/// The one member of a header field: parsed, and as its canonical text without label.
struct Member {
    entry: ListEntry,
    text: String,
}

fn member(field: &'static str, value: Option<&str>) -> Result<Member, RequestError> {
    let value = value.ok_or(RequestError::Unsigned { field })?;
    if value.len() > FIELD_SIZE_BYTES_MAX {
        return Err(RequestError::Size {
            field,
            found: value.len(),
        });
    }
    let dictionary: Dictionary = Parser::new(value)
        .parse()
        .map_err(|_| RequestError::Form { field })?;
    // White space, doubled members and loose base64 would be further ways to write the same.
    if dictionary.serialize().as_deref() != Some(value) {
        return Err(RequestError::Form { field });
    }
    let text = value
        .strip_prefix(LABEL)
        .and_then(|rest| rest.strip_prefix('='));
    let text = text.ok_or(RequestError::Label { field })?.to_owned();
    let mut members = dictionary.into_iter();
    match (members.next(), members.next()) {
        (Some((label, entry)), None) if label.as_str() == LABEL => Ok(Member { entry, text }),
        _ => Err(RequestError::Label { field }),
    }
}

fn parse_input(entry: &ListEntry) -> Result<Params, RequestError> {
    let ListEntry::InnerList(InnerList { items, params }) = entry else {
        return Err(RequestError::Components);
    };
    let covered = items.iter().map(|item| {
        item.bare_item
            .as_string()
            .filter(|_| item.params.is_empty())
            .map(|name| name.as_str())
    });
    if !covered.eq(COMPONENTS.into_iter().map(Some)) {
        return Err(RequestError::Components);
    }
    let text = |name: &str| params.get(name)?.as_string().map(|value| value.as_str());
    if params.len() != 4 || text("alg") != Some(ALGORITHM) || text("tag") != Some(TAG) {
        return Err(RequestError::Parameters);
    }
    let created = params.get("created").and_then(BareItem::as_integer);
    let created = created.ok_or(RequestError::Parameters)?.into();
    let key_name = text("keyid").ok_or(RequestError::Parameters)?.to_owned();
    Ok(Params { created, key_name })
}

fn parse_signature(entry: &ListEntry) -> Result<[u8; 64], RequestError> {
    let ListEntry::Item(item) = entry else {
        return Err(RequestError::Form { field: SIGNATURE });
    };
    let bytes = item
        .bare_item
        .as_byte_sequence()
        .filter(|_| item.params.is_empty());
    let bytes = bytes.ok_or(RequestError::Form { field: SIGNATURE })?;
    bytes.try_into().map_err(|_| RequestError::Signature)
}

fn check_clock(created: i64, now: i64) -> Result<(), RequestError> {
    let off = created.abs_diff(now);
    if off <= CLOCK_SKEW_S_MAX {
        return Ok(());
    }
    let skew = if created < now {
        Skew::Behind(off)
    } else {
        Skew::Ahead(off)
    };
    Err(RequestError::Clock { skew })
}

/// The value of Signature-Input without its label: covered components and parameters.
fn signature_input(key_name: &str, created: i64) -> Result<String, SignError> {
    let created = Integer::try_from(created).map_err(|_| SignError::Created)?;
    let text =
        |text: &str| sfv::String::from_string(text.to_owned()).map_err(|_| SignError::KeyName);
    let key = |name: &str| Key::from_string(name.to_owned()).map_err(|_| SignError::KeyName);
    // The order is free; the crate `httpsig` can verify this one only.
    let params = Parameters::from_iter([
        (key("created")?, BareItem::Integer(created)),
        (key("alg")?, BareItem::String(text(ALGORITHM)?)),
        (key("keyid")?, BareItem::String(text(key_name)?)),
        (key("tag")?, BareItem::String(text(TAG)?)),
    ]);
    let mut items = Vec::with_capacity(COMPONENTS.len());
    for name in COMPONENTS {
        items.push(Item::new(text(name)?));
    }
    let member = one_member(InnerList::with_params(items, params).into());
    let input = member
        .as_deref()
        .and_then(|member| member.strip_prefix(LABEL));
    let input = input
        .and_then(|input| input.strip_prefix('='))
        .ok_or(SignError::KeyName)?;
    Ok(input.to_owned())
}

/// A header field with one member, under our label.
fn one_member(entry: ListEntry) -> Option<String> {
    let label = Key::from_string(LABEL.to_owned()).ok()?;
    Dictionary::from_iter([(label, entry)]).serialize()
}

/// The bytes that are signed. Source: RFC 9421 section 2.5.
///
/// Nothing when a part of the request could pass for a line of its own.
fn signature_base(target: &Target<'_>, input: &str) -> Option<String> {
    let Target {
        method,
        path,
        query,
    } = target;
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
    if method.is_empty() || !path.starts_with('/') {
        return None;
    }
    if !(plain(method) && plain(path) && plain(query)) {
        return None;
    }
    let query = format!("?{query}");
    let [first, second, third] = COMPONENTS;
    Some(base_of(
        &[(first, method), (second, path), (third, &query)],
        input,
    ))
}

/// One line for each covered component, and one for the parameters. Source: RFC 9421 section 2.5.
fn base_of(components: &[(&str, &str)], input: &str) -> String {
    let mut base = String::new();
    for (name, value) in components {
        base.push_str(&format!("\"{name}\": {value}\n"));
    }
    base.push_str(&format!("\"@signature-params\": {input}"));
    base
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

    /// RFC 9421 appendix B.2.6, with the key of appendix B.1.4.
    #[test]
    fn signature_base_and_signature_are_those_of_rfc_9421_appendix_b_2_6() {
        let input = "(\"date\" \"@method\" \"@path\" \"@authority\" \"content-type\" \
            \"content-length\");created=1618884473;keyid=\"test-key-ed25519\"";
        let base = base_of(
            &[
                ("date", "Tue, 20 Apr 2021 02:07:55 GMT"),
                ("@method", "POST"),
                ("@path", "/foo"),
                ("@authority", "example.com"),
                ("content-type", "application/json"),
                ("content-length", "18"),
            ],
            input,
        );
        let seed = URL_SAFE_NO_PAD
            .decode("n4Ni-HpISpVObnQMW0wOhCKROaIKqKtW_2ZYb2p9KcU")
            .unwrap();
        let key = Signer::from_seed("test-key-ed25519", &seed.try_into().unwrap()).unwrap();
        assert_eq!(
            URL_SAFE_NO_PAD.encode(key.verifier().key()),
            "JrQLj5P_89iXES9-vFgrIy29clF9CC_oPPsw3c5D0bs"
        );
        assert_eq!(
            STANDARD.encode(key.sign_bytes(base.as_bytes())),
            "wqcAqbmYJ2ji2glfAMaRy4gruYYnx2nEFN2HN6jrnDnQCK1u02Gb04v9EDgwUPiu4A0w6vuQv5lIp5WPpBKRCw=="
        );
    }

    /// The query lines of RFC 9421 section 2.2.7.
    #[test]
    fn query_keeps_its_encoding_and_is_a_question_mark_when_there_is_none() {
        let target = |query| Target {
            method: "POST",
            path: "/path",
            query,
        };
        let base = signature_base(&target("param=value&foo=bar&baz=bat%2Dman"), "()").unwrap();
        assert!(base.contains("\n\"@query\": ?param=value&foo=bar&baz=bat%2Dman\n"));
        assert!(
            signature_base(&target(""), "()")
                .unwrap()
                .contains("\n\"@query\": ?\n")
        );
    }

    #[test]
    fn words_name_the_two_largest_units() {
        let words = [
            (0, "0 seconds"),
            (1, "1 second"),
            (301, "5 minutes 1 second"),
            (3_600, "1 hour"),
            (3_605, "1 hour"),
            (3_660, "1 hour 1 minute"),
            (2 * 86_400 + 3 * 3_600 + 59, "2 days 3 hours"),
        ];
        for (seconds, wanted) in words {
            assert_eq!(Words(seconds).to_string(), wanted);
        }
    }
}
