"""A license that its buyer got again, with its key. Source: public-api 11."""

import msgspec

from keysat_core.domain.instant import rfc3339, rfc3339_or_none
from keysat_core.use_cases.licenses.recover_license import RecoveredLicense as Recovered


class RecoveredLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The license and its key."""

    license_key: str
    license_id: str
    product_id: str
    issued_at: str
    expires_at: str | None
    entitlements: tuple[str, ...]


def recovered_view(recovered: Recovered) -> RecoveredLicense:
    """Render a license with its key."""
    license = recovered.license
    return RecoveredLicense(
        license_key=recovered.key,
        license_id=license.id,
        product_id=license.product_id,
        issued_at=rfc3339(license.issued_at),
        expires_at=rfc3339_or_none(license.expires_at),
        entitlements=license.entitlements,
    )
