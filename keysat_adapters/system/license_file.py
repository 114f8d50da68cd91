"""The license this server runs on, in a file beside the database or in the environment."""

import os
import tempfile
from contextlib import suppress
from pathlib import Path

from keysat_core.domain.own_license import HeldLicense
from keysat_core.domain.secret import Secret
from keysat_core.errors import LicenseFileUnwritable
from keysat_core.limits import KEY_CHARS_MAX
from keysat_core.signing import Verifier


class LicenseFile:
    """Implements ``ports.self_licenses.SelfLicenses``. ``variable`` wins over the file."""

    def __init__(
        self, path: Path, *, variable: Secret | None, trust_root: Verifier, upgrade_base_url: str
    ) -> None:
        self._path = path
        self._variable = variable
        self.trust_root: Verifier = trust_root
        self.upgrade_base_url: str = upgrade_base_url
        self._held = HeldLicense()

    @property
    def is_variable_set(self) -> bool:
        """Whether the environment gives the key."""
        return self._variable is not None

    def held(self) -> HeldLicense:
        """Give what is known, without looking anywhere."""
        return self._held

    def hold(self, held: HeldLicense) -> None:
        """Keep what is known from now on."""
        self._held = held

    def find_key(self) -> Secret | None:
        """Give the environment's key, else what is in the file."""
        return self._variable or key_in_file(self._path)

    def write_key(self, key: Secret) -> None:
        """Exchange the file, which only its owner may read.

        Raises:
            LicenseFileUnwritable: the file before is as it was.
        """
        try:
            handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        except OSError as exc:
            raise LicenseFileUnwritable(exc.strerror or type(exc).__name__) from exc
        try:
            # mkstemp makes a file with mode 0600.
            with open(handle, "w", encoding="ascii") as file:  # noqa: PTH123  a handle has no path
                file.write(f"{key.reveal()}\n")
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
            _sync_folder(self._path.parent)
        except (OSError, UnicodeError) as exc:
            with suppress(OSError):
                Path(name).unlink()
            said = exc.strerror if isinstance(exc, OSError) else None
            raise LicenseFileUnwritable(said or "it cannot be encoded") from None


def key_in_file(path: Path) -> Secret | None:
    """Read a license file; None if there is none, nothing in it, or it may not be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(KEY_CHARS_MAX).strip()
    except OSError:
        # A license nobody can read is none; it never keeps a server from starting (decisions 11).
        return None
    return Secret(text) if text else None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
