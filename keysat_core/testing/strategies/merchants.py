"""Merchant profiles, and the accounts through which they are paid."""

from typing import Any

import msgspec
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.logo import Logo, checked_logo
from keysat_core.domain.merchant import (
    MerchantProfile,
    ProviderAccount,
    ProviderKind,
    RailPreference,
    disconnected,
)
from keysat_core.domain.payment import Rail
from keysat_core.domain.secret import Secret
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import names, texts


def merchant_profiles(**fixed: Any) -> SearchStrategy[MerchantProfile]:
    """Business identities, the default one among them."""
    return built(
        MerchantProfile,
        fixed,
        id=ids().map(MerchantProfileId),
        name=names(),
        is_default=st.booleans(),
        legal_name=st.none() | texts(),
        support_url=st.none() | texts(),
        support_email=st.none() | texts(),
        brand_color=st.none() | texts(),
        post_purchase_redirect_url=st.none() | texts(),
        smtp_host=st.none() | texts(),
        smtp_port=st.none() | st.integers(1, 65_535),
        smtp_username=st.none() | texts(),
        smtp_password=st.none() | texts().map(Secret),
        smtp_from_address=st.none() | texts(),
        smtp_from_name=st.none() | texts(),
        smtp_use_starttls=st.booleans(),
        created_at=instants(),
        updated_at=instants(),
    )


def provider_accounts(**fixed: Any) -> SearchStrategy[ProviderAccount]:
    """Accounts of every kind with at least one rail; connected ones may have secrets."""
    rails = st.lists(st.sampled_from(Rail), min_size=1, unique=True).map(tuple)
    retired_at = fixed.pop("disconnected_at", None)
    connected = built(
        ProviderAccount,
        fixed,
        id=ids().map(ProviderAccountId),
        merchant_profile_id=ids().map(MerchantProfileId),
        kind=st.sampled_from(ProviderKind),
        label=names(),
        served_rails=rails,
        base_url=texts(),
        api_key=st.none() | texts().map(Secret),
        webhook_id=st.none() | texts(),
        webhook_secret=st.none() | texts().map(Secret),
        store_id=st.none() | texts(),
        connected_at=instants(),
        updated_at=instants(),
        store_name=st.none() | texts(),
    )
    moments = st.none() | instants() if retired_at is None else st.just(retired_at)
    return st.builds(
        lambda account, at: account if at is None else disconnected(account, at), connected, moments
    )


def logos(**fixed: Any) -> SearchStrategy[Logo]:
    """Pictures of every kind, by what they begin with."""
    beginnings = st.sampled_from(
        (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\x00\x00\x00\x00WEBP")
    )
    contents = st.builds(lambda start, rest: start + rest, beginnings, st.binary(max_size=64))
    made = st.builds(checked_logo, ids().map(MerchantProfileId), contents, instants())
    return made.map(lambda logo: msgspec.structs.replace(logo, **fixed))


def rail_preferences(**fixed: Any) -> SearchStrategy[RailPreference]:
    """Which account collects on a rail."""
    return built(
        RailPreference,
        fixed,
        merchant_profile_id=ids().map(MerchantProfileId),
        rail=st.sampled_from(Rail),
        provider_account_id=ids().map(ProviderAccountId),
    )
