"""Showing that every license's key is the one it was.

What the key of an old row says is worked out here from the row alone, by the rule of lifecycles 1.4,
beside the code that carried it.
"""

import json

from keysat_adapters.sqlite.earlier.cells import Cells, instant_of
from keysat_adapters.sqlite.earlier.mover import Mover
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.license import UNBOUND, key_of
from keysat_core.errors import InvariantError, MigrationRefused
from keysat_core.signing import LicensePayload, SigningKey
from keysat_core.signing.license_key import FLAG_TRIAL, encode_key, encode_payload


def compare_keys(mover: Mover, signing_key: SigningKey) -> int:
    """Derive every key from the old row and from the new one; give how many are the same text.

    Raises:
        MigrationRefused: One differs though nothing that is in it was changed.
        StoreBusy, StoreUnavailable: A database cannot be read.
    """
    number = 0
    for cells in mover.rows("licenses"):
        is_there = mover.ledger.has("licenses", cells.id)
        was = _key_before(cells, signing_key)
        if was is None or not is_there or cells.id in mover.ledger.rekeyed:
            # No key could be derived of it, so that nobody has one (D34), or its note says why its
            # key is another now.
            continue
        license = mover.tx.licenses.get_license(LicenseId(cells.id))
        if key_of(license, signing_key) != was:
            raise MigrationRefused(
                f"the key of license {cells.id} would not be what it was. Nothing was changed; please"
                " report this"
            )
        number += 1
    return number


def _key_before(cells: Cells, signing_key: SigningKey) -> str | None:
    """Derive the key the earlier server gave out; None: it could not."""
    issued_at, expires_at = instant_of(cells.raw("issued_at")), instant_of(cells.raw("expires_at"))
    try:
        said = LicensePayload(
            version=2,
            flags=FLAG_TRIAL if cells.raw("is_trial") else 0,
            product_id=str(cells.raw("product_id")),
            license_id=cells.id,
            issued_at=issued_at or 0,
            expires_at=expires_at or 0,
            fingerprint_hash=UNBOUND,
            entitlements=_entitlements_before(cells),
        )
        payload = encode_payload(said)
    except InvariantError:
        return None
    return encode_key(payload, signing_key.sign(payload))


def _entitlements_before(cells: Cells) -> tuple[str, ...]:
    """Read a list of texts; what is none was read as an empty one."""
    try:
        found = json.loads(str(cells.raw("entitlements_json")))
    except ValueError:
        return ()
    is_list = isinstance(found, list) and all(isinstance(word, str) for word in found)
    return tuple(found) if is_list else ()
