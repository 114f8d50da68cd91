"""Remembering which license keys verified, because a signature costs more than all else.

Safe, because one key has one spelling up to letter case (strict base32), only successes are
remembered, in the spelling they were issued in, and what is remembered is what was signed: state, expiry and seats are judged anew each
time. An issuer whose key changes needs a new instance. Source: PERFORMANCE, design 4.
"""

from collections import OrderedDict
from threading import Lock
from typing import Final

from keysat_core.signing import Verifier
from keysat_core.signing.license_key import LicensePayload

VERIFIED_KEYS_MAX: Final = 16_384
"""License keys remembered as verified: about 1 kB each, and the busiest fit."""

VERIFIED_KEY_CHARS_MAX: Final = 2_048
"""Longest key remembered; with more text or entitlements it is verified each time."""


class VerifiedKeys:
    """A bounded memory in front of one verifier; the oldest leave first. Threads may share it."""

    __slots__ = ("_keys_max", "_lock", "_payloads", "_verifier")

    def __init__(self, verifier: Verifier, *, keys_max: int = VERIFIED_KEYS_MAX) -> None:
        self._verifier = verifier
        self._keys_max = keys_max
        # A plain dict would be searched for its oldest entry, past the places of all that left.
        self._payloads: OrderedDict[str, LicensePayload] = OrderedDict()
        self._lock = Lock()

    def payload_of(self, key: str) -> LicensePayload:
        """Give what a key says. Time and machine are not checked.

        Raises:
            BadKeyFormat, BadKeySignature: as ``Verifier.verify``.
        """
        known = self._payloads.get(key)
        if known is not None:
            return known
        payload = self._verifier.verify(key).payload
        if len(key) <= VERIFIED_KEY_CHARS_MAX and _is_as_issued(key):
            with self._lock:
                while len(self._payloads) >= self._keys_max:
                    self._payloads.popitem(last=False)
                self._payloads[key] = payload
        return payload


def _is_as_issued(verified: str) -> bool:
    """Tell whether a key that verified is spelled as keys are issued: no blanks, no small letters.

    Nothing else can differ; otherwise one key could fill the memory in endless spellings.
    """
    return verified == verified.upper() and not (verified[0].isspace() or verified[-1].isspace())
