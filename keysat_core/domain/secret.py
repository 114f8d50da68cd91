"""A string that must not be shown. Its ``repr`` and ``str`` are ``***``."""

from typing import final


@final
class Secret:
    """Holds one secret text; ``reveal`` is the only way to it."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Give the text. Call it only where the secret is used."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled")
