"""What a buyer's form says, read from a query or a posted form; every text is kept as it was typed."""

import hashlib
from collections.abc import Mapping
from dataclasses import astuple, dataclass
from typing import Final

from litestar import Request
from litestar.datastructures import State

from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.ids import InvoiceId
from keysat_core.errors import CodeRefused, InvariantError, KeysatError
from keysat_core.limits import CODE_CHARS_MAX, EMAIL_CHARS_MAX, SLUG_CHARS_MAX
from keysat_core.ports.bundle import Ports

ATTEMPT_PREFIX: Final = "page-"
"""Tells attempts of the page from Idempotency-Keys that clients choose."""
ATTEMPT_CHARS: Final = 36
_FIELDS: Final[Mapping[str, str]] = {"buyer_email": "email", "code": "code"}
"""The control of the page for a field of a purchase."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wish:
    """The form. With its other fields ``attempt`` makes what is sent twice one purchase."""

    policy: str = ""
    code: str = ""
    email: str = ""
    rail: str = ""
    attempt: str = ""

    def as_request(self, product_slug: str) -> BuyerRequest:
        """Give the purchase this asks for."""
        return BuyerRequest(
            product_slug=product_slug,
            policy_slug=self.policy,
            code=self.code,
            buyer_email=self.email,
            rail=self.rail or None,
            idempotency_key=ATTEMPT_PREFIX + self._digest(product_slug),
        )

    def _digest(self, product_slug: str) -> str:
        """Tell one purchase from another: a form that was changed and sent again is another."""
        said = (product_slug, *astuple(self))
        return hashlib.sha256("\0".join(said).encode("utf-8", "replace")).hexdigest()


def wish_of(said: Mapping[str, str], ports: Ports) -> Wish:
    """Read a form; what is longer than anything we know is cut where it is shown again."""
    attempt = said.get("attempt", "")
    return Wish(
        policy=said.get("policy", "")[:SLUG_CHARS_MAX],
        code=said.get("code", "")[: CODE_CHARS_MAX + 1],
        email=said.get("email", "")[: EMAIL_CHARS_MAX + 1],
        rail=said.get("rail", "")[:SLUG_CHARS_MAX],
        attempt=attempt if len(attempt) == ATTEMPT_CHARS else str(InvoiceId(ports.ids.new())),
    )


async def posted(request: Request[object, object, State]) -> dict[str, str]:
    """Read a posted form; of a field that is named twice the first counts."""
    form = await request.form()
    said: dict[str, str] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            said.setdefault(name, value)
    return said


def problem_field(failure: KeysatError) -> str | None:
    """Give the control a failure is about; None: the form as a whole."""
    if isinstance(failure, CodeRefused):
        return "code"
    return _FIELDS.get(failure.field) if isinstance(failure, InvariantError) else None
