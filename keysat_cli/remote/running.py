"""Carrying the running command out at a server elsewhere, and showing what came of it."""

import uuid
from collections.abc import Mapping
from typing import Any, Final

import click
import msgspec

from keysat_adapters.outbound.http import HTTPSender
from keysat_cli import place
from keysat_cli.options import confirm
from keysat_cli.output import emit, facts, is_dry_run, listing, note, note_change
from keysat_cli.remote.api import ANSWER_BYTES_MAX, API
from keysat_cli.remote.row import Remote
from keysat_cli.remote.table import LOCAL_ONLY, REMOTE
from keysat_cli.remote.target import Target, find_target
from keysat_cli.version import package_version

CONNECTIONS_KEPT: Final = 1


def is_run_here(context: click.Context) -> bool:
    """Tell whether a command runs here whatever was chosen: it is about no server's database."""
    entry = LOCAL_ONLY.get(path_of(context))
    return entry is not None and entry.is_free


def run_remotely(context: click.Context) -> None:
    """Carry the command out and print its result.

    Raises:
        ServerRefused, KeysatError.
        click.UsageError: it cannot run elsewhere, or where is not clear.
    """
    path = path_of(context)
    entry = LOCAL_ONLY.get(path)
    if entry is not None:
        raise click.UsageError(
            f"keysat {path} runs only where the database is: {entry.reason}. Leave out --url and"
            f" --profile, unset {place.URL_VARIABLE} and {place.PROFILE_VARIABLE}, or add --local"
        )
    row = REMOTE[path]
    target = find_target(context)
    if row.is_asking and "is_yes" in context.params:
        confirm(_question(context, path, target), is_yes=context.params["is_yes"])
    given = place.given_options(context)
    with sender_for(target) as sender:
        api = API(
            target,
            sender,
            idempotency_key=given.get(place.IDEMPOTENCY_KEY) or str(uuid.uuid4()),
            is_dry_run=is_dry_run(),
        )
        try:
            document = row.run(api, context.params)
        finally:
            if api.has_changed:
                note_change()
    if document is not None:
        show(document, row, context.params)


def sender_for(target: Target) -> HTTPSender:
    """Give what carries requests to a server."""
    return HTTPSender(
        user_agent=f"Keysat/{package_version()}",
        answer_bytes_max=ANSWER_BYTES_MAX,
        kept_connections=CONNECTIONS_KEPT,
        ca_file=target.ca_file,
    )


def path_of(context: click.Context) -> str:
    """Spell the running command as people type it, without the program's name."""
    words: list[str] = []
    current: click.Context | None = context
    while current is not None and current.parent is not None:
        words.append(current.info_name or "")
        current = current.parent
    return " ".join(reversed(words))


def show(document: Any, row: Remote, params: Mapping[str, Any]) -> None:
    """Print a document: as it is with ``--json``, else as tables and facts."""
    plain = msgspec.to_builtins(document)
    emit(plain, lines_of(plain, row.columns))
    rows = next((value for value in plain.values() if _is_table(value)), None)
    if row.columns and rows and len(rows) == params.get("limit"):
        note(f"There may be more: add --offset {params.get('offset', 0) + len(rows)}.")


def lines_of(document: Mapping[str, Any], columns: tuple[str, ...] = ()) -> list[str]:
    """Spell a document for people: its plain fields, then each part and each list of things."""
    tables = {name: value for name, value in document.items() if _is_table(value)}
    parts = {name: value for name, value in document.items() if _is_part(name, value)}
    if columns:
        name, rows = next(iter(tables.items()), ("things", []))
        cells = [[row.get(column) for column in columns] for row in rows]
        headings = [column.replace("_", " ") for column in columns]
        return listing(headings, cells, noun=name.replace("_", " "))
    plain = [
        (name.replace("_", " "), value)
        for name, value in document.items()
        if name not in tables | parts and name != "dry_run"
    ]
    lines = facts(plain)
    for name, part in parts.items():
        spelled_part = facts((key.replace("_", " "), value) for key, value in part.items())
        lines += [*([""] if lines else []), f"{name.replace('_', ' ')}:", *spelled_part]
    for name, rows in tables.items():
        headings = list(dict.fromkeys(key for row in rows for key in row))
        cells = [[row.get(heading) for heading in headings] for row in rows]
        spelled = [heading.replace("_", " ") for heading in headings]
        noun = name.replace("_", " ")
        lines += ["", f"{noun}:", *listing(spelled, cells, noun=noun)] if rows else []
    return lines


def _is_table(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(row, Mapping) for row in value)


def _is_part(name: str, value: Any) -> bool:
    """Tell whether a value is a thing of its own; a document that operators wrote is shown as it is."""
    return isinstance(value, Mapping) and bool(value) and name != "metadata"


def _question(context: click.Context, path: str, target: Target) -> str:
    named = [
        str(context.params[parameter.name])
        for parameter in context.command.params
        if isinstance(parameter, click.Argument) and parameter.name in context.params
    ]
    forced = " with everything that depends on it" if context.params.get("is_forced") else ""
    return f"Run '{' '.join([path, *named])}'{forced} at {target.url}?"
