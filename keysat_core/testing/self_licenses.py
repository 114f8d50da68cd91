"""A server's own license without a file or an environment."""

from collections.abc import Callable
from typing import Final

from keysat_core.domain.ids import LicenseId, ProductId
from keysat_core.domain.own_license import PERPETUAL, HeldLicense, Licensed
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import TRUST_ROOT_PEM, UPGRADE_BASE_URL, SelfLicense
from keysat_core.signing import Verifier

_NOBODY: Final = "00000000-0000-4000-8000-000000000000"


class MemorySelfLicenses:
    """Implements ``ports.self_licenses.SelfLicenses``. The file is ``key``, and may be set.

    With ``entitled`` it begins as if a license with these entitlements had been looked at.
    ``variable`` is the key the environment would give.
    """

    def __init__(
        self,
        entitled: SelfLicense | None = None,
        *,
        key: Secret | None = None,
        variable: Secret | None = None,
        trust_root_pem: str = TRUST_ROOT_PEM,
    ) -> None:
        self.key = key
        self.variable = variable
        self.trust_root: Verifier = Verifier.from_pem(trust_root_pem)
        self.upgrade_base_url: str = entitled.upgrade_base_url if entitled else UPGRADE_BASE_URL
        self._held = _held_for(entitled)

    @property
    def is_variable_set(self) -> bool:
        """Whether the environment gives a key."""
        return self.variable is not None

    def held(self) -> HeldLicense:
        """Give what is known."""
        return self._held

    def hold(self, held: HeldLicense) -> None:
        """Keep what is known."""
        self._held = held

    def find_key(self) -> Secret | None:
        """Give the environment's key, else the written one."""
        return self.variable or self.key

    def write_key(self, key: Secret) -> Callable[[], None]:
        """Keep a key; give what takes it back."""
        before, self.key = self.key, key

        def take_back() -> None:
            if self.key is key:
                self.key = before

        return take_back


def _held_for(entitled: SelfLicense | None) -> HeldLicense:
    if entitled is None or not (entitled.entitlements or entitled.license_id):
        return HeldLicense()
    licensed = Licensed(
        license_id=entitled.license_id or LicenseId(_NOBODY),
        product_id=ProductId(_NOBODY),
        expires_at=PERPETUAL,
        entitlements=tuple(sorted(entitled.entitlements)),
    )
    return HeldLicense(ceiling=licensed, standing=licensed)
