"""Where the sandbox's webhooks land. Registered in sandbox mode only. Source: public-api 15."""

from litestar import MediaType, Request
from litestar.datastructures import State
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.actor import ActorKind
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import NotAuthentic, NotFound, ProviderNotLoaded
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook
from keysat_http.auth import public_actor
from keysat_http.client_address import Caller
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import post
from keysat_http.settling import take_webhook


@post(
    "/v1/sandbox/webhook/{provider_id:str}",
    raises=[NotAuthentic, NotFound, ProviderNotLoaded],
    sync_to_thread=None,
    media_type=MediaType.TEXT,
    tags=["sandbox"],
)
async def receive_sandbox_webhook(
    provider_id: FromPath[str],
    request: Request[object, object, State],
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
) -> None:
    """Acknowledge a pretend payment's webhook; what it claims is asked of the provider."""
    body = await request.body()
    command = NoteWebhook(
        account_id=ProviderAccountId(provider_id),
        kind=ProviderKind.SANDBOX,
        headers={
            name.decode("latin-1"): value.decode("latin-1")
            for name, value in request.scope["headers"]
        },
        body=body,
    )
    actor = public_actor(caller, kind=ActorKind.PROVIDER, token=provider_id)
    await provider_threads.run(lambda: take_webhook(ports, actor, command))
