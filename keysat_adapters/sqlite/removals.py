"""Deleting products and policies with everything that refers to them.

Children go before their parents, so that no statement ever leaves a dangling reference.
Source: lifecycles 4.6 and 5 with D29.
"""

from typing import Final

from keysat_adapters.sqlite.session import Session
from keysat_core.domain.ids import PolicyId, ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.listing import CascadeCounts

_MACHINES_OF_PRODUCT: Final = (
    "FROM machines WHERE license_id IN (SELECT id FROM licenses WHERE product_id = ?)"
)
_MACHINES_OF_POLICY: Final = (
    "FROM machines WHERE license_id IN (SELECT id FROM licenses WHERE policy_id = ?)"
)
_TIPS_OF_PRODUCT: Final = (
    "FROM tip_attempts WHERE license_id IN (SELECT id FROM licenses WHERE product_id = :id)"
    " OR policy_id IN (SELECT id FROM policies WHERE product_id = :id)"
)
_TIPS_OF_POLICY: Final = (
    "FROM tip_attempts WHERE policy_id = :id"
    " OR license_id IN (SELECT id FROM licenses WHERE policy_id = :id)"
)
_INVOICES_OF_PRODUCT: Final = "FROM invoices WHERE product_id = ?"
# Asked once the policy's own licenses are gone: those that are left belong to other policies.
_INVOICES_OF_POLICY: Final = (
    "FROM invoices WHERE policy_id = ?"
    " AND NOT EXISTS (SELECT 1 FROM licenses WHERE licenses.invoice_id = invoices.id)"
)

_SUBSCRIPTIONS_OF_PRODUCT: Final = (
    "FROM subscriptions WHERE product_id = :id"
    " OR license_id IN (SELECT id FROM licenses WHERE product_id = :id)"
    " OR policy_id IN (SELECT id FROM policies WHERE product_id = :id)"
)
_SUBSCRIPTIONS_OF_POLICY: Final = (
    "FROM subscriptions WHERE policy_id = :id"
    " OR license_id IN (SELECT id FROM licenses WHERE policy_id = :id)"
)
_CHANGES_OF_PRODUCT: Final = (
    "FROM tier_changes WHERE license_id IN (SELECT id FROM licenses WHERE product_id = :id)"
    " OR from_policy_id IN (SELECT id FROM policies WHERE product_id = :id)"
    " OR to_policy_id IN (SELECT id FROM policies WHERE product_id = :id)"
)
_CHANGES_OF_POLICY: Final = (
    "FROM tier_changes WHERE from_policy_id = :id OR to_policy_id = :id"
    " OR license_id IN (SELECT id FROM licenses WHERE policy_id = :id)"
)
_LIVE_OF_POLICY: Final = (
    "FROM subscriptions WHERE policy_id = ? AND status IN ('active', 'past_due')"
)
_COUNT_LESS: Final = """UPDATE discount_codes SET used_count = max(0, used_count - (
    SELECT count(*) FROM code_redemptions
    WHERE code_id = discount_codes.id AND status <> 'cancelled' AND code_redemptions.id IN"""
_CODES_OF_PRODUCT: Final = "FROM discount_codes WHERE applies_to_product_id = ?"
# A code that was for this tier alone would be for every one of its product without it (B-16).
_PRUNE_CODES: Final = """UPDATE discount_codes SET
        applies_to_policy_ids = (
            SELECT json_group_array(value) FROM json_each(applies_to_policy_ids) WHERE value <> :id
        ),
        active = active AND EXISTS (
            SELECT 1 FROM json_each(applies_to_policy_ids) WHERE value <> :id
        )
    WHERE EXISTS (SELECT 1 FROM json_each(applies_to_policy_ids) WHERE value = :id)"""
_EMPTIED_CODES: Final = """FROM discount_codes WHERE active = 1 AND applies_to_policy_ids <> '[]'
    AND NOT EXISTS (SELECT 1 FROM json_each(applies_to_policy_ids) WHERE value <> ?)"""

_FORGET_SAVED_PAYMENT: Final = (
    "UPDATE charges SET saved_invoice_id = NULL WHERE saved_invoice_id IN"
)

_DETACH_FROM_PRODUCT: Final = (
    """UPDATE licenses SET policy_id = NULL
    WHERE policy_id IN (SELECT id FROM policies WHERE product_id = ?)""",
    """UPDATE invoices SET policy_id = NULL
    WHERE policy_id IN (SELECT id FROM policies WHERE product_id = ?)""",
    """UPDATE licenses SET invoice_id = NULL
    WHERE invoice_id IN (SELECT id FROM invoices WHERE product_id = ?)""",
)


class SQLiteRemovals:
    """Implements ``ports.store.Removals``."""

    __slots__ = ("_session",)

    def __init__(self, session: Session) -> None:
        self._session = session

    def product_dependents(self, product_id: ProductId) -> CascadeCounts:
        """Count what refers to a product; licenses and invoices of any state."""
        return CascadeCounts(
            policies=self._count("FROM policies WHERE product_id = ?", product_id),
            licenses=self._count("FROM licenses WHERE product_id = ?", product_id),
            invoices=self._count(_INVOICES_OF_PRODUCT, product_id),
            subscriptions=self._live_of_product(product_id),
            codes=self._count(_CODES_OF_PRODUCT, product_id),
            machines=self._count(_MACHINES_OF_PRODUCT, product_id),
            settled_invoices=self._settled(_INVOICES_OF_PRODUCT, product_id),
        )

    def policy_dependents(self, policy_id: PolicyId, since: Instant) -> CascadeCounts:
        """Count what keeps a policy: licenses not revoked, settled and recent pending invoices, and subscriptions."""
        of_policy = "FROM invoices WHERE policy_id = ?"
        settled = self._settled(of_policy, policy_id)
        pending = self._session.number(
            f"SELECT count(*) {of_policy} AND status <> 'settled'"
            " AND (attention IS NOT NULL OR (status = 'pending' AND created_at > ?))",
            (policy_id, since),
        )
        return CascadeCounts(
            licenses=self._count(
                "FROM licenses WHERE policy_id = ? AND status <> 'revoked'", policy_id
            ),
            invoices=settled + pending,
            settled_invoices=settled,
            pending_invoices=pending,
            subscriptions=self._count(_LIVE_OF_POLICY, policy_id),
        )

    def remove_product(self, product_id: ProductId) -> CascadeCounts:
        """Delete a product with its policies, licenses, machines and invoices."""
        self._session.run(f"DELETE {_TIPS_OF_PRODUCT}", {"id": product_id})
        subscriptions = self._delete_subscriptions(_SUBSCRIPTIONS_OF_PRODUCT, product_id)
        self._session.run(f"DELETE {_CHANGES_OF_PRODUCT}", {"id": product_id})
        redemptions = self._delete(
            f"FROM code_redemptions WHERE code_id IN (SELECT id {_CODES_OF_PRODUCT})", product_id
        )
        redemptions += self._free_redemptions(
            "(SELECT id FROM licenses WHERE product_id = :id)",
            "(SELECT id FROM invoices WHERE product_id = :id)",
            product_id,
        )
        machines = self._delete(_MACHINES_OF_PRODUCT, product_id)
        licenses = self._delete("FROM licenses WHERE product_id = ?", product_id)
        self._detach(product_id)
        settled_invoices = self._settled(_INVOICES_OF_PRODUCT, product_id)
        invoices = self._delete_invoices(_INVOICES_OF_PRODUCT, product_id)
        codes = self._delete(_CODES_OF_PRODUCT, product_id)
        policies = self._delete("FROM policies WHERE product_id = ?", product_id)
        self._delete("FROM products WHERE id = ?", product_id)
        return CascadeCounts(
            policies=policies,
            licenses=licenses,
            invoices=invoices,
            machines=machines,
            settled_invoices=settled_invoices,
            subscriptions=subscriptions,
            redemptions=redemptions,
            codes=codes,
        )

    def remove_policy(self, policy_id: PolicyId) -> CascadeCounts:
        """Delete a policy with its licenses, their machines, and the invoices nobody else needs."""
        self._session.run(f"DELETE {_TIPS_OF_POLICY}", {"id": policy_id})
        subscriptions = self._delete_subscriptions(_SUBSCRIPTIONS_OF_POLICY, policy_id)
        self._session.run(f"DELETE {_CHANGES_OF_POLICY}", {"id": policy_id})
        emptied_codes = self._count(_EMPTIED_CODES, policy_id)
        self._session.run(_PRUNE_CODES, {"id": policy_id})
        redemptions = self._free_redemptions(
            "(SELECT id FROM licenses WHERE policy_id = :id)",
            "(SELECT id FROM invoices WHERE policy_id = :id AND NOT EXISTS (SELECT 1 FROM licenses"
            " WHERE licenses.invoice_id = invoices.id AND licenses.policy_id IS NOT :id))",
            policy_id,
        )
        machines = self._delete(_MACHINES_OF_POLICY, policy_id)
        licenses = self._delete("FROM licenses WHERE policy_id = ?", policy_id)
        settled_invoices = self._settled(_INVOICES_OF_POLICY, policy_id)
        invoices = self._delete_invoices(_INVOICES_OF_POLICY, policy_id)
        self._session.run("UPDATE invoices SET policy_id = NULL WHERE policy_id = ?", (policy_id,))
        policies = self._delete("FROM policies WHERE id = ?", policy_id)
        return CascadeCounts(
            policies=policies,
            licenses=licenses,
            invoices=invoices,
            machines=machines,
            settled_invoices=settled_invoices,
            subscriptions=subscriptions,
            redemptions=redemptions,
            codes=emptied_codes,
        )

    def _delete_subscriptions(self, which: str, key: str) -> int:
        cycles = f"FROM subscription_cycles WHERE subscription_id IN (SELECT id {which})"
        self._session.run(f"DELETE {cycles}", {"id": key})
        return self._session.run(f"DELETE {which}", {"id": key})

    def _free_redemptions(self, licenses: str, invoices: str, key: str) -> int:
        """Delete uses of codes with what they were used for; the codes count them no more."""
        which = f"FROM code_redemptions WHERE license_id IN {licenses} OR invoice_id IN {invoices}"
        self._session.run(
            f"{_COUNT_LESS} (SELECT id {which}))) WHERE id IN (SELECT code_id {which})", {"id": key}
        )
        return self._session.run(f"DELETE {which}", {"id": key})

    def _live_of_product(self, product_id: ProductId) -> int:
        return self._count(
            "FROM subscriptions WHERE product_id = ? AND status IN ('active', 'past_due')",
            product_id,
        )

    def _detach(self, product_id: ProductId) -> None:
        """Release rows of other products that, against the rules, refer to this one's."""
        for sql in _DETACH_FROM_PRODUCT:
            self._session.run(sql, (product_id,))

    def _delete_invoices(self, which: str, key: str) -> int:
        self._session.run(f"{_FORGET_SAVED_PAYMENT} (SELECT id {which})", (key,))
        for table in (
            "webhook_receipts",
            "idempotency_keys",
            "charges",
            "saved_payments",
            "tip_attempts",
            "code_redemptions",
            "subscription_cycles",
            "tier_changes",
        ):
            self._delete(f"FROM {table} WHERE invoice_id IN (SELECT id {which})", key)
        return self._delete(which, key)

    def _count(self, which: str, key: str) -> int:
        return self._session.number(f"SELECT count(*) {which}", (key,))

    def _settled(self, which: str, key: str) -> int:
        return self._count(f"{which} AND status = 'settled'", key)

    def _delete(self, which: str, key: str) -> int:
        return self._session.run(f"DELETE {which}", (key,))
