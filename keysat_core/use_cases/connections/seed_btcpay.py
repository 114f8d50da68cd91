"""Take over the BTCPay store an old install had in its environment (admin-api B-30)."""

import msgspec

from keysat_core.domain.account_record import connected_record
from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.events import outbox_event
from keysat_core.domain.ids import EventId, ProviderAccountId
from keysat_core.domain.merchant import SERVED_RAILS, ProviderAccount, ProviderKind
from keysat_core.domain.secret import Secret
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class BTCPaySeed(msgspec.Struct, frozen=True, kw_only=True):
    """What connects a store without consent: all three were set by hand."""

    api_key: Secret
    store_id: str
    webhook_secret: Secret


def seed_btcpay(
    seed: BTCPaySeed, *, base_url: str, store: Store, clock: Clock, ids: Ids
) -> ProviderAccount | None:
    """Connect the store to the default profile; None if that is no longer to be done.

    It is not when the profile has a BTCPay Server, nor when this store was ever connected: an
    operator who disconnected it meant it.
    """
    now = clock.now()
    with store.writing() as tx:
        profile = tx.merchants.find_default_profile()
        known = tx.merchants.list_all_accounts(is_disconnected_included=True)
        btcpays = [account for account in known if account.kind is ProviderKind.BTCPAY]
        is_known = any(account.store_id == seed.store_id for account in btcpays)
        if profile is None or is_known:
            return None
        if any(one.is_connected and one.merchant_profile_id == profile.id for one in btcpays):
            return None
        account = ProviderAccount(
            id=ProviderAccountId(ids.new()),
            merchant_profile_id=profile.id,
            kind=ProviderKind.BTCPAY,
            label=f"BTCPay \N{EM DASH} {profile.name}",
            served_rails=SERVED_RAILS[ProviderKind.BTCPAY],
            base_url=base_url,
            api_key=seed.api_key,
            webhook_secret=seed.webhook_secret,
            store_id=seed.store_id,
            connected_at=now,
            updated_at=now,
        )
        tx.merchants.put_account(account)
        audit, event = connected_record(
            account, SYSTEM, now, store_id=account.store_id, source="environment"
        )
        tx.trail.append_audit(audit)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return account
