"""Derives what the words of a way back give, with code that is not Hafan's: PyPI's argon2-cffi and Python's own hmac.

    derive_words.py FILE           checks the vectors in FILE (tests/vectors/words/derived.json)
    derive_words.py FILE --write   writes what they must become, from the words, forces and digests in it

Prints one line and exits 0 when every vector is as docs/protocol.md section 13 has it; ends with an error when not.
"""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw


def hkdf(root: bytes, label: str, size: int) -> str:
    """RFC 5869 with SHA-256 and no salt; at most one block of 32 bytes."""
    prk = hmac.digest(bytes(32), root, "sha256")
    return hmac.digest(prk, f"hafan/words/v1/{label}".encode() + b"\x01", "sha256")[:size].hex()


def derive(words: str, force: str, h: str) -> dict:
    salt = hashlib.sha256(f"hafan/words/v1/{force}".encode()).digest()[:16]
    root = hash_secret_raw(words.encode(), salt, time_cost=2, memory_cost=19456, parallelism=1, hash_len=32, type=Type.ID)
    tag = hkdf(root, "tag", 32)
    tau = hmac.digest(bytes.fromhex(tag), bytes.fromhex(h), "sha256")
    thread = base64.urlsafe_b64encode(bytes.fromhex(hkdf(root, "thread", 16))).rstrip(b"=").decode()
    return {
        "words": words,
        "force": force,
        "tag": tag,
        "mail_seed": hkdf(root, "mail", 32),
        "thread": thread,
        "h": h,
        "tau": tau.hex(),
        "t": hashlib.sha256(b"hafan/tag/v1\0" + tau).hexdigest(),
    }


path = Path(sys.argv[1])
vectors = json.loads(path.read_text())
derived = {**vectors, "ways": [derive(way["words"], way["force"], way["h"]) for way in vectors["ways"]]}
if sys.argv[2:] == ["--write"]:
    path.write_text(json.dumps(derived, indent=1) + "\n")
elif derived != vectors:
    sys.exit(f"{path}: not what the words give")
print(f"{len(vectors['ways'])} ways back as they must be")
