"""Verifying a database file, and how the findings are printed."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from keysat_adapters.sqlite.database_file import look_into
from keysat_adapters.sqlite.validation_days import find_differences
from keysat_cli.output import table
from keysat_cli.progress import progress_shown
from keysat_core.domain.inspection import (
    Check,
    CheckFinding,
    is_sound,
    judge_counts,
    problems_of,
)
from keysat_core.errors import ServerFault
from keysat_core.use_cases.server.verify_database import verify_database

LOG_COUNTS: Final = "log_counts"
"""The check of the validation log, which is a file of its own; no backup depends on it."""


class CheckView(msgspec.Struct, frozen=True, kw_only=True):
    """One check. ``skipped`` says why it was not made."""

    check: str
    ok: bool
    problems: tuple[str, ...]
    skipped: str | None


class Verification(msgspec.Struct, frozen=True, kw_only=True):
    """All checks of a database. ``ok``: none found anything wrong."""

    ok: bool
    db_path: str
    checks: list[CheckView]


def verify_file(path: Path) -> list[CheckFinding]:
    """Ask every check of a database file, which is not changed, showing how far it has come.

    Raises:
        MigrationRefused, StoreBusy, StoreUnavailable: It cannot be opened.
    """
    with progress_shown("Verifying") as progress, look_into(path) as database:
        return verify_database(database=database, progress=progress)


def verify_log_counts(path: Path) -> CheckFinding:
    """Compare the daily counts of a validation log with its rows; it is not changed."""
    try:
        differed = find_differences(path)
    except ServerFault as exc:
        return CheckFinding(check=LOG_COUNTS, problems=(str(exc),))
    if differed is None:
        return CheckFinding(check=LOG_COUNTS, skipped="no validation was counted yet")
    return CheckFinding(check=LOG_COUNTS, problems=judge_counts({"validation_days": differed}))


def file_problems(path: Path) -> tuple[str, ...]:
    """Say what makes a database file unfit as a backup; raises as ``verify_file``.

    Kept counts that are wrong do not: no license depends on them, and they are soon made anew.
    """
    return unfitness(verify_file(path))


def unfitness(findings: Iterable[CheckFinding]) -> tuple[str, ...]:
    """Say which findings make a database file unfit as a backup."""
    return problems_of(one for one in findings if one.check != Check.COUNTS)


def verification(path: Path, findings: Sequence[CheckFinding]) -> Verification:
    """Describe findings."""
    checks = [
        CheckView(
            check=finding.check,
            ok=finding.is_sound,
            problems=finding.problems,
            skipped=finding.skipped,
        )
        for finding in findings
    ]
    return Verification(ok=is_sound(findings), db_path=str(path), checks=checks)


def verification_lines(view: Verification) -> list[str]:
    """Spell a verification for people: a line for each check, and for each problem of it."""
    rows = [
        (one.check, line)
        for one in view.checks
        for line in (one.problems or [f"not looked at: {one.skipped}" if one.skipped else "ok"])
    ]
    return [f"Database {view.db_path}", *table(("check", "finding"), rows)]
