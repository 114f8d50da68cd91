"""Opening a purchase: what it costs, what is refused in which order, what is free (public-api 6.1)."""

from decimal import Decimal
from typing import Any

import msgspec
import pytest

from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.license import key_of
from keysat_core.domain.merchant import (
    ProviderAccount,
    ProviderKind,
    RailPreference,
    accounts_for_rail,
)
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import Rail, find_rail
from keysat_core.domain.product import Product
from keysat_core.errors import (
    CodeRefused,
    IdempotencyKeyReused,
    InvariantError,
    NoProvider,
    NotFound,
    PolicyUnavailable,
    ProductInactive,
    RateUnavailable,
)
from keysat_core.limits import IDEMPOTENCY_SECONDS, URL_CHARS_MAX
from tests.support.builders import make_account, make_product, make_profile
from tests.support.trade import BUYER, KEY, PUBLIC_URL, Trade, data_of, open_trade
from tests.support.watched_store import WatchedStore


@pytest.fixture
def trade() -> Trade:
    return open_trade()


def change_product(trade: Trade, **fields: Any) -> Product:
    product = msgspec.structs.replace(trade.shop.product, **fields)
    with trade.store.writing() as tx:
        tx.products.put_product(product)
    return product


def price_in(trade: Trade, currency: Currency, amount: int) -> None:
    change_product(trade, price=Money(currency=currency, amount=amount))


# --- what it costs ------------------------------------------------------------------------------


def test_a_purchase_in_sats_opens_a_pending_invoice_that_is_audited_and_told(
    trade: Trade,
) -> None:
    opened = trade.open(buyer_email=" b@example.com ", buyer_note=" hi ")
    assert (opened.license, opened.key, opened.is_replayed) == (None, None, False)
    now = trade.clock.now()
    assert opened.invoice == Invoice(
        id=opened.invoice.id,
        product_id=trade.shop.product.id,
        policy_id=trade.shop.policy.id,
        amount_sats=50_000,
        base_price_sats=50_000,
        buyer_email="b@example.com",
        buyer_note="hi",
        redirect_url=f"{PUBLIC_URL}/thank-you?invoice_id={opened.invoice.id}",
        provider_account_id=trade.shop.account.id,
        created_at=now,
        updated_at=now,
    )
    assert trade.invoice(opened.invoice.id) == opened.invoice
    (audit,) = trade.audits()
    assert (audit.action, audit.target_id, audit.request_ip) == (
        "invoice.open",
        opened.invoice.id,
        BUYER.request_ip,
    )
    (event,) = trade.events()
    assert (event.event_type, event.is_published) == ("invoice.opened", False)
    assert data_of(event)["amount_sats"] == 50_000


def test_the_price_of_the_chosen_tier_wins_over_the_price_of_the_product(trade: Trade) -> None:
    policy = trade.put_policy(price_sats_override=7)
    assert trade.open(policy_slug=policy.slug).invoice.amount_sats == 7


def test_a_fiat_price_is_converted_once_and_its_rate_is_kept(trade: Trade) -> None:
    price_in(trade, Currency.USD, 4_900)
    trade.rates.units_per_btc[Currency.USD] = Decimal("65000.5")
    invoice = trade.open().invoice
    assert invoice.amount_sats == invoice.base_price_sats == 75_384
    assert (invoice.listed_currency, invoice.listed_value) == (Currency.USD, 4_900)
    assert (invoice.exchange_rate_centibps, invoice.exchange_rate_source) == (650_005_000, "table")


def test_a_fiat_price_above_zero_is_never_free(trade: Trade) -> None:
    price_in(trade, Currency.EUR, 1)
    trade.rates.units_per_btc[Currency.EUR] = Decimal(250_000_000)
    assert trade.open().invoice.amount_sats == 1


def test_without_a_rate_nothing_is_opened(trade: Trade) -> None:
    price_in(trade, Currency.USD, 4_900)
    with pytest.raises(RateUnavailable):
        trade.open()
    assert trade.trail() == ([], [])


@pytest.mark.parametrize("before", [Currency.SAT, Currency.EUR])
def test_a_price_of_another_currency_while_the_purchase_is_opened_needs_another_rate(
    trade: Trade, before: Currency
) -> None:
    price_in(trade, before, 5)
    trade.rates.units_per_btc[Currency.EUR] = Decimal(50_000)
    whole = trade.store
    watched = WatchedStore(whole)

    def repriced() -> None:
        trade.store = whole
        price_in(trade, Currency.USD, 5)
        trade.store = watched

    trade.store, watched.before_writing = watched, repriced
    with pytest.raises(RateUnavailable):
        trade.open()
    assert watched.writes == []


def test_without_a_slug_the_default_tier_is_priced_and_remembered(trade: Trade) -> None:
    cheap = trade.put_policy(price_sats_override=3)
    trade.put_policy(price_sats_override=1, public=False)
    trade.put_policy(price_sats_override=2, archived_at=1)
    for absent in (None, ""):
        invoice = trade.open(policy_slug=absent).invoice
        assert (invoice.policy_id, invoice.amount_sats) == (cheap.id, 3)
    default = trade.put_policy(slug="default", price_sats_override=900)
    assert trade.open().invoice.policy_id == default.id


def test_a_product_without_any_tier_is_sold_at_its_own_price(trade: Trade) -> None:
    other = make_product(price=Money(currency=Currency.SAT, amount=11))
    with trade.store.writing() as tx:
        tx.products.put_product(other)
    invoice = trade.open(product_slug=other.slug).invoice
    assert (invoice.policy_id, invoice.amount_sats) == (None, 11)


# --- what is refused ----------------------------------------------------------------------------


def test_checks_of_a_purchase_come_in_the_order_of_the_specification(trade: Trade) -> None:
    """Everything is wrong at first; each repair lets the next check speak."""
    lonely = make_profile(is_default=False)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(lonely)
    price = Money(currency=Currency.USD, amount=100)
    change_product(trade, active=False, price=price, merchant_profile_id=lonely.id)
    tier = trade.put_policy(active=False, public=False, archived_at=1)
    ask: dict[str, Any] = {"product_slug": "unknown", "policy_slug": "unknown", "code": "x"}

    def repair_tier(**fields: Any) -> None:
        with trade.store.writing() as tx:
            stored = tx.policies.get_policy(tier.id)
            tx.policies.put_policy(msgspec.structs.replace(stored, **fields))

    def repair_product(**fields: Any) -> None:
        with trade.store.writing() as tx:
            stored = tx.products.get_product(trade.shop.product.id)
            tx.products.put_product(msgspec.structs.replace(stored, **fields))

    steps: list[tuple[type[Exception], str, Any]] = [
        (NotFound, "product", lambda: ask.update(product_slug=trade.shop.product.slug)),
        (ProductInactive, "not for sale", lambda: repair_product(active=True)),
        (NotFound, "policy", lambda: ask.update(policy_slug=tier.slug)),
        (PolicyUnavailable, "inactive", lambda: repair_tier(active=True)),
        (PolicyUnavailable, "not public", lambda: repair_tier(public=True)),
        (PolicyUnavailable, "archived", lambda: repair_tier(archived_at=None)),
        (
            RateUnavailable,
            "USD",
            lambda: trade.rates.units_per_btc.update({Currency.USD: Decimal(1)}),
        ),
        (CodeRefused, "no such discount code", lambda: ask.update(code=None)),
        (NoProvider, "no payment provider", lambda: repair_product(merchant_profile_id=None)),
    ]
    trade.rates.units_per_btc = {}
    for error, words, repair in steps:
        with pytest.raises(error, match=words):
            trade.open(**ask)
        assert trade.trail() == ([], [])
        repair()
    assert trade.open(**ask).invoice.status is InvoiceStatus.PENDING


@pytest.mark.parametrize("code", ["SAVE10", " save10 ", "x" * 65])
def test_a_code_nobody_made_is_refused(trade: Trade, code: str) -> None:
    with pytest.raises(CodeRefused) as refused:
        trade.open(code=code)
    assert refused.value.reason == "unknown_code"


@pytest.mark.parametrize("code", [None, "", "   "])
def test_a_blank_code_is_no_code(trade: Trade, code: str | None) -> None:
    assert trade.open(code=code).invoice.amount_sats == 50_000


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("product_slug", "nul\0"),
        ("policy_slug", "\ud800"),
        ("buyer_email", "x" * 321),
        ("buyer_note", "x" * 2_001),
        ("idempotency_key", "x" * 256),
        ("idempotency_key", "x" * 15),
        ("redirect_url", "/relative"),
        ("redirect_url", "//host/path"),
        ("redirect_url", "https:///path"),
        ("redirect_url", "javascript:alert(1)"),
        ("redirect_url", "JavaScript:alert(1)"),
        ("redirect_url", "data:text/html,x"),
        ("redirect_url", "vbscript:x"),
        ("redirect_url", "file:///etc/passwd"),
        ("redirect_url", "https://a/\nb"),
        ("redirect_url", "https://a/ b"),
        ("redirect_url", "https://[broken"),
        ("redirect_url", "https://a/" + "x" * URL_CHARS_MAX),
    ],
)
def test_a_field_that_breaks_a_rule_is_refused(trade: Trade, field: str, value: str) -> None:
    with pytest.raises(InvariantError):
        trade.open(**{field: value})
    assert trade.trail() == ([], [])


def test_a_slug_too_long_to_exist_is_not_found(trade: Trade) -> None:
    with pytest.raises(NotFound):
        trade.open(product_slug="x" * 10_000)


# --- where the money and the buyer go -----------------------------------------------------------


@pytest.mark.parametrize("url", ["https://shop.example/ok?x=1", "myapp://done", "myapp:done"])
def test_a_buyer_goes_where_the_request_says_unchanged(trade: Trade, url: str) -> None:
    assert trade.open(redirect_url=url).invoice.redirect_url == url


def test_a_seller_s_template_gets_the_invoice_s_id_everywhere(trade: Trade) -> None:
    template = "https://seller.example/{invoice_id}?again={invoice_id}"
    profile = msgspec.structs.replace(trade.shop.profile, post_purchase_redirect_url=template)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(profile)
    invoice = trade.open().invoice
    assert invoice.redirect_url == f"https://seller.example/{invoice.id}?again={invoice.id}"
    asked = trade.open(redirect_url="https://a.example/{invoice_id}").invoice
    assert asked.redirect_url == "https://a.example/{invoice_id}"


def test_a_product_is_paid_to_the_account_of_its_own_profile(trade: Trade) -> None:
    own = make_profile(is_default=False)
    account = make_account(own)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(own)
        tx.merchants.put_account(account)
    change_product(trade, merchant_profile_id=own.id)
    assert trade.open().invoice.provider_account_id == account.id


def account(rails: tuple[Rail, ...], connected_at: int) -> ProviderAccount:
    return make_account(served_rails=rails, connected_at=connected_at)


def test_the_earliest_connected_account_that_serves_the_rail_collects() -> None:
    late = account((Rail.CARD, Rail.LIGHTNING), 9)
    early = account((Rail.LIGHTNING, Rail.ONCHAIN), 1)
    assert accounts_for_rail([late, early], None)[0] == early
    assert accounts_for_rail([late, early], Rail.LIGHTNING) == (early, late)
    assert accounts_for_rail([late, early], Rail.CARD) == (late,)
    with pytest.raises(NoProvider) as refused:
        accounts_for_rail([early], Rail.CARD)
    assert refused.value.rail is Rail.CARD
    with pytest.raises(NoProvider) as nobody:
        accounts_for_rail([], Rail.CARD)
    assert nobody.value.rail is None


def test_pretend_money_collects_only_while_nothing_else_is_connected() -> None:
    pretend = make_account(
        kind=ProviderKind.SANDBOX,
        served_rails=(Rail.LIGHTNING, Rail.ONCHAIN, Rail.CARD),
        connected_at=1,
    )
    store = make_account(
        kind=ProviderKind.BTCPAY, served_rails=(Rail.ONCHAIN, Rail.LIGHTNING), connected_at=9
    )
    assert accounts_for_rail([pretend, store], None) == (store,)
    assert accounts_for_rail([pretend, store], Rail.LIGHTNING) == (store,)
    with pytest.raises(NoProvider):
        accounts_for_rail([pretend, store], Rail.CARD)
    assert accounts_for_rail([pretend], None) == (pretend,)
    chosen = RailPreference(
        merchant_profile_id=pretend.merchant_profile_id,
        rail=Rail.LIGHTNING,
        provider_account_id=pretend.id,
    )
    assert accounts_for_rail([pretend, store], Rail.LIGHTNING, [chosen]) == (pretend,)
    assert accounts_for_rail([pretend, store], None, [chosen]) == (store,)


def test_a_rail_is_read_in_the_spellings_of_clients_and_anything_else_is_absent(
    trade: Trade,
) -> None:
    assert find_rail("on-chain") is find_rail("on_chain") is find_rail("onchain") is Rail.ONCHAIN
    assert [find_rail(text) for text in (None, "", "Lightning", "gold")] == [None] * 4
    with pytest.raises(NoProvider):
        trade.open(rail="card")
    assert trade.open(rail="gold").invoice.provider_account_id == trade.shop.account.id


def test_a_server_without_any_profile_sells_nothing_that_costs(trade: Trade) -> None:
    profile = msgspec.structs.replace(trade.shop.profile, is_default=False)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(profile)
    with pytest.raises(NoProvider):
        trade.open()


# --- what is free -------------------------------------------------------------------------------


FREE_PRICE: dict[str, Any] = {"price_sats_override": 0}
FREE_TRIAL: dict[str, Any] = {"is_recurring": True, "renewal_period_days": 30, "trial_days": 7}


@pytest.mark.parametrize("tier", [FREE_PRICE, FREE_TRIAL])
def test_what_costs_nothing_is_delivered_at_once(trade: Trade, tier: dict[str, Any]) -> None:
    is_trial = tier is FREE_TRIAL
    policy = trade.put_policy(entitlements=("pro",), **tier)
    opened = trade.open(policy_slug=policy.slug, code="ignored", buyer_email="b@example.com")
    invoice, license = opened.invoice, opened.license
    assert license is not None
    assert (invoice.status, invoice.amount_sats) == (InvoiceStatus.SETTLED, 0)
    assert invoice.base_price_sats == (50_000 if is_trial else 0)
    assert invoice.provider_invoice_id == f"free-{invoice.id}"
    assert (invoice.checkout_url, invoice.provider_account_id) == ("", None)
    assert invoice.settled_at == invoice.effect_at == trade.clock.now()
    assert license == trade.license_for(invoice.id)
    assert (license.entitlements, license.buyer_email) == (("pro",), "b@example.com")
    assert license.is_trial is is_trial
    assert license.expires_at == (trade.clock.now() + 7 * DAY_SECONDS if is_trial else None)
    assert opened.key == key_of(license, trade.keys.signing_key())
    assert [event.event_type for event in trade.events()] == [
        "invoice.paid",
        "invoice.settled",
        "license.issued",
    ]
    assert trade.provider.orders == []
    assert trade.request(invoice.id) == invoice


def test_a_free_fiat_tier_needs_no_rate_and_keeps_no_list_price(trade: Trade) -> None:
    price_in(trade, Currency.USD, 900)
    policy = trade.put_policy(price_sats_override=0)
    invoice = trade.open(policy_slug=policy.slug).invoice
    assert invoice.is_free
    assert (invoice.listed_currency, invoice.listed_value) == (None, None)
    assert (invoice.exchange_rate_centibps, invoice.exchange_rate_source) == (None, None)


def test_a_free_purchase_needs_no_provider(trade: Trade) -> None:
    lonely = make_profile(is_default=False)
    with trade.store.writing() as tx:
        tx.merchants.put_profile(lonely)
    change_product(trade, merchant_profile_id=lonely.id)
    trade.put_policy(slug="default", price_sats_override=0)
    assert trade.open().key is not None


# --- the same request twice ---------------------------------------------------------------------


def test_a_repeated_request_gets_its_first_answer_for_a_day(trade: Trade) -> None:
    first = trade.open(idempotency_key=f" {KEY} ", buyer_email="b@example.com")
    again = trade.open(idempotency_key=KEY, buyer_email="b@example.com ")
    assert (again.invoice, again.is_replayed) == (first.invoice, True)
    assert len(trade.events("invoice.opened")) == 1
    trade.clock.advance(IDEMPOTENCY_SECONDS - 1)
    assert trade.open(idempotency_key=KEY, buyer_email="b@example.com").is_replayed
    trade.clock.advance(1)
    late = trade.open(idempotency_key=KEY, buyer_email="b@example.com")
    assert (late.is_replayed, late.invoice.id == first.invoice.id) == (False, False)
    assert trade.open(idempotency_key=KEY, buyer_email="b@example.com").invoice == late.invoice


def test_a_key_with_another_request_is_refused(trade: Trade) -> None:
    trade.open(idempotency_key=KEY)
    for other in ({"buyer_email": "b@example.com"}, {"rail": "lightning"}, {"buyer_note": "x"}):
        with pytest.raises(IdempotencyKeyReused):
            trade.open(idempotency_key=KEY, **other)
    assert len(trade.events("invoice.opened")) == 1


def test_without_a_key_every_request_is_a_purchase_of_its_own(trade: Trade) -> None:
    ids = {trade.open(idempotency_key=key).invoice.id for key in (None, "", " ")}
    assert len(ids) == 3


def test_a_repeated_free_purchase_gives_the_same_key_again(trade: Trade) -> None:
    trade.put_policy(slug="default", price_sats_override=0)
    first, again = (trade.open(idempotency_key=KEY) for _ in range(2))
    assert (again.key, again.license, again.is_replayed) == (first.key, first.license, True)
    assert len(trade.licenses()) == 1


def test_a_repeated_request_is_answered_even_if_it_could_not_be_made_today(trade: Trade) -> None:
    price_in(trade, Currency.USD, 4_900)
    trade.rates.units_per_btc[Currency.USD] = Decimal(50_000)
    first = trade.open(idempotency_key=KEY)
    trade.rates.units_per_btc.clear()
    assert trade.open(idempotency_key=KEY).invoice == first.invoice
    change_product(trade, active=False)
    assert trade.open(idempotency_key=KEY).invoice == first.invoice
