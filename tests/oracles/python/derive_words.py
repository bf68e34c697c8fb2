"""Derives what the words of a way back or of a draft give, with code that is not Hafan's: PyPI's argon2-cffi and Python's own hmac.

    derive_words.py FILE           checks the vectors in FILE (tests/vectors/words/derived.json or draft.json)
    derive_words.py FILE --write   writes what they must become, from the words, forces and digests in it

Prints one line and exits 0 when every vector is as docs/protocol.md sections 13 and 15 have it; ends with an error when not.
"""

import base64
import hashlib
import hmac
import json
import sys
from pathlib import Path

from argon2.low_level import Type, hash_secret_raw


def argon2id(words: str, use: str) -> bytes:
    salt = hashlib.sha256(use.encode()).digest()[:16]
    return hash_secret_raw(words.encode(), salt, time_cost=3, memory_cost=12288, parallelism=1, hash_len=32, type=Type.ID)


def hkdf(root: bytes, label: str, size: int) -> str:
    """RFC 5869 with SHA-256 and no salt; at most one block of 32 bytes."""
    prk = hmac.digest(bytes(32), root, "sha256")
    return hmac.digest(prk, label.encode() + b"\x01", "sha256")[:size].hex()


def derive_way(words: str, force: str, h: str) -> dict:
    root = argon2id(words, f"hafan/words/v1/{force}")
    tag = hkdf(root, "hafan/words/v1/tag", 32)
    tau = hmac.digest(bytes.fromhex(tag), bytes.fromhex(h), "sha256")
    thread = base64.urlsafe_b64encode(bytes.fromhex(hkdf(root, "hafan/words/v1/thread", 16))).rstrip(b"=").decode()
    return {
        "words": words,
        "force": force,
        "tag": tag,
        "mail_seed": hkdf(root, "hafan/words/v1/mail", 32),
        "thread": thread,
        "h": h,
        "tau": tau.hex(),
        "t": hashlib.sha256(b"hafan/tag/v1\0" + tau).hexdigest(),
    }


def derive_draft(words: str) -> dict:
    root = argon2id(words, "hafan/draft/v1")
    key = hkdf(root, "hafan/draft/v1/name", 32)
    draft_id = hashlib.sha256(b"hafan/draft-id/v1\0" + bytes.fromhex(key)).hexdigest()
    return {"words": words, "seal_seed": hkdf(root, "hafan/draft/v1/seal", 32), "key": key, "id": draft_id}


path = Path(sys.argv[1])
vectors = json.loads(path.read_text())
if "ways" in vectors:
    derived = [derive_way(way["words"], way["force"], way["h"]) for way in vectors["ways"]]
    whole = {"about": vectors["about"], "ways": derived}
else:
    derived = [derive_draft(draft["words"]) for draft in vectors["drafts"]]
    whole = {"about": vectors["about"], "drafts": derived}
if sys.argv[2:] == ["--write"]:
    path.write_text(json.dumps(whole, indent=1) + "\n")
elif whole != vectors:
    sys.exit(f"{path}: not what the words give")
print(f"{len(derived)} vectors as they must be")
