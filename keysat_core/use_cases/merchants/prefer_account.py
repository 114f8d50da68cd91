"""Choose which account of a merchant profile collects on a rail, or leave it to the order again."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import MerchantProfileUpdated, outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import RailPreference, checked_preference
from keysat_core.domain.payment import Rail, checked_rail
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store

_FIELDS = ("rail_preferences",)


class PreferAccount(msgspec.Struct, frozen=True, kw_only=True):
    """Which account is to collect. ``rail`` in any spelling that buyers may send."""

    profile_id: MerchantProfileId
    rail: str
    account_id: ProviderAccountId


def prefer_account(
    actor: Actor, command: PreferAccount, *, store: Store, clock: Clock, ids: Ids
) -> RailPreference:
    """Store a preference in place of the rail's former one; the same again writes nothing.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        NotFound: no such profile.
        InvariantError: an unknown rail; or the account is unknown, disconnected, another profile's,
            or does not serve the rail (payments 4.2).
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    rail = checked_rail(command.rail)
    with store.writing() as tx:
        if tx.merchants.find_profile(command.profile_id) is None:
            raise NotFound("merchant profile", command.profile_id)
        account = tx.merchants.find_account(command.account_id)
        preference = checked_preference(command.profile_id, rail, account)
        if preference in tx.merchants.list_preferences(command.profile_id):
            return preference
        tx.merchants.put_preference(preference)
        tx.trail.append_audit(
            audited(
                actor,
                "merchant_profile.rail_preference.set",
                now,
                target=("merchant_profile", command.profile_id),
                rail=str(rail),
                payment_provider_id=preference.provider_account_id,
            )
        )
        event = MerchantProfileUpdated(merchant_profile_id=command.profile_id, fields=_FIELDS)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return preference


def clear_preference(
    actor: Actor,
    profile_id: MerchantProfileId,
    rail: str,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> Rail:
    """Forget a rail's preference and give the rail; without one nothing is written.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        InvariantError: an unknown rail. An unknown profile has no preferences, and that is fine.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    named = checked_rail(rail)
    with store.writing() as tx:
        preferred = {one.rail for one in tx.merchants.list_preferences(profile_id)}
        if named not in preferred:
            return named
        tx.merchants.remove_preference(profile_id, named)
        tx.trail.append_audit(
            audited(
                actor,
                "merchant_profile.rail_preference.clear",
                now,
                target=("merchant_profile", profile_id),
                rail=str(named),
            )
        )
        event = MerchantProfileUpdated(merchant_profile_id=profile_id, fields=_FIELDS)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return named
