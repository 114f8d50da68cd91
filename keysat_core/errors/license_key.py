"""Failures of what is signed and of what signs: license keys and PEM."""

from keysat_core.errors.root import KeysatError


class LicenseKeyError(KeysatError):
    """A license key cannot be accepted."""

    code = "license_key_rejected"


class BadKeyFormat(LicenseKeyError):
    """The text is not a LIC1 license key."""

    code = "bad_format"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"not a license key: {problem}")


class BadKeySignature(LicenseKeyError):
    """The key is well formed but was not signed by this public key, or was altered."""

    code = "bad_signature"

    def __init__(self) -> None:
        super().__init__("the license key was not signed by this issuer")


class KeyExpired(LicenseKeyError):
    """The signed expiry has passed. ``expires_at`` is in Unix seconds."""

    code = "expired"

    def __init__(self, expires_at: int) -> None:
        self.expires_at = expires_at
        super().__init__(f"the license key expired at Unix time {expires_at}")


class FingerprintMismatch(LicenseKeyError):
    """The key is bound to another machine."""

    code = "fingerprint_mismatch"

    def __init__(self) -> None:
        super().__init__("the license key is bound to another machine")


class BadPEM(KeysatError):
    """The text is not an Ed25519 key in PEM form. ``problem`` never quotes the input."""

    code = "bad_pem"

    def __init__(self, problem: str) -> None:
        self.problem = problem
        super().__init__(f"not an Ed25519 key in PEM form: {problem}")
