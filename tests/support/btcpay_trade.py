"""The core at work with BTCPay's adapter and double in place of the scripted provider."""

from collections.abc import Mapping
from dataclasses import dataclass

import msgspec

from keysat_adapters.btcpay.server import BTCPayGateway
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.registry import ProviderRegistry
from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.merchant import SERVED_RAILS, ProviderKind
from keysat_core.domain.receipt import ReceiptOutcome
from keysat_core.domain.secret import Secret
from keysat_core.use_cases.purchases.note_webhook import NoteWebhook, note_webhook
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.btcpay.invoices import Status
from tests.simulators.exchange import ConnectionCut, Request
from tests.simulators.virtual_clock import VirtualClock
from tests.support.btcpay_shop import BASE
from tests.support.trade import KEY, Trade, open_trade
from tests.support.watched_store import Killed

HOOK = "https://keys.example/hook"


@dataclass(kw_only=True)
class BTCPayTrade:
    """A trade paid at the double; webhooks are taken in with whatever store the trade has then."""

    trade: Trade
    fake: FakeBTCPay

    def buy(self) -> InvoiceId:
        """What a buyer's client does, and does again with the same key when it gets no answer."""
        opened = self.trade.open(idempotency_key=KEY, buyer_email="b@example.com")
        self.trade.request(opened.invoice.id, is_first_try=not opened.is_replayed)
        return opened.invoice.id

    def pay(self) -> None:
        """Pay what is not paid yet; BTCPay tells at once."""
        for invoice in self.fake.invoices():
            if invoice.status is Status.NEW:
                self.fake.pay(invoice.id)

    def sell(self) -> None:
        """Buy, pay, and let the worker make its round."""
        self.buy()
        self.pay()
        self.trade.reconcile()

    def wait(self, seconds: int) -> None:
        """Let time pass; what BTCPay sends meanwhile is taken in."""
        self.trade.clock.advance(seconds)
        self.fake.deliver_due()


def open_btcpay_trade() -> BTCPayTrade:
    """Open a store in memory whose account is a store at the double."""
    trade = open_trade()

    def post(url: str, headers: Mapping[str, str], body: bytes) -> int:
        assert url == HOOK
        try:
            _take(trade, headers, body)
        except Killed as exc:
            # Whoever calls a process that dies gets no answer.
            raise ConnectionCut from exc
        return 200

    fake = FakeBTCPay(VirtualClock(clock=trade.clock), post=post)
    store = fake.add_store()
    key = fake.add_key(store.id)
    secret = f"of {HOOK}"
    fake.handle(
        Request(
            method="POST",
            path=f"/api/v1/stores/{store.id}/webhooks",
            headers={"authorization": f"token {key}", "content-type": "application/json"},
            body=msgspec.json.encode({"url": HOOK, "secret": secret}),
        )
    )
    account = msgspec.structs.replace(
        trade.shop.account,
        kind=ProviderKind.BTCPAY,
        served_rails=SERVED_RAILS[ProviderKind.BTCPAY],
        base_url=BASE,
        api_key=Secret(key),
        webhook_secret=Secret(secret),
        store_id=store.id,
    )
    with trade.store.writing() as tx:
        tx.merchants.put_account(account)
    gateway = BTCPayGateway(HTTPSender(transport=fake.transport()), base_url=BASE)
    trade.providers = ProviderRegistry(  # type: ignore[assignment]
        {ProviderKind.BTCPAY: gateway.provider_for}, remedies={}
    )
    return BTCPayTrade(trade=trade, fake=fake)


def _take(trade: Trade, headers: Mapping[str, str], body: bytes) -> None:
    command = NoteWebhook(
        account_id=trade.shop.account.id, kind=ProviderKind.BTCPAY, headers=headers, body=body
    )
    receipt = note_webhook(
        command, store=trade.store, clock=trade.clock, ids=trade.ids, providers=trade.providers
    )
    if receipt.outcome is ReceiptOutcome.NOTED and receipt.invoice_id is not None:
        settled = trade._settles(receipt.invoice_id)
        trade.follow_up(receipt, settled.invoice if settled else None)
