"""Password hashing."""

from typing import Protocol

from keysat_core.domain.secret import Secret


class Passwords(Protocol):
    """Turns passwords into hashes that are safe to store. Deliberately slow: never in a transaction."""

    def hash_password(self, password: Secret) -> str:
        """Give an Argon2id PHC string, with a salt of its own each time."""
        ...

    def verify_password(self, password: Secret, *, password_hash: str) -> None:
        """Return if the password is the one that was hashed. Takes any Argon2 parameters.

        Raises:
            Unauthorized: it is another password.
            ConfigurationError: ``password_hash`` is no Argon2 PHC string, so no password fits.
        """
        ...
