"""The picture a seller is known by on the pages of buyers."""

import hashlib
from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import MerchantProfileId
from keysat_core.domain.instant import Instant
from keysat_core.errors import InvariantError
from keysat_core.limits import LOGO_BYTES_MAX

VERSION_CHARS: Final = 12
"""Enough of a digest to tell two pictures of one seller apart."""

_PNG: Final = b"\x89PNG\r\n\x1a\n"
_JPEG: Final = b"\xff\xd8\xff"
_RIFF: Final = b"RIFF"
_WEBP: Final = b"WEBP"
_WEBP_AT: Final = 8


class LogoType(StrEnum):
    """The kinds of pictures that hold nothing a browser would run; SVG is not among them."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"


class Logo(msgspec.Struct, frozen=True, kw_only=True):
    """The picture of a merchant profile. ``version`` is another one when the picture is."""

    merchant_profile_id: MerchantProfileId
    media_type: LogoType
    content: bytes
    version: str
    updated_at: Instant


def checked_logo(profile_id: MerchantProfileId, content: bytes, now: Instant) -> Logo:
    """Accept a picture by what it begins with, whatever it was called.

    Source: PNG 1.2, section 12.12; JPEG (ITU T.81), B.1.1.3; WebP container, RIFF header.

    Raises:
        InvariantError: it is larger than a logo may be, or no picture of a known kind.
    """
    if len(content) > LOGO_BYTES_MAX:
        raise InvariantError("content", f"must have at most {LOGO_BYTES_MAX // 1024} kB")
    media_type = _type_of(content)
    if media_type is None:
        raise InvariantError("content", "must be a PNG, JPEG or WebP picture")
    version = hashlib.sha256(content).hexdigest()[:VERSION_CHARS]
    return Logo(
        merchant_profile_id=profile_id,
        media_type=media_type,
        content=content,
        version=version,
        updated_at=now,
    )


def _type_of(content: bytes) -> LogoType | None:
    if content.startswith(_PNG):
        return LogoType.PNG
    if content.startswith(_JPEG):
        return LogoType.JPEG
    is_webp = content.startswith(_RIFF) and content[_WEBP_AT:].startswith(_WEBP)
    return LogoType.WEBP if is_webp else None
