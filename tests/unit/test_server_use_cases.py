"""The server itself: first start, tier, rate pins, housekeeping."""

from decimal import Decimal

import pytest

from keysat_adapters.rates.pinned import PinnedRates
from keysat_adapters.sqlite.store import SQLiteStore
from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.idempotency import IdempotencyRecord, KeptRequest, RequestKey
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.money import Currency
from keysat_core.domain.rate_limit import Bucket
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import (
    Capability,
    SelfLicense,
    Tier,
    refuse_beyond_cap,
    refuse_without,
)
from keysat_core.domain.setting import OPERATOR_NAME
from keysat_core.domain.webhook_endpoint import signing_secrets
from keysat_core.errors import InvariantError, TierCapReached
from keysat_core.limits import (
    IDEMPOTENCY_SECONDS,
    PURGE_BATCH,
    RECEIPT_DAYS,
    WEBHOOK_SECRET_OVERLAP_SECONDS,
)
from keysat_core.testing.clock import START, FixedClock
from keysat_core.testing.ids import SeededIds
from keysat_core.use_cases.merchants.set_default_profile import set_default_profile
from keysat_core.use_cases.server.prepare_server import (
    PreparedServer,
    has_sandbox_account,
    prepare_server,
)
from keysat_core.use_cases.server.purge_expired import Purged, purge_expired
from keysat_core.use_cases.server.settings import find_operator_name, pin_rate
from keysat_core.use_cases.server.show_tier import show_tier
from keysat_core.use_cases.webhooks.delete_endpoint import delete_endpoint
from tests.support.builders import (
    make_endpoint,
    make_invoice,
    make_profile,
    make_receipt,
    make_web_session,
)
from tests.support.trade import CREATOR, OPERATOR, PATRON, Trade, open_trade


@pytest.fixture
def trade() -> Trade:
    return open_trade()


# --- first start --------------------------------------------------------------------------------


@pytest.fixture
def store() -> SQLiteStore:
    return SQLiteStore.open()


def prepare(
    store: SQLiteStore, *, name: str | None = None, is_sandbox: bool = False
) -> PreparedServer:
    return prepare_server(
        operator_name=name,
        is_sandbox=is_sandbox,
        store=store,
        clock=FixedClock(),
        ids=SeededIds("server"),
    )


def actions(store: SQLiteStore) -> list[str]:
    with store.reading() as tx:
        return [entry.action for entry in tx.trail.list_audit(action=None, limit=10)][::-1]


@pytest.mark.betters("B-45")
def test_a_new_server_gets_a_default_profile_and_in_sandbox_mode_an_account(
    store: SQLiteStore,
) -> None:
    assert not has_sandbox_account(store=store)
    plain = prepare(store)
    assert not has_sandbox_account(store=store)
    assert (plain.profile.name, plain.profile.is_default) == ("Keysat", True)
    assert plain.sandbox_account is None
    sandbox = prepare(store, is_sandbox=True)
    assert has_sandbox_account(store=store)
    assert sandbox.profile == plain.profile
    assert sandbox.sandbox_account is not None
    assert sandbox.sandbox_account.kind is ProviderKind.SANDBOX
    with store.reading() as tx:
        assert tx.merchants.list_accounts(plain.profile.id) == [sandbox.sandbox_account]
        assert tx.merchants.find_default_profile() == plain.profile
    assert actions(store) == ["merchant_profile.create", "payment_provider.connect"]


def test_pretend_money_is_found_whichever_profile_is_the_default(store: SQLiteStore) -> None:
    first = prepare(store, is_sandbox=True).profile
    second = make_profile(is_default=False)
    with store.writing() as tx:
        tx.merchants.put_profile(second)
    set_default_profile(
        OPERATOR, second.id, store=store, clock=FixedClock(), ids=SeededIds("default")
    )
    assert has_sandbox_account(store=store)
    prepared = prepare(store, is_sandbox=True)
    assert prepared.profile.id == second.id != first.id
    assert prepared.sandbox_account is not None
    assert prepared.sandbox_account.merchant_profile_id == second.id


def test_in_sandbox_mode_every_profile_has_pretend_money_once(store: SQLiteStore) -> None:
    prepare(store)
    second = make_profile(is_default=False)
    with store.writing() as tx:
        tx.merchants.put_profile(second)
    for _ in range(2):
        default = prepare(store, is_sandbox=True).sandbox_account
        with store.reading() as tx:
            accounts = tx.merchants.list_all_accounts(is_disconnected_included=True)
        assert default in accounts
        assert {one.merchant_profile_id for one in accounts if one != default} == {second.id}
        assert len(accounts) == 2


def test_preparing_again_changes_nothing(store: SQLiteStore) -> None:
    first = prepare(store, name="Shop", is_sandbox=True)
    assert prepare(store, name="Other", is_sandbox=True) == first
    assert len(actions(store)) == 2
    with store.reading() as tx:
        (entry, _) = tx.trail.list_audit(action=None, limit=10)
    assert entry.actor_kind == SYSTEM.kind


@pytest.mark.parametrize(
    ("stored", "given", "used"),
    [("Stored", "Given", "Stored"), (None, "Given", "Given"), (None, "", "Keysat")],
)
@pytest.mark.betters("B-45")
def test_the_profile_is_named_after_the_operator(
    store: SQLiteStore, stored: str | None, given: str, used: str
) -> None:
    with store.writing() as tx:
        tx.settings.put_setting(OPERATOR_NAME, stored, Instant(START))
    assert find_operator_name(store=store) == stored
    assert prepare(store, name=given).profile.name == used


# --- tier ---------------------------------------------------------------------------------------


def licensed(*entitlements: str) -> SelfLicense:
    return SelfLicense(entitlements=frozenset(entitlements))


@pytest.mark.parametrize(
    ("self_license", "tier", "higher", "url"),
    [
        (CREATOR, Tier.CREATOR, Tier.PRO, "https://licensing.keysat.xyz/buy/keysat?policy=pro"),
        (
            licensed("unlimited_products"),
            Tier.PRO,
            Tier.PATRON,
            "https://licensing.keysat.xyz/buy/keysat?policy=patron",
        ),
        (licensed("patron"), Tier.PATRON, None, None),
    ],
)
def test_a_tier_is_a_label_and_says_where_the_next_one_is_sold(
    self_license: SelfLicense, tier: Tier, higher: Tier | None, url: str | None
) -> None:
    assert (self_license.tier, self_license.next_tier, self_license.upgrade_url) == (
        tier,
        higher,
        url,
    )


def test_gates_look_at_capabilities_and_never_at_the_label() -> None:
    badge = licensed(Capability.PATRON)
    assert (badge.products_cap, badge.policies_cap) == (5, 5)
    assert (badge.codes_cap, badge.merchant_profiles_cap) == (10, 1)
    with pytest.raises(TierCapReached):
        refuse_without(badge, Capability.RECURRING_BILLING)
    assert (PATRON.products_cap, PATRON.policies_cap) == (None, None)
    assert (PATRON.codes_cap, PATRON.merchant_profiles_cap) == (None, None)
    refuse_without(PATRON, Capability.RECURRING_BILLING)


@pytest.mark.parametrize("count", [0, 4, 5, 9])
def test_a_cap_is_reached_when_as_many_exist(count: int) -> None:
    refuse_beyond_cap(PATRON, noun="products", cap=None, count=count)
    if count < 5:
        refuse_beyond_cap(CREATOR, noun="products", cap=5, count=count)
        return
    with pytest.raises(TierCapReached, match="Creator tier allows 5 products"):
        refuse_beyond_cap(CREATOR, noun="products", cap=5, count=count)


def test_the_tier_in_force_is_shown_with_what_counts_against_it(trade: Trade) -> None:
    overview = show_tier(OPERATOR, store=trade.store, self_license=CREATOR)
    assert (overview.self_license, overview.product_count) == (CREATOR, 1)
    assert overview.merchant_profile_count == 1


# --- rate pins ----------------------------------------------------------------------------------


def pin(trade: Trade, text: str | None, currency: Currency = Currency.USD) -> None:
    pin_rate(OPERATOR, currency, text, store=trade.store, clock=trade.clock, ids=trade.ids)


def pinned(trade: Trade) -> PinnedRates:
    def read(key: str) -> str | None:
        with trade.store.reading() as tx:
            return tx.settings.find_setting(key)

    return PinnedRates(read, trade.clock)


@pytest.mark.parametrize("text", ["65000", "65000.50", "0.01", "1."])
def test_a_pin_that_is_accepted_is_the_rate_that_is_used(trade: Trade, text: str) -> None:
    pin(trade, text)
    assert pinned(trade).rate(Currency.USD).units_per_btc == Decimal(text)
    assert pinned(trade).find_pin(Currency.EUR) is None
    assert trade.audits("rate.pin")[0].details == {
        "units_per_btc": text,
        "before": None,
        "after": text,
    }
    pin(trade, None)
    assert pinned(trade).find_pin(Currency.USD) is None
    assert len(trade.audits("rate.pin")) == 2


@pytest.mark.parametrize(
    "text", ["", "0", "0.0", "-1", "NaN", "Infinity", "1e5", "1_000", " 5", "5\n", "1,5", "\u0661"]
)
def test_a_pin_no_reader_would_understand_is_refused(trade: Trade, text: str) -> None:
    with pytest.raises(InvariantError):
        pin(trade, text)
    assert trade.trail() == ([], [])


def test_sats_have_no_rate(trade: Trade) -> None:
    with pytest.raises(InvariantError):
        pin(trade, "5", Currency.SAT)


# --- housekeeping -------------------------------------------------------------------------------


def test_only_what_is_older_than_its_time_is_removed(trade: Trade) -> None:
    now = trade.clock.now()
    ages = {
        "receipt": RECEIPT_DAYS * DAY_SECONDS,
        "record": IDEMPOTENCY_SECONDS,
        "bucket": DAY_SECONDS,
    }
    invoice = make_invoice(trade.shop.product)
    with trade.store.writing() as tx:
        tx.invoices.put_invoice(invoice)
        for offset in (0, 1):
            at = {name: Instant(now - age - offset) for name, age in ages.items()}
            tx.receipts.put_receipt(make_receipt(trade.shop.account, received_at=at["receipt"]))
            record = IdempotencyRecord(
                key=f"k{offset}",
                request_digest="d",
                invoice_id=invoice.id,
                created_at=at["record"],
            )
            tx.idempotency.put_record("purchase", record)
            kept = KeptRequest(
                key=RequestKey(actor_hash="a", operation="o", key=f"k{offset}"),
                request_digest="d",
                created_at=at["record"],
            )
            tx.answers.put_request(kept, expired_before=Instant(0), expired_from=Instant(now + 1))
            bucket = Bucket(units=1, refilled_at=at["bucket"])
            tx.buckets.put_bucket("any", f"b{offset}", bucket)
            ended = Instant(now - offset)
            tx.web_sessions.put_session(make_web_session(token_hash=f"{offset}", expires_at=ended))
    one_each = Purged(receipts=1, idempotency_records=1, answers=1, buckets=1, web_sessions=1)
    assert purge_expired(store=trade.store, clock=trade.clock) == one_each
    nothing = Purged(receipts=0, idempotency_records=0, answers=0, buckets=0, web_sessions=0)
    assert purge_expired(store=trade.store, clock=trade.clock) == nothing
    with trade.store.reading() as tx:
        assert tx.idempotency.find_record("purchase", "k0") is not None
        assert tx.buckets.find_bucket("any", "b0") is not None
        assert tx.buckets.find_bucket("any", "b1") is None
        assert tx.web_sessions.find_session("0") is not None


def test_a_secret_that_was_rotated_away_is_forgotten_once_its_time_is_over(trade: Trade) -> None:
    now = trade.clock.now()
    ends = {
        Instant(now): False,
        Instant(now + 1): True,
        Instant(now + WEBHOOK_SECRET_OVERLAP_SECONDS): True,
        Instant(now + 2 * WEBHOOK_SECRET_OVERLAP_SECONDS): False,
    }
    endpoints = [
        make_endpoint(previous_secret=Secret("p" * 32), previous_secret_until=end) for end in ends
    ]
    with trade.store.writing() as tx:
        for endpoint in endpoints:
            tx.webhooks.put_endpoint(endpoint)
    assert [len(signing_secrets(one, now)) == 2 for one in endpoints] == list(ends.values())
    assert purge_expired(store=trade.store, clock=trade.clock).secrets == 2
    with trade.store.reading() as tx:
        kept = [tx.webhooks.get_endpoint(one.id).previous_secret is not None for one in endpoints]
    assert kept == list(ends.values())


def test_a_deleted_endpoint_keeps_no_secret_that_was_rotated_away(trade: Trade) -> None:
    until = Instant(trade.clock.now() + 9)
    endpoint = make_endpoint(previous_secret=Secret("p" * 32), previous_secret_until=until)
    with trade.store.writing() as tx:
        tx.webhooks.put_endpoint(endpoint)
    delete_endpoint(OPERATOR, endpoint.id, store=trade.store, clock=trade.clock, ids=trade.ids)
    with trade.store.reading() as tx:
        left = tx.webhooks.find_endpoint(endpoint.id)
    assert left is not None
    assert left.previous_secret is None


def test_a_pass_removes_a_bounded_batch(trade: Trade) -> None:
    with trade.store.writing() as tx:
        for number in range(PURGE_BATCH + 1):
            tx.buckets.put_bucket("any", str(number), Bucket(units=0, refilled_at=Instant(0)))
    assert purge_expired(store=trade.store, clock=trade.clock).buckets == PURGE_BATCH
    assert purge_expired(store=trade.store, clock=trade.clock).buckets == 1


def test_a_secret_shows_itself_only_when_asked() -> None:
    secret = Secret("hunter2")
    assert (repr(secret), str(secret), f"{secret}") == ("***", "***", "***")
    assert secret.reveal() == "hunter2"
    assert {secret: 1}[Secret("hunter2")] == 1
    assert secret != Secret("hunter3")
    assert secret != secret.reveal()
    with pytest.raises(TypeError):
        secret.__reduce__()
