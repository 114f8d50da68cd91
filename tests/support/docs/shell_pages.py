"""Running the shell lines of a page, in order, as one script in a scratch folder.

The script has each line where the page has it, so that a failure names the page's line. What the
page's remarks do is in ``docs/contributing.md``.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from keysat_core.domain.self_license import Capability
from tests.support.docs.pages import Block, Page
from tests.support.live_server import free_port
from tests.support.own_license import TRUST_ROOT, operators_license
from tests.support.program import ADMIN_KEY, clean_environment
from tests.support.tree import ROOT

SECONDS_MAX: Final = 60
"""A page that takes longer hangs."""

PATRON: Final = operators_license(*map(str, Capability))
"""Lifts every cap of a server that trusts the tests."""

EXAMPLE_ADDRESSES: Final = ("https://licenses.example.com", "http://127.0.0.1:8080")
"""Where the server of the examples is; under test, the scratch server."""

EXAMPLE_BTCPAY: Final = "https://btcpay.example.com"
"""Where BTCPay Server of the examples is; under test, its double."""

PLACEHOLDER: Final = re.compile(r"^([A-Z][A-Z0-9_]+)=", re.MULTILINE)

PRELUDE: Final = (
    "set -Eeuo pipefail; trap 'echo \"line $LINENO ended with $?\" >&2' ERR; "
    "KEYSAT_URL=$KEYSAT_ADDRESS; exec 3>&1"
)
"""The script's first line, where every page has its title."""

SERVER: Final = "keysat serve & until curl -fso /dev/null $KEYSAT_ADDRESS/readyz; do kill -0 $! && sleep .05; done"
BTCPAY: Final = (
    "python -m tests.simulators.btcpay --port ${BTCPAY_ADDRESS##*:} >~/btcpay & "
    "until grep -sq api_key ~/btcpay; do kill -0 $! && sleep .05; done"
)
_OWN_LINES: Final = {"server": SERVER, "shop": "keysat migrate >/dev/null", "btcpay": BTCPAY}


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What a page's lines printed; ``printed`` by the line of the block."""

    exit_code: int
    said: str
    printed: dict[int, str]


@contextmanager
def keysat_on_path(folder: Path) -> Iterator[Path]:
    """Give a folder with a ``keysat`` that starts at once."""
    call = ROOT / "tests" / "support" / "docs" / "keysat_call.py"
    socket = folder / "forks"
    words = (sys.executable, "-I", "-S", str(call), str(socket))
    program = folder / "bin" / "keysat"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.join(words)} "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    with subprocess.Popen(  # noqa: S603  our own module
        [sys.executable, "-m", "tests.support.docs.keysat_forks", str(socket)],
        cwd=ROOT,
        env=clean_environment(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            assert process.stdout.readline() == b"ready\n"
            yield program.parent
        finally:
            process.stdin.close()
            process.wait(SECONDS_MAX)


def is_run(block: Block) -> bool:
    return block.language == "sh"


def script_of(page: Page, outputs: Path) -> str:
    """Give the page as a script; lines that are not run are empty."""
    lines = [""] * (len(page.lines) + 2)
    filled_in: set[str] = set()
    for remark in page.remarks:
        if remark.word == "run" or remark.word in _OWN_LINES:
            text = _OWN_LINES.get(remark.word, remark.rest)
            filled_in |= set(PLACEHOLDER.findall(text))
            _put(lines, remark.line, text)
    for block in filter(is_run, page.blocks):
        text = block.text
        for name in filled_in:
            text = re.sub(rf"(?<![\w$-]){name}\b", f'"${name}"', text)
        output = shlex.quote(str(outputs / str(block.line)))
        _put(lines, block.line, f"exec >{output}\n{text}exec >&3")
    return "\n".join([PRELUDE, *lines[2:]]) + "\n"


def _put(lines: list[str], number: int, text: str) -> None:
    count = text.count("\n") + 1
    lines[number : number + count] = text.split("\n")


def as_printed(block: Block) -> str:
    """Give what a block shows with one address for the server."""
    return block.text.replace(EXAMPLE_ADDRESSES[1], EXAMPLE_ADDRESSES[0])


def run_page(page: Page, folder: Path, programs: Path) -> Ran:
    """Run a page's lines in the folder, which becomes the home of whoever types them."""
    outputs, place = folder / "outputs", folder / "here"
    outputs.mkdir()
    place.mkdir()
    address, btcpay = (f"http://127.0.0.1:{free_port()}" for _ in range(2))
    script = script_of(page, outputs)
    for example in EXAMPLE_ADDRESSES:
        script = script.replace(example, address)
    script = script.replace(EXAMPLE_BTCPAY, btcpay)
    (folder / "page.sh").write_text(script, encoding="utf-8")
    environment = clean_environment(
        **_settings(page, address),
        KEYSAT_ADDRESS=address,
        BTCPAY_ADDRESS=btcpay,
        HOME=str(folder),
        TMPDIR=str(folder),
        ROOT=str(ROOT),
        PATH=f"{programs}:{Path(sys.executable).parent}:{os.environ['PATH']}",
    )
    with (
        (folder / "said").open("wb") as said,
        subprocess.Popen(  # noqa: S603  the words are the pages' own
            ["/bin/bash", str(folder / "page.sh")],
            cwd=place,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as process,
    ):
        try:
            code = process.wait(SECONDS_MAX)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
    printed = {
        int(path.name): path.read_text(errors="replace")
        .replace(address, EXAMPLE_ADDRESSES[0])
        .replace(btcpay, EXAMPLE_BTCPAY)
        for path in outputs.iterdir()
    }
    return Ran(exit_code=code, said=(folder / "said").read_text(errors="replace"), printed=printed)


def _settings(page: Page, address: str) -> dict[str, str]:
    """Give a page that asks for a shop or a server the settings of one; another brings its own.

    It may not bring the port, which others on this machine may have.
    """
    bind = {"KEYSAT_BIND": address.removeprefix("http://")}
    asked = [remark.rest for remark in page.remarks if remark.word in {"server", "shop"}]
    if not asked:
        return bind
    own = {"KEYSAT_LICENSE": PATRON, "KEYSAT_TRUST_ROOT_PEM": TRUST_ROOT}
    return (
        (own if "licensed" in asked else {})
        | bind
        | {
            "KEYSAT_DB_PATH": "data/keysat.db",
            "KEYSAT_PUBLIC_URL": address,
            "KEYSAT_ADMIN_API_KEY": ADMIN_KEY,
            "KEYSAT_SANDBOX_MODE": "1",
        }
    )
