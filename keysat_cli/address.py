"""The web addresses of the settings, and how their text is read."""

from urllib.parse import urlsplit

from keysat_cli.environment import Environment
from keysat_core.errors import ConfigurationError


def checked_address(name: str, text: str) -> str:
    """Read the address a variable holds; it is given without a trailing slash.

    Raises:
        ConfigurationError: it is none, or says more than where something is.
    """
    problem = f"{text!r} must be an http(s) address such as https://licenses.example.com"
    if not text.isprintable() or " " in text:
        raise ConfigurationError(name, problem)
    try:
        parts = urlsplit(text)
        has_host = bool(parts.hostname) and parts.port != 0
    except ValueError:
        raise ConfigurationError(name, problem) from None
    if parts.scheme not in {"http", "https"} or not has_host:
        raise ConfigurationError(name, problem)
    if parts.query or parts.fragment or parts.username is not None:
        raise ConfigurationError(name, "must have neither a user, a ? nor a #")
    return text.rstrip("/")


def find_address(environment: Environment, name: str) -> str | None:
    """Read the address a variable holds, if it is set.

    Raises:
        ConfigurationError: as ``checked_address``.
    """
    text = environment.find(name)
    return checked_address(name, text) if text else None
