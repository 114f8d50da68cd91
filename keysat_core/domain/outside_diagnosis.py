"""What the doctor makes of the world around a server: who answers it, and the operator's own license.

Asking is the shells' business; nothing here looks at anything.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from keysat_core.domain.finding import Finding, failing, ok, warning
from keysat_core.domain.instant import DAY_SECONDS, Instant, rfc3339
from keysat_core.domain.license import LicenseStatus
from keysat_core.limits import OWN_LICENSE_DAYS_MIN

_REFUSALS: Final[Mapping[str, str]] = {
    "auth": "its key is not accepted any more: disconnect it and connect it again",
    "not_found": "its store is gone, or its address is another now: connect it again",
}


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of asking one payment provider. ``problem`` None: it answered.

    ``refusal`` is the word of a provider that refused; None: it gave no answer.
    """

    kind: str
    label: str
    problem: str | None = None
    refusal: str | None = None


class OwnLicense(msgspec.Struct, frozen=True, kw_only=True):
    """The operator's own license as it was read. ``problem``: why it does not verify.

    ``status`` is that of its row if this very server issued it.
    """

    source: str
    problem: str | None = None
    tier: str = ""
    expires_at: Instant | None = None
    status: LicenseStatus | None = None


def judge_asked(asked: Sequence[Asked]) -> list[Finding]:
    """Judge who answered just now."""
    findings = []
    for one in asked:
        if one.problem is None:
            continue
        name = f"{one.kind} ({one.label})"
        if one.refusal is None:
            said = f"{name} does not answer: {one.problem}"
            findings.append(failing(said, "see that it runs and that this machine reaches it"))
        else:
            remedy = _REFUSALS.get(one.refusal, "do as it says, or connect it again")
            findings.append(failing(f"{name} refuses: {one.problem}", remedy))
    return findings or ok(f"{len(asked)} asked, all answer" if asked else "none is connected")


def judge_public_address(
    url: str | None, *, status: int | None, is_keysat: bool, problem: str
) -> list[Finding]:
    """Judge what answered at the public address. ``status`` None: nobody, and ``problem`` is why."""
    if url is None:
        return ok("KEYSAT_PUBLIC_URL is not set here")
    if status is None:
        return [
            warning(
                f"nobody answers at {url}: {problem}",
                "start the server, and see that the name and the proxy lead to it; without it buyers"
                " and webhooks do not arrive. Some networks keep a machine from its own address",
            )
        ]
    if not is_keysat:
        return [
            failing(
                f"another server than Keysat answers at {url}: {status}",
                "see that KEYSAT_PUBLIC_URL is right and that the proxy passes all paths on",
            )
        ]
    return ok(f"{url} answers")


def judge_trust_root(
    problem: str | None, *, fingerprint: str, is_overridden: bool
) -> list[Finding]:
    """Judge the key that the operator's own license is verified with."""
    if problem is not None:
        return [failing(problem, "correct it, or leave it out to use Keysat's own")]
    whose = "set by KEYSAT_TRUST_ROOT_PEM" if is_overridden else "Keysat's own"
    return ok(f"{whose}, SHA-256 {fingerprint}")


def judge_own_license(own: OwnLicense | None, now: Instant) -> list[Finding]:
    """Judge the operator's own license; None: there is none, which is no fault."""
    remedy = "put the current license in its place; without one the Creator tier is in force"
    if own is None:
        return ok("none; the Creator tier is in force")
    if own.problem is not None:
        return [failing(f"{own.source} does not verify: {own.problem}", remedy)]
    if own.status is not None and own.status is not LicenseStatus.ACTIVE:
        return [failing(f"{own.source} is {own.status}", remedy)]
    until = own.expires_at
    if until is None:
        return ok(f"{own.source}: {own.tier}, never expires")
    if until - now < OWN_LICENSE_DAYS_MIN * DAY_SECONDS:
        return [
            warning(f"{own.source} expires at {rfc3339(until)}", "renew it where you bought it")
        ]
    return ok(f"{own.source}: {own.tier}, until {rfc3339(until)}")
