"""Licenses of a Keysat that tests trust, for servers under test to run on."""

from typing import Any, Final

import msgspec

from keysat_core.domain.ids import LicenseId, ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, key_of
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import Capability
from keysat_core.testing.self_licenses import MemorySelfLicenses
from tests.support.own_license import SIGNER, TRUST_ROOT

TRUSTED: Final = SIGNER
TRUST_ROOT_PEM: Final = TRUST_ROOT

OWN_ID: Final = LicenseId("11111111-1111-4111-8111-111111111111")
SOLD: Final = License(
    id=OWN_ID,
    product_id=ProductId("22222222-2222-4222-8222-222222222222"),
    issued_at=Instant(1_700_000_000),
    entitlements=("unlimited_products", "recurring_billing"),
)
"""A license of the Pro tier, as it was sold."""


def own_key(**fields: Any) -> str:
    """The key of such a license, with other terms if they are given."""
    return key_of(msgspec.structs.replace(SOLD, **fields), TRUSTED)


PRO: Final = own_key()
PATRON: Final = own_key(
    id=LicenseId("33333333-3333-4333-8333-333333333333"),
    entitlements=tuple(map(str, Capability)),
)


def own_licenses(key: str | None = None, *, variable: str | None = None) -> MemorySelfLicenses:
    """Where a server looks for its license; nothing was looked at yet."""
    return MemorySelfLicenses(
        key=Secret(key) if key else None,
        variable=Secret(variable) if variable else None,
        trust_root_pem=TRUST_ROOT_PEM,
    )
