"""What buyers and operators do in two years, as the shells do it: use cases joined by stored rows."""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from keysat_core.domain.actor import Actor, ActorKind
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import Standing, key_of, standing
from keysat_core.domain.product import PriceInput
from keysat_core.domain.secret import Secret
from keysat_core.domain.tier_quote import NEXT_CYCLE
from keysat_core.domain.tier_request import UpgradeRequest
from keysat_core.ports.bundle import Ports
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store
from keysat_core.use_cases.codes.create_code import CreateCode, create_code
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_core.use_cases.subscriptions.cancel_subscription import cancel_own_subscription
from keysat_core.use_cases.tiers.order_change import order_upgrade
from keysat_core.use_cases.tiers.schedule_change import schedule_downgrade
from keysat_core.use_cases.webhooks.create_endpoint import CreateEndpoint, create_endpoint
from keysat_http.delivering import DeliveryRounds, here
from keysat_http.freeing import free_slots
from keysat_http.renewing import renew_subscriptions
from keysat_http.rounds import one_by_one
from tests.support.soak.database import Database
from tests.support.trade import OPERATOR, PATRON, PUBLIC_URL
from tests.support.years.catalog import CAMPAIGNS, CURRENCIES, TIERS
from tests.support.years.subscriber import URLS

HOLDER: Final = Actor(kind=ActorKind.BUYER_LICENSE_KEY, request_ip="192.0.2.9")

Act = Callable[[Ports], object]


class Founding(msgspec.Struct, frozen=True, kw_only=True):
    """Stocks the shelves before anybody comes."""

    store: Store
    clock: Clock
    ids: Ids
    entropy: Entropy

    def stock(self) -> dict[str, tuple[str, str]]:
        """Create everything that is sold, and give the tier of each policy id."""
        given: dict[str, Any] = {
            "store": self.store,
            "clock": self.clock,
            "ids": self.ids,
            "self_license": PATRON,
        }
        for slug, currency in CURRENCIES.items():
            price = PriceInput(price_currency=currency, price_value=5_000)
            create_product(
                OPERATOR, CreateProduct(slug=slug, name=slug.title(), price=price), **given
            )
        made: dict[str, tuple[str, str]] = {}
        for tier in TIERS:
            policy = create_policy(
                OPERATOR,
                CreatePolicy(
                    product_slug=tier.product,
                    slug=tier.slug,
                    name=tier.slug.title(),
                    price_sats_override=tier.price,
                    duration_seconds=tier.keys_days * DAY_SECONDS,
                    grace_seconds=tier.grace_seconds,
                    max_machines=tier.seats,
                    entitlements=(tier.slug,),
                    is_recurring=tier.is_recurring,
                    renewal_period_days=tier.days,
                    grace_period_days=tier.grace_days,
                    trial_days=tier.trial_days,
                    tier_rank=tier.rank,
                ),
                **given,
            )
            made[policy.id] = (tier.product, tier.slug)
        return made

    def campaign(self) -> None:
        """Create every code."""
        for one in CAMPAIGNS:
            create_code(
                OPERATOR,
                CreateCode(
                    code=one.code,
                    kind=one.kind,
                    amount=one.amount,
                    discount_currency=one.currency,
                    duration=one.duration,
                    max_uses=one.max_uses,
                    product_slug=one.product,
                    policy_slugs=[one.tier] if one.tier else [],
                    referrer_label=one.referrer,
                    featured=one.featured,
                ),
                store=self.store,
                clock=self.clock,
                ids=self.ids,
                self_license=PATRON,
            )

    def subscribe(self) -> dict[str, str]:
        """Create the endpoints, and give the secret of each address."""
        secrets = {}
        for name, url in URLS.items():
            secret = f"{name}-secret-of-the-seller"
            create_endpoint(
                OPERATOR,
                CreateEndpoint(url=url, secret=Secret(secret)),
                store=self.store,
                clock=self.clock,
                ids=self.ids,
                entropy=self.entropy,
            )
            secrets[url] = secret
        return secrets


# --- buyers -------------------------------------------------------------------------------------


def key_in(ports: Ports, license_id: str) -> str:
    """Give the key a buyer holds."""
    with ports.store.reading() as tx:
        license = tx.licenses.get_license(LicenseId(license_id))
    return key_of(license, ports.keys.signing_key())


def cancel(license_id: str) -> Act:
    """End a subscription, as its buyer."""
    return lambda ports: cancel_own_subscription(
        HOLDER,
        ports.keys.payload_of(key_in(ports, license_id)),
        reason=None,
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
    )


def upgrade(license_id: str, slug: str, found: Callable[[Invoice], None]) -> Act:
    """Order a higher tier, as its buyer, and hand on the invoice to pay."""

    def act(ports: Ports) -> None:
        ordered = order_upgrade(
            HOLDER,
            UpgradeRequest(license_key=key_in(ports, license_id), target_slug=slug),
            public_url=PUBLIC_URL,
            store=ports.store,
            clock=ports.clock,
            ids=ports.ids,
            keys=ports.keys,
            rates=ports.rates,
            providers=ports.providers,
        )
        invoice = ordered.invoice
        if invoice.status is InvoiceStatus.PENDING and invoice.provider_invoice_id is None:
            invoice = request_payment(
                HOLDER,
                invoice.id,
                is_first_try=not ordered.is_reused,
                store=ports.store,
                clock=ports.clock,
                ids=ports.ids,
                providers=ports.providers,
            )
        found(invoice)

    return act


def downgrade_later(license_id: str, slug: str) -> Act:
    """Ask for a lower tier from the next cycle on, as its buyer."""
    return lambda ports: schedule_downgrade(
        HOLDER,
        UpgradeRequest(
            license_key=key_in(ports, license_id), target_slug=slug, apply_at=NEXT_CYCLE
        ),
        store=ports.store,
        clock=ports.clock,
        ids=ports.ids,
        keys=ports.keys,
    )


def is_valid(database: Database, license_id: str, now: int) -> bool:
    """Ask what a validation without a machine asks: the row, and nothing else."""
    with database.open() as store, store.reading() as tx:
        license = tx.licenses.get_license(LicenseId(license_id))
    return standing(license, Instant(now)) in {Standing.VALID, Standing.GRACE}


# --- the jobs of a shop -------------------------------------------------------------------------


def renew(ports: Ports) -> object:
    """Look at the subscriptions that are due."""
    return renew_subscriptions(ports, public_url=PUBLIC_URL)


def deliver(ports: Ports) -> object:
    """Deliver what is due to every endpoint, in this thread."""
    return DeliveryRounds(ports, spawn=here, fan_out=one_by_one, drain_seconds=3_600.0).run()


def give_back(ports: Ports) -> object:
    """Give back uses of codes."""
    return free_slots(ports)
