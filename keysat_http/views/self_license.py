"""The license this server runs on, on the wire. Source: admin-api 2.13."""

from typing import Literal, TypeAlias

import msgspec

from keysat_core.domain.own_license import Licensed, Standing, Unlicensed
from keysat_core.use_cases.server.self_license import ActivatedLicense as Activated


class OwnLicense(msgspec.Struct, frozen=True, kw_only=True, tag_field="tier", tag="licensed"):
    """The license in force. ``expires_at`` in Unix seconds; 0 is never."""

    license_id: str
    product_id: str
    expires_at: int
    entitlements: list[str]


class NoOwnLicense(msgspec.Struct, frozen=True, kw_only=True, tag_field="tier", tag="unlicensed"):
    """Why no license is in force; the server is on the Creator tier."""

    reason: str


SelfLicenseStatus: TypeAlias = OwnLicense | NoOwnLicense


class SelfLicenseActivated(msgspec.Struct, frozen=True, kw_only=True):
    """The key is kept. ``tier`` is what is in force, ``message`` says if that is another key."""

    ok: Literal[True] = True
    tier: SelfLicenseStatus
    message: str


def standing_view(standing: Standing) -> SelfLicenseStatus:
    """Render the license in force."""
    match standing:
        case Licensed():
            return OwnLicense(
                license_id=standing.license_id,
                product_id=standing.product_id,
                expires_at=standing.expires_at,
                entitlements=list(standing.entitlements),
            )
        case Unlicensed():
            return NoOwnLicense(reason=standing.reason)


def activated_view(activated: Activated) -> SelfLicenseActivated:
    """Render what came of a key."""
    return SelfLicenseActivated(tier=standing_view(activated.standing), message=_said(activated))


def _said(activated: Activated) -> str:
    if activated.is_overruled:
        return (
            "the key was saved, but KEYSAT_LICENSE is set and wins over it: take the variable away"
            " and restart to run on the saved key"
        )
    if isinstance(activated.standing, Unlicensed):
        return f"the key was saved, but gives nothing: {activated.standing.reason}"
    return "the license is active; no restart is needed"
