"""Verifies an access record with code that is not Hafan's: DSSE by PyPI's securesystemslib, notes, leaves and roots by
PyPI's tlog-scales, both unmodified.

    verify_record.py FILE

FILE is one of tests/vectors/record, or what hafan-keys record export wrote. Prints one line and exits 0 when every line is signed by an officer of the directory
it names, in-toto statement and tree agree, and an officer signed the head; ends with an error when not.
"""

import base64
import json
import sys
import tarfile
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint
from tlog_scales.utils import sha256


def root_of(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, over leaf hashes."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256(b"")
    split = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + root_of(leaves[:split]) + root_of(leaves[split:]))


def key_of(vkey: str) -> SSlibKey:
    name, key_id, key = vkey.split("+", 2)
    public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:])
    return SSlibKey.from_crypto(public, keyid=f"{name}+{key_id}")


def read(path: Path) -> dict:
    if path.suffix == ".json":
        return json.loads(path.read_text())
    with tarfile.open(path) as archive:
        parts = {part.name: archive.extractfile(part).read().decode() for part in archive.getmembers()}
    directories = {Path(name).name: note for name, note in parts.items() if name.startswith("directories/")}
    force = parts["head"].split("\n")[0].split("/")[1]
    return {"force": force, "directories": directories, "head": parts["head"], "entries": parts["entries"]}


def main() -> None:
    vector = read(Path(sys.argv[1]))
    officers = {}
    for sequence, note in vector["directories"].items():
        officers[int(sequence)] = json.loads(note.split("\n")[1])["officers"]
    leaves: list[bytes] = []
    for number, line in enumerate(vector["entries"].splitlines(), start=1):
        envelope = Envelope.from_dict(json.loads(line))
        assert envelope.payload_type == "application/vnd.in-toto+json", "payload type"
        statement = json.loads(envelope.payload)
        assert statement["_type"] == "https://in-toto.io/Statement/v1", "statement type"
        predicate = statement["predicate"]
        named = [vkey for vkey in officers[predicate["directory"]] if vkey.split("+")[0] == predicate["officer"]]
        envelope.verify([key_of(vkey) for vkey in named], 1)
        assert predicate["entry"] == number, "number"
        assert base64.b64decode(predicate["before"]) == root_of(leaves), f"root before entry {number}"
        report = predicate["event"].get("report")
        if report:
            assert statement["subject"] == [{"name": "report", "digest": {"hafan-blob-v1": report}}], "subject"
        if pages := predicate["event"].get("pages"):
            digest = sha256(b"".join(bytes.fromhex(page) for page in pages)).hex()
            assert statement["subject"] == [{"name": "pages of answers", "digest": {"sha256": digest}}], "subject"
        leaves.append(leaf_hash(line.encode()))
    head = Checkpoint.from_text(vector["head"])
    assert head.origin == f"hafan/{vector['force']}/access", "origin"
    assert (head.size, head.root_hash) == (len(leaves), root_of(leaves)), "head"
    signer = head.signatures[0].name
    vkeys = [vkey for named in officers.values() for vkey in named if vkey.split("+")[0] == signer]
    head.verify(Vkey.from_string(vkeys[0]))
    print(f"python oracle: {len(leaves)} entries, each signed by its officer, under a head by {signer}")


main()
