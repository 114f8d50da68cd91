"""The answer to a validation: keys that do not apply are absent, never null (public-api 9.2)."""

from typing import assert_never

import msgspec
from msgspec import UNSET, UnsetType

from keysat_core.domain.instant import rfc3339
from keysat_core.domain.license import License, LicenseStatus, grace_until
from keysat_core.domain.validation import Reason, Refused, Valid
from keysat_core.use_cases.licenses.validate_license import Validation


class ValidateResponse(msgspec.Struct, frozen=True, kw_only=True):
    """May this key be used? ``reason`` exactly when not."""

    ok: bool
    reason: Reason | UnsetType = UNSET
    license_id: str | UnsetType = UNSET
    product_id: str | UnsetType = UNSET
    product_slug: str | UnsetType = UNSET
    policy_slug: str | UnsetType = UNSET
    issued_at: str | UnsetType = UNSET
    expires_at: str | UnsetType = UNSET
    in_grace_period: bool | UnsetType = UNSET
    grace_until: str | UnsetType = UNSET
    is_trial: bool | UnsetType = UNSET
    entitlements: tuple[str, ...] | UnsetType = UNSET
    status: LicenseStatus | UnsetType = UNSET
    machine_id: str | UnsetType = UNSET
    max_machines: int | UnsetType = UNSET
    active_machines: int | UnsetType = UNSET


RATE_LIMITED = ValidateResponse(ok=False, reason=Reason.RATE_LIMITED)
"""The answer when the bucket is empty; its HTTP status is 200 like any other (public-api 3)."""


def validation_view(validation: Validation) -> ValidateResponse:
    """Render a verdict."""
    match validation.verdict:
        case Valid():
            return _valid_view(validation, validation.verdict)
        case Refused():
            return _refused_view(validation.verdict)
        case _ as never:
            assert_never(never)


def _valid_view(validation: Validation, verdict: Valid) -> ValidateResponse:
    license = verdict.license
    until = grace_until(license) if verdict.is_in_grace else None
    machine = verdict.claim.machine if verdict.claim else None
    live = validation.active_machines
    return ValidateResponse(
        ok=True,
        license_id=license.id,
        product_id=license.product_id,
        product_slug=_known(validation.product_slug),
        policy_slug=_known(validation.policy_slug),
        issued_at=rfc3339(license.issued_at),
        expires_at=_expiry(license),
        in_grace_period=verdict.is_in_grace or UNSET,
        grace_until=UNSET if until is None else rfc3339(until),
        is_trial=license.is_trial or UNSET,
        entitlements=license.entitlements or UNSET,
        status=license.status,
        machine_id=machine.id if machine else UNSET,
        max_machines=license.max_machines,
        active_machines=UNSET if live is None else live,
    )


def _refused_view(verdict: Refused) -> ValidateResponse:
    """Only these two reasons carry more than themselves (public-api 9.1)."""
    license = verdict.license
    if license is None or verdict.reason not in {Reason.EXPIRED, Reason.TOO_MANY_MACHINES}:
        return ValidateResponse(ok=False, reason=verdict.reason)
    is_expired = verdict.reason is Reason.EXPIRED
    return ValidateResponse(
        ok=False,
        reason=verdict.reason,
        license_id=license.id,
        product_id=license.product_id,
        expires_at=_expiry(license) if is_expired else UNSET,
        max_machines=UNSET if is_expired else license.max_machines,
    )


def _expiry(license: License) -> str | UnsetType:
    return UNSET if license.expires_at is None else rfc3339(license.expires_at)


def _known(slug: str | None) -> str | UnsetType:
    return UNSET if slug is None else slug
