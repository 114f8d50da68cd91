"""Settling by hand, as HTTP and the command line both do it: ask the provider, then take the word.

The two steps are apart, so that a shell may give up waiting for the first and go on to the second.
"""

from keysat_core.domain.actor import Actor
from keysat_core.domain.ids import InvoiceId
from keysat_core.errors import ProviderNotLoaded, UpstreamError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.settle_by_hand import (
    SettleByHand,
    SettledByHand,
    needs_asking,
    settle_by_hand,
)
from keysat_core.use_cases.purchases.settle_invoice import SettledInvoice, settle_invoice


def ask_provider(ports: Ports, actor: Actor, invoice_id: InvoiceId) -> SettledInvoice | None:
    """Let the one settle routine ask; None when there was no answer, or nothing to ask.

    Raises:
        Forbidden, NotFound: as ``settle_by_hand``; nobody was asked.
    """
    if not needs_asking(actor, invoice_id, store=ports.store):
        return None
    try:
        return settle_invoice(
            actor,
            invoice_id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )
    except (UpstreamError, ProviderNotLoaded):
        return None


def take_word(
    ports: Ports, actor: Actor, command: SettleByHand, asked: SettledInvoice | None
) -> SettledByHand:
    """Settle on the operator's word what the provider's answer left unsettled.

    Raises:
        Forbidden, NotFound, StillPayable: as ``settle_by_hand``.
    """
    told = SettleByHand(
        invoice_id=command.invoice_id,
        reason=command.reason,
        is_forced=command.is_forced,
        is_provider_asked=asked is not None,
    )
    done = settle_by_hand(actor, told, store=ports.store, clock=ports.clock, ids=ports.ids)
    if asked is None or not asked.is_newly_settled:
        return done
    # This call settled it, by the provider's word.
    return SettledByHand(row=done.row)
