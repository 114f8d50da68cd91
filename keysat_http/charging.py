"""Charging a saved card, as HTTP and the command line both do it: charge, then ask how the order stands."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.errors import NotConfigured, ProviderNotLoaded, UpstreamError
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.settle_invoice import settle_invoice
from keysat_core.use_cases.zaprite.charge_invoice import (
    ChargedInvoice,
    ChargeInvoice,
    charge_invoice,
)
from keysat_core.use_cases.zaprite.connect_zaprite import NO_ZAPRITE


def charge_saved_card(
    ports: Ports, actor: Actor, command: ChargeInvoice
) -> tuple[ChargedInvoice, InvoiceStatus, str | None]:
    """Charge once; give the charge, how the invoice stands, and why nobody said so if nobody did.

    Raises:
        Forbidden: the actor does not hold the master key.
        NotConfigured: this server cannot reach Zaprite at all.
        KeysatError: as ``charge_invoice``; nothing was charged.
    """
    authorize(actor, Scope.MASTER)
    if ports.saved_payments is None:
        raise NotConfigured(NO_ZAPRITE)
    charged = charge_invoice(
        actor,
        command,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        saved_payments=ports.saved_payments,
    )
    try:
        settled = settle_invoice(
            actor,
            command.invoice_id,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            providers=ports.providers,
        )
    except (UpstreamError, ProviderNotLoaded) as exc:
        with ports.store.reading() as tx:
            return charged, tx.invoices.get_invoice(command.invoice_id).status, str(exc)
    return charged, settled.invoice.status, None
