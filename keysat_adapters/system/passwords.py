"""Password hashing by libsodium, which also compares in constant time."""

import re
from threading import BoundedSemaphore
from typing import Final

from nacl import pwhash
from nacl.exceptions import InvalidkeyError

from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError, Unauthorized

OPS_LIMIT: Final = 2
"""Passes over the memory. Source: admin-api 1.4; OWASP names the same as its minimum."""

MEMORY_BYTES: Final = 19_456 * 1024
"""Memory one hash takes (admin-api 1.4): small enough for a board computer."""

HASHES_AT_ONCE: Final = 2
"""More would take the memory and the processors of a small machine from everything else."""

HASH_BYTES_MAX: Final = 127
"""The longest PHC string libsodium reads (its buffer of 128 bytes ends in a zero)."""

_PHC: Final = re.compile(
    r"\$argon2id?\$v=19\$m=[1-9][0-9]{0,9},t=[1-9][0-9]{0,9},p=[1-9][0-9]{0,7}"
    r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{11,}"
)
"""Source: RFC 9106 section 3.1 (version 19) and the PHC string format; at least 8 bytes of salt."""


class Argon2Passwords:
    """Argon2id with parameters of our own; reads what any other Argon2id or Argon2i made."""

    def __init__(self) -> None:
        self._turns = BoundedSemaphore(HASHES_AT_ONCE)

    def hash_password(self, password: Secret) -> str:
        """Give a PHC string of 19 MiB and two passes, salted by libsodium."""
        with self._turns:
            hashed = pwhash.argon2id.str(
                password.reveal().encode(), opslimit=OPS_LIMIT, memlimit=MEMORY_BYTES
            )
        return hashed.decode("ascii")

    def verify_password(self, password: Secret, *, password_hash: str) -> None:
        """Return if the password fits the hash.

        Raises:
            Unauthorized: it does not.
            ConfigurationError: the hash is no Argon2 PHC string.
        """
        if len(password_hash) > HASH_BYTES_MAX or _PHC.fullmatch(password_hash) is None:
            raise ConfigurationError(
                "password hash", "is not an Argon2 PHC string; set the password anew"
            )
        try:
            with self._turns:
                pwhash.verify(password_hash.encode("ascii"), password.reveal().encode())
        except InvalidkeyError as exc:
            raise Unauthorized from exc
