"""The merchant's customers at Zaprite, and the cards they have saved there."""

from dataclasses import dataclass, field

from tests.simulators.zaprite.order import Method


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentProfile:
    """A saved way to pay.

    Attributes:
        appears_at: From when on the API shows it, which may be later than the payment.
    """

    id: str
    method: Method
    expires_at: int | None
    source_order_id: str
    source_external_uniq_id: str | None
    appears_at: int


@dataclass(slots=True, kw_only=True, eq=False)
class Contact:
    """Somebody who pays the merchant."""

    id: str
    org_id: str
    legal_name: str
    display_name: str | None
    email: str | None
    created_at: int
    profiles: list[PaymentProfile] = field(default_factory=list)

    def visible_profiles(self, now: int) -> list[PaymentProfile]:
        """List what the API shows by now."""
        return [profile for profile in self.profiles if profile.appears_at <= now]
