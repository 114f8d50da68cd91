"""What defects of the earlier server left in rows that are carried as they were.

Nothing is put right here: money may have changed hands (decisions 24). Source: lifecycles 13.2 and 15.
"""

from typing import Final, NamedTuple

from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_adapters.sqlite.earlier.report import NoteKind
from keysat_adapters.sqlite.session import Session


class _Search(NamedTuple):
    """A query for the ids of offenders and the text about each, filled with the further columns."""

    table: str
    rule: str
    sql: str
    what: str


_SEARCHES: Final = (
    _Search(
        "licenses",
        "D1",
        "SELECT l.id, l.invoice_id, s.license_id FROM licenses AS l"
        " JOIN subscription_cycles AS c ON c.invoice_id = l.invoice_id AND c.cycle_number >= 2"
        " JOIN subscriptions AS s ON s.id = c.subscription_id WHERE s.license_id <> l.id"
        " ORDER BY l.id",
        "it is a duplicate: its invoice {0} renewed license {1}. If its buyer does not use it, revoke"
        " it: keysat license revoke {id}",
    ),
    _Search(
        "subscriptions",
        "D1",
        "SELECT t.id, l.invoice_id, s.id FROM subscriptions AS t"
        " JOIN licenses AS l ON l.id = t.license_id"
        " JOIN subscription_cycles AS c ON c.invoice_id = l.invoice_id AND c.cycle_number >= 2"
        " JOIN subscriptions AS s ON s.id = c.subscription_id WHERE s.id <> t.id ORDER BY t.id",
        "it is a twin: it began with invoice {0}, which renewed subscription {1}, and would bill its"
        " buyer twice. Unless that is wanted: keysat subscription cancel {id}",
    ),
    _Search(
        "licenses",
        "D2",
        "SELECT l.id, s.id FROM licenses AS l JOIN subscriptions AS s ON s.license_id = l.id"
        " WHERE s.status IN ('active', 'past_due') AND l.status = 'active'"
        " AND l.expires_at < s.next_renewal_at ORDER BY l.id",
        "it ends before what was paid for it: subscription {0} is paid for longer. The next paid"
        " cycle puts it right; until then its buyer can be given another: keysat license issue",
    ),
    _Search(
        "subscriptions",
        "D3",
        "SELECT s.id FROM subscriptions AS s JOIN policies AS po ON po.id = s.policy_id"
        " JOIN products AS pr ON pr.id = s.product_id WHERE s.listed_value = 0"
        " AND coalesce(po.price_sats_override, pr.price_value) > 0 ORDER BY s.id",
        "its price is 0 though its tier has one: while it lasts its cycles cost nothing. Leave it so, or"
        " keysat subscription cancel {id}",
    ),
    _Search(
        "licenses",
        "D4",
        "SELECT l.id, t.invoice_id, t.license_id FROM licenses AS l"
        " JOIN tier_changes AS t ON t.invoice_id = l.invoice_id WHERE t.license_id <> l.id"
        " ORDER BY l.id",
        "it was issued for invoice {0}, which paid for a change of license {1}. Look which of them"
        " its buyer uses",
    ),
    _Search(
        "licenses",
        "D21",
        "SELECT l.id, l.max_machines, count(*) AS seats FROM licenses AS l"
        " JOIN machines AS m ON m.license_id = l.id AND m.deactivated_at IS NULL"
        " WHERE l.max_machines > 0 GROUP BY l.id HAVING seats > l.max_machines ORDER BY l.id",
        "it has {0} seats and {1} machines sit on them. They all go on; no other is let in",
    ),
    _Search(
        "licenses",
        "D24",
        "SELECT l.id, p.slug, t.invoice_id FROM licenses AS l"
        " JOIN policies AS p ON p.id = l.policy_id AND p.is_recurring = 1"
        " JOIN tier_changes AS t ON t.license_id = l.id AND t.to_policy_id = p.id"
        " AND t.applied_at IS NOT NULL AND t.invoice_id IS NOT NULL"
        " WHERE NOT EXISTS (SELECT 1 FROM subscriptions AS s WHERE s.license_id = l.id)"
        " GROUP BY l.id ORDER BY l.id",
        "invoice {1} put it on {0}, which is paid by subscription, and it has none: nothing more is"
        " billed for it",
    ),
    _Search(
        "subscriptions",
        "D51",
        "SELECT id, consecutive_failures FROM subscriptions"
        " WHERE status IN ('active', 'past_due') AND consecutive_failures >= 5 ORDER BY id",
        "the earlier server gave up on it after {0} failures, and its buyer was not asked any more. It is"
        " billed again now",
    ),
    _Search(
        "subscriptions",
        "D36",
        "SELECT s.id, l.id FROM subscriptions AS s JOIN licenses AS l ON l.id = s.license_id"
        " WHERE l.status = 'revoked' AND s.status IN ('active', 'past_due') ORDER BY s.id",
        "license {0} is revoked and was billed all the same. It is cancelled when it is next due",
    ),
    _Search(
        "licenses",
        "B-20",
        "SELECT l.id FROM licenses AS l WHERE l.max_machines = 1 AND l.fingerprint IS NOT NULL"
        " AND EXISTS (SELECT 1 FROM machines AS m WHERE m.license_id = l.id"
        " AND m.fingerprint = l.fingerprint AND m.deactivated_at IS NOT NULL)"
        " AND NOT EXISTS (SELECT 1 FROM machines AS m WHERE m.license_id = l.id"
        " AND m.deactivated_at IS NULL) ORDER BY l.id",
        "it is bound to a machine that was deactivated, so that no other one may use it",
    ),
    _Search(
        "discount_codes",
        "D42",
        "SELECT c.id, c.used_count, (SELECT count(*) FROM code_redemptions AS r"
        " WHERE r.code_id = c.id AND r.status IN ('pending', 'redeemed')) AS uses"
        " FROM discount_codes AS c WHERE c.used_count <> uses ORDER BY c.id",
        "it counts {0} uses and {1} are known",
    ),
)


def note_defects(mover: Mover, session: Session) -> None:
    """Look through the new database, in its open transaction, and note every offender."""
    for search in _SEARCHES:
        for id_, *others in session.rows(search.sql):
            what = search.what.format(*others, id=id_)
            mover.ledger.note(search.table, str(id_), NoteKind.DEFECT, search.rule, what)
