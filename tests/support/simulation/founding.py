"""The shop a simulation begins with, made by the use cases an operator makes one with."""

from pathlib import Path
from typing import Final

import msgspec

from keysat_adapters.sqlite.key_ring import SQLiteKeyRing, ensure_signing_key
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.ids import PolicyId, ProviderAccountId
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.product import PriceInput
from keysat_core.ports.clock import Clock
from keysat_core.ports.entropy import Entropy
from keysat_core.ports.ids import Ids
from keysat_core.signing import Verifier
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.server.prepare_server import prepare_server
from tests.support.trade import OPERATOR, PATRON

PRICES: Final = {
    "editor": PriceInput(price_sats=50_000),
    "studio": PriceInput(price_currency="USD", price_value=4_900),
}

TIERS: Final = (
    CreatePolicy(
        product_slug="editor",
        slug="solo",
        name="Solo",
        tip_recipient="ada@tips.example",
        tip_pct_bps=250,
    ),
    CreatePolicy(product_slug="editor", slug="team", name="Team", max_machines=3),
    CreatePolicy(product_slug="editor", slug="gift", name="Gift", price_sats_override=0),
    CreatePolicy(
        product_slug="studio",
        slug="year",
        name="Year",
        duration_seconds=31_536_000,
        grace_seconds=604_800,
        max_machines=2,
        entitlements=("export", "cloud"),
    ),
    CreatePolicy(
        product_slug="studio",
        slug="monthly",
        name="Monthly",
        duration_seconds=2_592_000,
        max_machines=0,
        is_recurring=True,
        renewal_period_days=30,
        trial_days=7,
    ),
)


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """What a buyer may ask for, and what an operator may change."""

    product_slug: str
    policy_slug: str
    policy_id: PolicyId


class Founded(msgspec.Struct, frozen=True, kw_only=True):
    """What everybody knows of the shop from the start."""

    tiers: tuple[Tier, ...]
    account_id: ProviderAccountId
    verifier: Verifier


def found_shop(path: Path, *, clock: Clock, ids: Ids, entropy: Entropy) -> Founded:
    """Make the database with a key, two products and their tiers, and close it again."""
    with SQLiteStore.open(path) as store:
        ensure_signing_key(store, entropy, clock)
        prepared = prepare_server(
            operator_name=None, is_sandbox=True, store=store, clock=clock, ids=ids
        )
        assert prepared.sandbox_account is not None
        # Pretend money tips nobody.
        account = msgspec.structs.replace(prepared.sandbox_account, kind=ProviderKind.BTCPAY)
        with store.writing() as tx:
            tx.merchants.put_account(account)
        for slug, price in PRICES.items():
            create_product(
                OPERATOR,
                CreateProduct(slug=slug, name=slug.title(), price=price),
                store=store,
                clock=clock,
                ids=ids,
                self_license=PATRON,
            )
        policies = [
            create_policy(OPERATOR, tier, store=store, clock=clock, ids=ids, self_license=PATRON)
            for tier in TIERS
        ]
        return Founded(
            tiers=tuple(
                Tier(product_slug=tier.product_slug, policy_slug=tier.slug, policy_id=policy.id)
                for tier, policy in zip(TIERS, policies, strict=True)
            ),
            account_id=account.id,
            verifier=SQLiteKeyRing(store).verifier(),
        )
