"""Twenty at once at every cap: as many are let through as the tier allows, on one file."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from threading import Barrier
from typing import Any, Final

import pytest

from keysat_core.domain.ids import CodeId
from keysat_core.domain.product import PriceInput
from keysat_core.domain.self_license import CODES_CAP, POLICIES_CAP, PRODUCTS_CAP
from keysat_core.errors import TierCapReached
from keysat_core.use_cases.codes.create_code import CreateCode, create_code
from keysat_core.use_cases.codes.update_code import SetCodeActive, set_code_active
from keysat_core.use_cases.merchants.create_profile import CreateProfile, create_profile
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from tests.support.trade import CREATOR, OPERATOR, PATRON, Trade, open_trade

CREATORS: Final = 20

Maker = Callable[[Trade, int], object]


def product(trade: Trade, number: int) -> object:
    price = PriceInput(price_sats=1)
    command = CreateProduct(slug=f"p{number}", name="P", price=price)
    return create_product(OPERATOR, command, **given(trade))


def policy(trade: Trade, number: int) -> object:
    command = CreatePolicy(product_slug=trade.shop.product.slug, slug=f"t{number}", name="T")
    return create_policy(OPERATOR, command, **given(trade))


def code(trade: Trade, number: int) -> object:
    command = CreateCode(code=f"C{number}", kind="percent", amount=1)
    return create_code(OPERATOR, command, **given(trade))


def profile(trade: Trade, number: int) -> object:
    return create_profile(OPERATOR, CreateProfile(name=f"M{number}"), **given(trade))


def given(trade: Trade) -> dict[str, Any]:
    return {
        "store": trade.store,
        "clock": trade.clock,
        "ids": trade.ids,
        "self_license": CREATOR,
    }


def switch_on(trade: Trade, code_id: CodeId) -> object:
    command = SetCodeActive(code_id=code_id, active=True)
    return set_code_active(OPERATOR, command, **given(trade))


@pytest.fixture
def trade(tmp_path: Path) -> Trade:
    """A shop with one product, one tier of it and one profile."""
    return open_trade(tmp_path / "keysat.db")


def outcomes(works: Sequence[Callable[[], object]]) -> Counter[str]:
    """Do all at once, and count what became of them."""
    start = Barrier(len(works))

    def tried(work: Callable[[], object]) -> str:
        start.wait(30)
        try:
            work()
        except TierCapReached:
            return "refused"
        return "made"

    with ThreadPoolExecutor(len(works)) as pool:
        return Counter(pool.map(tried, works))


@pytest.mark.parametrize(
    ("make", "allowed"),
    [(product, PRODUCTS_CAP - 1), (policy, POLICIES_CAP - 1), (code, CODES_CAP), (profile, 0)],
    ids=["products", "policies", "codes", "profiles"],
)
@pytest.mark.betters("B-33")
def test_creators_at_once_never_exceed_a_cap(trade: Trade, make: Maker, allowed: int) -> None:
    counted = outcomes([partial(make, trade, number) for number in range(CREATORS)])
    assert counted == Counter(made=allowed, refused=CREATORS - allowed)


@pytest.mark.betters("B-33")
def test_codes_switched_on_at_once_never_exceed_their_cap(trade: Trade) -> None:
    codes = []
    for number in range(CREATORS):
        command = CreateCode(code=f"C{number}", kind="percent", amount=1)
        made = create_code(OPERATOR, command, **(given(trade) | {"self_license": PATRON}))
        off = SetCodeActive(code_id=made.id, active=False)
        set_code_active(OPERATOR, off, **given(trade))
        codes.append(made.id)
    works = [partial(switch_on, trade, code_id) for code_id in codes]
    assert outcomes(works) == Counter(made=CODES_CAP, refused=CREATORS - CODES_CAP)
    with trade.store.reading() as tx:
        assert tx.codes.count_codes(is_inactive_included=False) == CODES_CAP
