"""A populated database of the earlier server at version 25, with what only its defects leave.

``write_earlier_database`` makes one; the same seed always makes the same rows.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from tests.support.earlier.access import write_access
from tests.support.earlier.catalog import write_catalog
from tests.support.earlier.codes import write_codes
from tests.support.earlier.defects import write_defects
from tests.support.earlier.keys import first_license_key, key_seconds, private_pem, public_pem
from tests.support.earlier.licenses import KINDS, write_licenses
from tests.support.earlier.logs import write_logs
from tests.support.earlier.merchants import write_merchants
from tests.support.earlier.pen import NOW, VERSIONS, Pen
from tests.support.earlier.sales import Sales
from tests.support.earlier.subscription_defects import write_subscription_defects
from tests.support.earlier.subscriptions import write_subscriptions
from tests.support.earlier.tiers import write_tier_changes

STOPPED_AT: Final = int(NOW.timestamp())
"""When the server was stopped, in Unix seconds."""

DESCRIPTIONS: Final = {
    1: "initial",
    3: "license terms",
    9: "set price codes",
    10: "currencies",
    11: "recurring policies",
    13: "tier ranks",
    14: "entitlement catalogs",
    17: "featured codes",
    18: "codes for several policies",
    20: "merchant profiles",
    21: "invoice providers",
    23: "api key roles",
}


class EarlierShop(msgspec.Struct, frozen=True, kw_only=True):
    """What a file holds.

    Attributes:
        path: Where the file is.
        seed: The secret half of the signing key.
        public_key_pem: The other half, as the file has it.
        features: Ids by the feature they show, such as ``license.revoked``.
        defects: Ids by the defect they come from, such as ``D1.license`` or ``B-21.code``.
        first_keys: Keys of version 1 that buyers hold, by license; no server makes them any more.
        session_tokens: Secrets that must be nowhere in a new file (B-02).
    """

    path: Path
    seed: bytes
    public_key_pem: str
    features: Mapping[str, Sequence[str]]
    defects: Mapping[str, Sequence[str]]
    first_keys: Mapping[str, str]
    session_tokens: Sequence[str]


def write_earlier_database(path: Path, *, seed: int = 0, licenses: int = 1_000) -> EarlierShop:
    """Make the file of a shop that sold at least so many licenses."""
    pen = Pen(seed)
    key = sha256(f"the signing key of {seed}".encode()).digest()
    _write_ledger(pen)
    pen.put(
        "server_keys",
        id=1,
        algorithm="ed25519",
        public_key_pem=public_pem(key),
        private_key_pem=private_pem(key),
        created_at=pen.ago(800 * 86_400),
    )
    merchants = write_merchants(pen)
    sales = Sales(pen, merchants, write_catalog(pen, merchants))
    write_codes(sales)
    write_subscriptions(sales)
    write_tier_changes(sales)
    write_defects(sales)
    write_subscription_defects(sales)
    written = len(pen.rows["licenses"])
    write_licenses(sales, max(4 * 3 * len(KINDS), licenses - written))
    tokens = write_access(pen)
    write_logs(pen, tokens)
    pen.write(path)
    return EarlierShop(
        path=path,
        seed=key,
        public_key_pem=public_pem(key),
        features=dict(pen.features),
        defects=dict(pen.defects),
        first_keys=_first_keys(pen, key),
        session_tokens=tokens,
    )


def _write_ledger(pen: Pen) -> None:
    for version in range(1, VERSIONS + 1):
        description = DESCRIPTIONS.get(version, f"version {version}")
        installed_on = f"{datetime(2024, 1, version, 8, tzinfo=UTC):%Y-%m-%d %H:%M:%S}"
        checksum = pen.random.randbytes(48)
        pen.ledger.append((version, description, installed_on, checksum, 1_000_000 + version))


def _first_keys(pen: Pen, key: bytes) -> dict[str, str]:
    rows = {str(row["id"]): row for row in pen.rows["licenses"]}
    return {
        license_id: first_license_key(
            key,
            product_id=str(rows[license_id]["product_id"]),
            license_id=license_id,
            issued_at=key_seconds(str(rows[license_id]["issued_at"])),
            fingerprint=None if name is None else str(name),
        )
        for license_id in pen.features["license.first_version"]
        for name in (rows[license_id]["fingerprint"],)
    }
