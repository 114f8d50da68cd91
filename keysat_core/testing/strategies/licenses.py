"""Licenses and what may happen to one."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import LicenseId, ProductId
from keysat_core.domain.license import (
    License,
    LicenseEvent,
    LicenseStatus,
    Reinstate,
    Revoke,
    Suspend,
)
from keysat_core.limits import SEATS_MAX, SECONDS_MAX
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.products import entitlements
from keysat_core.testing.strategies.text import documents, emails, texts


def licenses(**fixed: Any) -> SearchStrategy[License]:
    """Licenses in every state, without policy or invoice unless given."""
    return built(
        License,
        fixed,
        id=ids().map(LicenseId),
        product_id=ids().map(ProductId),
        status=st.sampled_from(LicenseStatus),
        issued_at=instants(),
        expires_at=st.none() | instants(1),
        grace_seconds=st.integers(0, SECONDS_MAX),
        max_machines=st.integers(0, SEATS_MAX),
        is_trial=st.booleans(),
        entitlements=entitlements(),
        fingerprint=st.none() | texts(),
        buyer_email=st.none() | emails(),
        nostr_npub=st.none() | texts(),
        bound_identity=st.none() | texts(),
        metadata=documents(),
        suspended_at=st.none() | instants(),
        suspension_reason=st.none() | texts(),
        revoked_at=st.none() | instants(),
        revocation_reason=st.none() | texts(),
    )


def suspends(**fixed: Any) -> SearchStrategy[Suspend]:
    """The operator stops a license for a while."""
    return built(Suspend, fixed, reason=texts())


def reinstates() -> SearchStrategy[Reinstate]:
    """The operator lifts a suspension."""
    return st.builds(Reinstate)


def revokes(**fixed: Any) -> SearchStrategy[Revoke]:
    """The operator ends a license for good."""
    return built(Revoke, fixed, reason=texts())


def license_events() -> SearchStrategy[LicenseEvent]:
    """Whatever an operator may do to a license, whether its state allows it or not."""
    return st.one_of(suspends(), reinstates(), revokes())
