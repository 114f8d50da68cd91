"""Asking a provider to collect what was just written down, within the time its caller waits.

What was written and what is asked are two use cases joined by the stored invoice (ARCHITECTURE, rule
2), so a crash or a deadline between them loses nothing.
"""

import asyncio
from collections.abc import Callable

from litestar.concurrency import sync_to_thread

from keysat_core.domain.actor import Actor
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.errors import ProviderUnavailable
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_core.use_cases.tiers.order_change import OrderedTier
from keysat_http.provider_threads import ProviderThreads


async def order_and_collect(
    order: Callable[[], OrderedTier],
    actor: Actor,
    ports: Ports,
    threads: ProviderThreads,
    *,
    seconds: float,
) -> tuple[OrderedTier, Invoice]:
    """Write the order down, ask for its payment, and give the invoice with its checkout link.

    Raises:
        ProviderUnavailable: there was no answer in time; the reconciler finishes it.
        KeysatError: as ``order`` and ``request_payment``.
    """
    try:
        async with asyncio.timeout(seconds):
            ordered = await sync_to_thread(order)
            invoice = ordered.invoice
            if invoice.status is InvoiceStatus.PENDING and invoice.provider_invoice_id is None:
                invoice = await threads.run(
                    lambda: request_payment(
                        actor,
                        ordered.invoice.id,
                        is_first_try=not ordered.is_reused,
                        store=ports.store,
                        clock=ports.clock,
                        ids=ports.ids,
                        providers=ports.providers,
                    ),
                    account_id=invoice.provider_account_id,
                )
    except TimeoutError:
        raise ProviderUnavailable("tier change", "no answer in time") from None
    return ordered, invoice
