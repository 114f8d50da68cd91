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
            machines=self._count(_MACHINES_OF_PRODUCT, product_id),
            settled_invoices=self._settled(_INVOICES_OF_PRODUCT, product_id),
        )

    def policy_dependents(self, policy_id: PolicyId, since: Instant) -> CascadeCounts:
        """Count what keeps a policy: licenses not revoked, settled and recent pending invoices."""
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
        )

    def remove_product(self, product_id: ProductId) -> CascadeCounts:
        """Delete a product with its policies, licenses, machines and invoices."""
        self._session.run(f"DELETE {_TIPS_OF_PRODUCT}", {"id": product_id})
        machines = self._delete(_MACHINES_OF_PRODUCT, product_id)
        licenses = self._delete("FROM licenses WHERE product_id = ?", product_id)
        self._detach(product_id)
        settled_invoices = self._settled(_INVOICES_OF_PRODUCT, product_id)
        invoices = self._delete_invoices(_INVOICES_OF_PRODUCT, product_id)
        policies = self._delete("FROM policies WHERE product_id = ?", product_id)
        self._delete("FROM products WHERE id = ?", product_id)
        return CascadeCounts(
            policies=policies,
            licenses=licenses,
            invoices=invoices,
            machines=machines,
            settled_invoices=settled_invoices,
        )

    def remove_policy(self, policy_id: PolicyId) -> CascadeCounts:
        """Delete a policy with its licenses, their machines, and the invoices nobody else needs."""
        self._session.run(f"DELETE {_TIPS_OF_POLICY}", {"id": policy_id})
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
        ):
            self._delete(f"FROM {table} WHERE invoice_id IN (SELECT id {which})", key)
        return self._delete(which, key)

    def _count(self, which: str, key: str) -> int:
        return self._session.number(f"SELECT count(*) {which}", (key,))

    def _settled(self, which: str, key: str) -> int:
        return self._count(f"{which} AND status = 'settled'", key)

    def _delete(self, which: str, key: str) -> int:
        return self._session.run(f"DELETE {which}", (key,))
