"""The operator's own Keysat license: the tier it gives and the caps that follow (admin-api 5).

Which license that is, is ``domain.own_license``'s business. A server without one, or with one that
does not verify, is on the Creator tier; it always runs.
"""

from enum import StrEnum
from typing import Final

import msgspec

from keysat_core.domain.ids import LicenseId
from keysat_core.errors import TierCapReached, TierChangeRefused

TRUST_ROOT_PEM: Final = (
    "-----BEGIN PUBLIC KEY-----\n"
    "MCowBQYDK2VwAyEAgsromMy4osMJplX1rY0fd4ouS6wfkm/vfeY2gXEQHkA=\n"
    "-----END PUBLIC KEY-----\n"
)
"""Public key that Keysat's own licenses are signed with (admin-api 2.13)."""

UPGRADE_BASE_URL: Final = "https://licensing.keysat.xyz/buy/keysat"
"""Where operators buy a higher tier (admin-api 5)."""

PRODUCTS_CAP: Final = 5
POLICIES_CAP: Final = 5
CODES_CAP: Final = 10
MERCHANT_PROFILES_CAP: Final = 1
"""Caps of the Creator tier (admin-api 5)."""


class Capability(StrEnum):
    """Entitlements of the operator's license that lift a cap."""

    UNLIMITED_PRODUCTS = "unlimited_products"
    UNLIMITED_POLICIES = "unlimited_policies"
    UNLIMITED_CODES = "unlimited_codes"
    UNLIMITED_MERCHANT_PROFILES = "unlimited_merchant_profiles"
    RECURRING_BILLING = "recurring_billing"
    ZAPRITE_PAYMENTS = "zaprite_payments"
    PATRON = "patron"


class Tier(StrEnum):
    """The label; gates look at capabilities, never at the label."""

    CREATOR = "creator"
    PRO = "pro"
    PATRON = "patron"


class SelfLicense(msgspec.Struct, frozen=True, kw_only=True):
    """What the operator is entitled to, and where to get more. ``license_id`` None: unlicensed."""

    license_id: LicenseId | None = None
    entitlements: frozenset[str] = frozenset()
    upgrade_base_url: str = UPGRADE_BASE_URL

    def has(self, capability: Capability) -> bool:
        """Tell whether a capability was bought."""
        return capability in self.entitlements

    @property
    def tier(self) -> Tier:
        """Patron, else Pro, else Creator."""
        if self.has(Capability.PATRON):
            return Tier.PATRON
        return Tier.PRO if self.has(Capability.UNLIMITED_PRODUCTS) else Tier.CREATOR

    @property
    def next_tier(self) -> Tier | None:
        """The tier above this one; None for Patron."""
        return {Tier.CREATOR: Tier.PRO, Tier.PRO: Tier.PATRON}.get(self.tier)

    @property
    def upgrade_url(self) -> str | None:
        """Where the next tier is sold; None for Patron."""
        return f"{self.upgrade_base_url}?policy={self.next_tier}" if self.next_tier else None

    @property
    def products_cap(self) -> int | None:
        """Most products that may be created; None without a cap."""
        return None if self.has(Capability.UNLIMITED_PRODUCTS) else PRODUCTS_CAP

    @property
    def policies_cap(self) -> int | None:
        """Most policies a product may get; None without a cap."""
        return None if self.has(Capability.UNLIMITED_POLICIES) else POLICIES_CAP

    @property
    def codes_cap(self) -> int | None:
        """Most active discount codes; None without a cap."""
        return None if self.has(Capability.UNLIMITED_CODES) else CODES_CAP

    @property
    def merchant_profiles_cap(self) -> int | None:
        """Most merchant profiles, the default included; None without a cap."""
        lifted = self.has(Capability.UNLIMITED_MERCHANT_PROFILES)
        return None if lifted else MERCHANT_PROFILES_CAP


def refuse_own_license(self_license: SelfLicense, license_id: LicenseId) -> None:
    """Keep the license this very server runs on from being changed here (lifecycles 11.4).

    Raises:
        TierChangeRefused: it is that license.
    """
    if license_id == self_license.license_id:
        raise TierChangeRefused(
            "own_license",
            "this server runs on this license; its tier changes where it was bought, with the key"
            " that follows",
        )


def refuse_beyond_cap(self_license: SelfLicense, *, noun: str, cap: int | None, count: int) -> None:
    """Let through only what the tier covers; rows that already exist are never touched.

    Raises:
        TierCapReached: ``count`` rows exist already and the cap is not above that.
    """
    if cap is None or count < cap:
        return
    raise TierCapReached(
        f"the {self_license.tier.title()} tier allows {cap} {noun} and {count} exist; "
        "delete one or upgrade Keysat",
        f"{self_license.upgrade_base_url}?policy={Tier.PRO}",
    )


def refuse_without(self_license: SelfLicense, capability: Capability) -> None:
    """Let through only an operator who bought the capability.

    Raises:
        TierCapReached: not bought.
    """
    if not self_license.has(capability):
        what = capability.replace("_", " ")
        raise TierCapReached(
            f"the {self_license.tier.title()} tier does not include {what}; upgrade Keysat",
            f"{self_license.upgrade_base_url}?policy={Tier.PRO}",
        )
