"""The sandbox's checkout: what a buyer, or the seller's hand at the provider, does to an invoice."""

from collections.abc import Callable

from keysat_adapters.sandbox.invoice import (
    PROVIDER_STATUS,
    Change,
    SandboxInvoice,
    advance,
    event_for,
    let_time_pass,
)
from keysat_adapters.sandbox.ledger import Ledger
from keysat_adapters.sandbox.permit import Permit, demand
from keysat_core.domain.instant import Instant
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.sandbox import PretendInvoice, PretendPayment


class PretendTill:
    """Keeps ``keysat_core.ports.sandbox.SandboxTill``.

    ``after_act`` is called once the change and its webhooks are committed: to deliver at once, or
    to wake whoever delivers. Both methods raise ``ProviderUnavailable`` when the ledger fails.
    """

    def __init__(
        self, permit: Permit, *, ledger: Ledger, clock: Clock, after_act: Callable[[], None]
    ) -> None:
        demand(permit)
        self._ledger = ledger
        self._clock = clock
        self._after_act = after_act

    def show(self, provider_invoice_id: str) -> PretendInvoice:
        """Give a pretend invoice.

        Raises:
            NotFound: there is none.
        """
        invoice = look_at(self._ledger, provider_invoice_id, now=self._clock.now())
        return _shown(invoice, provider_invoice_id)

    def act(self, provider_invoice_id: str, payment: PretendPayment) -> PretendInvoice:
        """Do something to a pretend invoice; the webhooks are queued with the change.

        Raises:
            NotFound: there is none.
            IllegalTransition: not possible in its state.
        """
        now = self._clock.now()
        # Time passes first and by itself, so that an expiry stays even if the act is then refused.
        look_at(self._ledger, provider_invoice_id, now=now)

        def change(invoice: SandboxInvoice) -> Change:
            return advance(invoice, event_for(payment, invoice), now=now)

        changed = self._ledger.change_invoice(provider_invoice_id, change, now=now)
        shown = _shown(changed, provider_invoice_id)
        self._after_act()
        return shown


def look_at(ledger: Ledger, id_: str, *, now: Instant) -> SandboxInvoice | None:
    """Give an invoice as it is now: what time has done to it is written first."""
    seen = ledger.find_invoice(id_)
    if seen is None or not let_time_pass(seen, now=now).webhooks:
        return seen
    return ledger.change_invoice(id_, lambda invoice: let_time_pass(invoice, now=now), now=now)


def _shown(invoice: SandboxInvoice | None, id_: str) -> PretendInvoice:
    if invoice is None:
        raise NotFound("pretend invoice", id_)
    return PretendInvoice(
        id=invoice.id,
        invoice_id=invoice.invoice_id,
        amount_sats=invoice.amount_sats,
        paid_sats=invoice.paid_sats,
        status=PROVIDER_STATUS[invoice.status],
        raw_status=invoice.status.value,
        redirect_url=invoice.redirect_url,
        created_at=invoice.created_at,
        expires_at=invoice.expires_at,
    )
