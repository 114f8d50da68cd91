"""Change a merchant profile."""

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited, before_and_after
from keysat_core.domain.document import JSONValue
from keysat_core.domain.events import MerchantProfileUpdated, outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId
from keysat_core.domain.merchant import MerchantProfile
from keysat_core.domain.merchant_fields import checked_field
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class UpdateProfile(msgspec.Struct, frozen=True, kw_only=True):
    """Fields to change; what is UNSET stays and None clears (B-22)."""

    profile_id: MerchantProfileId
    name: str | UnsetType = UNSET
    legal_name: str | UnsetType | None = UNSET
    support_url: str | UnsetType | None = UNSET
    support_email: str | UnsetType | None = UNSET
    brand_color: str | UnsetType | None = UNSET
    post_purchase_redirect_url: str | UnsetType | None = UNSET
    smtp_host: str | UnsetType | None = UNSET
    smtp_port: int | UnsetType | None = UNSET
    smtp_username: str | UnsetType | None = UNSET
    smtp_password: Secret | UnsetType | None = UNSET
    smtp_from_address: str | UnsetType | None = UNSET
    smtp_from_name: str | UnsetType | None = UNSET
    smtp_use_starttls: bool | UnsetType | None = UNSET


def update_profile(
    actor: Actor, command: UpdateProfile, *, store: Store, clock: Clock, ids: Ids
) -> MerchantProfile:
    """Store a changed profile. An empty change is answered with the profile as it is.

    The audit row says what fields were and are, but of the mail server's only that they changed: a
    password is among them. The event names fields alone.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        InvariantError: no such profile (payments 4.2), or a field breaks a rule.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        profile = tx.merchants.find_profile(command.profile_id)
        if profile is None:
            raise InvariantError("id", "no merchant profile has it")
        changes = _changes(profile, command)
        if not changes:
            return profile
        before = profile
        profile = msgspec.structs.replace(before, updated_at=now, **changes)
        tx.merchants.put_profile(profile)
        tx.trail.append_audit(
            audited(
                actor,
                "merchant_profile.update",
                now,
                target=("merchant_profile", profile.id),
                name=profile.name,
                fields=list(changes),
                **before_and_after(
                    before, profile, [one for one in changes if not one.startswith("smtp_")]
                ),
            )
        )
        event = MerchantProfileUpdated(merchant_profile_id=profile.id, fields=tuple(changes))
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return profile


def _changes(profile: MerchantProfile, command: UpdateProfile) -> dict[str, JSONValue]:
    sent = msgspec.structs.asdict(command)
    del sent["profile_id"]
    wanted = {
        field: checked_field(field, value) for field, value in sent.items() if value is not UNSET
    }
    return {field: value for field, value in wanted.items() if value != getattr(profile, field)}
