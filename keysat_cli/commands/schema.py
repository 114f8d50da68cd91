"""``keysat schema``: the files under ``schema/`` that are made from the program. For a checkout."""

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
import msgspec

from keysat_adapters.sqlite.schema_dump import dump_schema
from keysat_cli.application import open_application
from keysat_cli.bind import Bind
from keysat_cli.events_schema import events_schema
from keysat_cli.exit_codes import ExitCode
from keysat_cli.groups import NounGroup
from keysat_cli.output import emit
from keysat_cli.settings import ServeSettings, StoreSettings
from keysat_cli.version import CHECKOUT
from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError
from keysat_http.openapi import openapi_document

FOLDER: Final = "schema"
REMEDY: Final = "run: keysat schema write"


class SchemaFile(msgspec.Struct, frozen=True, kw_only=True):
    """One generated file. ``state``: written, unchanged, current, differs or missing."""

    path: str
    state: str


class SchemaFiles(msgspec.Struct, frozen=True, kw_only=True):
    """All generated files. ``ok``: each is what the program makes."""

    ok: bool
    files: list[SchemaFile]


@click.group(cls=NounGroup)
def schema() -> None:
    """Write or check the files under schema/."""


@schema.command()
def write() -> None:
    """Write the generated files."""
    root = checkout()
    files = [_write(root, path, content) for path, content in generated_files().items()]
    _emit(files)


@schema.command()
def check() -> None:
    """Compare the generated files with what the program makes; exit code 9 if one differs."""
    root = checkout()
    files = [_compare(root, path, content) for path, content in generated_files().items()]
    _emit(files)
    if any(file.state != "current" for file in files):
        click.get_current_context().exit(ExitCode.DIFFERENCES)


def checkout() -> Path:
    """Give the root of the checkout this program runs from.

    Raises:
        ConfigurationError: it runs from an installed package.
    """
    if not ((CHECKOUT / FOLDER).is_dir() and (CHECKOUT / "pyproject.toml").is_file()):
        raise ConfigurationError(
            "schema", "these files exist only in a checkout of the repository; run this there"
        )
    return CHECKOUT


def generated_files() -> Mapping[str, bytes]:
    """Make every file, by its path in the repository."""
    return {
        f"{FOLDER}/openapi.json": _openapi(),
        f"{FOLDER}/events.schema.json": events_schema(),
        f"{FOLDER}/database.sql": dump_schema().encode(),
    }


def _openapi() -> bytes:
    """Describe the routes of a server in sandbox mode, which has all of them."""
    with tempfile.TemporaryDirectory(prefix="keysat-schema-") as folder:
        settings = ServeSettings(
            store=StoreSettings(db_path=Path(folder) / "keysat.db", is_sandbox=True),
            bind=Bind(host="127.0.0.1", port=0),
            public_url="http://localhost",
            admin_api_key=Secret("none is ever presented to this one"),
        )
        with open_application(settings) as opened:
            return openapi_document(opened.app.litestar)


def _write(root: Path, path: str, content: bytes) -> SchemaFile:
    if _compare(root, path, content).state == "current":
        return SchemaFile(path=path, state="unchanged")
    (root / path).write_bytes(content)
    return SchemaFile(path=path, state="written")


def _compare(root: Path, path: str, content: bytes) -> SchemaFile:
    file = root / path
    if not file.exists():
        return SchemaFile(path=path, state="missing")
    # A checkout may turn line ends; what is said is the same.
    is_same = file.read_bytes().replace(b"\r\n", b"\n") == content
    return SchemaFile(path=path, state="current" if is_same else "differs")


def _emit(files: list[SchemaFile]) -> None:
    wrong = [file for file in files if file.state in {"differs", "missing"}]
    lines = [f"{file.path}: {file.state}" + f"; {REMEDY}" * (file in wrong) for file in files]
    emit(SchemaFiles(ok=not wrong, files=files), lines)
