"""Refusals of a purchase, as the buyer hears them."""

from typing import Final

from keysat_core.errors.root import KeysatError


class PurchaseRefused(KeysatError):
    """The buyer cannot buy this; the message says why."""

    code = "purchase_refused"


class ProductInactive(PurchaseRefused):
    """The product is not for sale."""

    code = "product_inactive"

    def __init__(self, slug: str) -> None:
        super().__init__(f"product {slug!r} is not for sale")


class PolicyUnavailable(PurchaseRefused):
    """The tier exists but cannot be bought. ``problem``: inactive, not public or archived."""

    code = "policy_unavailable"

    def __init__(self, slug: str, problem: str) -> None:
        self.problem = problem
        super().__init__(f"tier {slug!r} is {problem} and cannot be bought")


class CodeRefused(PurchaseRefused):
    """The discount code does not apply. ``reason``: a word of ``spec`` lifecycles 6.2."""

    code = "code_refused"

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__(CODE_PROBLEMS.get(reason, "the discount code cannot be used"))


CODE_PROBLEMS: Final = {
    "unknown_code": "there is no such discount code; check its spelling, or buy without it",
    "disabled": "the discount code is switched off; buy without it",
    "requires_payment": "this code requires payment: it lowers the price of a purchase",
    "expired": "the discount code has expired; buy without it",
    "wrong_product": "the discount code is for another product",
    "wrong_tier": "the discount code is for another tier; choose that one, or buy without it",
    "exhausted": "the discount code has been used as often as it may be; buy without it",
}
"""What a buyer is told. Buy pages in the field look for ``requires payment`` (public-api 7)."""


class NoProvider(PurchaseRefused):
    """No connected payment provider can take this payment."""

    code = "no_provider"

    def __init__(self, rail: str | None = None) -> None:
        self.rail = rail
        what = f"the {rail} rail" if rail else "payments"
        super().__init__(f"the seller has no payment provider connected for {what}")


class StillPayable(KeysatError):
    """An operator would settle by hand what its buyer may be paying at this moment."""

    code = "still_payable"

    def __init__(self, *, is_provider_asked: bool) -> None:
        self.is_provider_asked = is_provider_asked
        why = (
            "its provider says that it can still be paid"
            if is_provider_asked
            else "its provider could not be asked whether it was paid"
        )
        super().__init__(
            f"{why}; wait until it is paid or has expired, or settle it with force=true"
        )
