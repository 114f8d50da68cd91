"""Saved payment methods, charges and doubted ends as values."""

import itertools
from typing import Any

import msgspec
import pytest

from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.invoice import Invoice, InvoiceStatus
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.domain.saved_payment import (
    CAPTURE_RETRY_SECONDS,
    CHARGE_TRANSITIONS,
    CaptureState,
    Charge,
    ChargeState,
    Confirm,
    Decline,
    Lose,
    Refuse,
    SavedPayment,
    SavedProfile,
    advance_charge,
    after_find,
    after_no_answer,
    given_up,
    wanted,
)
from keysat_core.domain.second_look import SECOND_LOOK_SECONDS, doubted
from keysat_core.domain.zaprite import webhook_url
from keysat_core.errors import IllegalTransition, InvariantError
from tests.support.builders import NOW, later, make_invoice

WANTED = wanted(InvoiceId("i"), ProviderAccountId("a"), NOW)
PROFILE = SavedProfile(contact_id="c", profile_id="p")
EVENTS = (Confirm(), Decline(), Refuse(), Lose())

replace = msgspec.structs.replace


# --- looking for a method -----------------------------------------------------------------------


def test_looks_are_spread_over_an_hour() -> None:
    saved, at = WANTED, [WANTED.next_at]
    while saved.next_at is not None:
        saved = after_find(saved, None, saved.next_at)
        at.append(saved.next_at)
    assert at == [later(0), later(30), later(300), later(3_600), None]
    assert (saved.state, saved.looks) == (CaptureState.MISSING, 4)


def test_what_is_found_is_kept() -> None:
    saved = after_find(WANTED, PROFILE, later(7))
    assert (saved.state, saved.profile, saved.next_at, saved.updated_at) == (
        CaptureState.SAVED,
        PROFILE,
        None,
        later(7),
    )


def test_silence_is_no_look_and_ends_after_three_days() -> None:
    silent = after_no_answer(WANTED, later(1))
    assert (silent.looks, silent.next_at) == (0, later(1 + CAPTURE_RETRY_SECONDS))
    assert after_no_answer(WANTED, later(3 * 86_400)).state is CaptureState.MISSING
    assert given_up(WANTED, NOW).state is CaptureState.MISSING


@pytest.mark.parametrize(
    ("state", "next_at", "profile"),
    [
        (CaptureState.WANTED, None, None),
        (CaptureState.WANTED, NOW, PROFILE),
        (CaptureState.SAVED, None, None),
        (CaptureState.SAVED, NOW, PROFILE),
        (CaptureState.MISSING, NOW, None),
        (CaptureState.MISSING, None, PROFILE),
    ],
)
def test_state_time_and_method_agree(
    state: CaptureState, next_at: int | None, profile: SavedProfile | None
) -> None:
    with pytest.raises(InvariantError):
        SavedPayment(
            invoice_id=InvoiceId("i"),
            account_id=ProviderAccountId("a"),
            state=state,
            next_at=None if next_at is None else NOW,
            profile=profile,
            created_at=NOW,
            updated_at=NOW,
        )


def test_a_method_is_good_until_it_expires() -> None:
    assert not PROFILE.is_expired(NOW)
    dated = replace(PROFILE, expires_at=NOW)
    assert dated.is_expired(NOW)
    assert not dated.is_expired(later(-1))


# --- charging -----------------------------------------------------------------------------------


def charge(state: ChargeState = ChargeState.RESERVED) -> Charge:
    return Charge(
        invoice_id=InvoiceId("i"),
        saved_invoice_id=InvoiceId("j"),
        profile_id="p",
        state=state,
        created_at=NOW,
        updated_at=NOW,
    )


def test_nothing_leads_to_a_second_charge() -> None:
    assert ChargeState.RESERVED not in CHARGE_TRANSITIONS.values()


@pytest.mark.parametrize(("state", "event"), list(itertools.product(ChargeState, EVENTS)))
def test_a_charge_moves_by_its_table(state: ChargeState, event: Confirm | Lose) -> None:
    after = CHARGE_TRANSITIONS.get((state, type(event)))
    if after is None:
        with pytest.raises(IllegalTransition):
            advance_charge(charge(state), event, NOW)
        return
    moved = advance_charge(charge(state), event, later(1), raw_status="R", detail="d")
    assert (moved.state, moved.raw_status, moved.detail, moved.updated_at) == (
        after,
        "R",
        "d",
        later(1),
    )


@pytest.mark.parametrize(("seconds", "is_lost"), [(0, False), (59, False), (60, True), (-1, True)])
def test_a_reservation_is_lost_after_a_minute(seconds: int, is_lost: bool) -> None:  # noqa: FBT001
    assert charge().is_lost(later(seconds)) is is_lost
    assert not charge(ChargeState.CHARGED).is_lost(later(seconds))


# --- ends that are doubted ----------------------------------------------------------------------

END = ProviderReport(
    status=ProviderStatus.EXPIRED, raw_status="ABANDONED", doubted_after="PROCESSING"
)


def invoice(raw_status: str | None, *, checked: int | None = 0, **fields: Any) -> Invoice:
    at = None if checked is None else later(checked)
    return make_invoice(provider_status_raw=raw_status, last_checked_at=at, **fields)


@pytest.mark.parametrize("status", [ProviderStatus.EXPIRED, ProviderStatus.INVALID])
def test_the_first_end_after_money_was_under_way_is_noted_only(status: ProviderStatus) -> None:
    kept = doubted(invoice("PROCESSING"), replace(END, status=status), later(5))
    assert kept is not None
    assert kept.status is InvoiceStatus.PENDING
    assert kept.provider_status_raw == "PROCESSING, then ABANDONED"
    assert kept.last_checked_at == later(5)


def test_within_the_minute_nothing_changes_and_then_the_end_counts() -> None:
    seen = invoice("PROCESSING, then ABANDONED")
    assert doubted(seen, END, later(SECOND_LOOK_SECONDS - 1)) is seen
    assert doubted(seen, END, later(SECOND_LOOK_SECONDS)) is None
    other = replace(END, status=ProviderStatus.INVALID, raw_status="CANCELED")
    assert doubted(seen, other, later(SECOND_LOOK_SECONDS)) is None


@pytest.mark.parametrize("checked", [10, None])
def test_a_clock_set_back_begins_the_minute_anew(checked: int | None) -> None:
    seen = invoice("PROCESSING, then ABANDONED", checked=checked)
    kept = doubted(seen, END, later(5))
    assert kept is not None
    assert kept.last_checked_at == later(5)


@pytest.mark.parametrize(
    ("before", "report"),
    [
        (invoice("PENDING"), END),
        (invoice(None), END),
        (invoice("PROCESSING"), replace(END, doubted_after=None)),
        (invoice("PROCESSING"), replace(END, status=ProviderStatus.SETTLED)),
        (invoice("PROCESSING"), replace(END, status=ProviderStatus.PENDING)),
        (invoice("PROCESSING"), replace(END, status=ProviderStatus.REFUNDED)),
        (invoice("PROCESSING", status=InvoiceStatus.EXPIRED), END),
    ],
)
def test_every_other_report_counts_at_once(before: Invoice, report: ProviderReport) -> None:
    assert doubted(before, report, later(5)) is None


def test_an_address_for_any_account_names_none() -> None:
    assert webhook_url("https://a.example/", None) == "https://a.example/v1/zaprite/webhook"
