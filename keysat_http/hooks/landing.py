"""What every webhook's landing does: keep it, and look at its invoice in a provider's thread."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from litestar import MediaType, Request
from litestar.concurrency import sync_to_thread
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.handlers import HTTPRouteHandler

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.receipt import ReceiptOutcome, WebhookReceipt
from keysat_core.errors import NotAuthentic, NotFound, ProviderNotLoaded
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook, note_webhook
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import Leaf, post
from keysat_http.settling import settle_receipt

HTTPRequest = Request[object, object, State]


def lands_at(
    path: str, *, raises: Sequence[Leaf] = (), tags: Sequence[str] = ("webhooks in",)
) -> HTTPRouteHandler:
    """Declare where webhooks land; ``raises`` lists what they may meet beside what all may."""
    return post(
        path,
        raises=[NotAuthentic, NotFound, ProviderNotLoaded, *raises],
        sync_to_thread=None,
        media_type=MediaType.TEXT,
        tags=tags,
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Landing:
    """One request that brings a webhook; the framework makes it of what it has by these names."""

    request: HTTPRequest
    caller: NamedDependency[Caller]
    ports: NamedDependency[Ports]
    provider_threads: NamedDependency[ProviderThreads]

    async def read(self, account_id: ProviderAccountId, kind: ProviderKind) -> NoteWebhook:
        """Give the webhook as it was received, whatever its content type."""
        body = await self.request.body()
        headers = {
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in self.request.scope["headers"]
        }
        return NoteWebhook(account_id=account_id, kind=kind, headers=headers, body=body)

    async def land(self, account_id: ProviderAccountId, kind: ProviderKind) -> None:
        """Keep the webhook as one of this account's, and look at its invoice.

        Keeping it waits for no provider, so that none that hangs can keep it from being kept.

        Raises:
            NotFound, NotAuthentic, ProviderNotLoaded: nothing was kept.
        """
        command = await self.read(account_id, kind)
        receipt = await sync_to_thread(_note, command, self.ports)
        if receipt.outcome is ReceiptOutcome.NOTED:
            await self.look_at(receipt)

    async def look_at(self, receipt: WebhookReceipt) -> None:
        """Look at the invoice of what was kept; a look that takes too long is left to a tick."""
        account_id = receipt.provider_account_id
        actor = public_actor(self.caller, kind=ActorKind.PROVIDER, token=account_id)
        with suppress(TimeoutError):
            async with asyncio.timeout(self.provider_threads.look_seconds):
                await self.provider_threads.run(
                    lambda: settle_receipt(self.ports, actor, receipt), account_id=account_id
                )


def _note(command: NoteWebhook, ports: Ports) -> WebhookReceipt:
    return note_webhook(
        command, store=ports.store, clock=ports.clock, ids=ports.ids, providers=ports.providers
    )
