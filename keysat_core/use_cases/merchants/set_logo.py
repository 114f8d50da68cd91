"""Give a merchant profile the picture it is known by, or take it away."""

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import MerchantProfileUpdated, outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId
from keysat_core.domain.instant import Instant
from keysat_core.domain.logo import Logo, checked_logo
from keysat_core.domain.merchant import MerchantProfile
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store, Transaction


def set_logo(
    actor: Actor,
    profile_id: MerchantProfileId,
    content: bytes,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
) -> Logo:
    """Put a picture in place. The same one again is answered with what there is.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        NotFound: no such profile.
        InvariantError: it is too large, or no picture of a known kind.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        profile = _profile(tx, profile_id)
        logo = checked_logo(profile.id, content, now)
        before = tx.logos.find_logo(profile.id)
        if before is not None and before.content == content:
            return before
        tx.logos.put_logo(logo)
        tx.trail.append_audit(
            audited(
                actor,
                "merchant_profile.logo.set",
                now,
                target=("merchant_profile", profile.id),
                name=profile.name,
                media_type=logo.media_type,
                size=len(content),
            )
        )
        _tell(tx, profile, ids, now)
    return logo


def clear_logo(
    actor: Actor, profile_id: MerchantProfileId, *, store: Store, clock: Clock, ids: Ids
) -> MerchantProfileId:
    """Take the picture away; fine without one.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        NotFound: no such profile.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        profile = _profile(tx, profile_id)
        if tx.logos.find_version(profile.id) is None:
            return profile.id
        tx.logos.remove_logo(profile.id)
        tx.trail.append_audit(
            audited(
                actor,
                "merchant_profile.logo.clear",
                now,
                target=("merchant_profile", profile.id),
                name=profile.name,
            )
        )
        _tell(tx, profile, ids, now)
    return profile.id


def find_logo(profile_id: MerchantProfileId, *, store: Store) -> Logo | None:
    """Give the picture of a profile to whoever asks: it is on every page for buyers."""
    with store.reading() as tx:
        return tx.logos.find_logo(profile_id)


def _profile(tx: Transaction, profile_id: MerchantProfileId) -> MerchantProfile:
    profile = tx.merchants.find_profile(profile_id)
    if profile is None:
        raise NotFound("merchant profile", profile_id)
    return profile


def _tell(tx: Transaction, profile: MerchantProfile, ids: Ids, now: Instant) -> None:
    event = MerchantProfileUpdated(merchant_profile_id=profile.id, fields=("logo",))
    tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
