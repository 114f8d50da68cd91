"""Part of the store: licenses and the machines they run on."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from keysat_core.domain.activity import Heartbeat
from keysat_core.domain.ids import InvoiceId, LicenseId, MachineId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License
from keysat_core.domain.listing import (
    LicenseCounts,
    LicenseFilter,
    LicenseRow,
    LicenseSummary,
    MachineFilter,
    MachineRow,
    Total,
)
from keysat_core.domain.machine import Machine


class Licenses(Protocol):
    """Licenses. At most one carries a given invoice id: the last defence against double issue."""

    def get_license(self, license_id: LicenseId) -> License: ...
    def find_license(self, license_id: LicenseId) -> License | None: ...
    def find_license_for_invoice(self, invoice_id: InvoiceId) -> License | None: ...
    def put_license(self, license: License) -> None: ...
    def add_licenses(self, licenses: Sequence[License]) -> None:
        """Insert licenses that are all new; faster than to put them one by one."""
        ...

    def list_licenses(self, criteria: LicenseFilter) -> list[LicenseRow]: ...
    def count_licenses(self, criteria: LicenseFilter) -> Total:
        """How many match on all pages."""
        ...

    def has_any(self) -> bool:
        """Tell whether there is any license, by looking at the licenses themselves."""
        ...

    def license_summary(self, now: Instant) -> LicenseSummary: ...
    def count_expiring(self, after: Instant, until: Instant) -> Total:
        """Count active licenses that end after an instant and not after another."""
        ...

    def license_counts(self) -> LicenseCounts: ...


class Machines(Protocol):
    """Machines. At most one live row per license and fingerprint hash."""

    def get_machine(self, machine_id: MachineId) -> Machine: ...
    def find_live_machine(self, license_id: LicenseId, fingerprint_hash: str) -> Machine | None: ...
    def count_live_machines(self, license_id: LicenseId) -> int: ...
    def put_machine(self, machine: Machine) -> None: ...
    def put_heartbeats(self, beats: Iterable[Heartbeat]) -> None:
        """Fold heartbeats into live machines; an older one than the row's changes no time."""
        ...

    def list_machines(self, criteria: MachineFilter) -> list[MachineRow]: ...
    def count_machines(self, criteria: MachineFilter) -> Total:
        """How many match on all pages."""
        ...
