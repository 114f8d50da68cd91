"""What the doctor asks of others, and of the operator's own license. ``--offline`` asks nobody."""

from hashlib import sha256
from typing import Final

import msgspec

from keysat_adapters.outbound.answer import NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.system.license_file import key_in_file
from keysat_cli.checkup.patient import Patient
from keysat_cli.settings import find_problem
from keysat_cli.version import package_version
from keysat_cli.wiring import open_providers
from keysat_core.domain import outside_diagnosis
from keysat_core.domain.finding import Finding, Health
from keysat_core.domain.ids import LicenseId
from keysat_core.domain.instant import Instant
from keysat_core.domain.license import LicenseStatus
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.outside_diagnosis import Asked, OwnLicense
from keysat_core.domain.own_license import read_own_key, self_license_of
from keysat_core.errors import (
    LicenseKeyError,
    ProviderNotLoaded,
    ProviderRefused,
    ProviderUnavailable,
    ServerFault,
)
from keysat_core.ports.payments import PaymentProviders
from keysat_core.signing import Verifier, VerifyKey

ANSWER_SECONDS: Final = 5.0
"""How long the public address may take: it is this server itself, perhaps behind a proxy."""

_HEALTH: Final = "/healthz"
_OK: Final = 200


def providers(patient: Patient) -> list[Finding]:
    """Ask every connected payment provider something harmless."""
    if patient.is_offline:
        return _not_asked()
    accounts = [one.account for one in patient.database.provider_health(patient.now)]
    real = [one for one in accounts if one.kind is not ProviderKind.SANDBOX]
    with open_providers(patient.settings) as found:
        return outside_diagnosis.judge_asked([_asked(found, account) for account in real])


def public_address(patient: Patient) -> list[Finding]:
    """See that what answers at the public address is a Keysat server."""
    environment = patient.environment
    # An address that cannot be read is the settings' trouble.
    url = None if find_problem(environment) else environment.find("KEYSAT_PUBLIC_URL")
    if url is None:
        return outside_diagnosis.judge_public_address(
            None, status=None, is_keysat=False, problem=""
        )
    if patient.is_offline:
        return _not_asked()
    url = url.rstrip("/")
    status, is_keysat, problem = None, False, ""
    with HTTPSender(user_agent=f"Keysat/{package_version()}") as sender:
        try:
            answer = sender.send("GET", url + _HEALTH, seconds=ANSWER_SECONDS)
        except NoAnswer as exc:
            problem = str(exc)
        else:
            status = answer.status
            is_keysat = status == _OK and _says_ok(answer.body)
    return outside_diagnosis.judge_public_address(
        url, status=status, is_keysat=is_keysat, problem=problem
    )


def trust_root(patient: Patient) -> list[Finding]:
    """Show the key that the operator's own license is verified with."""
    key = VerifyKey.from_pem(patient.settings.trust_root_pem)
    return outside_diagnosis.judge_trust_root(
        patient.trust_root_problem,
        fingerprint=sha256(key.raw).hexdigest(),
        is_overridden=patient.environment.find("KEYSAT_TRUST_ROOT_PEM") is not None,
    )


def own_license(patient: Patient) -> list[Finding]:
    """Verify the operator's own license, and look for its row if this server issued it."""
    settings = patient.settings
    key = settings.self_license_key or key_in_file(settings.self_license_path)
    if key is None or not key.reveal().strip() or patient.trust_root_problem is not None:
        # Nothing can be said of a license while what verifies it is not there.
        return outside_diagnosis.judge_own_license(None, patient.now)
    source = "KEYSAT_LICENSE" if settings.self_license_key else str(settings.self_license_path)
    verifier = Verifier.from_pem(settings.trust_root_pem)
    try:
        payload = verifier.verify(key.reveal(), now=patient.now).payload
    except LicenseKeyError as exc:
        own = OwnLicense(source=source, problem=str(exc))
    else:
        tier = self_license_of(read_own_key(key, verifier, now=patient.now)).tier
        own = OwnLicense(
            source=source,
            tier=tier.title(),
            expires_at=Instant(payload.expires_at) if payload.expires_at else None,
            status=_status(patient, LicenseId(payload.license_id)),
        )
    return outside_diagnosis.judge_own_license(own, patient.now)


def _asked(found: PaymentProviders, account: ProviderAccount) -> Asked:
    asked = Asked(kind=account.kind, label=account.label)
    try:
        found.provider_for(account).probe()
    except ProviderRefused as exc:
        return msgspec.structs.replace(asked, problem=str(exc), refusal=exc.problem)
    except (ProviderUnavailable, ProviderNotLoaded) as exc:
        return msgspec.structs.replace(asked, problem=str(exc))
    return asked


def _status(patient: Patient, license_id: LicenseId) -> LicenseStatus | None:
    try:
        return patient.database.license_status(license_id)
    except ServerFault:
        # The license can be verified without; the database's own check tells why.
        return None


def _says_ok(body: bytes) -> bool:
    try:
        said = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeError):
        return False
    return isinstance(said, dict) and said.get("ok") is True


def _not_asked() -> list[Finding]:
    return [Finding(health=Health.SKIPPED, text="not asked: --offline")]
