"""Everything this server does at Zaprite, over one sender: accounts, and connecting them.

What calls out is loaded with the first call, so that commands that make none start as quickly.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Final

from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.secret import Secret
from keysat_core.errors import ProviderNotLoaded
from keysat_core.ports.clock import Clock

if TYPE_CHECKING:
    from keysat_adapters.outbound.http import HTTPSender
    from keysat_adapters.zaprite.client import ZapriteClient
    from keysat_adapters.zaprite.provider import ZapriteProvider

DISCONNECTED_REMEDY: Final = "it was disconnected; connect it again"


class Zaprite:
    """Implements ``ports.connecting.ZapriteService`` and ``ports.saved_payments.SavedPaymentAccounts``.

    ``provider_for`` is the factory for a ``ProviderRegistry``. A ``sender`` takes the place of our own.
    """

    def __init__(self, *, clock: Clock, sender: HTTPSender | None = None) -> None:
        self._clock = clock
        self._given = sender

    def provider_for(self, account: ProviderAccount) -> ZapriteProvider:
        """Give the adapter of an account.

        Raises:
            ProviderNotLoaded: it was disconnected.
        """
        from keysat_adapters.zaprite.provider import ZapriteProvider  # noqa: PLC0415  see above

        if not account.is_connected or account.api_key is None:
            raise ProviderNotLoaded(ProviderKind.ZAPRITE, DISCONNECTED_REMEDY)
        client = self._client(account.base_url, account.api_key)
        return ZapriteProvider(client, clock=self._clock)

    def saved_payments_of(self, account: ProviderAccount) -> ZapriteProvider:
        """Give what an account keeps of its payers' cards; raises as ``provider_for``."""
        return self.provider_for(account)

    def ping(self, base_url: str, api_key: Secret) -> None:
        """See that the key is good.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        self._client(base_url, api_key).read("connect", "/v1/orders?limit=1")

    def register_webhook(self, base_url: str, api_key: Secret, url: str) -> str | None:
        """Have events sent to a URL and give the registration's id; None when it says none.

        Raises:
            ProviderRefused, ProviderUnavailable.
        """
        from keysat_adapters.zaprite import wire  # noqa: PLC0415  see above

        client = self._client(base_url, api_key)
        made = client.act("register webhook", "/v1/webhooks", wire.webhook_body(url))
        return str(made["id"]) if wire.is_id(made.get("id")) else None

    def close(self) -> None:
        """Close all connections."""
        if "_sender" in self.__dict__:
            self._sender.close()

    @cached_property
    def _sender(self) -> HTTPSender:
        from keysat_adapters.outbound.http import HTTPSender  # noqa: PLC0415  see above

        return self._given or HTTPSender()

    def _client(self, base_url: str, api_key: Secret) -> ZapriteClient:
        from keysat_adapters.zaprite.client import ZapriteClient  # noqa: PLC0415  see above

        return ZapriteClient(self._sender, base_url, api_key)
