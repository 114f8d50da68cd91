"""Refusals about a license that exists: of another tier for it, and of giving its key again."""

from keysat_core.errors.root import KeysatError


class TierChangeRefused(KeysatError):
    """The license cannot go to that tier, or not in this way. ``reason`` is a word for programs."""

    code = "tier_change_refused"

    def __init__(self, reason: str, text: str) -> None:
        self.reason = reason
        super().__init__(text)


class RecoveryRefused(KeysatError):
    """No key is given out. Says nothing of which part of the proof failed (public-api 11)."""

    code = "recovery_refused"

    def __init__(self) -> None:
        super().__init__(
            "no active license was bought with this invoice id and e-mail address together"
        )
