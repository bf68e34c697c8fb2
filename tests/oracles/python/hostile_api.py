"""Schemathesis, unmodified, against a running server: hostile_api.py URL EXAMPLES SEED SCRATCH_DIR

It reads the server's own description (/v1/openapi.json) and sends, for each operation, requests that are right by it and
requests that are wrong in each way it can think of. Each answer must be one that the description has: its status, media
type, fields and body; none may be a fault of the server. What is random is drawn from SEED alone.

The file is its own hook: it adds bodies with the right structure and, to requests that are to be right, the digest that
belongs to the body, so that some come as far as the disk. Prints how many answers there were of each method and status.
"""

import atexit
import base64
import collections
import hashlib
import json
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve()

# No check of these can hold: that a body is accepted depends on the digest in the path, which no description can say; and
# the courier's signature (RFC 9421) is no scheme that schemathesis could leave out or forge by itself.
NOT_CHECKED = "positive_data_acceptance,ensure_resource_availability,use_after_free,ignored_auth,object_level_authorization"


def header(noise):
    """The one header of an age file that is right: docs/protocol.md section 3."""
    runs = iter([noise[:1120], noise[1120:1152], noise[1152:1184]])
    text = [base64.b64encode(run).rstrip(b"=") for run in runs]
    return b"age-encryption.org/v1\n-> mlkem768x25519 %s\n%s\n--- %s\n" % tuple(text)


def age_file(number, size):
    """An age file by its structure, with noise in it."""
    noise = hashlib.shake_128(str(number).encode()).digest(1184 + size)
    return header(noise) + noise[1184 : 1184 + size - 1627]


def as_hook():
    """Registers with schemathesis, which imports this file."""
    import schemathesis
    from hypothesis import strategies as st
    from schemathesis.core import NOT_SET

    # Few, so that what is sent was often sent before, and what is deleted is there.
    numbers = st.integers(min_value=0, max_value=15)
    bodies = {
        "application/vnd.hafan.submission": lambda n: hashlib.shake_128(b"%d" % n).digest(48) + age_file(n, 67_195),
        "application/vnd.hafan.draft": lambda n: hashlib.shake_128(b"%d" % n).digest(32) + age_file(n, 67_195),
        "application/vnd.hafan.reply-page": lambda n: b"".join(b"%02d" % i + age_file(n + i, 4094) for i in range(64)) + bytes(1024),
    }
    for media_type, shaped in bodies.items():
        whole = numbers.map(shaped)
        cut = st.tuples(whole, st.integers(min_value=0, max_value=70_000)).map(lambda of: of[0][: of[1]])
        key = whole.map(lambda body: body[:32])
        schemathesis.openapi.media_type(media_type, st.one_of(whole, key, cut, st.binary(max_size=4096)))

    answers = collections.Counter()
    tally = pathlib.Path("answers.json")
    atexit.register(lambda: tally.write_text(json.dumps(answers)))

    @schemathesis.hook
    def after_call(context, case, response):
        answers[f"{response.request.method} {response.status_code}"] += 1

    @schemathesis.hook
    def before_call(context, case, kwargs):
        # A GET with a body is refused as that (400) before its address is looked at, which is no answer to whether the
        # method is possible there.
        if case.method in ("GET", "HEAD"):
            case.body = NOT_SET

    @schemathesis.hook
    def map_case(context, case):
        body = case.body
        # What is meant to be wrong stays wrong.
        if case.meta is None or case.meta.generation.mode.is_negative:
            return case
        if not isinstance(body, bytes) or len(body) < 32:
            return case
        if "h" in case.path_parameters and case.path.endswith("/drops/{h}"):
            inner = hashlib.sha256(body[48:]).digest()
            case.path_parameters["force"] = "btp"
            case.path_parameters["h"] = hashlib.sha256(b"hafan/blob/v1\0" + body[:16] + inner).hexdigest()
        elif "id" in case.path_parameters:
            case.path_parameters["id"] = hashlib.sha256(b"hafan/draft-id/v1\0" + body[:32]).hexdigest()
        return case


def main(url, examples, seed, scratch_dir):
    tool = pathlib.Path(sys.executable).with_name("schemathesis")
    settings = pathlib.Path(scratch_dir) / "schemathesis.toml"
    settings.write_text("")
    done = subprocess.run(
        [tool, "--config-file", settings, "run", f"{url}/v1/openapi.json"]
        + ["--checks", "all", "--exclude-checks", NOT_CHECKED, "--phases", "coverage,fuzzing"]
        + ["--max-examples", examples, "--seed", seed, "--continue-on-failure", "--workers", "1"]
        + ["--suppress-health-check", "all", "--request-timeout", "30"],
        env={**os.environ, "SCHEMATHESIS_HOOKS": HERE.stem, "PYTHONPATH": str(HERE.parent), "NO_COLOR": "1"},
        cwd=scratch_dir,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    # A reproduction has the whole body in its line.
    told = "\n".join(line[:200] for line in done.stdout.splitlines())
    if done.returncode != 0:
        sys.exit(told)
    answers = json.loads((pathlib.Path(scratch_dir) / "answers.json").read_text())
    print(sum(answers.values()), "answers:", ", ".join(f"{of} {count}" for of, count in sorted(answers.items())))


if __name__ == "__main__":
    main(*sys.argv[1:])
else:
    as_hook()
