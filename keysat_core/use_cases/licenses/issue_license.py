"""Issue a license by hand."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.grant import Grant, grant_audited, grant_told, granted_license
from keysat_core.domain.ids import EventId, LicenseId
from keysat_core.domain.license import License, key_of
from keysat_core.domain.policy import Policy
from keysat_core.domain.product import Product
from keysat_core.errors import NotFound
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction


class IssueLicense(Grant, frozen=True, kw_only=True):
    """One license to give away."""


class IssuedLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The license and its key."""

    license: License
    key: str


def issue_license(
    actor: Actor, command: IssueLicense, *, store: Store, clock: Clock, ids: Ids, keys: KeyRing
) -> IssuedLicense:
    """Issue a license without an invoice, of any product and any of its policies (lifecycles 2.4).

    Raises:
        Forbidden: the actor lacks ``licenses:write``.
        NotFound: no such product or policy.
        InvariantError: a field breaks a rule.
    """
    authorize(actor, Scope.LICENSES_WRITE)
    now = clock.now()
    with store.writing() as tx:
        # Asked for while the store is locked, so that no key can be imported before the commit.
        signing_key = keys.signing_key()
        product, policy = _resolve(tx, command)
        license = granted_license(
            command, product, policy, license_id=LicenseId(ids.new()), now=now
        )
        key = key_of(license, signing_key)
        tx.licenses.put_license(license)
        tx.trail.append_audit(grant_audited(actor, license, now))
        tx.trail.append_event(grant_told(license, EventId(ids.new()), now))
    return IssuedLicense(license=license, key=key)


def _resolve(tx: Transaction, command: IssueLicense) -> tuple[Product, Policy | None]:
    product = tx.products.find_product_by_slug(command.product_slug)
    if product is None:
        raise NotFound("product", command.product_slug)
    if command.policy_slug is None:
        return product, None
    policy = tx.policies.find_policy_by_slug(product.id, command.policy_slug)
    if policy is None:
        raise NotFound("policy", command.policy_slug)
    return product, policy
