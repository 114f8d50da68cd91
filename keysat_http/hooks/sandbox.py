"""Where the sandbox's webhooks land. Registered in sandbox mode only. Source: public-api 15."""

from litestar.di import NamedDependency
from litestar.params import FromPath

from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_http.hooks.landing import Landing, lands_at


@lands_at("/v1/sandbox/webhook/{provider_id:str}", tags=["sandbox"])
async def receive_sandbox_webhook(
    provider_id: FromPath[str], landing: NamedDependency[Landing]
) -> None:
    """Acknowledge a pretend payment's webhook; what it claims is asked of the provider."""
    await landing.land(ProviderAccountId(provider_id), ProviderKind.SANDBOX)
