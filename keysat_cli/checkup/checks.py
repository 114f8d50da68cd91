"""The doctor's checks, most serious first. To add one, add its entry to ``CHECKS``."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from keysat_cli.checkup import database, files, outside, surroundings
from keysat_cli.checkup.patient import Patient
from keysat_core.domain.finding import Finding


@dataclass(frozen=True, kw_only=True, slots=True)
class Check:
    """One thing to look at, and the exit code that says it fails."""

    name: str
    exit_code: int
    look: Callable[[Patient], list[Finding]]


CHECKS: Final = (
    Check(name="database", exit_code=20, look=database.opening),
    Check(name="integrity", exit_code=21, look=database.integrity),
    Check(name="signing key", exit_code=22, look=database.signing_key),
    Check(name="schema", exit_code=23, look=database.schema),
    Check(name="foreign keys", exit_code=24, look=database.references),
    Check(name="paid invoices", exit_code=25, look=database.invoices),
    Check(name="disk space", exit_code=26, look=files.disk),
    Check(name="file modes", exit_code=27, look=files.modes),
    Check(name="settings", exit_code=28, look=surroundings.settings),
    Check(name="write-ahead log", exit_code=29, look=files.wal),
    Check(name="validation log", exit_code=30, look=files.activity),
    Check(name="backup", exit_code=31, look=files.backup),
    Check(name="leases", exit_code=32, look=database.leases),
    Check(name="background jobs", exit_code=33, look=database.ticks),
    Check(name="clock", exit_code=34, look=surroundings.clock),
    Check(name="payment providers", exit_code=35, look=database.providers),
    Check(name="webhooks", exit_code=36, look=database.webhooks),
    Check(name="providers answer", exit_code=37, look=outside.providers),
    Check(name="public address", exit_code=38, look=outside.public_address),
    Check(name="trust root", exit_code=39, look=outside.trust_root),
    Check(name="own license", exit_code=40, look=outside.own_license),
)
"""In this order; the clock comes late, so that it is watched while others look."""
