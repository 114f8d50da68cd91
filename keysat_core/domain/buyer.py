"""What a buyer sends to start a purchase, checked and trimmed (public-api 6.1, 18)."""

from typing import Final, Self

import msgspec

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.text import checked_text, optional_text
from keysat_core.domain.web_address import checked_redirect
from keysat_core.errors import InvariantError
from keysat_core.limits import (
    CODE_CHARS_MAX,
    EMAIL_CHARS_MAX,
    IDEMPOTENCY_KEY_CHARS_MAX,
    IDEMPOTENCY_KEY_CHARS_MIN,
    NOTE_CHARS_MAX,
    SLUG_CHARS_MAX,
)

INVOICE_ID: Final = "{invoice_id}"
"""Stands for our invoice id in a seller's redirect URL (payments 4.1)."""


class BuyerRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A purchase as asked for. Blank optional fields mean absent."""

    product_slug: str
    policy_slug: str | None = None
    code: str | None = None
    buyer_email: str | None = None
    buyer_note: str | None = None
    redirect_url: str | None = None
    rail: str | None = None
    idempotency_key: str | None = None

    def normalized(self) -> Self:
        """Trim, and turn blank into absent. Slugs are matched untrimmed (public-api 0)."""
        return msgspec.structs.replace(
            self,
            policy_slug=self.policy_slug or None,
            code=(self.code or "").strip().upper()[: CODE_CHARS_MAX + 1] or None,
            buyer_email=optional_text(
                self.buyer_email, field="buyer_email", chars_max=EMAIL_CHARS_MAX
            ),
            buyer_note=optional_text(self.buyer_note, field="buyer_note", chars_max=NOTE_CHARS_MAX),
            redirect_url=self.redirect_url or None,
            idempotency_key=_idempotency_key(self.idempotency_key),
        )


def checked_request(request: BuyerRequest) -> BuyerRequest:
    """Accept a buyer's request in its normal form.

    Raises:
        InvariantError: a field is too long or unusable.
    """
    request = request.normalized()
    for field, slug in (("product", request.product_slug), ("policy_slug", request.policy_slug)):
        checked_text((slug or "")[:SLUG_CHARS_MAX], field=field, chars_max=SLUG_CHARS_MAX)
    if request.redirect_url is not None:
        checked_redirect(request.redirect_url, field="redirect_url")
    return request


def redirect_target(
    request: BuyerRequest, template: str | None, *, public_url: str, invoice_id: InvoiceId
) -> str:
    """Where the buyer goes after paying: as asked, else the seller's template, else our page."""
    if request.redirect_url is not None:
        return request.redirect_url
    if template:
        return template.replace(INVOICE_ID, invoice_id)
    return f"{public_url}/thank-you?invoice_id={invoice_id}"


def _idempotency_key(text: str | None) -> str | None:
    key = optional_text(text, field="Idempotency-Key", chars_max=IDEMPOTENCY_KEY_CHARS_MAX)
    if key is not None and len(key) < IDEMPOTENCY_KEY_CHARS_MIN:
        raise InvariantError(
            "Idempotency-Key",
            f"must have at least {IDEMPOTENCY_KEY_CHARS_MIN} characters; send a random UUID",
        )
    return key
