"""What validation asks of a license, read in one statement."""

from typing import Final

from keysat_adapters.sqlite.licenses import LICENSES, read_license
from keysat_adapters.sqlite.machines import MACHINES, read_machine
from keysat_adapters.sqlite.session import Reads, Row
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.machine import Seats
from keysat_core.domain.validation import Facts

_LICENSE_WIDTH: Final = len(LICENSES.columns)
_SLUGS: Final = ("products.slug", "policies.slug")
_JOINED: Final = (
    "LEFT JOIN products ON products.id = licenses.product_id"
    " LEFT JOIN policies ON policies.id = licenses.policy_id"
)
_SEATS_AT: Final = _LICENSE_WIDTH + len(_SLUGS)
_COUNT: Final = (
    "(SELECT count(*) FROM machines AS seat"
    " WHERE seat.license_id = licenses.id AND seat.deactivated_at IS NULL)"
)
_FACTS: Final = LICENSES.select(f"{_JOINED} WHERE licenses.id = ?", also=_SLUGS)
_FACTS_WITH_SEATS: Final = LICENSES.select(
    f"{_JOINED} LEFT JOIN machines ON machines.license_id = licenses.id"
    " AND machines.fingerprint_hash = ?2 AND machines.deactivated_at IS NULL"
    " WHERE licenses.id = ?1",
    also=(*_SLUGS, _COUNT, *(f"machines.{column}" for column in MACHINES.columns)),
)


def _facts(row: Row) -> Facts:
    return Facts(
        license=read_license(row),
        product_slug=row[_LICENSE_WIDTH],
        policy_slug=row[_LICENSE_WIDTH + 1],
        seats=_seats(row) if len(row) > _SEATS_AT else None,
    )


def _seats(row: Row) -> Seats:
    machine = row[_SEATS_AT + 1 :]
    own = None if machine[0] is None else read_machine(machine)
    return Seats(own=own, active_count=row[_SEATS_AT])


class SQLiteFacts:
    """Implements ``ports.facts.ValidationFacts``: each answer is one statement, one moment."""

    __slots__ = ("_reads",)

    def __init__(self, reads: Reads) -> None:
        self._reads = reads

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        """Give what is known of a license, with its seats if a fingerprint is asked about."""
        if fingerprint_hash is None:
            row = self._reads.row(_FACTS, (license_id,))
        else:
            row = self._reads.row(_FACTS_WITH_SEATS, (license_id, fingerprint_hash))
        return LICENSES.found(_facts, row)
