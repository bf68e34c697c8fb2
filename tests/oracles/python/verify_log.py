"""Verifies a log as C2SP tlog-tiles on disk with PyPI's tlog-scales, unmodified.

    verify_log.py [--proofs FILE] VKEY FOLDER [OLDER_CHECKPOINT ...]

The arguments are those of the Go oracle beside it (go/verify_log.go). It prints one line and exits
0 when everything holds, and ends with an error when something does not. It shares no code with
Hafan: it is an oracle in tests.
"""

import argparse
import base64
from pathlib import Path

from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, ConsistencyProof, InclusionProof
from tlog_scales.utils import sha256

TILE_WIDTH = 256


class Failure(Exception):
    """Something does not hold."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--proofs", type=Path)
    parser.add_argument("vkey")
    parser.add_argument("folder", type=Path)
    parser.add_argument("older", type=Path, nargs="*")
    args = parser.parse_args()

    vkey = Vkey.from_string(args.vkey)
    reader = TilesReader(LocalBackend(args.folder))
    checkpoint = reader.get_checkpoint()
    verify_checkpoint(checkpoint, vkey)
    root = reader.calculate_root_hash()
    if root != checkpoint.root_hash:
        raise Failure(f"tiles have root {root.hex()}, checkpoint has {checkpoint.root_hash.hex()}")

    check_entries(reader, checkpoint.size)
    check_tiles(reader, checkpoint.size)
    inclusions = check_inclusion(reader, checkpoint)
    for path in args.older:
        check_consistency(reader, checkpoint, Checkpoint.from_text(path.read_text()), vkey)
    given = 0
    if args.proofs:
        for given, line in enumerate(args.proofs.read_text().splitlines(), start=1):
            check_proof(reader, line)
    print(
        f"python oracle: {checkpoint.size} leaves, {inclusions} inclusion proofs, "
        f"{len(args.older)} older checkpoints, {given} proofs given: all hold"
    )


def verify_checkpoint(checkpoint: Checkpoint, vkey: Vkey) -> None:
    if checkpoint.origin != vkey.name or len(checkpoint.signatures) != 1:
        raise Failure(f"checkpoint of {checkpoint.origin}, want {vkey.name} and one signature")
    checkpoint.verify(vkey)


def check_entries(reader: TilesReader, size: int) -> None:
    """Compares every entry of every entry bundle with its leaf hash."""
    for index in range(size):
        if leaf_hash(reader.get_entry(index)) != reader.mth(index, index + 1):
            raise Failure(f"entry {index} does not have its leaf's hash")


def check_tiles(reader: TilesReader, size: int) -> None:
    """Compares every hash above level 0 with the tile below it."""
    span = TILE_WIDTH
    while span <= size:
        step = span // TILE_WIDTH
        for start in range(0, size - size % span, span):
            row = [reader.mth(at, at + step) for at in range(start, start + span, step)]
            while len(row) > 1:
                pairs = zip(row[::2], row[1::2], strict=True)
                row = [sha256(b"\x01" + left + right) for left, right in pairs]
            if row[0] != reader.mth(start, start + span):
                raise Failure(f"tile hash of leaves {start} to {start + span} differs")
        span *= TILE_WIDTH


def check_inclusion(reader: TilesReader, checkpoint: Checkpoint) -> int:
    size = checkpoint.size
    edges = {0, 1, 254, 255, 256, 257, size // 3, size // 2, 65535, 65536, size - 2, size - 1}
    wanted = [index for index in edges if 0 <= index < size]
    for index in wanted:
        proof = reader.get_inclusion_proof(index, size)
        proof.check(leaf_hash(reader.get_entry(index)), checkpoint.root_hash)
    return len(wanted)


def check_consistency(reader: TilesReader, new: Checkpoint, old: Checkpoint, vkey: Vkey) -> None:
    verify_checkpoint(old, vkey)
    if old.size > new.size:
        raise Failure(f"older checkpoint has {old.size} leaves, the log has {new.size}")
    if old.size == 0:
        # Every log is consistent with the empty one, by an empty proof.
        ConsistencyProof(0, new.size, []).check(old.root_hash, new.root_hash)
    else:
        proof = reader.get_consistency_proof(old.size, new.size)
        proof.check(old.root_hash, new.root_hash)


def check_proof(reader: TilesReader, line: str) -> None:
    """Checks a proof that someone else made, against roots from the tiles."""
    kind, first, second, *encoded = line.split()
    first, second = int(first), int(second)
    start, root, *hashes = [base64.b64decode(text, validate=True) for text in encoded]
    if reader.mth(0, second) != root:
        raise Failure(f"another root than the tiles have at {second} leaves")
    match kind:
        case "inclusion":
            InclusionProof(first, second, hashes).check(start, root)
        case "consistency":
            ConsistencyProof(first, second, hashes).check(start, root)
        case _:
            raise Failure(f"want inclusion or consistency, found {kind}")


main()
