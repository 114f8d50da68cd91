"""Looking for anything by one word: what an operator typed, and what may be meant by it."""

import re
from enum import StrEnum
from typing import Final, NamedTuple

from keysat_core.domain.text import checked_text
from keysat_core.limits import (
    EMAIL_CHARS_MAX,
    FINGERPRINT_CHARS_MAX,
    KEY_CHARS_MAX,
    SEARCH_ID_CHARS_MIN,
)
from keysat_core.signing import fingerprint_hash

_HEX: Final = re.compile(r"[0-9a-f]+")
_GROUPS: Final = (8, 4, 4, 4, 12)
_KEY_BEGINNING: Final = "LIC1-"


class HitKind(StrEnum):
    """What may be found, in the order it is shown."""

    LICENSE = "license"
    BUYER = "buyer"
    INVOICE = "invoice"
    MACHINE = "machine"
    CODE = "code"
    PRODUCT = "product"
    POLICY = "policy"
    WEBHOOK_ENDPOINT = "webhook_endpoint"


class Hit(NamedTuple):
    """Something that was found. ``title`` is how it is called, ``detail`` tells it from others.

    ``license_id``: whose a machine is.
    """

    kind: HitKind
    id: str
    title: str
    detail: str
    license_id: str | None = None


class Needle(NamedTuple):
    """What was typed, trimmed, and how else it may be read; None: not as that.

    ``id_beginning`` is spelled as ids are. ``hash_beginning`` is that of a fingerprint's hash, and
    ``hash`` the hash of what was typed, if that was a fingerprint itself.
    """

    text: str
    key: str | None
    id_beginning: str | None
    hash_beginning: str | None
    hash: str | None

    @property
    def word(self) -> str | None:
        """What names and e-mails may begin with: short, and no key."""
        return None if self.key or len(self.text) > EMAIL_CHARS_MAX else self.text


def read_needle(text: str) -> Needle | None:
    """Say what may be meant by what was typed; None where that is nothing.

    Raises:
        InvariantError: no text that could be stored, or longer than any key.
    """
    typed = checked_text(text.strip(), field="q", chars_max=KEY_CHARS_MAX)
    if not typed:
        return None
    if typed[: len(_KEY_BEGINNING)].upper() == _KEY_BEGINNING:
        return Needle(text=typed, key=typed, id_beginning=None, hash_beginning=None, hash=None)
    digits = typed.lower()
    is_hash = len(digits) >= SEARCH_ID_CHARS_MIN and _HEX.fullmatch(digits) is not None
    return Needle(
        text=typed,
        key=None,
        id_beginning=_id_beginning(digits.replace("-", "")),
        hash_beginning=digits if is_hash else None,
        hash=fingerprint_hash(typed).hex() if len(typed) <= FINGERPRINT_CHARS_MAX else None,
    )


def _id_beginning(digits: str) -> str | None:
    """Spell the first digits of an id with their hyphens."""
    if not SEARCH_ID_CHARS_MIN <= len(digits) <= sum(_GROUPS) or not _HEX.fullmatch(digits):
        return None
    groups, at = [], 0
    for size in _GROUPS:
        groups.append(digits[at : at + size])
        at += size
    return "-".join(group for group in groups if group)
