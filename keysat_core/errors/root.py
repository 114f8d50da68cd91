"""The root of every expected failure, and the one the domain itself raises about values."""

from typing import ClassVar


class KeysatError(Exception):
    """Root of every expected failure. Catch leaves, not this, except at a shell's edge."""

    code: ClassVar[str] = "keysat_error"


class InvariantError(KeysatError, ValueError):
    """A value breaks a rule of the domain. ``field`` names it, ``problem`` says what to do.

    It is a ``ValueError`` so that msgspec reports it as a validation error when decoding.
    """

    code = "invalid_field"

    def __init__(self, field: str, problem: str) -> None:
        self.field = field
        self.problem = problem
        super().__init__(f"{field}: {problem}")
