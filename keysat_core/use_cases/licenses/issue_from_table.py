"""Issue the licenses of a table, with a report for each of its rows."""

from collections.abc import Callable, Mapping, Sequence
from enum import StrEnum
from typing import Final, NamedTuple, TypeAlias

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import AuditEntry
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.grant import (
    Grant,
    grant_audited,
    grant_told,
    granted_bytes,
    granted_license,
)
from keysat_core.domain.grant_table import GrantRow, read_grants
from keysat_core.domain.ids import EventId, LicenseId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, key_of
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.errors import InvariantError
from keysat_core.limits import ISSUE_MANY_BYTES_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction
from keysat_core.signing import SigningKey

_ROWS_PER_WORD: Final = 1_000

_TOO_LARGE: Final = (
    f"asks for more than {ISSUE_MANY_BYTES_MAX} bytes of licenses and keys by row {{}}; "
    "divide it into several, or grant fewer entitlements"
)

Progress: TypeAlias = Callable[[int, int], None]
_Sold: TypeAlias = tuple[str, str | None]
_Shelf: TypeAlias = Mapping[_Sold, tuple[Product, Policy | None] | InvariantError]


class OnError(StrEnum):
    """What a row that cannot be issued means for the others."""

    ABORT = "abort"
    SKIP = "skip"


class IssueFromTable(msgspec.Struct, frozen=True, kw_only=True):
    """CSV of grants. A dry run issues nothing and reports the same."""

    csv: str
    is_dry_run: bool = False
    on_error: OnError = OnError.ABORT


class Issued(NamedTuple):
    """A license of a row, and its key."""

    license: License
    key: str


class RowReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a row; ``issued`` is empty in a dry run and after an abort."""

    number: int
    problem: InvariantError | None = None
    issued: tuple[Issued, ...] = ()


class _Judged(NamedTuple):
    """A row's number, how many licenses it makes, and what each of them is or why there is none."""

    number: int
    quantity: int
    verdict: License | InvariantError


class _Records(NamedTuple):
    """Everything that is about to be written."""

    licenses: list[License]
    audits: list[AuditEntry]
    events: list[OutboxEvent]


class TableReport(msgspec.Struct, frozen=True, kw_only=True):
    """What became of every row, in order."""

    rows: tuple[RowReport, ...]
    is_dry_run: bool
    on_error: OnError

    @property
    def failed_count(self) -> int:
        """Count the rows that cannot be issued."""
        return sum(row.problem is not None for row in self.rows)

    @property
    def issued_count(self) -> int:
        """Count the licenses that were issued."""
        return sum(len(row.issued) for row in self.rows)


def _told_nobody(done: int, total: int) -> None:
    del done, total


def issue_from_table(
    actor: Actor,
    command: IssueFromTable,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    keys: KeyRing,
    progress: Progress = _told_nobody,
) -> TableReport:
    """Issue what a table asks for in one transaction; each license is audited and told as if alone.

    If a row cannot be issued then none is, unless such rows are to be skipped. Everything is made
    ready and signed before the store is locked, because others wait for it.

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        InvariantError: the table as a whole cannot be read, or asks for too much; nothing was
            issued.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    now = clock.now()
    rows = read_grants(command.csv)
    signing_key = keys.signing_key()
    sold = {(row.grant.product_slug, row.grant.policy_slug) for row in rows if row.grant}
    with store.reading() as tx:
        shelf = _shelf(tx, sold)
    judged = _judged(rows, shelf, now=now, ids=ids)
    if command.is_dry_run or _is_refused(command, judged):
        progress(len(rows), len(rows))
        return _report(command, [_unissued(row) for row in judged])
    reports = _made(judged, ids=ids, signing_key=signing_key, progress=progress)
    records = _recorded(actor, reports, ids, now)
    with store.writing() as tx:
        found = _shelf(tx, sold)
        current_key = keys.signing_key()
        if not _is_same(found, shelf) or current_key != signing_key:
            # Somebody changed a tier just now, and its terms count as they are at issue; or
            # imported another key, and what the replaced one signed would verify no more.
            judged = _judged(rows, found, now=now, ids=ids)
            if _is_refused(command, judged):
                return _report(command, [_unissued(row) for row in judged])
            reports = _made(judged, ids=ids, signing_key=current_key, progress=progress)
            records = _recorded(actor, reports, ids, now)
        tx.licenses.add_licenses(records.licenses)
        tx.trail.append_audits(records.audits)
        tx.trail.append_events(records.events)
    return _report(command, reports)


def _report(command: IssueFromTable, reports: Sequence[RowReport]) -> TableReport:
    return TableReport(
        rows=tuple(reports), is_dry_run=command.is_dry_run, on_error=command.on_error
    )


def _shelf(tx: Transaction, sold: set[_Sold]) -> _Shelf:
    return {pair: _resolved(tx, *pair) for pair in sold}


def _resolved(
    tx: Transaction, product_slug: str, policy_slug: str | None
) -> tuple[Product, Policy | None] | InvariantError:
    product = tx.products.find_product_by_slug(product_slug)
    if product is None:
        return InvariantError("product_slug", "no product has it")
    if policy_slug is None:
        return product, None
    policy = tx.policies.find_policy_by_slug(product.id, policy_slug)
    if policy is None:
        return InvariantError("policy_slug", "no policy of the product has it")
    return product, policy


def _is_same(one: _Shelf, other: _Shelf) -> bool:
    def known(shelf: _Shelf) -> dict[_Sold, object]:
        return {
            pair: str(found) if isinstance(found, InvariantError) else (found[0].id, found[1])
            for pair, found in shelf.items()
        }

    return known(one) == known(other)


def _judged(rows: Sequence[GrantRow], shelf: _Shelf, *, now: Instant, ids: Ids) -> list[_Judged]:
    """Judge each row once, whatever its quantity, and how much all of them would take together.

    Raises:
        InvariantError: they would take too much.
    """
    judged = []
    total_bytes = 0
    any_id = LicenseId(ids.new())
    for row in rows:
        try:
            model = _model(row, shelf, any_id, now)
        except InvariantError as exc:
            judged.append(_Judged(row.number, 0, exc))
            continue
        total_bytes += row.quantity * granted_bytes(model)
        if total_bytes > ISSUE_MANY_BYTES_MAX:
            raise InvariantError("csv", _TOO_LARGE.format(row.number))
        judged.append(_Judged(row.number, row.quantity, model))
    return judged


def _is_refused(command: IssueFromTable, judged: Sequence[_Judged]) -> bool:
    is_bad = any(isinstance(row.verdict, InvariantError) for row in judged)
    return command.on_error is OnError.ABORT and is_bad


def _unissued(row: _Judged) -> RowReport:
    problem = row.verdict if isinstance(row.verdict, InvariantError) else None
    return RowReport(number=row.number, problem=problem)


def _made(
    judged: Sequence[_Judged], *, ids: Ids, signing_key: SigningKey, progress: Progress
) -> list[RowReport]:
    # In the order of their ids, so that each index over them grows page by page.
    license_ids = iter(sorted(ids.new() for row in judged for _ in range(row.quantity)))
    reports = []
    for place, row in enumerate(judged):
        if place % _ROWS_PER_WORD == 0:
            progress(place, len(judged))
        if isinstance(row.verdict, InvariantError):
            reports.append(_unissued(row))
            continue
        own_ids = [LicenseId(next(license_ids)) for _ in range(row.quantity)]
        licenses = [msgspec.structs.replace(row.verdict, id=own_id) for own_id in own_ids]
        issued = tuple(Issued(license, key_of(license, signing_key)) for license in licenses)
        reports.append(RowReport(number=row.number, issued=issued))
    progress(len(judged), len(judged))
    return reports


def _model(row: GrantRow, shelf: _Shelf, license_id: LicenseId, now: Instant) -> License:
    grant: Grant | None = row.grant
    if grant is None:
        raise row.problem or InvariantError("row", "cannot be read")
    found = shelf[grant.product_slug, grant.policy_slug]
    if isinstance(found, InvariantError):
        raise found
    return granted_license(grant, *found, license_id=license_id, now=now)


def _recorded(actor: Actor, reports: Sequence[RowReport], ids: Ids, now: Instant) -> _Records:
    licenses = [issued.license for row in reports for issued in row.issued]
    event_ids = sorted(ids.new() for _ in licenses)
    return _Records(
        licenses=licenses,
        audits=[grant_audited(actor, license, now) for license in licenses],
        events=[
            grant_told(license, EventId(event_id), now)
            for license, event_id in zip(licenses, event_ids, strict=True)
        ],
    )
