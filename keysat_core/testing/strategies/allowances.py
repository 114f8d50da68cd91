"""Token buckets, and what an operator is entitled to."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.rate_limit import ALLOWANCES, Allowance, Bucket
from keysat_core.domain.self_license import UPGRADE_BASE_URL, Capability, SelfLicense
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import slugs

_TOKENS_MAX = 1_000
_REFILL_SECONDS_MAX = 86_400


def allowances(**fixed: Any) -> SearchStrategy[Allowance]:
    """Kinds of buckets: those in use, and others."""
    if fixed:
        return _other_allowances(fixed)
    return st.sampled_from(ALLOWANCES) | _other_allowances({})


def _other_allowances(fixed: dict[str, Any]) -> SearchStrategy[Allowance]:
    return built(
        Allowance,
        fixed,
        kind=slugs(),
        capacity=st.integers(1, _TOKENS_MAX),
        refill_tokens=st.integers(1, _TOKENS_MAX),
        refill_seconds=st.integers(1, _REFILL_SECONDS_MAX),
    )


@st.composite
def buckets(draw: st.DrawFn, /, allowance: Allowance | None = None) -> Bucket:
    """What is left for a caller, from nothing to a full bucket of its kind."""
    kind = allowance or draw(allowances())
    return Bucket(units=draw(st.integers(0, kind.units_max)), refilled_at=draw(instants()))


def self_licenses(**fixed: Any) -> SearchStrategy[SelfLicense]:
    """The operator's own license, with any capabilities and with entitlements nobody knows."""
    known = st.sampled_from(Capability).map(str)
    return built(
        SelfLicense,
        fixed,
        license_id=st.none() | ids().map(LicenseId),
        entitlements=st.frozensets(known | slugs(), max_size=8),
        upgrade_base_url=st.just(UPGRADE_BASE_URL) | slugs().map("https://up.example/".__add__),
    )
