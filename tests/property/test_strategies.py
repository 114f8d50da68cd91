"""Every struct of the domain has a strategy, and what it gives is what the struct may hold."""

import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import keysat_core.domain
from keysat_core.domain.buyer import BuyerRequest, checked_request
from keysat_core.domain.events import DomainEvent, Event, LicenseRevoked, OutboxEvent
from keysat_core.domain.ids import MachineId, is_uuid_text
from keysat_core.domain.instant import Instant, rfc3339
from keysat_core.domain.invoice import TRANSITIONS as INVOICE_TRANSITIONS
from keysat_core.domain.invoice import Invoice, InvoiceEvent
from keysat_core.domain.invoice import advance as advance_invoice
from keysat_core.domain.license import TRANSITIONS as LICENSE_TRANSITIONS
from keysat_core.domain.license import License, LicenseEvent
from keysat_core.domain.license import advance as advance_license
from keysat_core.domain.machine import SeatTaken
from keysat_core.domain.merchant import MerchantProfile, ProviderAccount
from keysat_core.domain.money import Currency
from keysat_core.domain.rate_limit import Allowance, Bucket, take
from keysat_core.domain.sale_record import SaleFacts
from keysat_core.domain.secret import Secret
from keysat_core.domain.settings_diagnosis import SettingsFacts
from keysat_core.domain.tier_quote import TierFacts
from keysat_core.domain.validation import Facts, Question, Refused, Valid, decide
from keysat_core.domain.webhook_endpoint import WebhookEndpoint
from keysat_core.errors import IllegalTransition
from keysat_core.signing import LicenseKey, LicensePayload, VerifyKey
from keysat_core.testing import strategies
from tests.support.fresh_python import run_python

REFERENCES: Final = {
    "Invoice.policy_id",
    "Invoice.provider_account_id",
    "License.invoice_id",
    "License.policy_id",
    "Product.merchant_profile_id",
    "WebhookReceipt.invoice_id",
}
"""What a value refers to is not made with it."""
HIDDEN: Final = {"WebhookEndpoint.secret"}
"""What is a secret whatever its value, and shows none."""


def structs() -> Iterator[type[msgspec.Struct]]:
    """Every public struct that a module of the domain defines."""
    for found in pkgutil.walk_packages(keysat_core.domain.__path__, "keysat_core.domain."):
        module = importlib.import_module(found.name)
        for name, value in vars(module).items():
            is_struct = isinstance(value, type) and issubclass(value, msgspec.Struct)
            if is_struct and value.__module__ == found.name and not name.startswith("_"):
                yield value


STRUCTS: Final = sorted(structs(), key=lambda kind: kind.__name__)
SIGNED: Final = [LicensePayload, LicenseKey, VerifyKey]
SECRET: Final = [MerchantProfile, ProviderAccount, SettingsFacts, TierFacts, WebhookEndpoint]
"""What holds secrets goes on no wire."""
LEAVES: Final = [kind for kind in STRUCTS if kind is not Event]


def test_the_walk_finds_the_domain() -> None:
    assert len(STRUCTS) > 60
    assert {License, OutboxEvent, Facts, Event} <= set(STRUCTS)


def test_every_struct_of_the_domain_has_a_strategy() -> None:
    known = {*strategies.STRATEGIES, *strategies.EVENT_KINDS}
    assert [kind.__name__ for kind in STRUCTS if kind not in known] == []


def test_a_strategy_for_something_else_is_not_made_up() -> None:
    with pytest.raises(KeyError):
        strategies.strategy_for(int)


def assert_it_survives_the_wire(value: msgspec.Struct) -> None:
    """Decoding checks the types and the invariants again, which making a value does not."""
    assert msgspec.json.decode(msgspec.json.encode(value), type=type(value)) == value
    assert msgspec.structs.replace(value) == value


@pytest.mark.parametrize("kind", SIGNED, ids=lambda kind: kind.__name__)
def test_what_a_strategy_gives_survives_the_wire(kind: type[msgspec.Struct]) -> None:
    @settings(max_examples=20)
    @given(value=strategies.strategy_for(kind))
    def check(value: msgspec.Struct) -> None:
        assert type(value) is kind
        assert_it_survives_the_wire(value)

    check()


@pytest.mark.parametrize("kind", LEAVES, ids=lambda kind: kind.__name__)
def test_a_strategy_gives_what_survives_the_wire_and_leaves_no_field_as_it_is_by_itself(
    kind: type[msgspec.Struct],
) -> None:
    """Both are looked at in the same draws, for there are hundreds of structs."""
    seen: dict[str, set[str]] = {field: set() for field in kind.__struct_fields__}

    @settings(max_examples=30, database=None, derandomize=True)
    @given(value=strategies.strategy_for(kind))
    def collect(value: Any) -> None:
        assert type(value) is kind
        if kind not in SECRET:
            assert_it_survives_the_wire(value)
        for field, values in seen.items():
            values.add(repr(getattr(value, field)))

    collect()
    constant = {f"{kind.__name__}.{field}" for field, values in seen.items() if len(values) < 2}
    assert constant - REFERENCES - HIDDEN - single_valued(kind) == set()


def single_valued(kind: type[msgspec.Struct]) -> set[str]:
    """Fields whose type has one value today."""
    return {
        f"{kind.__name__}.{field.name}"
        for field in msgspec.structs.fields(kind)
        if hasattr(field.type, "__members__") and len(field.type) == 1
    }


@pytest.mark.parametrize("kind", strategies.EVENT_KINDS, ids=lambda kind: kind.__name__)
def test_an_event_says_which_one_it_is(kind: type[Event]) -> None:
    @settings(max_examples=10)
    @given(event=strategies.events(kind))
    def check(event: Event) -> None:
        assert msgspec.json.decode(msgspec.json.encode(event), type=DomainEvent) == event

    check()


def test_every_event_of_the_union_is_made() -> None:
    assert set(DomainEvent.__args__) == set(strategies.EVENT_KINDS)


# --- what is fixed ------------------------------------------------------------------------------


@settings(max_examples=20)
@given(data=st.data())
def test_what_is_fixed_is_fixed(data: st.DataObject) -> None:
    product = data.draw(strategies.products(slug="app"))
    policy = data.draw(strategies.policies(product_id=product.id, is_recurring=True))
    license = data.draw(strategies.licenses(product_id=product.id, policy_id=policy.id))
    assert product.slug == "app"
    assert policy.is_recurring
    assert (license.product_id, license.policy_id) == (product.id, policy.id)
    assert data.draw(strategies.outbox_events(is_published=False)).is_published is False
    assert data.draw(strategies.allowances(capacity=7)).capacity == 7
    assert data.draw(strategies.money(Currency.EUR)).currency is Currency.EUR


# --- what happens to an entity -------------------------------------------------------------------


@given(license=strategies.licenses(), event=strategies.license_events(), now=strategies.instants())
def test_an_event_of_a_license_is_taken_or_refused(
    license: License, event: LicenseEvent, now: Instant
) -> None:
    key = (license.status, type(event))
    if key in LICENSE_TRANSITIONS:
        changed = advance_license(license, event, now=now)
        assert changed.status is LICENSE_TRANSITIONS[key]
    else:
        with pytest.raises(IllegalTransition):
            advance_license(license, event, now=now)


@given(invoice=strategies.invoices(), event=strategies.invoice_events(), now=strategies.instants())
def test_an_event_of_an_invoice_is_always_taken(
    invoice: Invoice, event: InvoiceEvent, now: Instant
) -> None:
    changed = advance_invoice(invoice, event, now=now)
    assert changed.status is INVOICE_TRANSITIONS[invoice.status, type(event)]


# --- values whose parts belong together ---------------------------------------------------------


@given(known=strategies.facts_and_questions(), machine=strategies.ids(), now=strategies.instants())
def test_facts_and_a_question_can_be_judged(
    known: tuple[Facts, Question], machine: str, now: Instant
) -> None:
    facts, question = known
    verdict = decide(facts, question, machine_id=MachineId(machine), now=now)
    assert isinstance(verdict, Valid | Refused)
    assert question.payload.license_id == facts.license.id


@settings(max_examples=30)
@given(facts=strategies.facts(), seat=strategies.seats_taken(), sale=strategies.sale_facts())
def test_parts_that_belong_together_do(facts: Facts, seat: SeatTaken, sale: SaleFacts) -> None:
    own = facts.seats.own if facts.seats else None
    assert own is None or (own.license_id == facts.license.id and own.active)
    assert seat.machine.license_id == seat.license.id
    assert sale.issued is None or sale.issued.invoice_id == sale.invoice.id
    assert (sale.policy.id if sale.policy else None) == sale.invoice.policy_id


@given(data=st.data(), kind=strategies.allowances(), now=strategies.instants())
def test_a_bucket_holds_no_more_than_fits(
    data: st.DataObject, kind: Allowance, now: Instant
) -> None:
    bucket: Bucket = data.draw(strategies.buckets(kind))
    assert 0 <= bucket.units <= kind.units_max
    take(bucket, kind, now=now)


@given(request=strategies.buyer_requests())
def test_a_buyers_request_is_accepted(request: BuyerRequest) -> None:
    assert checked_request(request).product_slug == request.product_slug


@given(verdict=strategies.verdicts(), claim=strategies.seat_claims())
def test_verdicts_and_claims_come_in_every_kind(verdict: Valid | Refused, claim: object) -> None:
    assert verdict.license is None or isinstance(verdict.license, License)
    assert msgspec.to_builtins(claim)["type"] in {"kept", "taken", "refused"}


@given(secret=strategies.secrets())
def test_a_secret_is_never_shown(secret: Secret) -> None:
    assert secret.reveal()
    assert str(secret) == "***"


# --- st.from_type -------------------------------------------------------------------------------

UNREGISTERED: Final = """
import pytest
from hypothesis import Phase, given, settings, strategies as st
from hypothesis.errors import HypothesisException
from keysat_core.domain.license import License, LicenseEvent
from keysat_core.domain.license import TRANSITIONS as LICENSE_TRANSITIONS
from keysat_core.domain.license import advance as advance_license
from keysat_core.domain.invoice import Invoice, InvoiceEvent
from keysat_core.domain.invoice import TRANSITIONS as INVOICE_TRANSITIONS
from keysat_core.domain.invoice import advance as advance_invoice
from keysat_core.domain.ids import is_uuid_text
from keysat_core.domain.instant import rfc3339
from keysat_core.errors import IllegalTransition
import keysat_core.testing.strategies

@settings(max_examples=10, phases=[Phase.generate], database=None, deadline=None)
@given(st.from_type(License))
def check(license):
    pass

# Hypothesis then knows only the field types: any text is an id, and the struct refuses it.
with pytest.raises((ValueError, HypothesisException)):
    check()
"""


def test_importing_registers_nothing(tmp_path: Path) -> None:
    run_python(UNREGISTERED, tmp_path)


def test_types_are_registered_on_request() -> None:
    strategies.register_strategies()
    strategies.register_strategies()

    @settings(max_examples=20)
    @given(
        licenses=st.from_type(tuple[License, License | None]),
        instant=st.from_type(Instant),
        revoked=st.from_type(LicenseRevoked),
        event=st.from_type(Event),
    )
    def check(
        licenses: tuple[License, License | None],
        instant: Instant,
        revoked: LicenseRevoked,
        event: Event,
    ) -> None:
        assert is_uuid_text(licenses[0].id)
        assert rfc3339(instant)
        assert is_uuid_text(revoked.license_id)
        assert type(event) in strategies.EVENT_KINDS

    check()
