"""Lightning addresses, what they answer, and invoices as they are decoded."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.instant import Instant
from keysat_core.domain.lightning import MSAT_PER_SAT, LightningAddress, LightningInvoice, PayOffer
from keysat_core.limits import AMOUNT_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import instants
from keysat_core.testing.strategies.text import digests, texts

_USER = r"[A-Za-z0-9_+-][A-Za-z0-9._+-]{0,19}"
_DOMAIN = r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,19}"


def lightning_addresses(**fixed: Any) -> SearchStrategy[LightningAddress]:
    """Addresses an operator may name."""
    return built(
        LightningAddress,
        fixed,
        user=st.from_regex(_USER, fullmatch=True),
        domain=st.from_regex(_DOMAIN, fullmatch=True),
    )


def pay_offers(**fixed: Any) -> SearchStrategy[PayOffer]:
    """Whatever an address may answer, contradictions included."""
    return built(
        PayOffer,
        fixed,
        callback=texts().map("https://pay.example/".__add__),
        sendable_msat_min=_msats(),
        sendable_msat_max=_msats(),
        metadata=texts(),
    )


@st.composite
def lightning_invoices(draw: st.DrawFn, /, **fixed: Any) -> LightningInvoice:
    """Invoices of any network and amount, expired or not."""
    created_at: Instant = fixed.get("created_at", draw(instants()))
    return draw(
        built(
            LightningInvoice,
            fixed,
            bolt11=texts(chars_min=1),
            network=st.sampled_from(("bc", "tb", "tbs", "bcrt")),
            amount_msat=st.none() | _msats(),
            payment_hash=digests(),
            description_hash=st.none() | digests(),
            created_at=st.just(created_at),
            expires_at=instants(created_at),
        )
    )


def _msats() -> SearchStrategy[int]:
    return st.integers(0, AMOUNT_MAX * MSAT_PER_SAT)
