"""The license this server runs on: where its key is, and what is known of it."""

from collections.abc import Callable
from typing import Protocol

from keysat_core.domain.own_license import HeldLicense
from keysat_core.domain.secret import Secret
from keysat_core.signing import Verifier


class SelfLicenses(Protocol):
    """One server's own license. What is held is the process's; the key is everybody's.

    Threads share it. Of two that hold something at once the later one counts.
    """

    @property
    def trust_root(self) -> Verifier:
        """What verifies Keysat's own licenses."""
        ...

    @property
    def upgrade_base_url(self) -> str:
        """Where a higher tier is sold."""
        ...

    @property
    def is_variable_set(self) -> bool:
        """Whether the environment gives the key; then whatever is written does not count."""
        ...

    def held(self) -> HeldLicense:
        """Give what is known, without looking anywhere. Cheap."""
        ...

    def hold(self, held: HeldLicense) -> None:
        """Keep what is known from now on."""
        ...

    def find_key(self) -> Secret | None:
        """Look for the key: the environment's, else the one written last, by any process.

        None when there is none or it cannot be read. Never fails.
        """
        ...

    def write_key(self, key: Secret) -> Callable[[], None]:
        """Keep a key in place of the one before, all of it or nothing; give what takes it back.

        Taking it back leaves what was there before, be it nothing, and never fails. A key that was
        written since stays.

        Raises:
            LicenseFileUnwritable.
        """
        ...
