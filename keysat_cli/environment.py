"""The environment's variables and those of ``.env``, found by their names, old ones included."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from keysat_cli.env_file import FILE_NAME, read_env_file
from keysat_core.errors import ConfigurationError

_TRUE_WORDS: Final = frozenset({"1", "true", "yes", "on"})
_FALSE_WORDS: Final = frozenset({"0", "false", "no", "off"})

_LEGACY: Final[Mapping[str, str]] = {
    f"KEYSAT_{name}": f"LICENSING_{name}"
    for name in ("BIND", "DB_PATH", "ADMIN_API_KEY", "PUBLIC_URL", "OPERATOR_NAME")
}
PREFIXES: Final = ("KEYSAT_", "LICENSING_", "BTCPAY_")
"""What the names of our settings begin with."""


class Environment:
    """Variables by name: surrounding white space does not count, an empty value is no value."""

    def __init__(self, variables: Mapping[str, str]) -> None:
        self._variables = variables

    def find(self, name: str) -> str | None:
        """Give a variable, else its legacy name's value, else None."""
        for spelling in (name, _LEGACY.get(name, name)):
            value = self._text(spelling)
            if value:
                return value
        return None

    def without(self, name: str) -> "Environment":
        """Give the same variables as if one were not set."""
        return Environment({key: text for key, text in self._variables.items() if key != name})

    def conflicts(self) -> tuple[str, ...]:
        """Give the names whose legacy name is set to something else."""
        pairs = {name: {self._text(name), self._text(legacy)} for name, legacy in _LEGACY.items()}
        return tuple(name for name, texts in pairs.items() if "" not in texts and len(texts) > 1)

    def values_beside(self, name: str) -> dict[str, str]:
        """Give every other variable of Keysat's that is set, by the name it is set under."""
        skipped = {name, _LEGACY.get(name, name)}
        return {
            other: self._text(other)
            for other in self._variables
            if other.startswith(PREFIXES) and other not in skipped and self._text(other)
        }

    def require(self, name: str, remedy: str) -> str:
        """Give a variable that must be set.

        Raises:
            ConfigurationError: it is not.
        """
        value = self.find(name)
        if value is None:
            raise ConfigurationError(name, f"is not set; {remedy}")
        return value

    def is_on(self, name: str, *, default: str = "0") -> bool:
        """Read a switch, which is off unless set or on by ``default``.

        Raises:
            ConfigurationError: it is neither a yes nor a no.
        """
        value = (self.find(name) or default).lower()
        if value not in _TRUE_WORDS | _FALSE_WORDS:
            raise ConfigurationError(name, "must be 1, true, yes or on; or 0, false, no or off")
        return value in _TRUE_WORDS

    def says_yes(self, name: str) -> bool:
        """Read a switch that is off unless it says yes, whatever else it may say."""
        return (self.find(name) or "").lower() in _TRUE_WORDS

    def _text(self, name: str) -> str:
        return self._variables.get(name, "").strip()


def load_environment(variables: Mapping[str, str], folder: Path) -> Environment:
    """Join the environment with ``.env`` of a folder; the environment wins.

    Raises:
        ConfigurationError: the file cannot be read.
    """
    set_ones = {name: value for name, value in variables.items() if value.strip()}
    return Environment(read_env_file(folder / FILE_NAME) | set_ones)
