"""What every webhook's landing does: keep it, and look at its invoice in a provider's thread."""

import asyncio
from contextlib import suppress

from litestar import Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook, note_webhook
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.provider_threads import ProviderThreads
from keysat_http.settling import settle_receipt

HTTPRequest = Request[object, object, State]


async def read_webhook(
    request: HTTPRequest, account_id: ProviderAccountId, kind: ProviderKind
) -> NoteWebhook:
    """Give a webhook as it was received, whatever its content type."""
    body = await request.body()
    headers = {
        name.decode("latin-1"): value.decode("latin-1") for name, value in request.scope["headers"]
    }
    return NoteWebhook(account_id=account_id, kind=kind, headers=headers, body=body)


async def land(
    command: NoteWebhook, caller: Caller, ports: Ports, provider_threads: ProviderThreads
) -> None:
    """Keep a webhook, and look at its invoice.

    Keeping it waits for no provider, so that none that hangs can keep it from being kept.

    Raises:
        NotFound, NotAuthentic, ProviderNotLoaded: nothing was kept.
    """
    actor = public_actor(caller, kind=ActorKind.PROVIDER, token=command.account_id)
    receipt = await sync_to_thread(_note, command, ports)
    if receipt.outcome is ReceiptOutcome.NOTED:
        await look_at(receipt, actor, ports, provider_threads)


async def look_at(
    receipt: WebhookReceipt, actor: Actor, ports: Ports, provider_threads: ProviderThreads
) -> None:
    """Look at the invoice of a receipt that was kept; a look that takes too long is left to a tick."""
    with suppress(TimeoutError):
        async with asyncio.timeout(provider_threads.look_seconds):
            await provider_threads.run(
                lambda: settle_receipt(ports, actor, receipt),
                account_id=receipt.provider_account_id,
            )


def _note(command: NoteWebhook, ports: Ports) -> WebhookReceipt:
    return note_webhook(
        command, store=ports.store, clock=ports.clock, ids=ports.ids, providers=ports.providers
    )
