"""Connecting accounts at payment services, and looking after the connection."""

from collections.abc import Collection
from typing import Protocol

from keysat_core.domain.connecting import BitcoinNetwork, RemoteStore, RemoteWebhook
from keysat_core.domain.document import JSONValue
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_trouble import RemoteDelivery


class BTCPayStores(Protocol):
    """One API key's view of a BTCPay Server. Every method calls out: never in a transaction.

    All raise ``ProviderRefused`` and ``ProviderUnavailable``.
    """

    def server_version(self) -> str:
        """Give the server's version, such as ``2.4.1``."""
        ...

    def permissions(self) -> list[str]:
        """List what the key may do, each permission perhaps with ``:`` and a store's id."""
        ...

    def list_stores(self) -> list[RemoteStore]:
        """List the stores the key covers."""
        ...

    def network(self, store_id: str) -> BitcoinNetwork:
        """Tell which chain a store receives on; ``UNDETERMINED`` after any failure, never raises."""
        ...

    def put_webhook(
        self, store_id: str, url: str, secret: Secret, *, former_urls: Collection[str]
    ) -> str:
        """Register a webhook and give its id.

        Others at the same address, or at one of ours that nobody listens at any more, are removed.
        """
        ...

    def find_webhook(self, store_id: str, webhook_id: str) -> RemoteWebhook | None:
        """Give a webhook as it is registered; None if it is gone."""
        ...

    def last_deliveries(self, store_id: str, webhook_id: str) -> list[RemoteDelivery]:
        """Give the last attempts to deliver a webhook, newest first, as far as they are known."""
        ...

    def redeliver(self, store_id: str, webhook_id: str, delivery_id: str) -> None:
        """Have what could not be delivered sent again, after whatever waits to be sent."""
        ...

    def move_webhook(self, store_id: str, webhook_id: str, url: str) -> None:
        """Give a webhook another address; its secret stays."""
        ...

    def delete_webhook(self, store_id: str, webhook_id: str) -> None:
        """Remove a webhook; one that is gone already is no error."""
        ...

    def payment_methods(self, store_id: str) -> list[dict[str, JSONValue]]:
        """Give the store's payment methods, as BTCPay says them."""
        ...

    def revoke_key(self) -> None:
        """Make the key useless; doing it again is no error."""
        ...


class BTCPayServer(Protocol):
    """The BTCPay Server this server was told of."""

    @property
    def base_url(self) -> str | None:
        """Where this server reaches it, without a trailing slash; None when it was not told."""
        ...

    @property
    def browser_url(self) -> str | None:
        """Where the operator's browser reaches it, without a trailing slash."""
        ...

    def stores(self, base_url: str, api_key: Secret) -> BTCPayStores:
        """See a server with a key."""
        ...

    def stores_of(self, account: ProviderAccount) -> BTCPayStores:
        """See the server an account is at, with its key.

        Raises:
            ProviderNotLoaded: the account was disconnected.
        """
        ...


class ZapriteService(Protocol):
    """Zaprite, before there is an account. Every method calls out: never in a transaction.

    All raise ``ProviderRefused`` and ``ProviderUnavailable``.
    """

    def ping(self, base_url: str, api_key: Secret) -> None:
        """See that the key is good."""
        ...

    def register_webhook(self, base_url: str, api_key: Secret, url: str) -> str | None:
        """Have events sent to a URL and give the registration's id; None when it says none."""
        ...
