"""The license this server runs on, in a file beside the database or in the environment."""

import logging
import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from keysat_core.domain.own_license import HeldLicense
from keysat_core.domain.secret import Secret
from keysat_core.errors import LicenseFileUnwritable
from keysat_core.limits import KEY_CHARS_MAX
from keysat_core.signing import Verifier

log = logging.getLogger("keysat.license_file")


class LicenseFile:
    """Implements ``ports.self_licenses.SelfLicenses``. ``variable`` wins over the file."""

    def __init__(
        self,
        path: Path,
        *,
        variable: Secret | None,
        trust_root: Verifier,
        upgrade_base_url: str,
        sync_folder: Callable[[Path], None] | None = None,
    ) -> None:
        self._path = path
        self._sync_folder = sync_folder or _sync_folder
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

    def write_key(self, key: Secret) -> Callable[[], None]:
        """Exchange the file, which only its owner may read; give what takes that back.

        Raises:
            LicenseFileUnwritable: the file before is as it was.
        """
        before = _content(self._path)
        try:
            content = f"{key.reveal()}\n".encode("ascii")
            self._exchange(content)
        except OSError as exc:
            raise LicenseFileUnwritable(exc.strerror or type(exc).__name__) from exc
        except UnicodeError:
            raise LicenseFileUnwritable("it cannot be encoded") from None
        return lambda: self._take_back(content, before)

    def _take_back(self, content: bytes, before: bytes | None) -> None:
        if _content(self._path) != content:
            return
        try:
            if before is None:
                self._path.unlink(missing_ok=True)
                self._sync()
            else:
                self._exchange(before)
        except OSError as exc:
            log.exception("license_file_not_taken_back: %s", exc.strerror)

    def _exchange(self, content: bytes) -> None:
        handle, name = tempfile.mkstemp(prefix=f".{self._path.name}.", dir=self._path.parent)
        try:
            # mkstemp makes a file with mode 0600.
            with open(handle, "wb") as file:  # noqa: PTH123  a handle has no path
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path)
        except OSError:
            with suppress(OSError):
                Path(name).unlink()
            raise
        self._sync()

    def _sync(self) -> None:
        try:
            self._sync_folder(self._path.parent)
        except OSError as exc:
            # The file is the new one already; only after a power cut may it be the one before.
            log.warning("license_file_not_synced: %s", exc.strerror)


def key_in_file(path: Path) -> Secret | None:
    """Read a license file; None if there is none, nothing in it, or it may not be read."""
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            text = file.read(KEY_CHARS_MAX).strip()
    except OSError:
        # A license nobody can read is none; it never keeps a server from starting (decisions 11).
        return None
    return Secret(text) if text else None


def _content(path: Path) -> bytes | None:
    """Give what is in a file; None if it is not there, or nobody could read it anyway."""
    try:
        return path.read_bytes()
    except OSError:
        return None


def _sync_folder(folder: Path) -> None:
    """Make the names in a folder survive a power cut; not every file system can."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
