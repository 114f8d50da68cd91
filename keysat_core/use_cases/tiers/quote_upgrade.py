"""Tell a buyer what another tier would cost."""

from keysat_core.domain.ids import LicenseId
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.tier_change import ChangeActor
from keysat_core.domain.tier_quote import TierQuote, buyers_target, quote_change, quote_wait
from keysat_core.domain.tier_request import UpgradeRequest, checked_target, is_waiting
from keysat_core.errors import BadKeyFormat, BadKeySignature, Unauthorized
from keysat_core.ports.clock import Clock
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store


def quote_upgrade(
    request: UpgradeRequest, *, store: Store, clock: Clock, keys: KeyRing
) -> TierQuote:
    """Quote a change; read-only. The license key is the buyer's proof (public-api 12.1).

    Raises:
        InvariantError: a field breaks a rule.
        Unauthorized: the key is none of ours, or its license is gone, suspended or revoked.
        NotFound: buyers see no such tier.
        TierChangeRefused: the message says why.
        SigningKeyUnusable: there is no key to verify with.
    """
    slug = checked_target(request.target_slug, field="target_policy_slug")
    must_wait = is_waiting(request.apply_at)
    try:
        payload = keys.payload_of(request.license_key)
    except (BadKeyFormat, BadKeySignature):
        raise Unauthorized from None
    now = clock.now()
    with store.reading() as tx:
        license = tx.licenses.find_license(LicenseId(payload.license_id))
        if license is None or license.status is not LicenseStatus.ACTIVE:
            raise Unauthorized
        policy = tx.policies.find_policy_by_slug(license.product_id, slug)
        target = buyers_target(policy, slug)
        facts = tx.sales.get_tier_facts(license.id)
    quote = quote_wait if must_wait else quote_change
    return quote(facts, target, ChangeActor.BUYER, now)
