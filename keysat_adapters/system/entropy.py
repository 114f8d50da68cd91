"""The operating system's randomness."""

import secrets


class SystemEntropy:
    """Bytes from the operating system's generator."""

    def token(self, n_bytes: int) -> bytes:
        """Give ``n_bytes`` unpredictable bytes."""
        return secrets.token_bytes(n_bytes)
