"""Verify a database: the live one, or a backup before somebody relies on it."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from keysat_core.domain.audit_breaks import described
from keysat_core.domain.audit_chain import links_in
from keysat_core.domain.audit_walk import verify_chain
from keysat_core.domain.inspection import (
    Check,
    CheckFinding,
    Tallies,
    judge_books,
    judge_counts,
    judge_license,
    judge_references,
    judge_seats,
    usable_signing_key,
)
from keysat_core.errors import SigningKeyUnusable, StoreUnavailable
from keysat_core.limits import AUDIT_CHAIN_BATCH, PROBLEMS_MAX
from keysat_core.ports.database_file import DatabaseFile
from keysat_core.ports.store import AuditLog
from keysat_core.signing import Verifier

Progress: TypeAlias = Callable[[int, int], None]

TOLD_EVERY: Final = 1_000
"""Licenses between two words about the progress."""

SIGNED_EVERY: Final = 100
"""Of so many licenses one has its key signed and verified; of the others it is only spelled."""

_OF_ROWS: Final = (Check.LICENSES, Check.BOOKS, Check.SEATS)


def verify_database(*, database: DatabaseFile, progress: Progress) -> list[CheckFinding]:
    """Ask every check of a database and give the findings in the order of ``Check``.

    ``progress`` is told how many licenses of how many have been looked at. Memory does not grow
    with the database.
    """
    findings = [
        _checksum_finding(database),
        _finding(Check.LEDGER, database.ledger_problems),
        _finding(Check.STRUCTURE, database.structure_problems),
        _finding(Check.REFERENCES, lambda: judge_references(database.dangling_references())),
        _finding(Check.SIGNING_KEY, lambda: _key_problems(database)),
    ]
    return [
        *findings,
        *_row_findings(database, progress),
        _readable_finding(
            Check.AUDIT,
            database.unread_audit_reason,
            lambda: _audit_problems(database.audit_log),
        ),
        _readable_finding(
            Check.COUNTS,
            database.unread_counts_reason,
            lambda: judge_counts(database.count_differences()),
        ),
    ]


def _row_findings(database: DatabaseFile, progress: Progress) -> list[CheckFinding]:
    try:
        unread = database.unread_reason()
        tallies = Tallies() if unread else database.tallies()
    except StoreUnavailable as exc:
        return [CheckFinding(check=each, problems=(str(exc),)) for each in _OF_ROWS]
    if unread:
        return [CheckFinding(check=each, skipped=unread) for each in _OF_ROWS]
    return [
        _finding(Check.LICENSES, lambda: _license_problems(database, tallies, progress)),
        CheckFinding(check=Check.BOOKS, problems=judge_books(tallies)),
        CheckFinding(check=Check.SEATS, problems=judge_seats(tallies)),
    ]


def _readable_finding(
    check: Check, unread_reason: Callable[[], str | None], look: Callable[[], Sequence[str]]
) -> CheckFinding:
    """Ask one check of tables that this program may not know."""
    try:
        unread = unread_reason()
    except StoreUnavailable as exc:
        return CheckFinding(check=check, problems=(str(exc),))
    return CheckFinding(check=check, skipped=unread) if unread else _finding(check, look)


def _checksum_finding(database: DatabaseFile) -> CheckFinding:
    try:
        problems = database.checksum_problems()
    except StoreUnavailable as exc:
        return CheckFinding(check=Check.CHECKSUM, problems=(str(exc),))
    if problems is None:
        return CheckFinding(check=Check.CHECKSUM, skipped="only backups have checksums beside them")
    return CheckFinding(check=Check.CHECKSUM, problems=tuple(problems))


def _finding(check: Check, look: Callable[[], Sequence[str]]) -> CheckFinding:
    """Ask one check; where the file is damaged, that is its answer."""
    try:
        return CheckFinding(check=check, problems=tuple(look()))
    except StoreUnavailable as exc:
        return CheckFinding(check=check, problems=(str(exc),))


def _key_problems(database: DatabaseFile) -> list[str]:
    try:
        usable_signing_key(database.find_signing_key_pem())
    except SigningKeyUnusable as exc:
        return [str(exc)]
    return []


def _audit_problems(log: AuditLog) -> list[str]:
    links = links_in(lambda first_id: log.read_chain(first_id, AUDIT_CHAIN_BATCH))
    breaks = verify_chain(links, last_id=log.last_id()).breaks
    said = [described(found) for found in breaks[:PROBLEMS_MAX]]
    return (
        said if len(breaks) <= PROBLEMS_MAX else [*said, f"and {len(breaks) - PROBLEMS_MAX} more"]
    )


def _license_problems(database: DatabaseFile, tallies: Tallies, progress: Progress) -> list[str]:
    """Judge every license; at most ``PROBLEMS_MAX`` are named, all are counted."""
    try:
        signing_key = usable_signing_key(database.find_signing_key_pem())
    except SigningKeyUnusable:
        return ["without a signing key no license key can be derived"]
    verifier = Verifier(signing_key.verify_key)
    total, looked_at, wrong = tallies.license_count, 0, 0
    named: list[str] = []
    for license in database.licenses():
        is_signed = looked_at % SIGNED_EVERY == 0
        problem = judge_license(license, signing_key, verifier, is_signed=is_signed)
        if problem is not None:
            wrong += 1
            named += [problem] * (len(named) < PROBLEMS_MAX)
        looked_at += 1
        if looked_at % TOLD_EVERY == 0:
            progress(looked_at, total)
    if wrong > len(named):
        named.append(f"and {wrong - len(named)} more licenses")
    if looked_at != total:
        named.append(f"{total} licenses were counted but {looked_at} could be read")
    progress(looked_at, total)
    return named
