"""Create a merchant profile."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import MerchantProfileCreated, outbox_event
from keysat_core.domain.ids import EventId, MerchantProfileId, ProviderAccountId
from keysat_core.domain.merchant import MerchantProfile, sandbox_account
from keysat_core.domain.merchant_fields import checked_field
from keysat_core.domain.self_license import SelfLicense, refuse_beyond_cap
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.store import Store


class CreateProfile(msgspec.Struct, frozen=True, kw_only=True):
    """A new profile. ``post_purchase_redirect_url`` may hold ``{invoice_id}``."""

    name: str
    legal_name: str | None = None
    support_url: str | None = None
    support_email: str | None = None
    brand_color: str | None = None
    post_purchase_redirect_url: str | None = None


def create_profile(
    actor: Actor,
    command: CreateProfile,
    *,
    store: Store,
    clock: Clock,
    ids: Ids,
    self_license: SelfLicense,
    is_sandbox: bool = False,
) -> MerchantProfile:
    """Store a new profile, which is never the default and has no provider yet.

    In sandbox mode it has one of pretend money, as the default profile has. Source: admin-api 2.14; order of checks: scope, cap, fields.

    Raises:
        Forbidden: the actor lacks ``merchant_profiles:write``.
        TierCapReached: the operator's tier allows no more profiles.
        InvariantError: a field breaks a rule.
    """
    authorize(actor, Scope.MERCHANT_PROFILES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        refuse_beyond_cap(
            self_license,
            noun="merchant profiles",
            cap=self_license.merchant_profiles_cap,
            count=tx.merchants.count_profiles(),
        )
        fields = {
            field: checked_field(field, value)
            for field, value in msgspec.structs.asdict(command).items()
        }
        profile = msgspec.structs.replace(
            MerchantProfile(
                id=MerchantProfileId(ids.new()),
                name=command.name,
                is_default=False,
                created_at=now,
                updated_at=now,
            ),
            **fields,
        )
        tx.merchants.put_profile(profile)
        target = ("merchant_profile", profile.id)
        tx.trail.append_audit(
            audited(actor, "merchant_profile.create", now, target=target, name=profile.name)
        )
        if is_sandbox:
            account = sandbox_account(ProviderAccountId(ids.new()), profile, now)
            tx.merchants.put_account(account)
            paid_to = ("payment_provider", account.id)
            tx.trail.append_audit(
                audited(
                    actor,
                    "payment_provider.connect",
                    now,
                    target=paid_to,
                    kind=account.kind,
                    merchant_profile_id=profile.id,
                )
            )
        event = MerchantProfileCreated(merchant_profile_id=profile.id, name=profile.name)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
    return profile
