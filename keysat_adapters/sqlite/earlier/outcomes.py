"""What became of invoices that were paid, as far as the other rows tell.

An old invoice says only that it is settled. A link to a cycle or a change of tier was written before
anybody paid, so that it shows no effect by itself. Source: lifecycles 7.4, 8.3, 8.4, 9.4 and 15.
"""

from typing import Final, NamedTuple

from keysat_adapters.sqlite.earlier.mover import Mover

_LICENSED: Final = "SELECT invoice_id FROM licenses WHERE invoice_id IS NOT NULL"
_LINKED: Final = """
    SELECT invoice_id FROM subscription_invoices WHERE cycle_number >= 2
    UNION SELECT invoice_id FROM tier_changes WHERE invoice_id IS NOT NULL
"""
# A change was applied if the license left the tier it was made for, or changed again after it.
_UNAPPLIED: Final = """
    SELECT t.invoice_id FROM tier_changes AS t JOIN licenses AS l ON l.id = t.license_id
    WHERE t.invoice_id IS NOT NULL AND t.from_policy_id <> t.to_policy_id
    AND l.policy_id = t.from_policy_id AND NOT EXISTS (
        SELECT 1 FROM tier_changes AS u WHERE u.license_id = t.license_id
        AND (u.created_at > t.created_at OR (u.created_at = t.created_at AND u.rowid > t.rowid)))
"""
# Settling a cycle made its subscription active. Where a second license was issued for it instead (D1),
# something was delivered.
_NEWEST: Final = """
    SELECT i.invoice_id FROM subscription_invoices AS i JOIN subscriptions AS s
    ON s.id = i.subscription_id WHERE i.cycle_number >= 2 AND i.cycle_number =
        (SELECT max(cycle_number) FROM subscription_invoices WHERE subscription_id = s.id)
"""
_UNRENEWED: Final = f"{_NEWEST} AND s.status IN ('past_due', 'lapsed')"
_RENEWED: Final = f"{_NEWEST} AND s.status = 'active'"


class Outcomes(NamedTuple):
    """Ids of invoices.

    ``licensed``: a license was issued for it. ``delivered``: that, or it extended or changed one, if it
    was settled. ``overwritten``: it renewed a subscription, whatever its status says now (D11).
    """

    licensed: frozenset[str]
    delivered: frozenset[str]
    overwritten: frozenset[str]


def outcomes_of(mover: Mover) -> Outcomes:
    """Read what became of invoices from the old rows."""
    licensed = _ids(mover, _LICENSED)
    undelivered = _ids(mover, _UNAPPLIED) | _ids(mover, _UNRENEWED)
    return Outcomes(
        licensed=licensed,
        delivered=licensed | (_ids(mover, _LINKED) - undelivered),
        overwritten=_ids(
            mover,
            "SELECT id FROM invoices WHERE status IN ('expired', 'invalid')"  # noqa: S608  constants
            f" AND id IN ({_RENEWED})",
        ),
    )


def _ids(mover: Mover, sql: str) -> frozenset[str]:
    return frozenset(str(id_) for (id_,) in mover.query(sql))
