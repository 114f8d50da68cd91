"""Licenses an operator gives away, as asked for."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.grant import Grant, Receiver
from keysat_core.limits import SEATS_MAX, SECONDS_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import instants
from keysat_core.testing.strategies.products import entitlements
from keysat_core.testing.strategies.text import emails, slugs, texts


def receivers(**fixed: Any) -> SearchStrategy[Receiver]:
    """Who gets a license."""
    return built(Receiver, fixed, **_receiver())


def grants(**fixed: Any) -> SearchStrategy[Grant]:
    """Licenses to give away, with any terms of their own."""
    return built(
        Grant,
        fixed,
        **_receiver(),
        product_slug=slugs(),
        policy_slug=st.none() | slugs(),
        expires_at=st.none() | instants(1),
        entitlements=st.none() | entitlements(),
        max_machines=st.none() | st.integers(0, SEATS_MAX),
        grace_seconds=st.none() | st.integers(0, SECONDS_MAX),
        is_trial=st.none() | st.booleans(),
    )


def _receiver() -> dict[str, SearchStrategy[Any]]:
    return {
        "buyer_email": st.none() | emails(),
        "nostr_npub": st.none() | texts(),
        "note": st.none() | texts(),
    }
