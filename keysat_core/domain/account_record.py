"""What is written down when an account at a payment provider is connected or retired.

Source: admin-api 6; decision record 0013.
"""

from typing import TypeAlias

from keysat_core.domain.actor import Actor
from keysat_core.domain.audit import AuditEntry, audited
from keysat_core.domain.document import JSONValue
from keysat_core.domain.events import ProviderConnected, ProviderDisconnected
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import ProviderAccount

ConnectedRecord: TypeAlias = tuple[AuditEntry, ProviderConnected]
DisconnectedRecord: TypeAlias = tuple[AuditEntry, ProviderDisconnected]


def connected_record(
    account: ProviderAccount,
    actor: Actor,
    now: Instant,
    *,
    action: str = "payment_provider.connect",
    **details: JSONValue,
) -> ConnectedRecord:
    """Describe an account that is connected from now on."""
    event = ProviderConnected(
        provider_id=account.id,
        kind=account.kind,
        merchant_profile_id=account.merchant_profile_id,
    )
    return _entry(account, actor, action, now, **details), event


def disconnected_record(
    account: ProviderAccount, actor: Actor, now: Instant, **details: JSONValue
) -> DisconnectedRecord:
    """Describe an account that is retired from now on."""
    event = ProviderDisconnected(
        provider_id=account.id,
        kind=account.kind,
        merchant_profile_id=account.merchant_profile_id,
    )
    return _entry(account, actor, "payment_provider.disconnect", now, **details), event


def _entry(
    account: ProviderAccount, actor: Actor, action: str, now: Instant, **details: JSONValue
) -> AuditEntry:
    return audited(
        actor,
        action,
        now,
        target=("payment_provider", account.id),
        kind=account.kind,
        merchant_profile_id=account.merchant_profile_id,
        **details,
    )
