"""Issue a license by hand."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import SOURCE_ADMIN, license_issued, outbox_event
from keysat_core.domain.ids import EventId, LicenseId
from keysat_core.domain.instant import Instant, checked_instant, rfc3339_or_none
from keysat_core.domain.license import License, key_of, with_terms
from keysat_core.domain.policy import Policy, Terms, terms_of_grant
from keysat_core.domain.product import Product
from keysat_core.domain.text import optional_text
from keysat_core.errors import NotFound
from keysat_core.limits import EMAIL_CHARS_MAX, NAME_CHARS_MAX, NOTE_CHARS_MAX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store, Transaction


class IssueLicense(msgspec.Struct, frozen=True, kw_only=True):
    """A license to give away. Terms left None come from the policy, else from the defaults."""

    product_slug: str
    policy_slug: str | None = None
    expires_at: Instant | None = None
    entitlements: tuple[str, ...] | None = None
    max_machines: int | None = None
    grace_seconds: int | None = None
    is_trial: bool | None = None
    buyer_email: str | None = None
    nostr_npub: str | None = None
    note: str | None = None


class IssuedLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The license and its key, which is shown only here."""

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
    signing_key = keys.signing_key()
    with store.writing() as tx:
        product, policy = _resolve(tx, command)
        license = _license(command, product, policy, LicenseId(ids.new()), now)
        key = key_of(license, signing_key)
        tx.licenses.put_license(license)
        tx.trail.append_audit(
            audited(
                actor,
                "license.issue_manual",
                now,
                target=("license", license.id),
                product_id=product.id,
                policy_id=license.policy_id,
                is_trial=license.is_trial,
                expires_at=rfc3339_or_none(license.expires_at),
                entitlements=license.entitlements,
            )
        )
        event = license_issued(license, SOURCE_ADMIN)
        tx.trail.append_event(outbox_event(event, event_id=EventId(ids.new()), now=now))
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


def _license(
    command: IssueLicense,
    product: Product,
    policy: Policy | None,
    license_id: LicenseId,
    now: Instant,
) -> License:
    note = optional_text(command.note, field="note", chars_max=NOTE_CHARS_MAX)
    bare = License(
        id=license_id,
        product_id=product.id,
        policy_id=policy.id if policy else None,
        issued_at=now,
        buyer_email=optional_text(
            command.buyer_email, field="buyer_email", chars_max=EMAIL_CHARS_MAX
        ),
        nostr_npub=optional_text(command.nostr_npub, field="nostr_npub", chars_max=NAME_CHARS_MAX),
        metadata={"source": SOURCE_ADMIN} | ({"note": note} if note else {}),
    )
    license = with_terms(bare, _terms(command, policy), now)
    if command.expires_at is None:
        return license
    explicit = checked_instant(command.expires_at, field="expires_at")
    return msgspec.structs.replace(license, expires_at=explicit)


def _terms(command: IssueLicense, policy: Policy | None) -> Terms:
    explicit = {
        field: value
        for field in ("grace_seconds", "max_machines", "is_trial", "entitlements")
        if (value := getattr(command, field)) is not None
    }
    return msgspec.structs.replace(terms_of_grant(policy), **explicit)
