"""What every webhook's landing does: take the raw body to the use case, in a provider's thread."""

from litestar import Request
from litestar.datastructures import State

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.provider_threads import ProviderThreads
from keysat_http.settling import take_webhook

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
    """Keep a webhook and look at its invoice.

    Raises:
        NotFound, NotAuthentic, ProviderNotLoaded: nothing was kept.
    """
    actor = public_actor(caller, kind=ActorKind.PROVIDER, token=command.account_id)
    await provider_threads.run(lambda: take_webhook(ports, actor, command))
