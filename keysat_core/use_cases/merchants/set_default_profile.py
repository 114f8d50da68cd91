"""Make a merchant profile the default."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import MerchantProfileUpdated, outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId
from keysat_core.domain.merchant import MerchantProfile
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


def set_default_profile(
    actor: Actor, profile_id: MerchantProfileId, *, store: Store, clock: Clock, ids: Ids
) -> MerchantProfile:
    """Make this profile the one of products that name none, at once (payments 4.2).

    If it is already, nothing is written.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        NotFound: no such profile.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        profile = tx.merchants.find_profile(profile_id)
        if profile is None:
            raise NotFound("merchant profile", profile_id)
        if profile.is_default:
            return profile
        # The old one first: at no time may two rows claim to be the default.
        before = tx.merchants.find_default_profile()
        if before is not None:
            tx.merchants.put_profile(
                msgspec.structs.replace(before, is_default=False, updated_at=now)
            )
        profile = msgspec.structs.replace(profile, is_default=True, updated_at=now)
        tx.merchants.put_profile(profile)
        tx.trail.append_audit(
            audited(
                actor,
                "merchant_profile.set_default",
                now,
                target=("merchant_profile", profile.id),
                name=profile.name,
                previous_id=before.id if before else None,
            )
        )
        event = MerchantProfileUpdated(merchant_profile_id=profile.id, fields=("is_default",))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return profile
