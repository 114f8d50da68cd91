"""Show the key of a license that was issued before."""

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.license import License, key_of
from keysat_core.ports.keys import KeyRing
from keysat_core.ports.store import Store


class ShownLicenseKey(msgspec.Struct, frozen=True, kw_only=True):
    """A license and its key. A key verifies offline whatever the status of its license."""

    license: License
    key: str


def show_license_key(
    actor: Actor, license_id: LicenseId, *, store: Store, keys: KeyRing
) -> ShownLicenseKey:
    """Derive the key of a license in any status; nothing is written.

    Raises:
        Forbidden: the actor lacks ``licenses:read``.
        NotFound: no such license.
        SigningKeyUnusable: there is no key to sign with.
    """
    authorize(actor, Scope.LICENSES_READ)
    with store.reading() as tx:
        license = tx.licenses.get_license(license_id)
    return ShownLicenseKey(license=license, key=key_of(license, keys.signing_key()))
