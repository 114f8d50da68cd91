"""Everything this server does at Zaprite: accounts, and connecting them."""

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.zaprite import wire
from keysat_adapters.zaprite.client import ZapriteClient
from keysat_adapters.zaprite.provider import ZapriteProvider
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.secret import Secret
from keysat_core.errors import ProviderNotLoaded
from keysat_core.ports.clock import Clock

RECONNECT = "its key is gone; connect it again"


class Zaprite:
    """Implements ``ports.connecting.ZapriteService`` and ``ports.saved_payments.SavedPaymentAccounts``.

    ``provider_for`` is the factory for a ``ProviderRegistry``.
    """

    def __init__(self, sender: HTTPSender, *, clock: Clock) -> None:
        self._sender = sender
        self._clock = clock

    def provider_for(self, account: ProviderAccount) -> ZapriteProvider:
        """Give the adapter of an account.

        Raises:
            ProviderNotLoaded: it was disconnected.
        """
        if not account.is_connected or account.api_key is None:
            raise ProviderNotLoaded(ProviderKind.ZAPRITE, RECONNECT)
        client = ZapriteClient(self._sender, account.base_url, account.api_key)
        return ZapriteProvider(client, clock=self._clock)

    def saved_payments_of(self, account: ProviderAccount) -> ZapriteProvider:
        """Give what an account keeps of its payers' cards; raises as ``provider_for``."""
        return self.provider_for(account)

    def ping(self, base_url: str, api_key: Secret) -> None:
        """See that the key is good.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        ZapriteClient(self._sender, base_url, api_key).read("connect", "/v1/orders?limit=1")

    def register_webhook(self, base_url: str, api_key: Secret, url: str) -> str | None:
        """Have events sent to a URL and give the registration's id; None when it says none.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        client = ZapriteClient(self._sender, base_url, api_key)
        made = client.act("register webhook", "/v1/webhooks", wire.webhook_body(url))
        return str(made["id"]) if wire.is_id(made.get("id")) else None
