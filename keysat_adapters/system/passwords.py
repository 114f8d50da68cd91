"""Password hashing by libsodium, which also compares in constant time."""

import re
from typing import Final

from nacl.exceptions import InvalidkeyError
from nacl.pwhash import argon2id

from keysat_core.domain.secret import Secret
from keysat_core.errors import ConfigurationError, Unauthorized

OPS_LIMIT: Final = 3
"""Passes over the memory."""

MEMORY_BYTES: Final = 64 * 1024 * 1024
"""Memory one hash takes; a quarter of a second on a small machine."""

HASH_BYTES_MAX: Final = 127
"""The longest PHC string libsodium reads (its buffer of 128 bytes ends in a zero)."""

_PHC: Final = re.compile(
    r"\$argon2id\$v=19\$m=[1-9][0-9]{0,9},t=[1-9][0-9]{0,9},p=[1-9][0-9]{0,7}"
    r"\$[A-Za-z0-9+/]{11,}\$[A-Za-z0-9+/]{11,}"
)
"""Source: RFC 9106 section 3.1 (version 19) and the PHC string format; at least 8 bytes of salt."""


class Argon2Passwords:
    """Argon2id with parameters of our own; reads what any other Argon2id made."""

    def hash_password(self, password: Secret) -> str:
        """Give a PHC string of 64 MiB and three passes, salted by libsodium."""
        hashed = argon2id.str(password.reveal().encode(), opslimit=OPS_LIMIT, memlimit=MEMORY_BYTES)
        return hashed.decode("ascii")

    def verify_password(self, password: Secret, *, password_hash: str) -> None:
        """Return if the password fits the hash.

        Raises:
            Unauthorized: it does not.
            ConfigurationError: the hash is no Argon2id PHC string.
        """
        if len(password_hash) > HASH_BYTES_MAX or _PHC.fullmatch(password_hash) is None:
            raise ConfigurationError(
                "password hash", "is not an Argon2id PHC string; set the password anew"
            )
        try:
            argon2id.verify(password_hash.encode("ascii"), password.reveal().encode())
        except InvalidkeyError as exc:
            raise Unauthorized from exc
