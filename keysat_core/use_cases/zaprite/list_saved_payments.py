"""List the payment methods that buyers let a provider keep."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.saved_payment import Charge, SavedPayment
from keysat_core.ports.store import Store


class ListedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """A saved method and its sale. ``charge`` is the charge of that sale's own invoice, if any."""

    saved: SavedPayment
    buyer_email: str | None
    charge: Charge | None


class SavedPage(msgspec.Struct, frozen=True, kw_only=True):
    """One page of saved methods, and how many there are on all."""

    rows: tuple[ListedPayment, ...]
    total: int


def list_saved_payments(actor: Actor, *, limit: int, offset: int, store: Store) -> SavedPage:
    """Give a page, newest first.

    Raises:
        Forbidden: the actor lacks ``payment_providers:read``.
    """
    authorize(actor, Scope.PAYMENT_PROVIDERS_READ)
    listed = []
    with store.reading() as tx:
        total = tx.saved_payments.count_saved()
        for saved in tx.saved_payments.list_saved(limit, offset):
            invoice = tx.invoices.get_invoice(saved.invoice_id)
            listed.append(
                ListedPayment(
                    saved=saved,
                    buyer_email=invoice.buyer_email,
                    charge=tx.saved_payments.find_charge(saved.invoice_id),
                )
            )
    return SavedPage(rows=tuple(listed), total=total)
