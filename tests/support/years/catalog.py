"""What the shop of two years sells: one-off tiers, subscriptions of every kind, and campaigns."""

from typing import Final

import msgspec

from keysat_core.domain.instant import DAY_SECONDS


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """A tier as the test knows it. ``days`` 0: it has no cycles. ``keys_days`` is what a key lasts."""

    product: str
    slug: str
    price: int
    rank: int | None = None
    days: int = 0
    trial_days: int = 0
    grace_days: int = 0
    keys_days: int = 0
    grace_seconds: int = 0
    seats: int = 1

    @property
    def is_recurring(self) -> bool:
        return self.days > 0

    @property
    def period(self) -> int:
        return self.days * DAY_SECONDS

    @property
    def slack(self) -> int:
        """How much longer than its cycle a key of it lasts."""
        return max(0, self.keys_days - self.days) * DAY_SECONDS if self.is_recurring else 0

    @property
    def grace(self) -> int:
        """The grace while it is billed."""
        return max(self.grace_seconds, self.grace_days * DAY_SECONDS)


class Campaign(msgspec.Struct, frozen=True, kw_only=True):
    """A code and for how many days of the run it is handed out."""

    code: str
    kind: str
    amount: int
    product: str | None = None
    tier: str | None = None
    currency: str = "SAT"
    duration: str = "once"
    max_uses: int | None = None
    featured: bool = False
    referrer: str | None = None
    first_day: int
    last_day: int


CURRENCIES: Final = {"notes": "SAT", "sync": "SAT", "desk": "USD", "cloud": "EUR"}
"""Every product and the currency it is listed in."""

TIERS: Final = (
    Tier(product="notes", slug="basic", price=10_000, rank=1),
    Tier(product="notes", slug="pro", price=30_000, rank=2, seats=3),
    Tier(product="notes", slug="year", price=20_000, keys_days=365, grace_seconds=5 * DAY_SECONDS),
    Tier(product="sync", slug="solo", price=5_003, rank=1, days=30, grace_days=7),
    Tier(product="sync", slug="team", price=12_007, rank=2, days=30, grace_days=7, seats=5),
    Tier(product="sync", slug="annual", price=90_011, rank=3, days=365, grace_days=14),
    Tier(product="desk", slug="trial", price=990, rank=1, days=30, trial_days=14, grace_days=3),
    Tier(product="desk", slug="plus", price=2_490, rank=2, days=30, grace_days=0, keys_days=35),
    Tier(
        product="cloud",
        slug="quarter",
        price=4_500,
        rank=1,
        days=90,
        keys_days=100,
        grace_days=10,
        grace_seconds=20 * DAY_SECONDS,
    ),
    Tier(product="cloud", slug="big", price=9_900, rank=2, days=90, grace_days=10),
    Tier(product="cloud", slug="free", price=0, days=60, grace_days=1),
)

TIER_OF: Final = {(tier.product, tier.slug): tier for tier in TIERS}

CAMPAIGNS: Final = (
    Campaign(code="HALF", kind="percent", amount=5_000, max_uses=25, first_day=0, last_day=90),
    Campaign(
        code="FRIEND",
        kind="percent",
        amount=1_500,
        referrer="podcast",
        first_day=30,
        last_day=500,
    ),
    Campaign(
        code="FIVE-OFF",
        kind="fixed_sats",
        amount=500,
        currency="USD",
        product="desk",
        max_uses=15,
        first_day=60,
        last_day=300,
    ),
    Campaign(
        code="LAUNCH",
        kind="set_price",
        amount=4_000,
        product="sync",
        tier="solo",
        featured=True,
        max_uses=30,
        first_day=0,
        last_day=120,
    ),
    Campaign(
        code="LOYAL",
        kind="percent",
        amount=2_000,
        product="sync",
        duration="forever",
        max_uses=20,
        first_day=100,
        last_day=400,
    ),
    Campaign(code="GIFT", kind="free_license", amount=0, max_uses=9, first_day=50, last_day=450),
    Campaign(code="WHOLE", kind="percent", amount=10_000, max_uses=5, first_day=80, last_day=460),
)
"""Discounts of every kind; more buyers hear of each than may use it."""
