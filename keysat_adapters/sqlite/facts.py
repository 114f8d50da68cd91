"""What validation asks of a license, read in one statement."""

from typing import Final

from keysat_adapters.sqlite.licenses import LICENSES, read_license
from keysat_adapters.sqlite.machines import MACHINES, read_machine
from keysat_adapters.sqlite.session import Row, Session
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
    product_slug, policy_slug = row[_LICENSE_WIDTH:_SEATS_AT]
    return Facts(
        license=read_license(row),
        product_slug=product_slug,
        policy_slug=policy_slug,
        seats=_seats(row[_SEATS_AT:]) if len(row) > _SEATS_AT else None,
    )


def _seats(row: Row) -> Seats:
    active_count, *machine = row
    own = None if machine[0] is None else read_machine(tuple(machine))
    return Seats(own=own, active_count=active_count)


class SQLiteFacts:
    """Implements ``ports.facts.ValidationFacts`` inside a transaction."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def find_facts(self, license_id: LicenseId, fingerprint_hash: str | None) -> Facts | None:
        """Give what is known of a license, with its seats if a fingerprint is asked about."""
        if fingerprint_hash is None:
            row = self._session.row(_FACTS, (license_id,))
        else:
            row = self._session.row(_FACTS_WITH_SEATS, (license_id, fingerprint_hash))
        return LICENSES.found(_facts, row)
