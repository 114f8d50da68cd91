"""The machine a request speaks of, within the limits of public-api 18."""

from keysat_core.domain.machine import Candidate
from keysat_core.domain.text import optional_text
from keysat_core.limits import HOSTNAME_CHARS_MAX, PLATFORM_CHARS_MAX
from keysat_http.client_address import Caller


def candidate_of(
    fingerprint: str,
    *,
    caller: Caller,
    hostname: str | None = None,
    platform: str | None = None,
) -> Candidate:
    """Describe the machine; what it says of itself is cut to its limit.

    Raises:
        InvariantError: the fingerprint is blank or too long, or a text cannot be stored.
    """
    return Candidate(
        fingerprint=fingerprint,
        hostname=hostname and _cut(hostname, field="hostname", chars_max=HOSTNAME_CHARS_MAX),
        platform=platform and _cut(platform, field="platform", chars_max=PLATFORM_CHARS_MAX),
        ip=caller.address,
    )


def _cut(text: str, *, field: str, chars_max: int) -> str | None:
    return optional_text(text[:chars_max], field=field, chars_max=chars_max)
