"""Reads an evidence package with code that is not Hafan's: Python's hashlib, csv and json, PyPI's pypdf, securesystemslib and
tlog-scales, all unmodified.

    verify_package.py FOLDER ROOT_VKEY_FILE

FOLDER is what hafan-keys export wrote, ROOT_VKEY_FILE the force's root.vkey. Prints one line and exits 0 when the manifest names every
file and each is as it says, the access record's entry names the manifest and is signed by an officer of the directory, the sealed original
stands in the log under a checkpoint that the log signed, and the documents and tables say what report.json says; ends with an error when not.
"""

import base64
import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pypdf import PdfReader
from pypdf.generic import NameObject
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey
from tlog_scales.signing import Vkey
from tlog_scales.tiles import leaf_hash
from tlog_scales.tlog import Checkpoint, InclusionProof

LATER = {"SHA256SUMS", "access-record.json"}
FORMULAS = "=+-@|%\uff1d\uff0b\uff0d\uff20\u2212"
ACTIVE = ("/JS", "/JavaScript", "/OpenAction", "/AA", "/URI", "/Launch", "/EmbeddedFile", "/EmbeddedFiles", "/AcroForm", "/SubmitForm")
ESCAPE = re.compile(r"\\u\{([0-9a-f]+)\}")


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def of_name(vkey: str, name: str) -> Vkey:
    """The key of a vkey under another name: the key ID is that of the name and the key."""
    key = base64.b64decode(vkey.split("+", 2)[2])
    key_id = sha256(name.encode() + b"\n" + key)[:4].hex()
    return Vkey.from_string(f"{name}+{key_id}+{base64.b64encode(key).decode()}")


def check_manifest(folder: Path) -> int:
    named = {}
    for line in (folder / "SHA256SUMS").read_text().splitlines():
        digest, path = line.split("  ", 1)
        assert re.fullmatch(r"[A-Za-z0-9._/-]+", path) and ".." not in path.split("/"), f"path {path!r}"
        named[path] = digest
    found = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}
    assert found == set(named) | LATER, f"files {found ^ (set(named) | LATER)}"
    for path, digest in named.items():
        assert sha256((folder / path).read_bytes()).hex() == digest, f"digest of {path}"
    return len(found)


def check_origin(folder: Path, contents: dict) -> str:
    """The sealed original and its place in the log: docs/protocol.md section 4, C2SP tlog-proof. Gives h."""
    submission = (folder / "original/submission").read_bytes()
    salt, tag, envelope = submission[:16], submission[16:48], submission[48:]
    assert envelope == (folder / "original/envelope.age").read_bytes(), "envelope"
    h = sha256(b"hafan/blob/v1\x00" + salt + sha256(envelope))
    t = sha256(b"hafan/tag/v1\x00" + tag)
    head, _, note = (folder / "original/leaf.tlog-proof").read_text().partition("\n\n")
    kind, index, *hashes = head.split("\n")
    assert kind == "c2sp.org/tlog-proof@v1", "kind of proof"
    checkpoint = Checkpoint.from_text(note)
    checkpoint.verify(of_name(contents["log"], checkpoint.origin))
    assert checkpoint.origin.startswith(f"{contents['log'].split('+')[0]}/{contents['force']}/"), "origin"
    proof = InclusionProof(int(index.removeprefix("index ")), checkpoint.size, [base64.b64decode(hash) for hash in hashes])
    proof.check(leaf_hash(b"\x01\x00" + h + t), checkpoint.root_hash)
    return h.hex()


def check_entry(folder: Path, contents: dict, h: str) -> None:
    envelope = Envelope.from_dict(json.loads((folder / "access-record.json").read_text()))
    statement = json.loads(envelope.payload)
    predicate = statement["predicate"]
    vkeys = [vkey for vkey in contents["officers"] if vkey.split("+")[0] == predicate["officer"]]
    keys = []
    for vkey in vkeys:
        name, key_id, key = vkey.split("+", 2)
        public = Ed25519PublicKey.from_public_bytes(base64.b64decode(key)[1:])
        keys.append(SSlibKey.from_crypto(public, keyid=f"{name}+{key_id}"))
    envelope.verify(keys, 1)
    event = predicate["event"]
    assert event["type"] == "exported" and event["report"] == h, "event"
    assert event["manifest"] == sha256((folder / "SHA256SUMS").read_bytes()).hex(), "manifest in the entry"


def squeezed(text: str) -> str:
    """Without white space: a page breaks lines where it likes."""
    return "".join(text.split())


def names_in(obj: object) -> Iterator[str]:
    """Every name that is written in an object, as a key or a value; what it only refers to is an object of its own."""
    if isinstance(obj, dict):
        for key, value in obj.items():
            yield str(key)
            yield from names_in(value)
    elif isinstance(obj, list):
        for value in obj:
            yield from names_in(value)
    elif isinstance(obj, NameObject):
        yield str(obj)


def check_pdf(path: Path, title: str, said: list[str]) -> int:
    reader = PdfReader(path)
    # Names, not bytes: what is compressed holds every three bytes by chance.
    for obj in (reader.get_object(number) for number in range(1, reader.trailer["/Size"])):
        acting = set(names_in(obj)) & set(ACTIVE)
        assert not acting, f"{path.name}: something that acts: {acting}"
    root = reader.trailer["/Root"]
    assert root["/MarkInfo"]["/Marked"] and "/StructTreeRoot" in root, f"{path.name}: tags"
    assert reader.metadata.title == title, f"{path.name}: title {reader.metadata.title}"
    fonts = {str(font.get_object()["/BaseFont"]) for page in reader.pages for font in page["/Resources"]["/Font"].values()}
    assert all("DejaVuSans" in font for font in fonts), fonts
    pages = [page.extract_text() for page in reader.pages]
    for number, text in enumerate(pages, start=1):
        footer = f"{'tudalen' if path.stem.endswith('cy') else 'page'} {number} {'o' if path.stem.endswith('cy') else 'of'} {len(pages)}"
        assert footer in text, f"{path.name}: {footer}"
    # Feet stand between the rows of an answer that goes on.
    whole = squeezed("".join(text.replace(title, "") for text in pages))
    for text in said:
        if text.isascii() and len(text) < 2000 and "\\" not in text and text.isprintable():
            assert squeezed(text) in whole, f"{path.name} lacks {text!r}"
    return len(pages)


def told(report: dict) -> list[dict]:
    """Every question and part, as the tables have them."""
    rows = []
    for number, answer in enumerate(report["answers"], start=1):
        rows.append({"number": number, "part": 0, "state": answer["state"], **answer})
        for part_number, part in enumerate(answer["parts"], start=1):
            person = part["person"] if part["person"] is not None else answer["person"]
            rows.append({"number": number, "state": answer["state"], **part, "part": part_number, "person": person})
    return rows


def lines(value: None | str | list[str]) -> str:
    return "" if value is None else value if isinstance(value, str) else "\n".join(value)


def check_csv(path: Path, report: dict) -> None:
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    wanted = told(report)
    assert len(rows) == len(wanted), "rows of answers.csv"
    for row, want in zip(rows, wanted):
        for cell in row.values():
            assert not cell.lstrip()[:1] or cell.lstrip()[0] not in FORMULAS, f"a formula: {cell!r}"
        assert (row["number"], row["part"], row["id"], row["state"]) == (
            str(want["number"]), str(want["part"]), want["id"], want["state"])
        for column in ("question", "answer"):
            cell = row[column]
            if cell.startswith("'") and cell[1:].lstrip()[:1] and cell[1:].lstrip()[0] in FORMULAS:
                cell = cell[1:]
            plain = ESCAPE.sub(lambda match: chr(int(match[1], 16)), cell)
            assert plain == lines(want[column]), f"{column} {plain!r}"


def check_pole(path: Path, report: dict) -> None:
    pole = json.loads(path.read_text())
    lists = [person["told"] for person in pole["people"]]
    lists += [pole["objects"]["told"], pole["locations"], pole["events"], pole["other"]]
    found = sorted((row["number"], row["part"]) for rows in lists for row in rows)
    assert found == [(row["number"], row["part"]) for row in told(report)], "rows of pole.json"
    assert pole["objects"]["files"] == report["files"], "files of pole.json"
    assert [(person["role"], person["basis"]) for person in pole["people"]] == [
        (person["role"], person["basis"]) for person in report["people"]], "people"


def check_files(folder: Path, report: dict) -> None:
    files = sorted((folder / "files").iterdir())
    assert len(files) == len(report["files"]), "number of files"
    for path, entry in zip(files, report["files"]):
        data = path.read_bytes()
        assert (sha256(data).hex(), len(data)) == (entry["sha256"], entry["size"]), path.name


def main() -> None:
    folder, root_path = Path(sys.argv[1]), Path(sys.argv[2])
    note = (folder / "original/directory").read_text()
    text, _, signature = note.partition("\n\n")
    _, _, encoded = signature.strip().split(" ")
    root = base64.b64decode(root_path.read_text().strip().split("+", 2)[2])[1:]
    Ed25519PublicKey.from_public_bytes(root).verify(base64.b64decode(encoded)[4:], (text + "\n").encode())
    contents = json.loads(text.split("\n")[1])

    count = check_manifest(folder)
    h = check_origin(folder, contents)
    check_entry(folder, contents, h)
    report = json.loads((folder / "report.json").read_text())
    said = [report["promise"]["text"]]
    for row in told(report):
        said.append(row["question"])
        if row["state"] == "answered" and row["answer"] is not None:
            said += [row["answer"]] if isinstance(row["answer"], str) else row["answer"]
    continuity = json.loads((folder / "continuity.json").read_text())
    assert continuity["report"] == h, "continuity"
    reference = continuity["reference"]
    titles = {"en": ("Report", "Continuity sheet, report"), "cy": ("Adroddiad", "Taflen barhad, adroddiad")}
    pages = 0
    for language, (report_title, sheet_title) in titles.items():
        pages += check_pdf(folder / f"report-{language}.pdf", f"{report_title} {reference}", said)
        digests = [file["sha256"] for file in continuity["files"]]
        pages += check_pdf(folder / f"continuity-{language}.pdf", f"{sheet_title} {reference}", [h, *digests])
    check_csv(folder / "answers.csv", report)
    check_pole(folder / "pole.json", report)
    check_files(folder, report)
    print(f"python oracle: {count} files, {pages} pages, {len(report['answers'])} answers: all as the manifest, the log and the record say")


main()
