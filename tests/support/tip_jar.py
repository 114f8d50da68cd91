"""A shop whose sales tip somebody, and the worker that pays the tips."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from keysat_core.domain.invoice import Invoice
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.policy import Policy, Tip
from keysat_core.domain.tip import TipAttempt, TipFilter, TipStatus
from keysat_core.ports.connecting import BTCPayServer
from keysat_core.use_cases.server.settings import cap_tips
from keysat_core.use_cases.tips.begin_tip import BegunTip, begin_tip
from keysat_core.use_cases.tips.list_tips import list_due_tips, list_tips
from keysat_core.use_cases.tips.send_tip import follow_tip, send_tip
from tests.support.scripted_lightning import ScriptedLightning
from tests.support.trade import OPERATOR, Trade, open_trade
from tests.support.watched_store import WatchedStore

RECIPIENT: Final = "ada+tips@tips.example"


@dataclass(kw_only=True)
class TipJar:
    trade: Trade
    policy: Policy
    lightning: ScriptedLightning = field(init=False)
    btcpay: BTCPayServer | None = None

    def __post_init__(self) -> None:
        self.lightning = ScriptedLightning(self.trade.clock)

    def sell(self, *, amount_sats: int | None = None) -> Invoice:
        """Sell a license and have it paid, but nothing of its tip done."""
        if amount_sats is not None:
            with self.trade.store.writing() as tx:
                tx.policies.put_policy(
                    msgspec.structs.replace(self.policy, price_sats_override=amount_sats)
                )
        invoice = self.trade.sell(policy_slug=self.policy.slug)
        if not invoice.is_free:
            self.trade.provider.pay(invoice.id)
            self.trade.settle(invoice.id)
        return self.trade.invoice(invoice.id)

    def begin(self, tip: TipAttempt) -> BegunTip:
        return begin_tip(
            tip.id,
            store=self.trade.store,
            clock=self.trade.clock,
            ids=self.trade.ids,
            lightning=self.lightning,
            btcpay=self.btcpay,
        )

    def send(self, begun: BegunTip) -> TipAttempt | None:
        assert begun.tip is not None
        assert begun.payer is not None
        return send_tip(
            begun.tip,
            begun.payer,
            store=self.trade.store,
            clock=self.trade.clock,
            ids=self.trade.ids,
            providers=self.trade.providers,
        )

    def follow(self, tip: TipAttempt) -> TipAttempt | None:
        return follow_tip(
            tip.id,
            store=self.trade.store,
            clock=self.trade.clock,
            ids=self.trade.ids,
            providers=self.trade.providers,
        )

    def work(self) -> None:
        """One round of the worker over what is due."""
        for tip in self.due():
            if tip.status is TipStatus.PAYING:
                self.follow(tip)
                continue
            begun = self.begin(tip)
            if begun.payer is not None:
                self.send(begun)

    def due(self) -> list[TipAttempt]:
        return list_due_tips(limit=100, store=self.trade.store, clock=self.trade.clock)

    def cap(self, sats: int | None) -> None:
        cap_tips(
            OPERATOR,
            sats,
            store=self.trade.store,
            clock=self.trade.clock,
            ids=self.trade.ids,
        )

    def tips(self, **criteria: Any) -> list[TipAttempt]:
        return list(list_tips(OPERATOR, TipFilter(**criteria), store=self.trade.store).tips)

    def tip(self) -> TipAttempt:
        (tip,) = self.tips()
        return tip


def open_tip_jar(
    *, trade: Trade | None = None, pct_bps: int = 250, recipient: str = RECIPIENT, **terms: Any
) -> TipJar:
    """Open a shop that sells through a BTCPay account and gives 2.5 % of 50 000 sats away."""
    trade = trade or open_trade()
    account = msgspec.structs.replace(
        trade.shop.account, kind=ProviderKind.BTCPAY, store_id="store"
    )
    with trade.store.writing() as tx:
        tx.merchants.put_account(account)
    trade.shop = msgspec.structs.replace(trade.shop, account=account)
    policy = trade.put_policy(
        slug="tipping", tip=Tip(recipient=recipient, pct_bps=pct_bps, label="Thanks"), **terms
    )
    return TipJar(trade=trade, policy=policy)


def meanwhile(jar: TipJar, happens: Callable[[], object]) -> None:
    """Let something happen right before the next write, after everything was read and asked."""

    def before_writing() -> None:
        happens()

    watched = WatchedStore(jar.trade.store)
    watched.before_writing = before_writing
    jar.trade.store = watched
