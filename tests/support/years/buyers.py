"""Buyers of two years: they come, pay or do not, renew, change their minds, and stay away."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Any, Final

from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.instant import DAY_SECONDS, HOUR_SECONDS
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.errors import KeysatError
from keysat_core.ports.bundle import Ports
from tests.simulators.btcpay.invoices import Rail, Status
from tests.support.soak.buyers import purchase
from tests.support.soak.market import Market
from tests.support.soak.server import Unanswered
from tests.support.years import acts
from tests.support.years.catalog import CAMPAIGNS, TIER_OF, TIERS, Campaign, Tier

ARRIVING_DAYS: Final = 600
"""In this time all buyers come, so that the last ones have some cycles too."""

TRIES_MAX: Final = 6

PAYING: Final = {"soon": 80, "on chain": 9, "late": 4, "too little": 2, "never": 5}
"""What buyers do with the link of a purchase, of a hundred."""

RENEWING: Final = {"soon": 86, "on chain": 5, "forget": 5, "late": 1, "leave": 3}
"""What they do when a cycle is to be paid, of a hundred."""

CODE_CHANCE: Final = 0.35
CANCEL_CHANCE: Final = 0.02
UPGRADE_CHANCE: Final = 0.06
DOWNGRADE_CHANCE: Final = 0.02


@dataclass(kw_only=True)
class Buyer:
    """One buyer. ``spent``: every link a payment was sent to."""

    number: int
    tier: Tier
    code: str | None
    spent: set[str] = field(default_factory=set)
    has_left: bool = False
    tries: int = 0

    @property
    def email(self) -> str:
        return f"buyer-{self.number}@example.com"


class Buyers:
    """All of them. They hear of renewals from the seller's program."""

    def __init__(self, market: Market, seed: int) -> None:
        self._market = market
        self._rng = Random(f"buyers {seed}")  # noqa: S311  the seed is the point
        self._seed = seed
        self.all: list[Buyer] = []
        self._of_email: dict[str, Buyer] = {}
        self._of_invoice: dict[str, Buyer] = {}
        self.of_license: dict[str, Buyer] = {}
        self._is_closed = False

    def close(self) -> None:
        """Let nobody buy, pay or decide anything any more."""
        self._is_closed = True

    def later(self, seconds: int, act: Callable[[Ports], object]) -> None:
        """Do something at our server in a while, again until it is done."""
        market = self._market

        def do() -> None:
            try:
                market.server.run(act)
            except (Unanswered, KeysatError):
                market.later(600, 3_600, do)

        market.later(seconds, seconds, do)

    def arrive(self, number: int) -> None:
        """Let the next buyer come."""
        rng, day = self._rng, self._day()
        tier = rng.choice(TIERS)
        code = None
        if rng.random() < CODE_CHANCE:
            heard = [one for one in CAMPAIGNS if _is_heard_of(one, tier, day)]
            code = rng.choice(heard).code if heard else None
        buyer = Buyer(number=number, tier=tier, code=code)
        self.all.append(buyer)
        self._of_email[buyer.email] = buyer
        self._market.count("buyers")
        self._ask(buyer)

    def _day(self) -> int:
        return (self._market.clock.now() - self._market.began_at) // DAY_SECONDS

    # --- buying ---------------------------------------------------------------------------------

    def _ask(self, buyer: Buyer) -> None:
        market = self._market
        if self._is_closed:
            return
        buyer.tries += 1
        request = BuyerRequest(
            product_slug=buyer.tier.product,
            policy_slug=buyer.tier.slug,
            code=buyer.code,
            buyer_email=buyer.email,
            idempotency_key=f"order-{self._seed}-{buyer.number:08}-{buyer.code or 'plain'}",
        )
        try:
            invoice = market.server.run(partial(purchase, request=request))
        except Unanswered:
            self._again(buyer)
            return
        except KeysatError as problem:
            market.count(f"purchase refused: {problem.code}")
            if problem.code == "code_refused":
                # Like any buyer whose code does not work, buy without it.
                buyer.code = None
            self._again(buyer)
            return
        self._of_invoice[invoice.id] = buyer
        if invoice.status is InvoiceStatus.PENDING and invoice.checkout_url:
            self._pay(buyer, invoice.checkout_url, self._choose(PAYING))
        else:
            market.count(f"bought at once: {invoice.status}")

    def _again(self, buyer: Buyer) -> None:
        if buyer.tries < TRIES_MAX:
            self._market.later(30, 2 * HOUR_SECONDS, lambda: self._ask(buyer))
        else:
            self._market.count("gave up")

    def _choose(self, plans: dict[str, int]) -> str:
        return self._rng.choices(list(plans), list(plans.values()))[0]

    # --- paying ---------------------------------------------------------------------------------

    def _pay(self, buyer: Buyer, url: str, plan: str) -> None:
        link = url.rsplit("/", 1)[-1]
        market = self._market
        market.note(f"{buyer.email} means to pay {link} {plan}")
        market.count(f"pays {plan}")
        match plan:
            case "soon":
                market.later(60, 700, lambda: self._send(buyer, link))
            case "on chain":
                market.later(60, 700, lambda: self._send(buyer, link, Rail.ON_CHAIN))
                market.later(800, 3 * HOUR_SECONDS, lambda: market.fake.confirm(link))
            case "late":
                market.later(30 * HOUR_SECONDS, 40 * HOUR_SECONDS, lambda: self._send(buyer, link))
            case "too little":
                market.later(60, 700, lambda: self._send(buyer, link, share=0.5))
            case _:
                pass

    def _send(
        self, buyer: Buyer, link: str, rail: Rail = Rail.LIGHTNING, *, share: float = 1.0
    ) -> None:
        fake = self._market.fake
        invoice = fake.invoice(link)
        if self._is_closed:
            return
        if invoice.status not in {Status.NEW, Status.EXPIRED} or invoice.payments:
            return
        buyer.spent.add(link)
        fake.pay(link, max(1, int((invoice.due_sats or 0) * share)), rail)

    # --- renewing -------------------------------------------------------------------------------

    def hear(self, event: dict[str, Any]) -> None:
        """Take what the seller's program passes on; it may come twice, or late."""
        data = event["data"]
        match event["event_type"]:
            case "license.issued" if data["invoice_id"] in self._of_invoice:
                buyer = self._of_invoice[data["invoice_id"]]
                self.of_license[data["license_id"]] = buyer
                self._live_with(buyer, data["license_id"])
            case "subscription.renewal_pending":
                self._hear_of_renewal(data)
            case "subscription.renewed":
                known = self.of_license.get(data["license_id"])
                if known is not None:
                    self._live_with(known, data["license_id"])
            case "license.tier_changed":
                known = self.of_license.get(data["license_id"])
                if known is not None:
                    known.tier = TIER_OF[known.tier.product, data["to_policy_slug"]]
            case _:
                pass

    def _hear_of_renewal(self, data: dict[str, Any]) -> None:
        buyer = self._of_email.get(data["buyer_email"] or "")
        if buyer is None or buyer.has_left:
            return
        self.of_license[data["license_id"]] = buyer
        plan = self._choose(RENEWING)
        if plan == "leave":
            buyer.has_left = True
            self._market.count("left")
        else:
            self._pay(buyer, data["checkout_url"], plan)

    def _live_with(self, buyer: Buyer, license_id: str) -> None:
        """Change their mind some day of this cycle, or not."""
        drawn = self._rng.random()
        days = max(2, buyer.tier.days or 60)
        acting = {
            CANCEL_CHANCE: self._cancel,
            CANCEL_CHANCE + UPGRADE_CHANCE: self._upgrade,
            CANCEL_CHANCE + UPGRADE_CHANCE + DOWNGRADE_CHANCE: self._downgrade,
        }
        for chance, act in acting.items():
            if drawn < chance:
                self._market.later(
                    HOUR_SECONDS, (days - 1) * DAY_SECONDS, partial(act, buyer, license_id)
                )
                return

    def _cancel(self, buyer: Buyer, license_id: str) -> None:
        if self._try("cancel", lambda: self._market.server.run(acts.cancel(license_id))):
            buyer.has_left = True

    def _upgrade(self, buyer: Buyer, license_id: str) -> None:
        targets = [
            tier
            for tier in TIERS
            if tier.product == buyer.tier.product
            and tier.rank is not None
            and tier.rank > (buyer.tier.rank or 99)
        ]
        if not targets:
            return
        target = self._rng.choice(targets)
        found: list[Invoice] = []
        act = acts.upgrade(license_id, target.slug, found.append)
        if self._try("upgrade", lambda: self._market.server.run(act)) and found:
            invoice = found[0]
            self._of_invoice[invoice.id] = buyer
            plan = self._rng.choice(("soon", "soon", "soon", "on chain", "never", "late"))
            self._pay(buyer, invoice.checkout_url, plan)

    def _downgrade(self, buyer: Buyer, license_id: str) -> None:
        targets = [
            tier
            for tier in TIERS
            if tier.product == buyer.tier.product
            and tier.rank is not None
            and tier.rank < (buyer.tier.rank or 0)
        ]
        if targets:
            act = acts.downgrade_later(license_id, self._rng.choice(targets).slug)
            self._try("downgrade", lambda: self._market.server.run(act))

    def _try(self, what: str, act: Any) -> bool:
        if self._is_closed:
            return False
        try:
            act()
        except (Unanswered, KeysatError) as problem:
            code = problem.code if isinstance(problem, KeysatError) else "unanswered"
            self._market.count(f"{what} refused: {code}")
            return False
        self._market.count(what)
        return True


def _is_heard_of(campaign: Campaign, tier: Tier, day: int) -> bool:
    is_now = campaign.first_day <= day <= campaign.last_day
    return is_now and campaign.product in {None, tier.product} and not campaign.featured
