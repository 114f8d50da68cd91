"""Verify a database: the live one, or a backup before somebody relies on it."""

from collections.abc import Callable, Sequence
from typing import Final, TypeAlias

from keysat_core.domain.inspection import (
    Check,
    Finding,
    Tallies,
    judge_books,
    judge_license,
    judge_references,
    judge_seats,
    usable_signing_key,
)
from keysat_core.errors import SigningKeyUnusable, StoreUnavailable
from keysat_core.limits import PROBLEMS_MAX
from keysat_core.ports.database_file import DatabaseFile
from keysat_core.signing import Verifier

Progress: TypeAlias = Callable[[int, int], None]

TOLD_EVERY: Final = 1_000
"""Licenses between two words about the progress."""

_OF_ROWS: Final = (Check.LICENSES, Check.BOOKS, Check.SEATS)


def verify_database(*, database: DatabaseFile, progress: Progress) -> list[Finding]:
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
    try:
        unread = database.unread_reason()
        tallies = Tallies() if unread else database.tallies()
    except StoreUnavailable as exc:
        return [*findings, *(Finding(check=each, problems=(str(exc),)) for each in _OF_ROWS)]
    if unread:
        return [*findings, *(Finding(check=each, skipped=unread) for each in _OF_ROWS)]
    return [
        *findings,
        _finding(Check.LICENSES, lambda: _license_problems(database, tallies, progress)),
        Finding(check=Check.BOOKS, problems=judge_books(tallies)),
        Finding(check=Check.SEATS, problems=judge_seats(tallies)),
    ]


def _checksum_finding(database: DatabaseFile) -> Finding:
    try:
        problems = database.checksum_problems()
    except StoreUnavailable as exc:
        return Finding(check=Check.CHECKSUM, problems=(str(exc),))
    if problems is None:
        return Finding(check=Check.CHECKSUM, skipped="only backups have checksums beside them")
    return Finding(check=Check.CHECKSUM, problems=tuple(problems))


def _finding(check: Check, look: Callable[[], Sequence[str]]) -> Finding:
    """Ask one check; where the file is damaged, that is its answer."""
    try:
        return Finding(check=check, problems=tuple(look()))
    except StoreUnavailable as exc:
        return Finding(check=check, problems=(str(exc),))


def _key_problems(database: DatabaseFile) -> list[str]:
    try:
        usable_signing_key(database.find_signing_key_pem())
    except SigningKeyUnusable as exc:
        return [str(exc)]
    return []


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
        problem = judge_license(license, signing_key, verifier)
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
