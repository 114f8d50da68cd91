"""Which sources of exchange rates are asked, and in which order."""

from dataclasses import dataclass
from typing import Final

from keysat_cli.address import checked_address
from keysat_cli.environment import Environment
from keysat_core.errors import ConfigurationError


@dataclass(frozen=True, kw_only=True, slots=True)
class RateSource:
    """A source of exchange rates; ``base_url`` only when it is asked at another address."""

    name: str
    base_url: str | None = None


RATE_SOURCES_DEFAULT: Final = ("kraken", "coinbase", "coingecko")
"""The sources, in the order they are asked (payments 12.1)."""

NO_RATE_SOURCES: Final = "none"
"""What the variable says when pins alone are to count."""


def read_rate_sources(
    environment: Environment, *, is_sandbox: bool = False
) -> tuple[RateSource, ...]:
    """Read who is asked what a bitcoin costs. The sandbox asks nobody unless it is told to.

    Raises:
        ConfigurationError: a source is unknown, named twice, or its address is wrong.
    """
    listed = environment.find("KEYSAT_RATE_SOURCES")
    if listed is None:
        return () if is_sandbox else tuple(RateSource(name=name) for name in RATE_SOURCES_DEFAULT)
    if listed.lower() == NO_RATE_SOURCES:
        return ()
    chosen: dict[str, RateSource] = {}
    for part in filter(None, (part.strip() for part in listed.split(","))):
        name, has_url, url = part.partition("=")
        name = name.strip().lower()
        if name not in RATE_SOURCES_DEFAULT or name in chosen:
            raise ConfigurationError(
                "KEYSAT_RATE_SOURCES",
                f"{part!r}: list kraken, coinbase and coingecko once each, in the order to ask"
                f" them, or say {NO_RATE_SOURCES}",
            )
        base_url = checked_address("KEYSAT_RATE_SOURCES", url.strip()) if has_url else None
        chosen[name] = RateSource(name=name, base_url=base_url)
    return tuple(chosen.values())
