"""One field of the API in words."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

INSTANT: Final = "2026-03-01T12:00:00Z"
UUID: Final = "0b5c7a52-8f0e-4c1d-9a64-3f2f7c8e1d90"
KEY: Final = "LIC1-AIAC2NFCXF3V…-V5YQ7VB43KTI…"


@dataclass(frozen=True, kw_only=True, slots=True)
class Term:
    """What a field means.

    Attributes:
        text: A sentence for readers of the document.
        example: A value it may have; left out where the type says enough.
        format: The JSON Schema format of its text.
        is_kept: Whether what this server answers always has the format; what people once entered,
            and what is blank where there is none, need not.
        chars_max: How much of it is taken in a request.
    """

    text: str
    example: object = None
    format: str | None = None
    is_kept: bool = False
    chars_max: int | None = None


Terms: TypeAlias = Mapping[str, Term]
"""By a field's name, or by ``Schema.field`` where the name means something else there."""


def says(text: str, example: object = None, *, chars_max: int | None = None) -> Term:
    """Describe a plain field."""
    return Term(text=text, example=example, chars_max=chars_max)


def claims(text: str, *, example: bool = True) -> Term:
    """Describe what is so or not."""
    return Term(text=text, example=example)


def when(text: str, example: str = INSTANT) -> Term:
    """Describe an instant."""
    return Term(text=f"{text} RFC 3339, in UTC.", example=example, format="date-time", is_kept=True)


def names(text: str, example: str = UUID) -> Term:
    """Describe an id. Ids are opaque, so no format is promised (admin-api 0)."""
    return Term(text=text, example=example)


def leads(text: str, example: str) -> Term:
    """Describe an address of the web that somebody enters."""
    return Term(text=text, example=example, format="uri")


def made(text: str, example: str) -> Term:
    """Describe an address of the web that this server makes."""
    return Term(text=text, example=example, format="uri", is_kept=True)


def mails(text: str, example: str = "ada@example.com") -> Term:
    """Describe an e-mail address."""
    return Term(text=text, example=example, format="email")
