"""What this server knows of the license it runs on, and what changes that.

The key says what was signed; the license's row, where this very shop sold it, may narrow that and
never widens it. Nothing here keeps a server from running. Source: lifecycles 11.1 and 11.2, D31.
"""

from typing import Final, TypeAlias

import msgspec

from keysat_core.domain.ids import LicenseId, ProductId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import License, LicenseStatus
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import UPGRADE_BASE_URL, SelfLicense
from keysat_core.errors import LicenseKeyError
from keysat_core.signing import Verifier

PERPETUAL: Final = 0
"""What ``expires_at`` is when a license never ends. Source: lifecycles 1.2."""

NO_LICENSE: Final = "there is no license key"
EXPIRED: Final = "the license has expired"


class Unlicensed(msgspec.Struct, frozen=True, kw_only=True, tag="unlicensed"):
    """No license counts, and why."""

    reason: str


class Licensed(msgspec.Struct, frozen=True, kw_only=True, tag="licensed"):
    """A license counts. ``expires_at`` in Unix seconds, ``PERPETUAL`` for one that never ends."""

    license_id: LicenseId
    product_id: ProductId
    expires_at: int
    entitlements: tuple[str, ...]


Standing: TypeAlias = Licensed | Unlicensed


class HeldLicense(msgspec.Struct, frozen=True, kw_only=True):
    """What is known: the last key that verified, None before the first, and what is left of it."""

    ceiling: Licensed | None = None
    standing: Standing = Unlicensed(reason=NO_LICENSE)


def read_own_key(key: Secret, verifier: Verifier, *, now: Instant) -> Standing:
    """Judge a key as it was signed: signature and expiry, without grace (lifecycles 11.1)."""
    try:
        payload = verifier.verify(key.reveal(), now=now).payload
    except LicenseKeyError as exc:
        return Unlicensed(reason=str(exc))
    return Licensed(
        license_id=LicenseId(payload.license_id),
        product_id=ProductId(payload.product_id),
        expires_at=payload.expires_at,
        entitlements=payload.entitlements,
    )


def narrowed(signed: Licensed, row: License | None) -> Standing:
    """Give what the license's own row leaves of what was signed. None: the shop has no such row.

    Source: lifecycles 11.2; B-29: of two ends the earlier one counts.
    """
    if row is None:
        return signed
    if row.status is not LicenseStatus.ACTIVE:
        return Unlicensed(reason=f"the license is {row.status}")
    return msgspec.structs.replace(
        signed,
        expires_at=_earlier(signed.expires_at, row.expires_at),
        entitlements=tuple(one for one in row.entitlements if one in signed.entitlements),
    )


def ceiling_after(held: HeldLicense, found: Standing | None) -> Licensed | None:
    """Give what a look at the key allows at most. ``found`` None: there was no key to look at.

    A key that is gone, on a disk that is not there for a moment, leaves what it said before.
    """
    match found:
        case None:
            return held.ceiling
        case Unlicensed():
            return None
        case Licensed():
            return found


def standing_at(standing: Standing, now: Instant) -> Standing:
    """Give the standing at an instant: a license ends by itself, without another look."""
    if isinstance(standing, Licensed) and PERPETUAL < standing.expires_at <= now:
        return Unlicensed(reason=EXPIRED)
    return standing


def self_license_of(standing: Standing, *, upgrade_base_url: str = UPGRADE_BASE_URL) -> SelfLicense:
    """Give what a standing entitles the operator to."""
    match standing:
        case Licensed():
            return SelfLicense(
                license_id=standing.license_id,
                entitlements=frozenset(standing.entitlements),
                upgrade_base_url=upgrade_base_url,
            )
        case Unlicensed():
            return SelfLicense(upgrade_base_url=upgrade_base_url)


def _earlier(signed: int, row: Instant | None) -> int:
    if row is None:
        return signed
    return row if signed == PERPETUAL else min(signed, row)
