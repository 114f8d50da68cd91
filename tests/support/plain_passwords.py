"""Passwords that cost nothing, for tests that are about something else."""

from hashlib import sha256

from keysat_core.domain.secret import Secret
from keysat_core.errors import Unauthorized


class PlainPasswords:
    """Implements ``ports.passwords.Passwords`` with a hash that protects nobody."""

    def hash_password(self, password: Secret) -> str:
        return sha256(password.reveal().encode()).hexdigest()

    def verify_password(self, password: Secret, *, password_hash: str) -> None:
        if self.hash_password(password) != password_hash:
            raise Unauthorized
