//! One line of the record: a DSSE envelope. Source: secure-systems-lab/dsse, protocol and envelope, version 1.
//!
//! ```text
//! {"payload":"<base64>","payloadType":"application/vnd.in-toto+json","signatures":[{"keyid":"<name>+<key ID>","sig":"<base64>"}]}
//! ```
//!
//! There is one way to write a line: what does not encode to the same bytes is refused.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hafan_tlog::note::SIGNATURE_SIZE_BYTES;
use hafan_tlog::{Signer, Verifier};
use serde::{Deserialize, Serialize};

use crate::statement::EntryError;

/// The largest line in bytes, without its line end.
pub const LINE_SIZE_BYTES_MAX: usize = 16 * 1024;

/// What a payload is: an in-toto Statement.
pub const PAYLOAD_TYPE: &str = "application/vnd.in-toto+json";

/// What is signed: `"DSSEv1" SP LEN(type) SP type SP LEN(payload) SP payload`, with lengths in decimal.
#[must_use]
pub fn pae(payload_type: &str, payload: &[u8]) -> Vec<u8> {
    let head = format!(
        "DSSEv1 {} {payload_type} {} ",
        payload_type.len(),
        payload.len()
    );
    [head.as_bytes(), payload].concat()
}

/// An envelope: one payload, one signature.
pub(crate) struct Envelope {
    pub(crate) payload: Vec<u8>,
    keyid: String,
    signature: [u8; SIGNATURE_SIZE_BYTES],
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct EnvelopeJson {
    payload: String,
    #[serde(rename = "payloadType")]
    payload_type: String,
    signatures: Vec<SignatureJson>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SignatureJson {
    keyid: String,
    sig: String,
}

impl Envelope {
    /// Signs a payload.
    pub(crate) fn sign(payload: Vec<u8>, signer: &Signer) -> Self {
        let signature = signer.sign_bytes(&pae(PAYLOAD_TYPE, &payload));
        Self {
            keyid: keyid(&signer.verifier()),
            payload,
            signature,
        }
    }

    /// Whether this key signed the payload.
    pub(crate) fn is_by(&self, verifier: &Verifier) -> bool {
        self.keyid == keyid(verifier)
            && verifier.verifies_bytes(&pae(PAYLOAD_TYPE, &self.payload), &self.signature)
    }

    /// The line, without its line end.
    pub(crate) fn encode(&self) -> Result<Vec<u8>, EntryError> {
        let json = EnvelopeJson {
            payload: STANDARD.encode(&self.payload),
            payload_type: PAYLOAD_TYPE.to_owned(),
            signatures: vec![SignatureJson {
                keyid: self.keyid.clone(),
                sig: STANDARD.encode(self.signature),
            }],
        };
        let line = serde_json::to_vec(&json).map_err(|_| EntryError::Envelope)?;
        if line.len() > LINE_SIZE_BYTES_MAX {
            return Err(EntryError::Size { found: line.len() });
        }
        Ok(line)
    }

    /// Reads a line, believing nothing of it.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, EntryError> {
        if line.len() > LINE_SIZE_BYTES_MAX {
            return Err(EntryError::Size { found: line.len() });
        }
        let json: EnvelopeJson = serde_json::from_slice(line).map_err(|_| EntryError::Envelope)?;
        let [signature] = json.signatures.as_slice() else {
            return Err(EntryError::Signatures {
                found: json.signatures.len(),
            });
        };
        let bytes = STANDARD.decode(&signature.sig).ok();
        let envelope = Self {
            payload: STANDARD
                .decode(&json.payload)
                .map_err(|_| EntryError::Envelope)?,
            keyid: signature.keyid.clone(),
            signature: bytes
                .and_then(|bytes| bytes.try_into().ok())
                .ok_or(EntryError::Envelope)?,
        };
        if envelope.encode()? != line {
            return Err(EntryError::Envelope);
        }
        Ok(envelope)
    }
}

fn keyid(verifier: &Verifier) -> String {
    format!("{}+{}", verifier.name(), verifier.id())
}
