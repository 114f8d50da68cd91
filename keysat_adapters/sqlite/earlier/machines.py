"""Carrying machines."""

from hashlib import sha256

from keysat_adapters.sqlite.earlier.cells import Cells
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.ids import LicenseId, MachineId
from keysat_core.domain.machine import Machine


def carry_machines(mover: Mover) -> None:
    """Carry machines. One that was never heard of again was last seen when it was activated."""

    def machine(cells: Cells) -> None:
        activated_at = cells.at("activated_at", otherwise=mover.now)
        mover.tx.machines.put_machine(
            Machine(
                id=MachineId(cells.required("id")),
                license_id=LicenseId(mover.needed(cells, "license_id", "licenses")),
                fingerprint=_fingerprint(cells),
                fingerprint_hash=_hash(cells),
                hostname=cells.text("hostname"),
                platform=cells.text("platform"),
                ip_last_seen=cells.text("ip_last_seen"),
                activated_at=activated_at,
                last_heartbeat_at=cells.optional_at("last_heartbeat_at") or activated_at,
                deactivated_at=cells.optional_at("deactivated_at"),
                deactivation_reason=cells.text("deactivation_reason"),
            )
        )

    mover.each("machines", machine)


def _fingerprint(cells: Cells) -> str:
    """Give the text as it was sent: it is compared by every character, so nothing is mended."""
    value = cells.raw("fingerprint")
    return value if isinstance(value, str) else cells.required("fingerprint")


def _hash(cells: Cells) -> str:
    """Give the hash the seat is found by, which follows from the fingerprint (lifecycles 1.3)."""
    own = sha256(_fingerprint(cells).encode()).hexdigest()
    stored = cells.raw("fingerprint_hash")
    if stored != own:
        cells.changed("its fingerprint_hash was not that of its fingerprint; it is now")
    return own
