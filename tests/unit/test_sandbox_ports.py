"""A whole shop in memory for test suites: it sells, it repeats itself, and it leaves nothing."""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from typing import Final

import pytest

from keysat_adapters.sandbox.invoice import EXPIRY_SECONDS
from keysat_core.domain.actor import Actor
from keysat_core.domain.events import OutboxEvent
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.machine import Candidate
from keysat_core.domain.money import Currency
from keysat_core.domain.product import PriceInput, Product
from keysat_core.domain.self_license import SelfLicense, Tier
from keysat_core.domain.validation import Reason, Refused, Valid, Verdict
from keysat_core.errors import (
    Forbidden,
    InvariantError,
    NotFound,
    NotInstalled,
    ProviderUnavailable,
    StoreUnavailable,
    TierCapReached,
)
from keysat_core.ports.bundle import Ports
from keysat_core.ports.clock import Clock
from keysat_core.ports.sandbox import PretendInvoice, PretendPayment
from keysat_core.testing import (
    BUYER,
    OPERATOR,
    START,
    FixedClock,
    SandboxPorts,
    sandbox_ports,
)
from keysat_core.testing.sandbox import ENTRY_POINT_GROUP, composition
from keysat_core.testing.self_licenses import MemorySelfLicenses
from keysat_core.use_cases.licenses.change_license_status import revoke_license
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from keysat_core.use_cases.policies.create_policy import CreatePolicy, create_policy
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from keysat_core.use_cases.server.show_tier import show_tier
from tests.support.fresh_python import run_python

PRICE: Final = PriceInput(price_sats=50_000)


@pytest.fixture
def shop() -> Iterator[SandboxPorts]:
    with sandbox_ports() as ports:
        yield ports


def add_product(shop: SandboxPorts, slug: str = "app", price: PriceInput = PRICE) -> Product:
    return shop.run(
        create_product, OPERATOR, CreateProduct(slug=slug, name=slug.title(), price=price)
    )


def validate(shop: SandboxPorts, key: str, fingerprint: str | None = None) -> Verdict:
    candidate = Candidate(fingerprint=fingerprint) if fingerprint else None
    command = ValidateLicense(key=key, candidate=candidate)
    return shop.run(validate_license, BUYER, command).verdict


def act(shop: SandboxPorts, pretend: PretendInvoice, payment: PretendPayment) -> None:
    shop.sandbox.act(pretend.id, payment)


def status(shop: SandboxPorts, pretend: PretendInvoice) -> InvoiceStatus:
    return shop.run(poll_purchase, pretend.invoice_id).invoice.status


def events(shop: SandboxPorts) -> list[OutboxEvent]:
    with shop.store.reading() as tx:
        return tx.trail.list_events(limit=500)


# --- selling ------------------------------------------------------------------------------------


def test_a_license_is_sold_and_validates(shop: SandboxPorts) -> None:
    add_product(shop)
    sold = shop.sell("app")
    verdict = validate(shop, sold.key)
    assert isinstance(verdict, Valid)
    assert verdict.license == sold.license
    assert sold.invoice.status is InvoiceStatus.SETTLED
    assert shop.keys.verifier().verify(sold.key).payload.license_id == verdict.license.id
    assert shop.validations.flush() == 1


def test_a_tier_decides_what_is_sold(shop: SandboxPorts) -> None:
    add_product(shop)
    tier = CreatePolicy(
        product_slug="app", slug="team", name="Team", max_machines=3, entitlements=("pro",)
    )
    shop.run(create_policy, OPERATOR, tier)
    sold = shop.sell("app", policy_slug="team", buyer_email="ann@example.com")
    assert (sold.license.max_machines, sold.license.entitlements) == (3, ("pro",))
    assert sold.license.buyer_email == "ann@example.com"


def test_a_free_tier_needs_no_till(shop: SandboxPorts) -> None:
    add_product(shop)
    free = CreatePolicy(product_slug="app", slug="free", name="Free", price_sats_override=0)
    shop.run(create_policy, OPERATOR, free)
    sold = shop.sell("app", policy_slug="free")
    assert sold.invoice.is_free
    with pytest.raises(NotFound, match="pretend invoice"):
        shop.buy("app", policy_slug="free")
    assert isinstance(validate(shop, sold.key), Valid)


def test_a_payment_on_the_chain_is_confirmed_too(shop: SandboxPorts) -> None:
    add_product(shop)
    assert isinstance(validate(shop, shop.sell("app", rail="onchain").key), Valid)


@pytest.mark.parametrize(
    ("currency", "amount_sats"), [(Currency.USD, 20_000), (Currency.EUR, 25_000)]
)
def test_a_price_in_fiat_is_converted_at_a_pinned_rate(
    shop: SandboxPorts, currency: Currency, amount_sats: int
) -> None:
    add_product(shop, price=PriceInput(price_currency=currency, price_value=1_000))
    assert shop.sell("app").invoice.amount_sats == amount_sats


def test_what_the_till_does_is_settled_at_once(shop: SandboxPorts) -> None:
    add_product(shop)
    paid, expired, late = (shop.buy("app") for _ in range(3))
    assert status(shop, paid) is InvoiceStatus.PENDING
    act(shop, paid, PretendPayment.PAY)
    act(shop, expired, PretendPayment.EXPIRE)
    act(shop, late, PretendPayment.EXPIRE)
    act(shop, late, PretendPayment.PAY_LATE)
    act(shop, late, PretendPayment.MARK_SETTLED)
    assert [status(shop, each) for each in (paid, expired, late)] == [
        InvoiceStatus.SETTLED,
        InvoiceStatus.EXPIRED,
        InvoiceStatus.SETTLED,
    ]


def test_a_refund_is_told_and_revokes_nothing(shop: SandboxPorts) -> None:
    add_product(shop)
    invoice = shop.buy("app")
    act(shop, invoice, PretendPayment.PAY)
    act(shop, invoice, PretendPayment.REFUND)
    assert "invoice.refunded" in {event.event_type for event in events(shop)}
    key = shop.run(poll_purchase, invoice.invoice_id).key
    assert key is not None
    assert isinstance(validate(shop, key), Valid)


def test_an_unpaid_invoice_expires_when_time_passes(shop: SandboxPorts) -> None:
    add_product(shop)
    invoice = shop.buy("app")
    act(shop, invoice, PretendPayment.UNDERPAY)
    assert shop.reconcile() == 0
    shop.clock.advance(EXPIRY_SECONDS)
    assert shop.reconcile() == 1
    assert status(shop, invoice) is InvoiceStatus.EXPIRED


def test_a_payment_of_something_deleted_is_noted_and_does_nothing(shop: SandboxPorts) -> None:
    product = add_product(shop)
    pretend = shop.buy("app")
    with shop.store.writing() as tx:
        tx.removals.remove_product(product.id)
    act(shop, pretend, PretendPayment.PAY)
    assert "invoice.paid" not in {event.event_type for event in events(shop)}
    with pytest.raises(NotFound):
        status(shop, pretend)


def test_a_revoked_license_is_refused(shop: SandboxPorts) -> None:
    add_product(shop)
    sold = shop.sell("app")
    shop.run(revoke_license, OPERATOR, sold.license.id, reason="test")
    verdict = validate(shop, sold.key)
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.REVOKED


# --- the ports ----------------------------------------------------------------------------------


def test_no_port_is_missing(shop: SandboxPorts) -> None:
    # Real payment services and subscribers have no place in a shop of pretend money.
    missing = {field.name for field in fields(shop) if getattr(shop, field.name) is None}
    assert missing == {"btcpay", "checkup", "lightning", "saved_payments", "webhooks", "zaprite"}


def test_they_are_plain_ports_on_request(shop: SandboxPorts) -> None:
    plain = shop.as_ports()
    assert type(plain) is Ports
    others = [f.name for f in fields(Ports) if getattr(plain, f.name) is not getattr(shop, f.name)]
    assert others == []


def test_nothing_is_capped_unless_the_self_license_is_exchanged(shop: SandboxPorts) -> None:
    for number in range(6):
        add_product(shop, f"app-{number}")
    assert shop.self_license.tier is Tier.PATRON
    capped = replace(shop, self_licenses=MemorySelfLicenses(SelfLicense()))
    with pytest.raises(TierCapReached):
        add_product(capped, "one-more")


def test_a_use_case_gets_the_ports_it_asks_for_and_no_others(shop: SandboxPorts) -> None:
    def asked(word: str, /, clock: str, *, store: object, ids: object, other: int = 3) -> object:
        return word, clock, store, ids, other

    assert shop.run(asked, "a", "b") == ("a", "b", shop.store, shop.ids, 3)
    assert shop.run(asked, "a", "b", ids="mine", other=4) == ("a", "b", shop.store, "mine", 4)


def test_an_actor_without_scopes_is_refused_here_too(shop: SandboxPorts) -> None:
    def by(actor: Actor) -> None:
        shop.run(show_tier, actor)

    by(OPERATOR)
    with pytest.raises(Forbidden):
        by(BUYER)


def test_time_is_in_the_tests_hands() -> None:
    with sandbox_ports(now=START + 5) as shop:
        clock: Clock = shop.clock
        assert clock.now() == START + 5
        with pytest.raises(InvariantError):
            shop.clock.advance(-1)
    assert type(shop.clock) is FixedClock


def test_threads_may_share_the_ports(shop: SandboxPorts) -> None:
    """The only seat of a license goes to one of many machines."""
    add_product(shop)
    key = shop.sell("app").key
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda n: validate(shop, key, f"machine {n}"), range(16)))
    assert sum(isinstance(verdict, Valid) for verdict in verdicts) == 1


def test_two_shops_know_nothing_of_each_other() -> None:
    with sandbox_ports(seed="a") as one, sandbox_ports(seed="b") as other:
        add_product(one)
        add_product(other)
        verdict = validate(other, one.sell("app").key)
    assert isinstance(verdict, Refused)
    assert verdict.reason is Reason.BAD_SIGNATURE


def test_nothing_can_be_used_after_the_end() -> None:
    with sandbox_ports() as shop:
        add_product(shop)
        invoice = shop.buy("app")
    with pytest.raises(StoreUnavailable):
        shop.store.reading().__enter__()
    with pytest.raises(ProviderUnavailable):
        act(shop, invoice, PretendPayment.PAY)


# --- the same again -----------------------------------------------------------------------------

STORY: Final = """
import sys
from keysat_core.domain.machine import Candidate
from keysat_core.domain.product import PriceInput
from keysat_core.testing import BUYER, OPERATOR, sandbox_ports
from keysat_core.use_cases.licenses.validate_license import ValidateLicense, validate_license
from keysat_core.use_cases.products.create_product import CreateProduct, create_product

with sandbox_ports(seed={seed!r}) as shop:
    new = CreateProduct(slug="app", name="App", price=PriceInput(price_sats=50_000))
    print(shop.run(create_product, OPERATOR, new))
    for rail in (None, "onchain", "card"):
        sold = shop.sell("app", rail=rail)
        asks = ValidateLicense(key=sold.key, candidate=Candidate(fingerprint="here"))
        print(sold)
        print(shop.run(validate_license, BUYER, asks))
        shop.clock.advance(86_400)
    print(shop.keys.signing_key().to_pem(), shop.ids.new(), shop.entropy.token(8).hex())
    with shop.store.reading() as tx:
        print(tx.trail.list_events(limit=500))
        print(tx.trail.list_audit(action=None, limit=500))
"""


def keys_in(text: str) -> set[str]:
    return set(re.findall(r"LIC1-[A-Z2-7]+-[A-Z2-7]+", text))


def test_a_seed_tells_the_same_story_in_every_process(tmp_path: Path) -> None:
    once = run_python(STORY.format(seed=7), tmp_path)
    again = run_python(STORY.format(seed=7), tmp_path)
    other = run_python(STORY.format(seed=8), tmp_path)
    assert once == again
    assert len(keys_in(once)) == len(keys_in(other)) == 3
    assert keys_in(once).isdisjoint(keys_in(other))
    assert list(tmp_path.iterdir()) == []


# --- without the server's part ------------------------------------------------------------------


def announced(target: str) -> EntryPoints:
    return EntryPoints([EntryPoint("sandbox_ports", target, ENTRY_POINT_GROUP)])


@pytest.mark.parametrize(
    "points",
    [EntryPoints(), announced("keysat_no_such_module:sandbox_ports")],
    ids=["nobody announces it", "a library is missing"],
)
def test_without_the_server_it_says_what_to_install(points: EntryPoints) -> None:
    with pytest.raises(NotInstalled, match=r"pip install 'keysat\[server\]'") as refusal:
        composition(points)
    assert refusal.value.extra == "server"


def test_without_sqlite_the_rest_still_works(tmp_path: Path) -> None:
    source = """
import sys
sys.modules["apsw"] = None
from keysat_core.errors import NotInstalled
from keysat_core.testing import FixedClock, sandbox_ports
try:
    sandbox_ports()
except NotInstalled as exc:
    print(exc, FixedClock(5).now())
"""
    assert run_python(source, tmp_path).endswith("'keysat[server]' 5\n")


def test_importing_the_package_loads_neither_hypothesis_nor_the_server(tmp_path: Path) -> None:
    source = """
import sys
import keysat_core.testing
heavy = {"hypothesis", "apsw", "litestar", "click", "httpx", "keysat_adapters", "keysat_cli"}
print(sorted(heavy & set(sys.modules)))
import keysat_core.testing.strategies
print("hypothesis" in sys.modules)
"""
    assert run_python(source, tmp_path) == "[]\nTrue\n"
