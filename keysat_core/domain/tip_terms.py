"""What a sale leaves as a tip, which account pays it, and when a rule of ours forbids it.

Source: payments 13, lifecycles 14.3.
"""

from collections.abc import Iterable
from typing import Final

from keysat_core.domain.ids import TipId
from keysat_core.domain.instant import DAY_SECONDS, Instant
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.merchant import ProviderAccount, ProviderKind, asked_through
from keysat_core.domain.policy import Policy
from keysat_core.domain.tip import Fail, Skip, TipAttempt, advance
from keysat_core.limits import TIP_SATS_MAX

BPS_PER_WHOLE: Final = 10_000

CAP_SECONDS: Final = DAY_SECONDS
"""The daily cap counts what was paid within so long."""

_CAP_CHARS_MAX: Final = 20
"""Room for more sats than there are."""

PAYING_KINDS: Final = frozenset({ProviderKind.BTCPAY})
"""Accounts that can pay an invoice at all (payments 1.1). Pretend money leaves no shop."""


def tip_of_sale(
    tip_id: TipId, license: License, invoice: Invoice, policy: Policy | None, now: Instant
) -> TipAttempt | None:
    """Reserve the tip of a license that a sale issues; None when nobody is to be tipped.

    Source: payments 13: of what was paid, whole sats rounded down. Renewals and tier changes issue
    nothing, and what costs nothing tips nothing.
    """
    if policy is None or policy.tip is None or invoice.is_free:
        return None
    tip = TipAttempt(
        id=tip_id,
        license_id=license.id,
        policy_id=policy.id,
        invoice_id=invoice.id,
        recipient=policy.tip.recipient,
        amount_sats=invoice.amount_sats * policy.tip.pct_bps // BPS_PER_WHOLE,
        pct_bps=policy.tip.pct_bps,
        label=policy.tip.label,
        next_at=now,
        created_at=now,
        updated_at=now,
    )
    if tip.amount_sats <= 0:
        return advance(tip, Skip(reason="the share is less than 1 sat"), now=now)
    if tip.amount_sats > TIP_SATS_MAX:
        return advance(tip, Skip(reason=f"the share is above {TIP_SATS_MAX} sats"), now=now)
    return tip


def payer_of(
    account: ProviderAccount, connected: Iterable[ProviderAccount]
) -> ProviderAccount | None:
    """The account that collected a sale, or the one its store was connected as since."""
    if account.is_connected:
        return account
    return next((other for other in connected if asked_through(account, other)), None)


def refusal_of_payer(account: ProviderAccount | None) -> Fail | None:
    """Say why the account that was paid cannot tip; None when it can."""
    if account is None:
        return Fail(reason="the account that was paid is not connected any more")
    if account.kind not in PAYING_KINDS:
        return Fail(reason=f"unsupported: a {account.kind} account cannot pay lightning invoices")
    return None


def read_cap(text: str | None) -> int | None:
    """Read the daily cap in sats; None for no cap. What nobody can read lets nothing through."""
    if text is None:
        return None
    is_number = text.isascii() and text.isdigit() and len(text) <= _CAP_CHARS_MAX
    return int(text) if is_number else 0


def refusal_by_cap(tip: TipAttempt, spent_sats: int, cap_sats: int | None) -> Skip | None:
    """Say that a tip would exceed the daily cap; None when it does not."""
    if cap_sats is None or spent_sats + tip.amount_sats <= cap_sats:
        return None
    return Skip(reason=f"over the daily cap of {cap_sats} sats")
