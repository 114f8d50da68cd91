"""Connecting accounts, and how connected ones answer."""

from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from keysat_core.domain.connect_failure import ConnectFailure
from keysat_core.domain.connecting import ConnectState, RemoteStore, RemoteWebhook
from keysat_core.domain.ids import MerchantProfileId, ProviderAccountId
from keysat_core.domain.provider_health import ProviderHealth, ProviderProblem
from keysat_core.domain.webhook_trouble import RemoteDelivery, WebhookProblem, WebhookTrouble
from keysat_core.testing.strategies.building import built
from keysat_core.testing.strategies.identity import ids, instants
from keysat_core.testing.strategies.text import digests, names, texts


def connect_states(**fixed: Any) -> SearchStrategy[ConnectState]:
    """Consent links that were given out, of the master key and of scoped ones."""
    return built(
        ConnectState,
        fixed,
        token_hash=digests(),
        merchant_profile_id=st.none() | ids().map(MerchantProfileId),
        label=st.none() | names(),
        store_id=st.none() | texts(),
        is_scoped=st.booleans(),
        initiator_hash=st.none() | digests(),
        created_at=instants(),
    )


def remote_stores(**fixed: Any) -> SearchStrategy[RemoteStore]:
    """Stores at a BTCPay Server."""
    return built(RemoteStore, fixed, id=texts(), name=texts())


def remote_webhooks(**fixed: Any) -> SearchStrategy[RemoteWebhook]:
    """Webhooks as registered there."""
    return built(RemoteWebhook, fixed, id=texts(), url=texts(), is_enabled=st.booleans())


def provider_health(**fixed: Any) -> SearchStrategy[ProviderHealth]:
    """Whatever may be known of an account, contradictions included."""
    return built(
        ProviderHealth,
        fixed,
        account_id=ids().map(ProviderAccountId),
        failures=st.integers(0, 1_000),
        failing_since=st.none() | instants(),
        left_until=st.none() | instants(),
        is_known=st.booleans(),
        may_sell=st.booleans(),
        last_ok_at=st.none() | instants(),
        last_failed_at=st.none() | instants(),
        detail=st.none() | texts(),
        alerted=st.none() | st.sampled_from(ProviderProblem),
    )


def remote_deliveries(**fixed: Any) -> SearchStrategy[RemoteDelivery]:
    """Attempts to deliver a webhook, contradictions included."""
    return built(
        RemoteDelivery,
        fixed,
        id=texts(),
        sent_at=instants(),
        is_delivered=st.booleans(),
        http_status=st.none() | st.integers(100, 599),
    )


def webhook_troubles(**fixed: Any) -> SearchStrategy[WebhookTrouble]:
    """Whatever may be wrong with a webhook."""
    return built(
        WebhookTrouble,
        fixed,
        account_id=ids().map(ProviderAccountId),
        problem=st.sampled_from(WebhookProblem),
        detail=st.none() | texts(),
        since=instants(),
    )


def connect_failures(**fixed: Any) -> SearchStrategy[ConnectFailure]:
    """Why a consent came to nothing, with stores to choose from or without."""
    return built(
        ConnectFailure,
        fixed,
        message=texts(),
        stores=st.lists(remote_stores(), max_size=3).map(tuple),
        failed_at=instants(),
    )
