"""Discount codes and their uses."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.code import BPS_WHOLE, Code, CodeDuration, CodeKind
from keysat_core.domain.ids import CodeId, InvoiceId, LicenseId, PolicyId, ProductId, RedemptionId
from keysat_core.domain.money import Currency
from keysat_core.domain.redemption import CodeUse, Redeem, Redemption, RedemptionStatus, Withdraw
from keysat_core.limits import AMOUNT_MAX, CODE_CHARS_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import names, texts


def code_texts() -> SearchStrategy[str]:
    """Codes as they are stored."""
    letters = st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
    return st.text(letters, min_size=1, max_size=CODE_CHARS_MAX)


@st.composite
def codes(draw: st.DrawFn, /, **fixed: Any) -> Code:
    """Codes of every kind that keep their invariants, with their count within the cap."""
    kind = fixed.get("kind", draw(st.sampled_from(CodeKind)))
    high = {CodeKind.PERCENT: BPS_WHOLE, CodeKind.FREE_LICENSE: 0}.get(kind, AMOUNT_MAX)
    low = 0 if kind in {CodeKind.PERCENT, CodeKind.FREE_LICENSE} else 1
    product_id = fixed.get("product_id", draw(st.none() | ids().map(ProductId)))
    max_uses = fixed.get("max_uses", draw(st.none() | st.integers(1, 1_000)))
    policy_ids = st.lists(ids().map(PolicyId), max_size=3, unique=True).map(tuple)
    made = built(
        Code,
        {"kind": kind, "product_id": product_id, "max_uses": max_uses} | fixed,
        id=ids().map(CodeId),
        code=code_texts(),
        amount=st.integers(low, high),
        currency=st.sampled_from(Currency),
        duration=st.sampled_from(CodeDuration),
        used_count=st.integers(0, max_uses or 1_000),
        expires_at=st.none() | instants(),
        policy_ids=policy_ids if product_id is not None else st.just(()),
        referrer_label=st.none() | names(),
        description=texts(),
        active=st.booleans(),
        featured=st.booleans(),
        created_at=instants(),
        updated_at=instants(),
    )
    return draw(made)


@st.composite
def redemptions(draw: st.DrawFn, /, **fixed: Any) -> Redemption:
    """Redemptions in every state."""
    status = fixed.get("status", draw(st.sampled_from(RedemptionStatus)))
    is_redeemed = status is RedemptionStatus.REDEEMED
    sats = st.integers(0, AMOUNT_MAX)
    made = built(
        Redemption,
        {"status": status} | fixed,
        id=ids().map(RedemptionId),
        code_id=ids().map(CodeId),
        invoice_id=ids().map(InvoiceId),
        license_id=ids().map(LicenseId) if is_redeemed else st.none(),
        discount_applied_sats=sats,
        base_price_sats=sats,
        final_price_sats=sats,
        created_at=instants(),
        updated_at=instants(),
    )
    return draw(made)


@st.composite
def code_uses(draw: st.DrawFn, /, **fixed: Any) -> CodeUse:
    """A use that is pending or was given back, with its code."""
    open_ones = st.sampled_from([RedemptionStatus.PENDING, RedemptionStatus.CANCELLED])
    status = fixed.pop("status", draw(open_ones))
    code = draw(codes())
    use = draw(redemptions(code_id=code.id, status=status, **fixed))
    return CodeUse(redemption=use, code=code)


def redeems() -> SearchStrategy[Redeem]:
    """The license was issued."""
    return st.builds(Redeem, license_id=ids().map(LicenseId))


def withdraws() -> SearchStrategy[Withdraw]:
    """The sale ended unpaid."""
    return st.builds(Withdraw)
