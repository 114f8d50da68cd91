"""A BTCPay Server as it is connected and looked after: stores, webhooks, keys, its network.

Source: payments 6.7 and 6.9-6.11, 14.
"""

import logging
from collections.abc import Collection
from contextlib import suppress
from typing import Final

from keysat_adapters.btcpay import wire
from keysat_adapters.btcpay.client import GreenfieldClient
from keysat_adapters.btcpay.provider import BTCPayProvider
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.connecting import (
    BitcoinNetwork,
    RemoteStore,
    RemoteWebhook,
    network_of,
)
from keysat_core.domain.document import JSONValue
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.provider_address import asked_at
from keysat_core.domain.secret import Secret
from keysat_core.domain.webhook_trouble import RemoteDelivery
from keysat_core.errors import (
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    UpstreamError,
)

EVENTS: Final = ("InvoiceSettled", "InvoiceExpired", "InvoiceInvalid", "InvoiceProcessing")
"""What a webhook is registered for. The last keeps a code's slot while money confirms."""

ON_CHAIN: Final = frozenset({"BTC-CHAIN", "BTC"})
"""Ids of the on-chain method, of 2.x and of 1.x (payments 6.11)."""

DELIVERIES_LOOKED_AT: Final = 20
"""Enough attempts at one delivery to span what makes a webhook undelivered."""

SAME_WEBHOOKS_MAX: Final = 10
"""Webhooks with our address that make room for a new one: there was never more than one."""

log = logging.getLogger("keysat.btcpay")

RECONNECT: Final = "its key is gone; connect it again"


class BTCPayStoresView:
    """Implements ``ports.connecting.BTCPayStores`` with one key."""

    def __init__(self, client: GreenfieldClient) -> None:
        self._client = client

    def server_version(self) -> str:
        """Give the server's version."""
        return self._client.read("read server", "/api/v1/server/info", wire.ServerInfo).version

    def permissions(self) -> list[str]:
        """List what the key may do."""
        return self._client.read(
            "read key", "/api/v1/api-keys/current", wire.APIKeyData
        ).permissions

    def list_stores(self) -> list[RemoteStore]:
        """List the stores the key covers."""
        stores = self._client.read("list stores", "/api/v1/stores", list[wire.StoreData])
        return [RemoteStore(id=store.id, name=store.name or store.id) for store in stores]

    def network(self, store_id: str) -> BitcoinNetwork:
        """Tell the network by an address of the store's wallet; any failure leaves it open."""
        store = _store(store_id)
        try:
            methods = self._client.read(
                "list payment methods", f"{store}/payment-methods", list[wire.PaymentMethod]
            )
            for method in methods:
                if method.payment_method_id.upper() in ON_CHAIN:
                    id_ = wire.segment(method.payment_method_id)
                    path = f"{store}/payment-methods/{id_}/wallet/address"
                    return network_of(self._client.read("read address", path, wire.Address).address)
        except UpstreamError:
            return BitcoinNetwork.UNDETERMINED
        return BitcoinNetwork.UNDETERMINED

    def put_webhook(
        self, store_id: str, url: str, secret: Secret, *, former_urls: Collection[str]
    ) -> str:
        """Register a webhook; those with its address or a former one make room for it."""
        self._clear_addresses(store_id, {url, *former_urls})
        body = _webhook(url) | {"secret": secret.reveal()}
        try:
            hooks = _webhooks_path(store_id)
            return self._client.act("register webhook", "POST", hooks, body, wire.WebhookData).id
        except ProviderUnavailable:
            # It may have been registered all the same, and nobody would know its id.
            with suppress(UpstreamError):
                self._clear_addresses(store_id, {url})
            raise

    def find_webhook(self, store_id: str, webhook_id: str) -> RemoteWebhook | None:
        """Give a webhook as it is registered; None if it is gone."""
        try:
            found = self._client.read(
                "read webhook", _webhook_path(store_id, webhook_id), wire.WebhookData
            )
        except ProviderRefused as exc:
            if exc.problem == "not_found":
                return None
            raise
        return RemoteWebhook(id=found.id, url=found.url, is_enabled=found.enabled)

    def last_deliveries(self, store_id: str, webhook_id: str) -> list[RemoteDelivery]:
        """Give what the server tried to send last, newest first."""
        path = f"{_webhook_path(store_id, webhook_id)}/deliveries?count={DELIVERIES_LOOKED_AT}"
        sent = self._client.read("list deliveries", path, list[wire.WebhookDeliveryData])
        # Of equal ones the first stays first, as BTCPay gives them.
        newest_first = sorted(sent, key=lambda one: -one.sent_at)[:DELIVERIES_LOOKED_AT]
        return [
            RemoteDelivery(
                id=one.id,
                sent_at=one.sent_at,
                is_delivered=one.status == "HttpSuccess",
                http_status=one.http_code,
            )
            for one in newest_first
        ]

    def redeliver(self, store_id: str, webhook_id: str, delivery_id: str) -> None:
        """Have a delivery sent again."""
        delivery = f"{_webhook_path(store_id, webhook_id)}/deliveries/{wire.segment(delivery_id)}"
        self._client.tell("redeliver", "POST", f"{delivery}/redeliver")

    def move_webhook(self, store_id: str, webhook_id: str, url: str) -> None:
        """Give a webhook another address. BTCPay keeps a secret that is not named."""
        self._client.tell("move webhook", "PUT", _webhook_path(store_id, webhook_id), _webhook(url))

    def delete_webhook(self, store_id: str, webhook_id: str) -> None:
        """Remove a webhook."""
        try:
            self._client.tell("delete webhook", "DELETE", _webhook_path(store_id, webhook_id))
        except ProviderRefused as exc:
            if exc.problem != "not_found":
                raise

    def _clear_addresses(self, store_id: str, urls: Collection[str]) -> None:
        hooks = _webhooks_path(store_id)
        listed = self._client.read("list webhooks", hooks, list[wire.WebhookData])
        for old in [one for one in listed if one.url in urls][:SAME_WEBHOOKS_MAX]:
            self.delete_webhook(store_id, old.id)

    def payment_methods(self, store_id: str) -> list[dict[str, JSONValue]]:
        """Give the store's payment methods as BTCPay says them."""
        path = f"{_store(store_id)}/payment-methods"
        return self._client.read("list payment methods", path, list[dict[str, JSONValue]])

    def revoke_key(self) -> None:
        """Make the key useless. A key nobody knows is gone already."""
        try:
            self._client.tell("revoke key", "DELETE", "/api/v1/api-keys/current")
        except ProviderRefused as exc:
            if exc.http_status not in {401, 404}:
                raise


class BTCPayGateway:
    """Implements ``ports.connecting.BTCPayServer``, and makes the providers of accounts.

    ``base_url`` is where this server reaches it, ``browser_url`` where the operator does and
    ``public_base`` where buyers do; all without a trailing slash. ``sends_buyer_email``: stores are
    told who buys.
    """

    def __init__(
        self,
        sender: HTTPSender,
        *,
        base_url: str | None = None,
        browser_url: str | None = None,
        public_base: str | None = None,
        sends_buyer_email: bool = False,
    ) -> None:
        self._sender = sender
        self._sends_buyer_email = sends_buyer_email
        self._has_told_of_links = False
        self._public_base = public_base or browser_url
        self.base_url = base_url
        self.browser_url = browser_url or base_url

    def stores(self, base_url: str, api_key: Secret) -> BTCPayStoresView:
        """See a server with a key."""
        return BTCPayStoresView(GreenfieldClient(self._sender, base_url, api_key))

    def stores_of(self, account: ProviderAccount) -> BTCPayStoresView:
        """See the server an account is at, with its key.

        Raises:
            ProviderNotLoaded: the account was disconnected.
        """
        return BTCPayStoresView(self._client_of(account))

    def provider_for(self, account: ProviderAccount) -> BTCPayProvider:
        """Make the provider of an account.

        Raises:
            ProviderNotLoaded: the account was disconnected.
        """
        client = self._client_of(account)
        if self._public_base is None and not self._has_told_of_links:
            self._has_told_of_links = True
            log.info("checkout links stay as BTCPay writes them: BTCPAY_PUBLIC_URL is not set")
        return BTCPayProvider(
            client,
            store_id=account.store_id or "",
            webhook_secret=account.webhook_secret,
            public_base=self._public_base,
            sends_buyer_email=self._sends_buyer_email,
        )

    def _client_of(self, account: ProviderAccount) -> GreenfieldClient:
        if account.api_key is None or account.store_id is None:
            raise ProviderNotLoaded(account.kind, RECONNECT)
        base_url = asked_at(account.base_url, self.base_url)
        return GreenfieldClient(self._sender, base_url, account.api_key)


def _store(store_id: str) -> str:
    return f"/api/v1/stores/{wire.segment(store_id)}"


def _webhooks_path(store_id: str) -> str:
    return f"{_store(store_id)}/webhooks"


def _webhook_path(store_id: str, webhook_id: str) -> str:
    return f"{_webhooks_path(store_id)}/{wire.segment(webhook_id)}"


def _webhook(url: str) -> dict[str, object]:
    return {
        "url": url,
        "enabled": True,
        "automaticRedelivery": True,
        "authorizedEvents": {"everything": False, "specificEvents": list(EVENTS)},
    }
