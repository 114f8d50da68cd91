"""Who collects for a merchant profile: the default, preferences, and what deleting one leaves."""

import msgspec
import pytest

from keysat_core.domain.merchant import (
    ProviderKind,
    RailPreference,
    disconnected,
    refuse_profile_in_use,
)
from keysat_core.domain.payment import Rail
from keysat_core.errors import InvariantError, NotFound
from keysat_core.use_cases.merchants.list_profiles import show_default_accounts, show_profile
from keysat_core.use_cases.merchants.prefer_account import clear_preference
from keysat_core.use_cases.merchants.set_default_profile import set_default_profile
from tests.support.builders import make_account, make_profile, new_id
from tests.support.merchants import (
    NOBODY,
    connect,
    create,
    delete,
    ports,
    prefer,
    preferences,
    stored,
)
from tests.support.trade import OPERATOR, Trade, data_of, open_trade


@pytest.fixture
def trade() -> Trade:
    trade = open_trade()
    trade.providers.loaded = frozenset(ProviderKind)
    return trade


# --- default ------------------------------------------------------------------------------------


def test_products_that_name_no_profile_follow_the_default_at_once(trade: Trade) -> None:
    assert trade.open().invoice.provider_account_id == trade.shop.account.id
    profile = create(trade)
    account = connect(trade, profile)
    trade.clock.advance(5)
    default = set_default_profile(OPERATOR, profile.id, **ports(trade))
    assert default == stored(trade, profile.id)
    assert default.is_default
    assert not stored(trade, trade.shop.profile.id).is_default
    assert trade.open().invoice.provider_account_id == account.id
    (audit,) = trade.audits("merchant_profile.set_default")
    assert audit.target_id == profile.id
    assert audit.details == {"name": profile.name, "previous_id": trade.shop.profile.id}
    assert data_of(trade.events("merchant_profile.updated")[-1])["fields"] == ["is_default"]


def test_making_the_default_the_default_writes_nothing(trade: Trade) -> None:
    assert set_default_profile(OPERATOR, trade.shop.profile.id, **ports(trade)).is_default
    assert trade.trail() == ([], [])


def test_a_shop_without_a_default_gets_one(trade: Trade) -> None:
    orphan = msgspec.structs.replace(trade.shop.profile, is_default=False)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(orphan)
    with pytest.raises(NotFound):
        show_default_accounts(OPERATOR, store=trade.store)
    set_default_profile(OPERATOR, orphan.id, **ports(trade))
    (audit,) = trade.audits("merchant_profile.set_default")
    assert audit.details["previous_id"] is None


def test_an_unknown_profile_cannot_be_the_default(trade: Trade) -> None:
    with pytest.raises(NotFound):
        set_default_profile(OPERATOR, NOBODY, **ports(trade))
    assert stored(trade, trade.shop.profile.id).is_default


# --- preferences --------------------------------------------------------------------------------


def test_the_preferred_account_collects_until_the_preference_is_cleared(trade: Trade) -> None:
    shop = trade.shop
    early = connect(trade, shop.profile, kind=ProviderKind.BTCPAY, connected_at=1_900_000_000)
    late = connect(trade, shop.profile, kind=ProviderKind.ZAPRITE, connected_at=2_000_000_000)
    opened = trade.open()
    assert opened.invoice.provider_account_id == early.id
    assert opened.passed_over == (late.id,)
    preference = prefer(trade, shop.profile.id, "on_chain", late.id)
    assert preference == RailPreference(
        merchant_profile_id=shop.profile.id, rail=Rail.ONCHAIN, provider_account_id=late.id
    )
    assert preferences(trade, shop.profile.id) == (preference,)
    chosen = trade.open(rail="onchain")
    assert (chosen.invoice.provider_account_id, chosen.passed_over) == (late.id, ())
    assert trade.open().invoice.provider_account_id == early.id
    (audit,) = trade.audits("merchant_profile.rail_preference.set")
    assert audit.target_id == shop.profile.id
    assert audit.details == {"rail": "onchain", "payment_provider_id": late.id}
    assert clear_preference(OPERATOR, shop.profile.id, "on-chain", **ports(trade)) is Rail.ONCHAIN
    assert trade.open(rail="onchain").invoice.provider_account_id == early.id
    (audit,) = trade.audits("merchant_profile.rail_preference.clear")
    assert audit.details == {"rail": "onchain"}
    told = trade.events("merchant_profile.updated")
    assert [data_of(event)["fields"] for event in told] == [["rail_preferences"]] * 2


def test_a_preference_is_replaced_and_the_same_again_writes_nothing(trade: Trade) -> None:
    shop = trade.shop
    other = connect(trade, shop.profile, kind=ProviderKind.ZAPRITE)
    prefer(trade, shop.profile.id, "lightning", shop.account.id)
    prefer(trade, shop.profile.id, "lightning", other.id)
    before = trade.trail()
    prefer(trade, shop.profile.id, "lightning", other.id)
    assert trade.trail() == before
    assert [one.provider_account_id for one in preferences(trade, shop.profile.id)] == [other.id]


def test_clearing_what_is_not_set_is_fine_and_writes_nothing(trade: Trade) -> None:
    for profile_id in (trade.shop.profile.id, NOBODY):
        assert clear_preference(OPERATOR, profile_id, "card", **ports(trade)) is Rail.CARD
    assert trade.trail() == ([], [])


def test_only_a_connected_account_of_the_profile_that_serves_the_rail_is_preferred(
    trade: Trade,
) -> None:
    shop = trade.shop
    other = make_profile(is_default=False)
    gone = disconnected(make_account(shop.profile), trade.clock.now())
    with trade.store.writing() as tx:
        tx.merchants.put_profile(other)
        tx.merchants.put_account(gone)
    for profile_id, rail, account_id, field in (
        (shop.profile.id, "gold", shop.account.id, "rail"),
        (shop.profile.id, "Lightning", shop.account.id, "rail"),
        (shop.profile.id, "lightning", new_id(), "payment_provider_id"),
        (shop.profile.id, "lightning", gone.id, "payment_provider_id"),
        (other.id, "lightning", shop.account.id, "payment_provider_id"),
        (shop.profile.id, "card", shop.account.id, "payment_provider_id"),
    ):
        with pytest.raises(InvariantError) as refused:
            prefer(trade, profile_id, rail, account_id)
        assert refused.value.field == field
    with pytest.raises(InvariantError):
        clear_preference(OPERATOR, shop.profile.id, "gold", **ports(trade))
    with pytest.raises(NotFound):
        prefer(trade, NOBODY, "lightning", shop.account.id)
    assert trade.trail() == ([], [])


def test_a_preference_for_an_account_that_was_disconnected_is_passed_over(trade: Trade) -> None:
    shop = trade.shop
    late = connect(trade, shop.profile, kind=ProviderKind.BTCPAY, connected_at=2_000_000_000)
    prefer(trade, shop.profile.id, "lightning", late.id)
    with trade.store.writing() as tx:
        tx.merchants.put_account(disconnected(late, trade.clock.now()))
    assert trade.open(rail="lightning").invoice.provider_account_id == shop.account.id


# --- delete -------------------------------------------------------------------------------------


def test_a_profile_nothing_hangs_on_is_deleted(trade: Trade) -> None:
    profile = create(trade)
    assert delete(trade, profile.id) == profile
    with pytest.raises(NotFound):
        stored(trade, profile.id)
    (audit,) = trade.audits("merchant_profile.delete")
    assert audit.target_id == profile.id
    assert audit.details == {"name": "Notes"}
    (event,) = trade.events("merchant_profile.deleted")
    assert data_of(event) == {"merchant_profile_id": profile.id, "name": "Notes"}


def test_the_default_and_an_unknown_profile_are_not_deleted(trade: Trade) -> None:
    for profile_id in (trade.shop.profile.id, NOBODY):
        with pytest.raises(InvariantError) as refused:
            delete(trade, profile_id)
        assert refused.value.field == "id"


def test_a_profile_with_products_is_kept_and_says_how_many(trade: Trade) -> None:
    profile = create(trade)
    product = msgspec.structs.replace(trade.shop.product, merchant_profile_id=profile.id)
    with trade.store.writing() as tx:
        tx.products.put_product(product)
    assert show_profile(OPERATOR, profile.id, store=trade.store).product_count == 1
    with pytest.raises(InvariantError, match="1 products"):
        delete(trade, profile.id)


def test_a_profile_with_live_subscriptions_is_kept() -> None:
    profile = make_profile(is_default=False)
    with pytest.raises(InvariantError, match="2 live subscriptions"):
        refuse_profile_in_use(profile, accounts=(), product_count=0, subscription_count=2)


def test_a_profile_with_a_connected_account_is_kept_and_names_it(trade: Trade) -> None:
    profile = create(trade)
    connect(trade, profile, label="Pretend")
    account = connect(trade, profile, kind=ProviderKind.BTCPAY, label="Till")
    before = trade.trail()
    with pytest.raises(InvariantError) as refused:
        delete(trade, profile.id)
    assert "btcpay provider 'Till'" in str(refused.value)
    assert "Pretend" not in str(refused.value)
    assert account.id in str(refused.value)
    assert "force" not in str(refused.value)
    assert trade.trail() == before


def test_what_is_only_history_goes_to_the_default_profile(trade: Trade) -> None:
    """A second shop sells something, moves to another provider, and is closed."""
    profile = create(trade)
    account = connect(trade, profile)
    own = msgspec.structs.replace(trade.shop.product, merchant_profile_id=profile.id)
    with trade.store.writing() as tx:
        tx.products.put_product(own)
    invoice = trade.open().invoice
    prefer(trade, profile.id, "lightning", account.id)
    with trade.store.writing() as tx:
        tx.merchants.put_account(disconnected(account, trade.clock.now()))
        tx.products.put_product(trade.shop.product)
    delete(trade, profile.id)
    with trade.store.reading() as tx:
        moved = tx.merchants.find_account(account.id)
        assert tx.merchants.list_accounts(trade.shop.profile.id) == [trade.shop.account]
    assert moved is not None
    assert moved.merchant_profile_id == trade.shop.profile.id
    assert not moved.is_connected
    assert trade.invoice(invoice.id).provider_account_id == account.id
    (audit,) = trade.audits("merchant_profile.delete")
    assert audit.details == {"name": "Notes", "accounts_moved_to_default": [account.id]}


def test_pretend_money_keeps_no_profile_and_is_retired_with_it(trade: Trade) -> None:
    profile = create(trade, is_sandbox=True)
    with trade.store.reading() as tx:
        (account,) = tx.merchants.list_accounts(profile.id)
    assert account.kind is ProviderKind.SANDBOX
    (told,) = trade.audits("payment_provider.connect")
    assert (told.target_id, told.details["merchant_profile_id"]) == (account.id, profile.id)
    delete(trade, profile.id)
    with trade.store.reading() as tx:
        retired = tx.merchants.find_account(account.id)
        assert tx.merchants.list_accounts(trade.shop.profile.id) == [trade.shop.account]
    assert retired is not None
    assert (retired.is_connected, retired.merchant_profile_id) == (False, trade.shop.profile.id)


def test_without_a_default_profile_history_has_nowhere_to_go_and_none_is_lost(
    trade: Trade,
) -> None:
    profile = create(trade)
    orphan = msgspec.structs.replace(trade.shop.profile, is_default=False)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(orphan)
    assert delete(trade, profile.id) == profile
