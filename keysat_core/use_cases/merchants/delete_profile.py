"""Delete a merchant profile."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import MerchantProfileDeleted, outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId, ProviderAccountId
from keysat_core.domain.instant import Instant
from keysat_core.domain.merchant import (
    MerchantProfile,
    disconnected,
    moved_account,
    refuse_profile_in_use,
)
from keysat_core.domain.setting import connect_failure_of
from keysat_core.errors import InvariantError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


def delete_profile(
    actor: Actor, profile_id: MerchantProfileId, *, store: Store, clock: Clock, ids: Ids
) -> MerchantProfile:
    """Delete a profile nothing hangs on, and give it as it was.

    Accounts that are disconnected are only the history of their invoices: they go to the default
    profile, as the audit row tells (B-14).

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        InvariantError: no such profile, it is the default, or products, subscriptions or connected
            accounts are its own (payments 4.2, B-14).
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        profile = tx.merchants.find_profile(profile_id)
        if profile is None:
            raise InvariantError("id", "no merchant profile has it")
        refuse_profile_in_use(
            profile,
            accounts=tx.merchants.list_accounts(profile.id),
            product_count=tx.merchants.count_products_of(profile.id),
            subscription_count=tx.subscriptions.count_live_of_profile(profile.id),
        )
        moved = _hand_over_history(tx, profile, now)
        tx.merchants.remove_profile(profile.id)
        tx.settings.put_setting(connect_failure_of(profile.id), None, now)
        tx.trail.append_audit(
            audited(
                actor,
                "merchant_profile.delete",
                now,
                target=("merchant_profile", profile.id),
                name=profile.name,
                **({"accounts_moved_to_default": moved} if moved else {}),
            )
        )
        event = MerchantProfileDeleted(merchant_profile_id=profile.id, name=profile.name)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return profile


def _hand_over_history(
    tx: Transaction, profile: MerchantProfile, now: Instant
) -> list[ProviderAccountId]:
    default = tx.merchants.find_default_profile()
    if default is None:
        return []
    historic = [
        account
        for account in tx.merchants.list_all_accounts(is_disconnected_included=True)
        if account.merchant_profile_id == profile.id
    ]
    for account in historic:
        retired = account
        if account.is_connected:
            # Pretend money: the default profile has an account of its own for it.
            retired = disconnected(account, now)
            tx.connections.remove_health(account.id)
        tx.merchants.put_account(moved_account(retired, default, now))
    return [account.id for account in historic]
