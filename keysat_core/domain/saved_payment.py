"""Payment methods that buyers let a provider keep, and charging them again.

A charge is decided here before it is made, because a card must never be charged twice for one
invoice. Source: payments 7.6.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, TypeAlias

import msgspec

from keysat_core.domain.ids import InvoiceId, ProviderAccountId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.policy import Policy
from keysat_core.errors import IllegalTransition, InvariantError

CAPTURE_SECONDS: Final = (0, 30, 300, 3_600)
"""When we look for a saved method, counted from the sale: it may appear a little later than the money."""

CAPTURE_RETRY_SECONDS: Final = 300
"""The pause after a look that the provider did not answer; it does not count as a look."""

CAPTURE_DAYS: Final = 3
"""For how long a provider that does not answer is asked (payments 10: as long as for an invoice)."""

CHARGE_LOST_SECONDS: Final = 60
"""A charge whose answer is not recorded by then never will be: no call takes as long."""

SAVING_KINDS: Final = frozenset({ProviderKind.ZAPRITE})
"""Providers that can keep a payment method."""


class SavedProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A payment method as its provider keeps it. ``expires_at`` None: not said."""

    contact_id: str
    profile_id: str
    method: str | None = None
    expires_at: Instant | None = None

    def is_expired(self, now: Instant) -> bool:
        """It cannot be charged any more."""
        return self.expires_at is not None and self.expires_at <= now


class CaptureState(StrEnum):
    """Whether the payment method of a sale was found at its provider."""

    WANTED = "wanted"
    SAVED = "saved"
    MISSING = "missing"


class SavedPayment(msgspec.Struct, frozen=True, kw_only=True):
    """The payment method that a recurring purchase may have left behind; one for each invoice.

    ``profile`` is there exactly when it is saved, ``next_at`` exactly while it is wanted.
    """

    invoice_id: InvoiceId
    account_id: ProviderAccountId
    state: CaptureState = CaptureState.WANTED
    looks: int = 0
    next_at: Instant | None
    profile: SavedProfile | None = None
    created_at: Instant
    updated_at: Instant

    def __post_init__(self) -> None:
        if (self.profile is not None) is not (self.state is CaptureState.SAVED):
            raise InvariantError("profile", "is there exactly when the payment method is saved")
        if (self.next_at is not None) is not (self.state is CaptureState.WANTED):
            raise InvariantError("next_at", "is there exactly while the payment method is wanted")


def wanted_of_sale(
    invoice: Invoice, policy: Policy | None, kind: ProviderKind | None, now: Instant
) -> SavedPayment | None:
    """Have the payer's saved method looked for once a recurring tier was sold; None: there is none.

    On whose word it was settled makes no difference: a card may have been saved all the same.
    Source: payments 7.6.
    """
    is_recurring = policy is not None and policy.is_recurring
    if not is_recurring or invoice.provider_account_id is None or kind not in SAVING_KINDS:
        return None
    return wanted(invoice.id, invoice.provider_account_id, now)


def wanted(invoice_id: InvoiceId, account_id: ProviderAccountId, now: Instant) -> SavedPayment:
    """Begin to look for what a sale may have left behind."""
    return SavedPayment(
        invoice_id=invoice_id,
        account_id=account_id,
        next_at=Instant(now + CAPTURE_SECONDS[0]),
        created_at=now,
        updated_at=now,
    )


def after_find(saved: SavedPayment, found: SavedProfile | None, now: Instant) -> SavedPayment:
    """Note what the provider answered. What is not there after the last look never will be."""
    looks = saved.looks + 1
    if found is not None:
        return _ended(saved, CaptureState.SAVED, now, looks=looks, profile=found)
    if looks >= len(CAPTURE_SECONDS):
        return _ended(saved, CaptureState.MISSING, now, looks=looks)
    pause = CAPTURE_SECONDS[looks] - CAPTURE_SECONDS[looks - 1]
    return msgspec.structs.replace(saved, looks=looks, next_at=Instant(now + pause), updated_at=now)


def after_no_answer(saved: SavedPayment, now: Instant) -> SavedPayment:
    """Note that the provider did not answer: ask again in a while, but not for ever."""
    if now - saved.created_at >= CAPTURE_DAYS * DAY_SECONDS:
        return given_up(saved, now)
    return msgspec.structs.replace(
        saved, next_at=Instant(now + CAPTURE_RETRY_SECONDS), updated_at=now
    )


def given_up(saved: SavedPayment, now: Instant) -> SavedPayment:
    """Look no more: there is nobody to ask."""
    return _ended(saved, CaptureState.MISSING, now, looks=saved.looks)


def _ended(
    saved: SavedPayment,
    state: CaptureState,
    now: Instant,
    *,
    looks: int,
    profile: SavedProfile | None = None,
) -> SavedPayment:
    return msgspec.structs.replace(
        saved, state=state, looks=looks, next_at=None, profile=profile, updated_at=now
    )


# --- charging: state machine (payments 7.6) -----------------------------------------------------


class ChargeReport(msgspec.Struct, frozen=True, kw_only=True):
    """What a provider answered to a charge. ``is_paid``: in so many words; nothing else means money."""

    is_paid: bool
    raw_status: str


class ChargeState(StrEnum):
    """``reserved``: about to be made, or made and its answer lost; ``unknown``: it was lost.

    ``not_charged``: the provider answered something else than that it is paid; the invoice may
    still settle. ``failed``: the provider refused.
    """

    RESERVED = "reserved"
    CHARGED = "charged"
    NOT_CHARGED = "not_charged"
    FAILED = "failed"
    UNKNOWN = "unknown"


class Confirm(msgspec.Struct, frozen=True, kw_only=True, tag="confirm"):
    """The provider answered that it is paid."""


class Decline(msgspec.Struct, frozen=True, kw_only=True, tag="decline"):
    """The provider answered anything else."""


class Refuse(msgspec.Struct, frozen=True, kw_only=True, tag="refuse"):
    """The provider refused the call."""


class Lose(msgspec.Struct, frozen=True, kw_only=True, tag="lose"):
    """No answer came, or none was recorded."""


ChargeEvent: TypeAlias = Confirm | Decline | Refuse | Lose

CHARGE_TRANSITIONS: Final[Mapping[tuple[ChargeState, type[ChargeEvent]], ChargeState]] = {
    (ChargeState.RESERVED, Confirm): ChargeState.CHARGED,
    (ChargeState.RESERVED, Decline): ChargeState.NOT_CHARGED,
    (ChargeState.RESERVED, Refuse): ChargeState.FAILED,
    (ChargeState.RESERVED, Lose): ChargeState.UNKNOWN,
    (ChargeState.UNKNOWN, Confirm): ChargeState.CHARGED,
    (ChargeState.UNKNOWN, Decline): ChargeState.NOT_CHARGED,
    (ChargeState.UNKNOWN, Refuse): ChargeState.FAILED,
    (ChargeState.UNKNOWN, Lose): ChargeState.UNKNOWN,
}
"""An answer that comes after it was given up is still noted; nothing leads back to ``reserved``."""


class Charge(msgspec.Struct, frozen=True, kw_only=True):
    """The one charge there may ever be for an invoice. ``saved_invoice_id``: whose method it uses."""

    invoice_id: InvoiceId
    saved_invoice_id: InvoiceId | None
    profile_id: str
    state: ChargeState = ChargeState.RESERVED
    raw_status: str = ""
    detail: str = ""
    created_at: Instant
    updated_at: Instant

    def is_lost(self, now: Instant) -> bool:
        """It was reserved so long ago that its answer is lost. So it is when the clock was set back."""
        is_recent = 0 <= now - self.created_at < CHARGE_LOST_SECONDS
        return self.state is ChargeState.RESERVED and not is_recent


def advance_charge(
    charge: Charge, event: ChargeEvent, now: Instant, *, raw_status: str = "", detail: str = ""
) -> Charge:
    """Note how a charge went.

    Raises:
        IllegalTransition: how it went is known already.
    """
    state = CHARGE_TRANSITIONS.get((charge.state, type(event)))
    if state is None:
        raise IllegalTransition("charge", charge.state, type(event).__name__.lower())
    return msgspec.structs.replace(
        charge, state=state, raw_status=raw_status, detail=detail, updated_at=now
    )
