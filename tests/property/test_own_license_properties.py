"""Whatever a license and its row say: a row narrows and never widens, and caps hold."""

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from keysat_core.domain.ids import ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.own_license import (
    PERPETUAL,
    Licensed,
    Unlicensed,
    narrowed,
    self_license_of,
    standing_at,
)
from keysat_core.domain.product import PriceInput
from keysat_core.domain.self_license import (
    CODES_CAP,
    MERCHANT_PROFILES_CAP,
    POLICIES_CAP,
    PRODUCTS_CAP,
    Capability,
    SelfLicense,
)
from keysat_core.errors import TierCapReached
from keysat_core.testing import strategies
from keysat_core.use_cases.codes.create_code import CreateCode, create_code
from keysat_core.use_cases.codes.update_code import SetCodeActive, set_code_active
from keysat_core.use_cases.merchants.create_profile import CreateProfile, create_profile
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from tests.support.trade import OPERATOR, Trade, open_trade


@given(signed=strategies.licensed(), data=st.data())
def test_what_is_left_is_within_what_was_signed(signed: Licensed, data: st.DataObject) -> None:
    granted = data.draw(
        st.lists(st.sampled_from(signed.entitlements or ("other",)), max_size=4).map(tuple)
    )
    row = data.draw(
        strategies.licenses(
            id=signed.license_id, entitlements=(*granted, *data.draw(strategies.own_entitlements()))
        )
    )
    left = narrowed(signed, row)
    if row.status is not LicenseStatus.ACTIVE:
        assert isinstance(left, Unlicensed)
        return
    assert isinstance(left, Licensed)
    assert set(left.entitlements) == set(signed.entitlements) & set(row.entitlements)
    assert self_license_of(left).entitlements <= self_license_of(signed).entitlements
    assert (left.license_id, left.product_id) == (signed.license_id, signed.product_id)
    ends = [end for end in (signed.expires_at or None, row.expires_at) if end is not None]
    assert left.expires_at == (min(ends) if ends else PERPETUAL)


@given(signed=strategies.licensed())
def test_a_license_this_shop_did_not_sell_is_as_it_was_signed(signed: Licensed) -> None:
    assert narrowed(signed, None) == signed


@given(signed=strategies.licensed(), now=strategies.instants())
def test_a_license_ends_by_itself(signed: Licensed, now: Instant) -> None:
    is_over = signed.expires_at != PERPETUAL and signed.expires_at <= now
    assert isinstance(standing_at(signed, now), Unlicensed if is_over else Licensed)


@given(one=strategies.self_licenses(), other=strategies.self_licenses())
def test_the_label_depends_on_the_entitlements_alone(one: SelfLicense, other: SelfLicense) -> None:
    same = msgspec.structs.replace(other, entitlements=one.entitlements)
    assert same.tier is one.tier
    assert (same.products_cap, same.codes_cap) == (one.products_cap, one.codes_cap)


MAKERS = ("product", "policy", "code", "profile", "code on", "code off")
CAPS = {
    "product": (Capability.UNLIMITED_PRODUCTS, PRODUCTS_CAP),
    "policy": (Capability.UNLIMITED_POLICIES, POLICIES_CAP),
    "code": (Capability.UNLIMITED_CODES, CODES_CAP),
    "profile": (Capability.UNLIMITED_MERCHANT_PROFILES, MERCHANT_PROFILES_CAP),
}


class Shopkeeper:
    """Makes things under changing licenses, as often as it is told."""

    def __init__(self) -> None:
        self.trade: Trade = open_trade()
        self.number = 0

    def make(self, what: str, own: SelfLicense) -> None:
        self.number += 1
        slug = f"x-{self.number}"
        given: dict[str, Any] = {
            "store": self.trade.store,
            "clock": self.trade.clock,
            "ids": self.trade.ids,
            "self_license": own,
        }
        product = self.trade.shop.product
        match what:
            case "product":
                price = PriceInput(price_sats=1)
                create_product(OPERATOR, CreateProduct(slug=slug, name="X", price=price), **given)
            case "policy":
                command = CreatePolicy(product_slug=product.slug, slug=slug, name="X")
                create_policy(OPERATOR, command, **given)
            case "profile":
                create_profile(OPERATOR, CreateProfile(name="X"), **given)
            case "code":
                create_code(OPERATOR, CreateCode(code=slug, kind="percent", amount=1), **given)
            case _:
                self._switch(is_on=what == "code on", given=given)

    def _switch(self, *, is_on: bool, given: dict[str, Any]) -> None:
        with self.trade.store.reading() as tx:
            codes = tx.codes.list_codes(is_inactive_included=True, limit=100, offset=0)
        for code in codes:
            if code.active is not is_on:
                command = SetCodeActive(code_id=code.id, active=is_on)
                set_code_active(OPERATOR, command, **given)
                return

    def counts(self) -> dict[str, int]:
        product_id: ProductId = self.trade.shop.product.id
        with self.trade.store.reading() as tx:
            return {
                "product": tx.products.count_products(),
                "policy": len(tx.policies.list_policies(product_id)),
                "code": tx.codes.count_codes(is_inactive_included=False),
                "profile": tx.merchants.count_profiles(),
            }


@settings(max_examples=15, deadline=None)
@given(
    acts=st.lists(st.tuples(st.sampled_from(MAKERS), st.booleans()), min_size=20, max_size=60),
    entitlements=strategies.own_entitlements(),
)
def test_what_is_made_never_exceeds_what_the_license_of_the_moment_allows(
    acts: list[tuple[str, bool]], entitlements: tuple[str, ...]
) -> None:
    """Whatever is over a cap was made before the cap, and nothing is made then."""
    keeper = Shopkeeper()
    licensed = SelfLicense(entitlements=frozenset(entitlements))
    for what, is_licensed in acts:
        own = licensed if is_licensed else SelfLicense()
        noun = what.split(maxsplit=1)[0]
        capability, cap = CAPS[noun]
        before = keeper.counts()
        try:
            keeper.make(what, own)
        except TierCapReached:
            assert not own.has(capability)
            assert before[noun] >= cap
            assert keeper.counts() == before
        else:
            grown = keeper.counts()[noun] > before[noun]
            assert own.has(capability) or not grown or before[noun] < cap
