"""Where the sandbox's webhooks land. Registered in sandbox mode only. Source: public-api 15."""

from litestar import MediaType
from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.errors import NotAuthentic, NotFound, ProviderNotLoaded
from keysat_core.ports.bundle import Ports
from keysat_http.client_address import Caller
from keysat_http.hooks.landing import HTTPRequest, land, read_webhook
from keysat_http.provider_threads import ProviderThreads
from keysat_http.routes import post


@post(
    "/v1/sandbox/webhook/{provider_id:str}",
    raises=[NotAuthentic, NotFound, ProviderNotLoaded],
    sync_to_thread=None,
    media_type=MediaType.TEXT,
    tags=["sandbox"],
)
async def receive_sandbox_webhook(
    provider_id: FromPath[str],
    request: HTTPRequest,
    caller: NamedDependency[Caller],
    ports: NamedDependency[Ports],
    provider_threads: NamedDependency[ProviderThreads],
) -> None:
    """Acknowledge a pretend payment's webhook; what it claims is asked of the provider."""
    account_id = ProviderAccountId(provider_id)
    command = await read_webhook(request, account_id, ProviderKind.SANDBOX)
    await land(command, caller, ports, provider_threads)
