"""Invoices: whatever a provider reports, in any order, a sale has one effect (lifecycles 7)."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from keysat_core.domain.actor import SYSTEM, Actor, ActorKind
from keysat_core.domain.events import InvoiceExpired, InvoicePaid, InvoiceRefunded, LicenseIssued
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import (
    TRANSITIONS,
    Attention,
    Expire,
    Invalidate,
    Invoice,
    InvoiceEvent,
    InvoiceStatus,
    Settle,
    SettledBy,
    advance,
    event_of,
    mismatched_amount,
)
from keysat_core.domain.license import License
from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.domain.policy import Policy
from keysat_core.domain.sale import apply_report, fulfil
from keysat_core.domain.sale_record import SaleFacts, Settlement, new_ids
from keysat_core.errors import IllegalTransition
from keysat_core.limits import RECONCILE_DAYS
from keysat_core.testing import strategies
from tests.support.builders import NOW, make_invoice, make_policy, make_product, new_id

events: st.SearchStrategy[InvoiceEvent] = st.sampled_from([Settle(), Expire(), Invalidate()])
reports = st.builds(
    ProviderReport,
    status=st.sampled_from(ProviderStatus),
    is_processing=st.booleans(),
    is_paid_late=st.booleans(),
    marked_by_hand=st.booleans(),
    price=st.none()
    | st.builds(
        Money, currency=st.sampled_from(Currency), amount=st.sampled_from([50_000, 49_999])
    ),
    paid=st.none() | strategies.money(Currency.SAT),
    raw_status=st.sampled_from(["", "New", "Settled", "Odd"]),
)


def test_the_table_of_transitions_is_the_one_of_the_specification() -> None:
    words = {
        (state.value, event.__name__.lower()): to.value
        for (state, event), to in TRANSITIONS.items()
    }
    assert words == {
        ("pending", "settle"): "settled",
        ("pending", "expire"): "expired",
        ("pending", "invalidate"): "invalid",
        ("expired", "settle"): "settled",
        ("expired", "expire"): "expired",
        ("expired", "invalidate"): "expired",
        ("invalid", "settle"): "settled",
        ("invalid", "expire"): "invalid",
        ("invalid", "invalidate"): "invalid",
        ("settled", "settle"): "settled",
        ("settled", "expire"): "settled",
        ("settled", "invalidate"): "settled",
    }


@given(strategies.invoices(), events)
def test_every_state_takes_every_event_and_only_the_status_and_its_stamps_change(
    invoice: Invoice, event: InvoiceEvent
) -> None:
    after = advance(invoice, event, now=NOW)
    assert after.status is TRANSITIONS[invoice.status, type(event)]
    if after.status is invoice.status:
        assert after == invoice
        return
    is_settled = after.status is InvoiceStatus.SETTLED
    assert (after.updated_at, after.settled_at) == (NOW, NOW if is_settled else None)
    same = msgspec.structs.replace(
        after,
        status=invoice.status,
        updated_at=invoice.updated_at,
        settled_at=invoice.settled_at,
    )
    assert same == invoice


@given(strategies.invoices())
def test_an_event_that_is_not_in_the_table_is_refused(invoice: Invoice) -> None:
    with pytest.raises(IllegalTransition):
        advance(invoice, "refund", now=NOW)  # type: ignore[arg-type]


@pytest.mark.defects("D11")
@given(strategies.invoices(), st.lists(events, max_size=8))
def test_settled_is_absorbing(invoice: Invoice, sequence: list[InvoiceEvent]) -> None:
    settled = msgspec.structs.replace(invoice, status=InvoiceStatus.SETTLED)
    for event in sequence:
        assert advance(settled, event, now=NOW) == settled


class Till:
    """A sale and everything its settlements wrote, kept as the store would keep them."""

    def __init__(self, invoice: Invoice, policy: Policy | None = None) -> None:
        self.invoice = invoice
        self.policy = policy
        self.licenses: list[License] = []
        self.statuses = [invoice.status]
        self.written: list[Settlement] = []

    def hear(self, report: ProviderReport, now: int = NOW) -> Settlement:
        return self._keep(apply_report(self._facts(), report, SYSTEM, Instant(now)))

    def fulfil(self, now: int = NOW, *, actor: Actor = SYSTEM) -> Settlement:
        return self._keep(fulfil(self._facts(), actor, Instant(now)))

    def _facts(self) -> SaleFacts:
        return SaleFacts(
            invoice=self.invoice,
            policy=self.policy,
            issued=self.licenses[0] if self.licenses else None,
            new=new_ids(new_id),
            product=make_product(),
        )

    def _keep(self, settlement: Settlement) -> Settlement:
        self.invoice = settlement.invoice
        self.statuses.append(self.invoice.status)
        if settlement.license is not None:
            self.licenses.append(settlement.license)
        self.written.append(settlement)
        return settlement

    def count(self, *kinds: type) -> int:
        return sum(isinstance(e, kinds) for sale in self.written for e in sale.events)

    def actions(self) -> list[str]:
        return [audit.action for sale in self.written for audit in sale.audits]


def confirms(sequence: Sequence[ProviderReport]) -> bool:
    return any(report.status is ProviderStatus.SETTLED for report in sequence)


@given(st.lists(reports, max_size=12))
def test_any_reports_in_any_order_issue_one_license_if_one_confirms_and_none_otherwise(
    sequence: list[ProviderReport],
) -> None:
    till = Till(make_invoice())
    for report in sequence:
        till.hear(report)
    assert len(till.licenses) == confirms(sequence)
    assert (till.invoice.status is InvoiceStatus.SETTLED) is confirms(sequence)
    assert (till.invoice.effect_at is not None) is confirms(sequence)
    assert till.count(LicenseIssued) == till.count(InvoicePaid) == confirms(sequence)
    assert till.actions().count("license.issue") == confirms(sequence)
    assert till.actions().count("invoice.settle") == confirms(sequence)
    assert till.invoice.amount_sats == 50_000
    seen = [a for a, b in zip(till.statuses, [*till.statuses[1:], None], strict=True) if a is not b]
    assert seen in [
        ["pending"],
        ["pending", "settled"],
        ["pending", "expired"],
        ["pending", "invalid"],
        ["pending", "expired", "settled"],
        ["pending", "invalid", "settled"],
    ]


@given(
    st.lists(reports, max_size=6), st.sampled_from([ProviderStatus.EXPIRED, ProviderStatus.INVALID])
)
def test_a_payment_that_settles_late_issues_exactly_one_license(
    more: list[ProviderReport], ended: ProviderStatus
) -> None:
    till = Till(make_invoice())
    till.hear(ProviderReport(status=ended))
    assert till.invoice.status == ended.value
    assert (till.licenses, till.count(InvoiceExpired)) == ([], 1)
    for report in (ProviderReport(status=ProviderStatus.SETTLED), *more):
        till.hear(report, NOW + 9)
    assert len(till.licenses) == 1
    assert till.invoice.status is InvoiceStatus.SETTLED
    assert till.invoice.settled_at == NOW + 9


@given(strategies.invoices(), reports)
def test_a_report_never_changes_the_price_snapshot(
    invoice: Invoice, report: ProviderReport
) -> None:
    till = Till(invoice)
    till.hear(report)
    for field in (
        "id",
        "product_id",
        "policy_id",
        "amount_sats",
        "base_price_sats",
        "listed_currency",
        "listed_value",
        "exchange_rate_centibps",
        "exchange_rate_source",
        "created_at",
        "provider_account_id",
    ):
        assert getattr(till.invoice, field) == getattr(invoice, field)
    assert till.invoice.last_checked_at == NOW


@given(strategies.policies())
def test_a_license_copies_terms_from_the_policy_as_it_is_at_settlement(policy: Policy) -> None:
    till = Till(make_invoice(policy_id=policy.id, buyer_email="b@example.com"), policy)
    till.hear(ProviderReport(status=ProviderStatus.SETTLED))
    (license,) = till.licenses
    assert (license.policy_id, license.invoice_id) == (policy.id, till.invoice.id)
    assert (license.max_machines, license.entitlements) == (
        policy.max_machines,
        policy.entitlements,
    )
    assert license.buyer_email == "b@example.com"
    assert license.is_trial is (policy.is_trial or policy.has_free_trial)


def test_an_applied_effect_is_never_applied_again_even_if_its_license_is_gone() -> None:
    till = Till(
        make_invoice(status=InvoiceStatus.SETTLED, settled_at=NOW, effect_at=NOW, updated_at=NOW)
    )
    till.hear(ProviderReport(status=ProviderStatus.SETTLED))
    till.fulfil()
    assert till.licenses == []


def test_a_settled_sale_without_its_effect_gets_it_once_and_is_not_paid_twice() -> None:
    till = Till(make_invoice(status=InvoiceStatus.SETTLED, settled_at=NOW))
    till.fulfil(NOW + 1)
    till.fulfil(NOW + 2)
    assert len(till.licenses) == 1
    assert till.invoice.effect_at == NOW + 1
    assert till.count(InvoicePaid) == 0


@pytest.mark.defects("D12")
def test_a_sale_that_an_earlier_server_never_delivered_is_delivered_on_somebodys_word_alone() -> (
    None
):
    held = make_invoice(status=InvoiceStatus.SETTLED, settled_at=NOW, held_at=NOW)
    till = Till(held)
    till.fulfil(NOW + 1)
    till.hear(ProviderReport(status=ProviderStatus.SETTLED), NOW + 2)
    assert till.licenses == []
    assert till.invoice.attention is Attention.WITHOUT_EFFECT
    till.fulfil(NOW + 3, actor=Actor(kind=ActorKind.CLI))
    till.fulfil(NOW + 4)
    assert len(till.licenses) == 1
    assert (till.invoice.effect_at, till.invoice.held_at) == (NOW + 3, None)


def test_a_license_that_exists_already_only_marks_the_effect() -> None:
    till = Till(make_invoice(status=InvoiceStatus.SETTLED, settled_at=NOW))
    till.licenses.append(
        License(id=LicenseId(new_id()), product_id=till.invoice.product_id, issued_at=NOW)
    )
    settlement = till.fulfil(NOW + 1)
    assert (settlement.license, settlement.events) == (None, ())
    assert till.invoice.effect_at == NOW + 1


@given(strategies.invoices(), strategies.provider_reports(), st.booleans(), st.booleans())
def test_what_is_to_be_looked_at_follows_from_the_report_and_not_from_its_words(
    invoice: Invoice, report: ProviderReport, is_answered: object, accepts_late: object
) -> None:
    def told(words: str) -> Invoice:
        facts = SaleFacts(
            invoice=invoice,
            policy=None,
            issued=None,
            new=new_ids(new_id),
            product=make_product(),
        )
        said = msgspec.structs.replace(report, raw_status=words)
        return apply_report(
            facts,
            said,
            SYSTEM,
            Instant(NOW),
            accepts_late=bool(accepts_late),
            is_answered=bool(is_answered),
        ).invoice

    after = told("New")
    assert after.noted_attention is told("Andere Wörter").noted_attention
    assert after.noted_attention is not Attention.WITHOUT_EFFECT
    if after.status is InvoiceStatus.SETTLED and invoice.status is not InvoiceStatus.SETTLED:
        assert after.attention in {None, Attention.PROVIDER_REVERSED}
    is_waiting = after.status in {InvoiceStatus.EXPIRED, InvoiceStatus.INVALID}
    if is_answered and is_waiting:
        assert (after.attention is Attention.PAID_LATE) is report.is_paid_late


@given(strategies.invoices(status=InvoiceStatus.EXPIRED), st.lists(reports, max_size=6))
def test_the_operator_s_word_is_as_good_as_the_provider_s_and_counts_once(
    invoice: Invoice, more: list[ProviderReport]
) -> None:
    till = Till(msgspec.structs.replace(invoice, effect_at=None))
    facts = SaleFacts(
        invoice=till.invoice,
        policy=None,
        issued=None,
        new=new_ids(new_id),
        product=make_product(),
    )
    till._keep(fulfil(facts, SYSTEM, Instant(NOW), by=SettledBy.OPERATOR))
    for report in more:
        till.hear(report)
    assert (till.invoice.status, till.invoice.settled_by) == (
        InvoiceStatus.SETTLED,
        SettledBy.OPERATOR,
    )
    assert len(till.licenses) == 1
    refunds = [each for each in more if each.status is ProviderStatus.REFUNDED]
    assert till.count(InvoiceRefunded) <= len(refunds)


# --- what the operator is told ------------------------------------------------------------------

SETTLED = ProviderReport(status=ProviderStatus.SETTLED, raw_status="Settled")


@given(st.sampled_from([ProviderStatus.EXPIRED, ProviderStatus.INVALID]))
def test_a_reversal_after_settlement_is_told_once_and_undoes_nothing(
    status: ProviderStatus,
) -> None:
    till = Till(make_invoice())
    till.hear(SETTLED)
    for _ in range(3):
        till.hear(ProviderReport(status=status, raw_status="Reversed"))
    assert till.invoice.status is InvoiceStatus.SETTLED
    assert till.actions().count("invoice.provider_reversed") == 1
    assert till.count(InvoiceRefunded) == 1
    assert till.count(InvoiceExpired) == 0


@given(st.sampled_from(InvoiceStatus), st.booleans())
def test_a_report_below_what_was_known_is_noted_and_told_to_nobody(
    status: InvoiceStatus, is_processing: object
) -> None:
    """A settled sale that is pending again, or money seen for one that has ended."""
    till = Till(make_invoice(status=status))
    report = ProviderReport(
        status=ProviderStatus.PENDING, is_processing=bool(is_processing), raw_status="Processing"
    )
    till.hear(report)
    is_settled = status is InvoiceStatus.SETTLED
    is_ended = status in {InvoiceStatus.EXPIRED, InvoiceStatus.INVALID}
    expected = is_settled or (is_ended and bool(is_processing))
    assert till.actions() == ["invoice.provider_reversed"] * expected
    assert (till.count(InvoiceRefunded), till.invoice.status) == (0, status)


@given(st.sampled_from(InvoiceStatus))
def test_a_refund_is_told_and_changes_no_status(status: InvoiceStatus) -> None:
    till = Till(make_invoice(status=status))
    till.hear(ProviderReport(status=ProviderStatus.REFUNDED, raw_status="Refunded"))
    assert till.invoice.status is status
    assert till.actions() == ["invoice.provider_reversed"]
    assert till.count(InvoiceRefunded) == 1
    assert till.licenses == []


@given(strategies.invoices(), st.none() | strategies.money())
def test_another_price_in_sats_or_as_listed_is_a_mismatch_and_no_other_price_is(
    invoice: Invoice, price: Money | None
) -> None:
    """Payments 6.5: a renewal may be collected in the currency it is listed in."""
    report = ProviderReport(status=ProviderStatus.SETTLED, price=price)
    ours = {Currency.SAT: invoice.amount_sats}
    if invoice.listed.currency is not Currency.SAT:
        ours[invoice.listed.currency] = invoice.listed.amount
    is_other = price is not None and ours.get(price.currency, price.amount) != price.amount
    assert mismatched_amount(invoice, report) == (price if is_other else None)


def test_a_fiat_price_that_differs_from_what_is_listed_is_told() -> None:
    till = Till(make_invoice(listed_currency=Currency.USD, listed_value=4_900))
    price = Money(currency=Currency.USD, amount=4_800)
    till.hear(ProviderReport(status=ProviderStatus.SETTLED, raw_status="PAID", price=price))
    assert "invoice.amount_mismatch" in till.actions()
    assert till.invoice.status is InvoiceStatus.SETTLED


def test_too_much_is_noted_once_with_the_license() -> None:
    till = Till(make_invoice())
    paid = Money(currency=Currency.SAT, amount=60_000)
    report = msgspec.structs.replace(SETTLED, is_overpaid=True, paid=paid)
    till.hear(report)
    till.hear(msgspec.structs.replace(report, raw_status="Settled, once more"))
    assert till.actions().count("invoice.overpaid") == 1
    assert len(till.licenses) == 1


def test_an_amount_mismatch_is_noted_and_the_license_issued_all_the_same() -> None:
    till = Till(make_invoice())
    odd = Money(currency=Currency.SAT, amount=49_999)
    till.hear(msgspec.structs.replace(SETTLED, price=odd))
    assert till.actions().count("invoice.amount_mismatch") == 1
    assert len(till.licenses) == 1


def test_a_partial_payment_and_a_late_one_are_noted_at_expiry() -> None:
    till = Till(make_invoice())
    part = Money(currency=Currency.SAT, amount=1)
    till.hear(ProviderReport(status=ProviderStatus.EXPIRED, paid=part, raw_status="Expired"))
    till.hear(ProviderReport(status=ProviderStatus.EXPIRED, is_paid_late=True, raw_status="Late"))
    assert till.actions() == ["invoice.partial_payment", "invoice.expired", "invoice.paid_late"]
    nothing = Till(make_invoice())
    none = Money(currency=Currency.SAT, amount=0)
    nothing.hear(ProviderReport(status=ProviderStatus.EXPIRED, paid=none, raw_status="Expired"))
    assert nothing.actions() == ["invoice.expired"]


@given(st.integers(0, 2 * RECONCILE_DAYS * DAY_SECONDS), st.sampled_from(ProviderStatus))
def test_a_sale_nobody_paid_expires_after_the_time_we_look_at_it(
    age: int, said: ProviderStatus
) -> None:
    till = Till(make_invoice())
    report = ProviderReport(status=said, raw_status="Odd")
    till.hear(report, NOW + age)
    decided = event_of(report)
    if decided is not None:
        assert till.invoice.status is TRANSITIONS[InvoiceStatus.PENDING, type(decided)]
    else:
        is_abandoned = age >= RECONCILE_DAYS * DAY_SECONDS
        assert (till.invoice.status is InvoiceStatus.EXPIRED) is is_abandoned


def test_a_free_sale_is_paid_and_fulfilled_at_once_and_cannot_be_reversed() -> None:
    till = Till(make_invoice(amount_sats=0), make_policy())
    till.fulfil()
    assert till.invoice.is_free
    till.hear(ProviderReport(status=ProviderStatus.EXPIRED, raw_status="Expired"))
    assert till.count(InvoiceRefunded) == 0
    assert len(till.licenses) == 1
