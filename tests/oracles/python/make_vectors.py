"""Makes the vectors in tests/vectors/log and tests/vectors/directory, from docs/protocol.md alone.

    make_vectors.py VECTORS_FOLDER

It shares no code with Hafan: notes, keys, Bech32 and JSON are made here with Python's own library
and `cryptography`. Run it again only when the protocol changes; the vectors are committed.

A vector is `name: value` lines, an empty line, and the bytes (in hex when it says `encoding: hex`).
`expect` is `success`, or what the chain of errors must say.
"""

import base64
import datetime
import hashlib
import hmac
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

ORIGIN = "log.example/hafan/btp/2026"
ROOT = "hafan/btp/root"
EMPTY_ROOT = hashlib.sha256(b"").digest()


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def typed(key: bytes, kind: int = 1) -> str:
    """A key behind its signature type, as in a vkey."""
    return b64(bytes([kind]) + key)


def public(seed: int) -> bytes:
    return Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32).public_key().public_bytes_raw()


def key_id(name: str, key: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n\x01" + key).digest()[:4]


def vkey(name: str, seed: int) -> str:
    return "+".join([name, key_id(name, public(seed)).hex(), typed(public(seed))])


def signature(name: str, seed: int, text: str, payload: bytes | None = None) -> str:
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    payload = key.sign(text.encode()) if payload is None else payload
    return f"\u2014 {name} {b64(key_id(name, public(seed)) + payload)}\n"


def note(name: str, seed: int, text: str) -> str:
    return f"{text}\n{signature(name, seed, text)}"


class Vectors:
    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def write(self, name: str, body: str | bytes, comment: str, expect: str = "success", **more: str) -> None:
        head = {"expect": expect, **more, "comment": comment}
        if isinstance(body, bytes):
            head["encoding"] = "hex"
            body = body.hex()
        lines = "".join(f"{key}: {value}\n" for key, value in head.items())
        (self.folder / f"{name}.txt").write_text(f"{lines}\n{body}", newline="\n")


def log_vectors(folder: Path) -> None:
    vectors = Vectors(folder)
    entries(vectors)
    decoys(vectors)
    verifiers(vectors)
    checkpoints(vectors)
    cosigned(vectors)


def entries(vectors: Vectors) -> None:
    h, t = bytes(range(32)), bytes(range(32, 64))
    for kind in (0, 2, 3, 4, 5, 6):
        vectors.write(f"entry-kind-{kind}", bytes([1, kind]) + h + t, f"kind {kind}", parse="entry")
    for kind in (1, 7, 255):
        vectors.write(f"entry-no-kind-{kind}", bytes([1, kind]) + h + t, f"there is no kind {kind}",
                      f"log entry has kind {kind}", parse="entry")
    vectors.write("entry-version-0", bytes([0, 0]) + h + t, "version 0", "log entry has version 0", parse="entry")
    vectors.write("entry-short", bytes([1, 0]) + h + t[1:], "one byte too few", "log entry is 65 bytes", parse="entry")
    vectors.write("entry-long", bytes([1, 0]) + h + t + b"\0", "one byte too many", "log entry is 67 bytes", parse="entry")


def decoys(vectors: Vectors) -> None:
    seed = bytes(range(100, 132))
    for position in (0, 1, 7, 65535):
        number = position.to_bytes(4)
        h = hmac.digest(seed, b"hafan/decoy/h/v1\0" + number, "sha256")
        t = hmac.digest(seed, b"hafan/decoy/t/v1\0" + number, "sha256")
        vectors.write(f"decoy-{position}", b"\x01\x00" + h + t, "an entry that the seed opens", parse="decoy",
                      seed=seed.hex(), position=str(position))


def verifiers(vectors: Vectors) -> None:
    def write(name: str, body: str, comment: str, expect: str = "success") -> None:
        vectors.write(f"vkey-{name}", body, comment, expect, parse="vkey")

    good = vkey(ORIGIN, 7)
    name, identity, key = good.split("+", 2)
    write("ok", good, "a key named as the origin of a log")
    write("two-parts", f"{name}+{identity}", "no key", "has 2 parts")
    write("no-name", f"+{identity}+{key}", "an empty name", "key name is 0 bytes")
    write("space", vkey("a b", 7), "a space in the name", "key name holds a space")
    write("long-name", vkey("a" * 256, 7), "a name of 256 bytes", "key name is 256 bytes")
    write("key-id-upper", f"{name}+{identity.upper()}+{key}", "key ID in upper case", "key ID is not eight")
    write("key-id-short", f"{name}+{identity[:6]}+{key}", "key ID of three bytes", "key ID is not eight")
    write("key-id-other", vkey("other", 7).replace("other", name), "key ID of another name", "key ID is")
    write("base64-loose", f"{name}+{identity}+{key.rstrip('=')}=", "padding behind a whole group", "canonical base64")
    write("key-short", f"{name}+{identity}+{typed(public(7)[1:])}", "key of 31 bytes", "canonical base64 of 33")
    write("type-2", f"{name}+{identity}+{typed(public(7), 2)}", "another signature type", "has type 2")
    small = bytes(32)
    write("small-order", f"{name}+{key_id(name, small).hex()}+{typed(small)}", "a point of order 4",
          "not a sound Ed25519 key")
    off = (2).to_bytes(32, "little")
    write("no-point", f"{name}+{key_id(name, off).hex()}+{typed(off)}", "not a point of the curve",
          "not a sound Ed25519 key")
    write("newline", good + "\n", "a newline behind the key", "canonical base64")


def checkpoints(vectors: Vectors) -> None:
    def write(name: str, body: str | bytes, comment: str, expect: str = "success") -> None:
        vectors.write(f"checkpoint-{name}", body, comment, expect, parse="checkpoint", vkey=vkey(ORIGIN, 7))

    root = b64(hashlib.sha256(b"root").digest())
    text = f"{ORIGIN}\n257\n{root}\n"
    good = note(ORIGIN, 7, text)
    signed = lambda changed: note(ORIGIN, 7, changed)
    write("ok", good, "257 leaves")
    write("empty-log", signed(f"{ORIGIN}\n0\n{b64(EMPTY_ROOT)}\n"), "a log that begins")
    write("largest", signed(f"{ORIGIN}\n{2**62}\n{root}\n"), "the largest size that is read")
    write("over-largest", signed(f"{ORIGIN}\n{2**62 + 1}\n{root}\n"), "one leaf more", "tree size is not")
    write("size-zeros", signed(f"{ORIGIN}\n0257\n{root}\n"), "a leading zero", "tree size is not")
    write("size-plus", signed(f"{ORIGIN}\n+257\n{root}\n"), "a plus sign", "tree size is not")
    write("size-negative", signed(f"{ORIGIN}\n-1\n{root}\n"), "a negative size", "tree size is not")
    write("size-empty", signed(f"{ORIGIN}\n\n{root}\n"), "no size: the blank line is not the last", "tree size is not")
    write("extension", signed(f"{text}extension\n"), "an extension line", "want origin, size and root")
    write("two-lines", signed(f"{ORIGIN}\n257\n"), "no root", "want origin, size and root")
    write("root-short", signed(f"{ORIGIN}\n257\n{b64(bytes(31))}\n"), "a root of 31 bytes", "root of the checkpoint")
    loose = root[:-2] + chr(ord(root[-2]) + 1) + "="
    write("root-loose", signed(f"{ORIGIN}\n257\n{loose}\n"), "bits behind the root are not zero", "root of the checkpoint")
    write("crlf", signed(text.replace("\n", "\r\n")), "carriage returns", "control character")
    write("other-origin", signed(text.replace("btp", "cnc")), "this key and name signed another log", "is of log")
    write("other-name", note(ORIGIN.replace("2026", "2027"), 7, text), "signed under another name", "no signature by")
    write("other-key", note(ORIGIN, 8, text), "signed by another key", "no signature by")
    write("changed", good.replace("\n257\n", "\n258\n"), "changed after it was signed", "does not verify")
    write("unsigned", text + "\n", "no signature", "not text, a blank line")
    write("text-only", text, "no blank line", "not text, a blank line")
    write("nothing", b"", "nothing at all", "not text, a blank line")
    write("no-text", "\n\n" + signature(ORIGIN, 7, "\n"), "the text is a newline", "want origin, size and root")
    write("cut", good[:-1], "no newline at the end", "not text, a blank line")
    write("behind", good + "more\n", "a line that is no signature", "signature line 2")
    write("blank-behind", good + "\n", "a blank line behind the signature", "not text, a blank line")
    write("hyphen", good.replace("\u2014", "-"), "a hyphen for the dash", "signature line 1")
    write("two-spaces", good.replace("\u2014 ", "\u2014  "), "two spaces", "signature line 1")
    write("twice", good + signature(ORIGIN, 7, text), "two signatures by the key", "2 signatures, want one")
    write("cosigned", good + signature("witness.example", 9, text), "a second signature", "2 signatures, want one")
    many = "".join(signature("witness.example", 9, text) for _ in range(16))
    write("many", good + many, "17 signatures", "over 16 signatures")
    short = signature(ORIGIN, 7, text, bytes(63))
    write("signature-short", f"{text}\n{short}", "a signature of 63 bytes", "does not verify")
    none = signature(ORIGIN, 7, text, b"")
    write("signature-empty", f"{text}\n{none}", "a key ID and no signature", "signature line 1")
    unpadded = signature(ORIGIN, 7, text).replace("=", "")
    write("signature-base64", f"{text}\n{unpadded}", "base64 without padding", "signature line 1")
    write("not-utf8", good.encode().replace(b"log", b"l\xffg", 1), "a byte that is not UTF-8", "not UTF-8 at byte 1")
    write("nul", good.replace("log", "l\0g", 1).encode(), "a NUL", "control character other than newline at byte 1")
    write("large", text.encode() + b"x" * 65536, "over 64 KiB", "want at most 65536")


def cosignature(name: str, seed: int, text: str, time: int, kind: int = 4, payload: bytes | None = None) -> str:
    """C2SP tlog-cosignature, cosignature/v1."""
    key = Ed25519PrivateKey.from_private_bytes(bytes([seed]) * 32)
    ident = hashlib.sha256(name.encode() + b"\n" + bytes([kind]) + public(seed)).digest()[:4]
    signed = key.sign(f"cosignature/v1\ntime {time}\n{text}".encode())
    payload = time.to_bytes(8, "big") + signed if payload is None else payload
    return f"\u2014 {name} {b64(ident + payload)}\n"


def cosigned(vectors: Vectors) -> None:
    by, day = "hafan/btp/replies-1", 1795651200

    def write(name: str, body: str | bytes, comment: str, expect: str = "success", time: int = day) -> None:
        more = {"parse": "cosigned", "vkey": vkey(ORIGIN, 7), "cosigner": vkey(by, 9), "time": str(time)}
        vectors.write(f"cosigned-{name}", body, comment, expect, **more)

    text = f"{ORIGIN}\n257\n{b64(hashlib.sha256(b'root').digest())}\n"
    signed = note(ORIGIN, 7, text)
    good = signed + cosignature(by, 9, text, day)
    write("ok", good, "seen on a day")
    write("none", signed, "no cosignature", "not text, a blank line")
    write("other-key", signed + cosignature(by, 8, text, day), "by another key of that name", "no cosignature by a key asked for")
    other = cosignature("hafan/btp/replies-2", 9, text, day)
    write("other-name", signed + other, "by the key under another name", "no cosignature by a key asked for")
    write("note-key", signed + cosignature(by, 9, text, day, kind=1), "with the key ID of notes", "no cosignature by a key asked for")
    write("changed", good.replace("\n257\n", "\n258\n"), "changed after both signed", "does not verify")
    moved = signed + cosignature(by, 9, text.replace("257", "258"), day)
    write("another", moved, "a cosignature of another tree head", "the checkpoint or the time was changed")
    payload = (day + 86400).to_bytes(8, "big") + Ed25519PrivateKey.from_private_bytes(bytes([9]) * 32).sign(
        f"cosignature/v1\ntime {day}\n{text}".encode()
    )
    write("later", signed + cosignature(by, 9, text, day, payload=payload), "another day than was signed", "the checkpoint or the time was changed")
    write("hour", signed + cosignature(by, 9, text, day + 3600), "a time within a day", "not that of a day's beginning")
    write("short", signed + cosignature(by, 9, text, day, payload=bytes(71)), "a byte too few", "canonical base64 of 76 bytes")
    write("twice", good + cosignature(by, 9, text, day), "cosigned twice", "2 signatures, want one")
    write("first", f"{text}\n{cosignature(by, 9, text, day)}{signature(ORIGIN, 7, text)}", "the log's line is the last", "no signature by")
    write("plain", f"{text}\n{cosignature(by, 9, text, day)}", "not signed by the log", "not text, a blank line")
    write("cut", good[:-1], "no newline at the end", "canonical base64 of 76 bytes")


CHARSET = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"


def bech32(prefix: str, data: bytes, residue: int = 1, fill: int = 0) -> str:
    width = len(data) * 8
    pad = -width % 5
    bits = (int.from_bytes(data) << pad) | fill
    values = [(bits >> at) & 31 for at in range(width + pad - 5, -1, -5)]
    expanded = [ord(c) >> 5 for c in prefix] + [0] + [ord(c) & 31 for c in prefix]
    check = 1
    for value in [*expanded, *values, 0, 0, 0, 0, 0, 0]:
        top = check >> 25
        check = (check & 0x1FFFFFF) << 5 ^ value
        for bit, generator in enumerate((0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)):
            check ^= generator if (top >> bit) & 1 else 0
    check ^= residue
    values += [(check >> 5 * (5 - at)) & 31 for at in range(6)]
    return f"{prefix}1" + "".join(CHARSET[value] for value in values)


def recipient(number: int, size: int = 1216) -> str:
    """Text with the shape of a recipient: the key in it is noise, and nobody has its other half."""
    return bech32("age1pq", hashlib.shake_256(f"vector {number}".encode()).digest(size))


def week(monday: str, number: int) -> dict:
    start = datetime.date.fromisoformat(monday)
    year, iso_week, _ = start.isocalendar()
    return {
        "id": f"{year}-W{iso_week:02}",
        "recipient": recipient(number),
        "from": monday,
        "until": (start + datetime.timedelta(weeks=1)).isoformat(),
    }


FULL = {
    "force": "btp",
    "sequence": 3,
    "valid_from": "2026-12-21",
    "valid_until": "2027-01-11",
    "log": vkey("log.example/hafan", 7),
    "intake": [week("2026-12-21", 1), week("2026-12-28", 2), week("2027-01-04", 3)],
    "contact": {"threshold": 2, "recipients": [recipient(11), recipient(12), recipient(13)]},
    "officers": [vkey("hafan/btp/officer-1", 41), vkey("hafan/btp/officer-2", 42), vkey("hafan/btp/officer-4", 44)],
    "replies": None,
    "couriers": [vkey("hafan/btp/courier-1", 21), vkey("hafan/btp/courier-2", 22)],
    "police_suspect": "cnc",
}
# What most vectors change one thing of.
SMALL = FULL | {
    "intake": FULL["intake"][:1],
    "contact": {"threshold": 0, "recipients": []},
    "officers": [],
    "couriers": [],
    "police_suspect": None,
}


def fingerprints(intake: list[dict]) -> str:
    """One line a week: ID and fingerprint, docs/protocol.md section 9."""
    def one(key: dict) -> str:
        digits = hashlib.sha256(key["recipient"].encode()).hexdigest()[:32]
        return f"{key['id']} " + " ".join(digits[at:at + 4] for at in range(0, 32, 4))
    return "\nfingerprint: ".join(one(key) for key in intake)


def encode(contents: dict) -> str:
    return json.dumps(contents, separators=(",", ":"), ensure_ascii=False)


def with_line(json_line: str) -> str:
    return note(ROOT, 1, f"hafan directory v1\n{json_line}\n")


def directory_vectors(folder: Path) -> None:
    vectors = Vectors(folder)

    def write(name: str, body: str | bytes, comment: str, expect: str = "success", root: str = vkey(ROOT, 1),
              **more: str) -> None:
        vectors.write(name, body, comment, expect, root=root, **more)

    def change(name: str, comment: str, expect: str, **members: object) -> None:
        write(name, with_line(encode(SMALL | members)), comment, expect)

    intake, contact = FULL["intake"], FULL["contact"]
    good, first = SMALL, intake[0]
    write("ok", with_line(encode(FULL)), "three weeks over a change of ISO year, three officers of whom one has left, two couriers, another force for its own people",
          fingerprint=fingerprints(intake))
    write("ok-smallest", with_line(encode(SMALL)), "one week, no officers for contact, no courier",
          fingerprint=fingerprints([first]))
    replies(write, change)
    notes(write, good)
    forms(write, change, good)
    change("force-name", "not the name of a force", "name of a force has a character", force="BTP")
    change("other-force", "signed by the root key of another force", "is signed by hafan/btp/root", force="cnc")
    change("sequence", "over 2^53 - 1", "sequence of the directory", sequence=2**53)
    change("dates-equal", "ends on the day on which it begins", "want a later end", valid_until="2026-12-21")
    change("log-name", "the log's key does not have a log name", "log key is named", log=vkey("log.example/other", 7))
    change("log-key", "the log's key is not a vkey", "not a verification key", log="log.example/hafan")
    change("no-intake", "no intake key", "has no intake key", intake=[])
    change("gap", "a week without an intake key", "begins on 2027-01-04", intake=[intake[0], intake[2]])
    change("order", "the later week first", "intake key 1 begins", intake=[intake[1], intake[0]])
    change("week-twice", "the same week twice", "intake key 1 begins", intake=[first, week("2026-12-21", 2)])
    change("tuesday", "from Tuesday to Tuesday", "want Monday to the next Monday",
           intake=[first | {"from": "2026-12-22", "until": "2026-12-29"}])
    change("two-weeks", "a key for two weeks", "want Monday to the next Monday", intake=[first | {"until": "2027-01-04"}])
    change("week-id", "the ID of another week", "is not its ISO week", intake=[first | {"id": "2026-W51"}])
    change("key-twice", "one recipient for two weeks", "recipient of an earlier one",
           intake=[first, intake[1] | {"recipient": first["recipient"]}])
    recipients(change, first)
    change("threshold-zero", "none of three", "contact needs 0 of 3", contact=contact | {"threshold": 0})
    change("threshold-high", "four of three", "contact needs 4 of 3", contact=contact | {"threshold": 4})
    change("officer-twice", "one officer twice", "recipient 1 of the contact",
           contact={"threshold": 1, "recipients": [recipient(11), recipient(11)]})
    change("courier-name", "a courier of another force", "courier 0 is not named", couriers=[vkey("hafan/cnc/courier-1", 21)])
    change("courier-zero", "courier numbers begin with 1", "courier 0 is not named", couriers=[vkey("hafan/btp/courier-0", 21)])
    change("courier-zeros", "a leading zero", "courier 0 is not named", couriers=[vkey("hafan/btp/courier-01", 21)])
    change("courier-key-twice", "one key for two couriers", "name or key of another",
           couriers=[vkey("hafan/btp/courier-1", 21), vkey("hafan/btp/courier-2", 21)])
    one = {"threshold": 1, "recipients": [recipient(11)]}
    two = {"threshold": 1, "recipients": [recipient(11), recipient(12)]}
    change("officers-more", "an officer without a recipient", "directory has 1 officers and 0 recipients",
           officers=[vkey("hafan/btp/officer-1", 41)])
    change("officers-fewer", "a recipient without an officer", "directory has 0 officers and 1 recipients", contact=one)
    change("officer-name", "an officer of another force", "officer 0 is not named", contact=one, officers=[vkey("hafan/cnc/officer-1", 41)])
    change("officer-zero", "officer numbers begin with 1", "officer 0 is not named", contact=one, officers=[vkey("hafan/btp/officer-0", 41)])
    change("officer-zeros", "a leading zero", "officer 0 is not named", contact=one, officers=[vkey("hafan/btp/officer-01", 41)])
    change("officer-key", "an officer's key is not a vkey", "not a verification key", contact=one, officers=["hafan/btp/officer-1"])
    change("officer-key-twice", "one key for two officers", "officer 1 has the name or key of another", contact=two,
           officers=[vkey("hafan/btp/officer-1", 41), vkey("hafan/btp/officer-2", 41)])
    change("officer-name-twice", "one name for two officers", "officer 1 has the name or key of another", contact=two,
           officers=[vkey("hafan/btp/officer-1", 41), vkey("hafan/btp/officer-1", 42)])
    change("officer-log-key", "the log's key as an officer's", "officer 0 has the name or key of another", contact=one,
           officers=[vkey("hafan/btp/officer-1", 7)])
    change("courier-officer-key", "an officer's key as a courier's", "courier 0 has the name or key of another", contact=one,
           officers=[vkey("hafan/btp/officer-1", 41)], couriers=[vkey("hafan/btp/courier-1", 41)])
    change("courier-log-key", "the log's key as a courier's", "name or key of another", couriers=[vkey("hafan/btp/courier-1", 7)])


def replies(write, change) -> None:
    def key(number: object, seed: int = 61, force: str = "btp") -> str:
        return vkey(f"hafan/{force}/replies-{number}", seed)

    many = [key(number, 60 + number) for number in range(9, 0, -1)]
    write("ok-replies", with_line(encode(FULL | {"replies": [key(65535, 62), key(1)]})), "two keys for answers, the newest first",
          fingerprint=fingerprints(FULL["intake"]))
    write("ok-replies-most", with_line(encode(SMALL | {"replies": many[1:]})), "eight keys for answers",
          fingerprint=fingerprints(SMALL["intake"]))
    change("replies-many", "nine keys for answers", "directory has 9 keys that answers are signed with", replies=many)
    change("replies-none", "an empty list, null is the right form", "one right form", replies=[])
    change("replies-name", "a key for answers of another force", "reply key 0 is not named", replies=[key(1, force="cnc")])
    change("replies-courier", "a key for answers named as a courier's", "reply key 0 is not named",
           replies=[vkey("hafan/btp/courier-1", 61)])
    change("replies-zero", "numbers begin with 1", "reply key 0 is not named", replies=[key(0)])
    change("replies-zeros", "a leading zero", "reply key 0 is not named", replies=[key("01")])
    change("replies-large", "a number over 65535", "reply key 0 is not named", replies=[key(65536)])
    change("replies-type", "a key for answers is not a vkey", "not a verification key", replies=["hafan/btp/replies-1"])
    change("replies-key-twice", "one key for answers twice", "reply key 1 has the name or key of another", replies=[key(2), key(1)])
    change("replies-name-twice", "one name for two keys", "reply key 1 has the name or key of another", replies=[key(1), key(1, 62)])
    change("replies-log-key", "the log's key for answers", "reply key 0 has the name or key of another", replies=[key(1, 7)])
    one = {"threshold": 1, "recipients": [recipient(11)]}
    change("replies-officer-key", "an officer's key for answers", "reply key 0 has the name or key of another", contact=one,
           officers=[vkey("hafan/btp/officer-1", 61)], replies=[key(1)])
    change("replies-courier-key", "a courier has the key for answers", "courier 0 has the name or key of another", replies=[key(1)],
           couriers=[vkey("hafan/btp/courier-1", 61)])


def notes(write, good: dict) -> None:
    line = encode(good)
    text = f"hafan directory v1\n{line}\n"
    write("other-key", note(ROOT, 2, text), "signed by another key", "no signature by")
    write("other-root-name", note("hafan/cnc/root", 1, text), "signed under another name", "no signature by")
    write("wrong-root", note("hafan/cnc/root", 1, text), "the root key of another force was asked for",
          "is signed by hafan/cnc/root", vkey("hafan/cnc/root", 1))
    write("changed", with_line(line).replace('"sequence":3', '"sequence":4'), "changed after it was signed", "does not verify")
    write("cosigned", with_line(line) + signature("other", 5, text), "two signatures", "2 signatures, want one")
    write("unsigned", text, "no signature", "not text, a blank line")


def forms(write, change, good: dict) -> None:
    line = encode(good)
    form = "one right form"
    write("version", note(ROOT, 1, f"hafan directory v2\n{line}\n"), "another version", "does not begin")
    write("three-lines", with_line(f"{line}\n{line}"), "a third line", "is not two lines")
    write("white-space", with_line(json.dumps(good)), "spaces in the JSON", form)
    write("space-behind", with_line(f"{line} "), "a space behind the JSON", form)
    write("escape", with_line(line.replace('"btp"', '"\\u0062tp"')), "an escape that is not needed", form)
    shuffled = {"sequence": good["sequence"]} | good
    write("member-order", with_line(encode(shuffled)), "members in another order", form)
    write("number-form", with_line(line.replace('"sequence":3', '"sequence":3.0')), "a fraction", "not the JSON it must be")
    write("number-negative", with_line(line.replace('"sequence":3', '"sequence":-3')), "a negative number", "not the JSON it must be")
    write("not-json", with_line("directory"), "not JSON", "not the JSON it must be")
    write("member-twice", with_line(line.replace('"sequence":3', '"sequence":3,"sequence":3')), "a member twice", "not the JSON it must be")
    write("json-behind", with_line(line + "{}"), "more JSON behind it", "not the JSON it must be")
    deep = line.replace('"replies":null', '"replies":' + "[" * 5000 + "]" * 5000)
    write("deep", with_line(deep), "5,000 arrays in each other", "not the JSON it must be")
    missing = {key: value for key, value in good.items() if key != "replies"}
    write("member-missing", with_line(encode(missing)), "no replies", "not the JSON it must be")
    change("member-unknown", "a member that no directory has", "not the JSON it must be", more=1)
    change("replies", "replies are no list", "not the JSON it must be", replies="key")
    change("police-suspect", "the force itself reads of its own people", "want another force", police_suspect="btp")
    change("police-suspect-name", "not the name of a force", "name of a force has a character", police_suspect="BTP")
    change("police-suspect-type", "not a force but its key", "not the JSON it must be", police_suspect={"recipient": "key"})
    change("date-form", "a date without hyphens", "valid_from of the directory is not a date", valid_from="20261221")
    change("date-time", "a date with a time", "valid_from of the directory is not a date", valid_from="2026-12-21T00:00")
    change("date-none", "a day that no month has", "valid_until of the directory is not a date", valid_until="2027-02-30")
    change("date-year-zero", "a year before 1", "valid_from of the directory is not a date", valid_from="0000-12-21")


def recipients(change, first: dict) -> None:
    def intake(name: str, text: str, comment: str, expect: str) -> None:
        change(f"recipient-{name}", comment, expect, intake=[first | {"recipient": text}])

    good = first["recipient"]
    flipped = good[:100] + ("q" if good[100] != "q" else "p") + good[101:]
    intake("short", recipient(1, 1215), "a key of 1,215 bytes", "recipient is")
    intake("x25519", bech32("age", bytes(32)), "a recipient of X25519", "recipient is")
    intake("checksum", flipped, "one character changed", "checksum that fits")
    intake("bech32m", bech32("age1pq", bytes(1216), residue=0x2BC830A3), "Bech32m", "checksum that fits")
    intake("upper", good.upper(), "upper case", "not in the one form")
    intake("bits", bech32("age1pq", bytes(1216), fill=1), "bits behind the key are not zero", "not in the one form")
    intake("prefix", bech32("age1pr", bytes(1216)), "another prefix", "of another type")


if __name__ == "__main__":
    log_vectors(Path(sys.argv[1]) / "log")
    directory_vectors(Path(sys.argv[1]) / "directory")
