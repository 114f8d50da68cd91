"""Laws of tips: how much, once, never back to the start; and of what is verified before paying."""

from hashlib import sha256

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.connecting import BitcoinNetwork
from keysat_core.domain.ids import TipId
from keysat_core.domain.instant import Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.lightning import (
    EXPIRY_MARGIN_SECONDS,
    PREFIXES,
    LightningInvoice,
    PayOffer,
    fault_of_invoice,
    fault_of_offer,
    read_address,
)
from keysat_core.domain.payment import LightningPayment, LightningStatus
from keysat_core.domain.policy import Tip, read_tip
from keysat_core.domain.sale import fulfil
from keysat_core.domain.sale_record import SaleFacts
from keysat_core.domain.tip import (
    LOOK_SECONDS,
    TRANSITIONS,
    Begin,
    TipAttempt,
    TipEvent,
    TipStatus,
    advance,
    detail_of,
)
from keysat_core.domain.tip_outcome import (
    LOOK_ON_SECONDS,
    LOOKS_MAX,
    UNTRIED_LOOKS,
    after_answer,
    after_unknown_hash,
    look_again,
)
from keysat_core.domain.tip_terms import read_cap, refusal_by_cap, tip_of_sale
from keysat_core.errors import IllegalTransition, InvariantError, ProviderRefused
from keysat_core.limits import AMOUNT_MAX, TIP_DETAIL_CHARS_MAX, TIP_SATS_MAX
from keysat_core.testing import strategies as make
from tests.support.builders import NOW, make_license, make_policy

replace = msgspec.structs.replace
ENDED = {TipStatus.SENT, TipStatus.FAILED, TipStatus.SKIPPED}


# --- addresses ----------------------------------------------------------------------------------


@given(make.lightning_addresses())
def test_an_address_is_read_as_it_is_written(address: object) -> None:
    assert read_address(str(address)) == address
    assert read_tip(f" {address} ", 1, None) == Tip(recipient=str(address), pct_bps=1)


@pytest.mark.parametrize("text", ["user@domain", "a.b_c-d+e@x-y.z_1", "A@B"])
def test_an_address_has_a_user_and_a_domain(text: str) -> None:
    assert str(read_address(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "user",
        "@domain",
        "user@",
        "a@b@c",
        "us er@domain",
        "user@do+main",
        "user@domain:8080",
        "user@domain/x",
        "usér@domain",
        "..@domain",
        "user@.",
        "lnurl1dp68gurn8ghj7",
        "lno1qgsqvgnwgcg35z6ee2h3yczraddm72xrfua9uve2rlrm9deu7xyfzr",
        "u" * 200 + "@domain",
    ],
)
def test_anything_else_is_no_address(text: str) -> None:
    with pytest.raises(InvariantError, match="tip_recipient"):
        read_address(text)
    with pytest.raises(InvariantError):
        read_tip(text, 1, None)


# --- how much -----------------------------------------------------------------------------------


@given(amount=st.integers(0, AMOUNT_MAX), pct_bps=st.integers(1, 10_000))
def test_a_tip_is_a_whole_share_within_bounds(amount: int, pct_bps: int) -> None:
    policy = make_policy(tip=Tip(recipient="a@b", pct_bps=pct_bps))
    invoice = msgspec.convert(
        {
            "id": "i",
            "product_id": policy.product_id,
            "amount_sats": amount,
            "base_price_sats": amount,
            "created_at": 0,
            "updated_at": 0,
        },
        Invoice,
    )
    tip = tip_of_sale(TipId("t"), make_license(), invoice, policy, Instant(9))
    if amount == 0:
        assert tip is None
        return
    assert tip is not None
    assert tip.amount_sats * 10_000 <= amount * pct_bps < (tip.amount_sats + 1) * 10_000
    is_due = 0 < tip.amount_sats <= TIP_SATS_MAX
    assert tip.status is (TipStatus.PENDING if is_due else TipStatus.SKIPPED)
    assert (tip.next_at is not None) is is_due


@settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow])
@given(facts=make.sale_facts())
def test_a_settlement_reserves_a_tip_only_with_the_license_it_issues(facts: SaleFacts) -> None:
    settlement = fulfil(facts, SYSTEM, NOW)
    if settlement.tip is not None:
        assert settlement.license is not None
        assert settlement.tip.license_id == settlement.license.id == facts.new.license_id
        assert settlement.tip.id == facts.new.tip_id
        assert not settlement.invoice.is_free
    again = fulfil(replace(facts, invoice=settlement.invoice), SYSTEM, NOW)
    assert again.tip is None


@given(tip=make.tip_attempts(), spent=st.integers(0, AMOUNT_MAX), cap=st.integers(0, AMOUNT_MAX))
def test_a_cap_is_never_exceeded(tip: TipAttempt, spent: int, cap: int) -> None:
    assert (refusal_by_cap(tip, spent, read_cap(str(cap))) is None) == (
        spent + tip.amount_sats <= cap
    )
    assert refusal_by_cap(tip, spent, None) is None


@given(st.text())
def test_a_cap_nobody_can_read_lets_nothing_through(text: str) -> None:
    is_number = text.isascii() and text.isdigit() and len(text) <= 20
    assert read_cap(text) == (int(text) if is_number else 0)


# --- the state machine --------------------------------------------------------------------------


@given(tip=make.tip_attempts(), event=make.tip_events(), now=make.instants())
def test_a_step_is_the_tables_or_refused(tip: TipAttempt, event: TipEvent, now: Instant) -> None:
    wanted = TRANSITIONS.get((tip.status, type(event)))
    if wanted is None:
        with pytest.raises(IllegalTransition):
            advance(tip, event, now=now)
        return
    after = advance(tip, event, now=now)
    assert after.status is wanted
    if wanted is tip.status:
        assert after is tip
    else:
        assert (after.next_at is None) is (wanted in ENDED)
        assert len(after.detail or "") <= TIP_DETAIL_CHARS_MAX
    if isinstance(event, Begin):
        assert (after.bolt11, after.payment_hash) == (event.bolt11, event.payment_hash)
        assert after.tried_at == now


@given(tip=make.tip_attempts(), events=st.lists(make.tip_events(), max_size=12))
def test_a_tip_is_begun_at_most_once(tip: TipAttempt, events: list[TipEvent]) -> None:
    tip = replace(tip, status=TipStatus.PENDING)
    begun = 0
    for event in events:
        before = tip.status
        try:
            tip = advance(tip, event, now=Instant(1))
        except IllegalTransition:
            continue
        begun += tip.status is TipStatus.PAYING and before is TipStatus.PENDING
        assert before is not TipStatus.SENT or tip.status is TipStatus.SENT
        assert before is not TipStatus.SKIPPED
    assert begun <= 1


def test_nothing_leads_back_to_the_start() -> None:
    assert TipStatus.PENDING not in TRANSITIONS.values()
    assert [state for state, event in TRANSITIONS if event is Begin] == [TipStatus.PENDING]


# --- answers ------------------------------------------------------------------------------------


def paying(tip: TipAttempt, tried_at: int) -> TipAttempt:
    return replace(tip, status=TipStatus.PAYING, tried_at=Instant(tried_at), next_at=Instant(0))


@given(tip=make.tip_attempts(), detail=st.text(max_size=900), at=st.integers(0, 10**6))
def test_an_answer_without_a_verdict_is_asked_for_again_until_it_is_too_old(
    tip: TipAttempt, detail: str, at: int
) -> None:
    pending = LightningPayment(status=LightningStatus.PENDING, detail=detail)
    after = after_answer(paying(tip, 0), pending, Instant(at))
    assert (after.status, after.looks) == (TipStatus.PAYING, tip.looks + 1)
    if at >= LOOK_ON_SECONDS and tip.looks >= LOOKS_MAX:
        assert after.next_at is None
    else:
        assert after.next_at is not None
        assert LOOK_SECONDS[0] <= after.next_at - at <= LOOK_SECONDS[-1]


@given(tip=make.tip_attempts(), problem=st.sampled_from(["auth", "not_found", "rejected"]))
def test_only_an_account_that_had_time_and_knows_nothing_never_tried(
    tip: TipAttempt, problem: str
) -> None:
    refusal = ProviderRefused("read lightning payment", problem)
    tip = replace(tip, looks=UNTRIED_LOOKS)
    early = after_unknown_hash(paying(tip, 0), refusal, Instant(599))
    late = after_unknown_hash(paying(tip, 0), refusal, Instant(600))
    back = after_unknown_hash(paying(tip, 10**6), refusal, Instant(0))
    once = after_unknown_hash(replace(paying(tip, 0), looks=0), refusal, Instant(10**6))
    assert {early.status, back.status, once.status} == {TipStatus.PAYING}
    wanted = TipStatus.FAILED if problem == "not_found" else TipStatus.PAYING
    assert late.status is wanted


@given(tip=make.tip_attempts(), now=make.instants())
def test_only_a_payment_that_may_have_been_made_is_asked_about(
    tip: TipAttempt, now: Instant
) -> None:
    if tip.status is not TipStatus.PAYING:
        assert look_again(tip, "why", now) is tip


@given(st.text(st.characters(), max_size=900))
def test_words_from_outside_are_made_to_fit(text: str) -> None:
    detail = detail_of(text)
    assert len(detail) <= TIP_DETAIL_CHARS_MAX
    detail.encode()
    assert all(sign.isprintable() for sign in detail)


@given(make.tip_attempts())
def test_a_detail_that_does_not_fit_is_refused(tip: TipAttempt) -> None:
    with pytest.raises(InvariantError, match="detail"):
        replace(tip, detail="x" * (TIP_DETAIL_CHARS_MAX + 1))


# --- before paying ------------------------------------------------------------------------------


@given(offer=make.pay_offers(), amount=st.integers(0, AMOUNT_MAX * 1_000))
def test_an_offer_takes_what_is_within_its_bounds(offer: PayOffer, amount: int) -> None:
    is_within = offer.sendable_msat_min <= amount <= offer.sendable_msat_max
    assert (fault_of_offer(offer, amount) is None) is is_within


@given(
    invoice=make.lightning_invoices(),
    offer=make.pay_offers(),
    network=st.sampled_from(BitcoinNetwork),
    now=make.instants(),
    data=st.data(),
)
def test_an_invoice_is_paid_only_if_everything_agrees(
    invoice: LightningInvoice,
    offer: PayOffer,
    network: BitcoinNetwork,
    now: Instant,
    data: st.DataObject,
) -> None:
    described = sha256(offer.metadata.encode()).hexdigest()
    if data.draw(st.booleans()):
        invoice = replace(invoice, description_hash=described)
    amount = data.draw(st.sampled_from([invoice.amount_msat or 0, 1_000]))
    fault = fault_of_invoice(invoice, offer, amount_msat=amount, network=network, now=now)
    agrees = (
        invoice.network in PREFIXES[network]
        and invoice.amount_msat == amount
        and invoice.expires_at >= now + EXPIRY_MARGIN_SECONDS
        and invoice.description_hash == described
    )
    assert (fault is None) is agrees
