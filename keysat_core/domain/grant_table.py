"""Licenses to give away as a table: CSV with one grant a row. Columns may come in any order."""

import csv
from collections.abc import Iterator
from typing import Final, NamedTuple

from keysat_core.domain.grant import Grant
from keysat_core.domain.instant import parse_rfc3339
from keysat_core.domain.text import checked_range
from keysat_core.errors import InvariantError
from keysat_core.limits import ISSUE_MANY_MAX

COLUMNS: Final = (
    "product_slug",
    "policy_slug",
    "buyer_email",
    "nostr_npub",
    "note",
    "expires_at",
    "max_machines",
    "grace_seconds",
    "entitlements",
    "is_trial",
    "quantity",
)
NONE_GRANTED: Final = "-"
"""In the column of entitlements: grant none, whatever the policy says."""

_FLAGS: Final = {"true": True, "false": False}


class GrantRow(NamedTuple):
    """One row: its number as spreadsheets count, the header being 1, and what it asks for.

    Exactly one of ``grant`` and ``problem`` is there.
    """

    number: int
    grant: Grant | None
    quantity: int = 1
    problem: InvariantError | None = None


def read_grants(text: str) -> list[GrantRow]:
    """Read a table; a row that breaks a rule says so and spoils no other.

    Raises:
        InvariantError: it is no CSV with these columns, or asks for too many licenses.
    """
    rows: list[GrantRow] = []
    licenses = 0
    for row in _rows(text):
        licenses += row.quantity
        if licenses > ISSUE_MANY_MAX or len(rows) >= ISSUE_MANY_MAX:
            raise InvariantError(
                "csv", f"asks for more than {ISSUE_MANY_MAX} licenses; divide it into several"
            )
        rows.append(row)
    if not rows:
        raise InvariantError("csv", "has no rows below its header")
    return rows


def _rows(text: str) -> Iterator[GrantRow]:
    reader = csv.reader(
        (f"{line}\n" for line in text.removeprefix("\ufeff").split("\n")), strict=True
    )
    try:
        header = [name.strip().lower() for name in next(reader, [])]
        _check_header(header)
        for number, cells in enumerate(reader, start=2):
            if any(cell.strip() for cell in cells):
                yield _row(number, header, cells)
    except csv.Error as exc:
        raise InvariantError("csv", f"cannot be read near line {reader.line_num}: {exc}") from exc


def _check_header(header: list[str]) -> None:
    unknown = [name for name in header if name not in COLUMNS]
    if "product_slug" not in header:
        raise InvariantError(
            "csv", "begins with no header that names product_slug; columns are divided by commas"
        )
    if unknown:
        known = ", ".join(COLUMNS)
        raise InvariantError("csv", f"has a column {unknown[0][:40]!r}; there are {known}")
    if len(set(header)) < len(header):
        raise InvariantError("csv", "names a column twice")


def _row(number: int, header: list[str], cells: list[str]) -> GrantRow:
    try:
        given = _given(header, cells)
        quantity = _whole(given, "quantity")
        quantity = 1 if quantity is None else quantity
        checked_range(quantity, field="quantity", low=1, high=ISSUE_MANY_MAX)
        return GrantRow(number, _grant(given), quantity)
    except InvariantError as exc:
        return GrantRow(number, None, problem=exc)


def _given(header: list[str], cells: list[str]) -> dict[str, str]:
    if len(cells) != len(header):
        raise InvariantError("row", f"has {len(cells)} cells under {len(header)} columns")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


def _grant(given: dict[str, str]) -> Grant:
    slug = given["product_slug"]
    if not slug:
        raise InvariantError("product_slug", "is required")
    expires_at = given.get("expires_at")
    entitlements = given.get("entitlements", "")
    return Grant(
        product_slug=slug,
        policy_slug=given.get("policy_slug") or None,
        buyer_email=given.get("buyer_email") or None,
        nostr_npub=given.get("nostr_npub") or None,
        note=given.get("note") or None,
        expires_at=parse_rfc3339(expires_at, field="expires_at") if expires_at else None,
        max_machines=_whole(given, "max_machines"),
        grace_seconds=_whole(given, "grace_seconds"),
        entitlements=_entitlements(entitlements),
        is_trial=_flag(given.get("is_trial", "")),
    )


def _whole(given: dict[str, str], name: str) -> int | None:
    text = given.get(name, "")
    if not text:
        return None
    if not (text.isascii() and text.isdigit() and len(text) <= len(str(2**53))):
        raise InvariantError(name, f"{text[:40]!r} is no whole number")
    return int(text)


def _flag(text: str) -> bool | None:
    if not text:
        return None
    flag = _FLAGS.get(text.lower())
    if flag is None:
        raise InvariantError("is_trial", "must be true, false or empty")
    return flag


def _entitlements(text: str) -> tuple[str, ...] | None:
    if not text:
        return None
    return () if text == NONE_GRANTED else tuple(text.replace(";", " ").split())
