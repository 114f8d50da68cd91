"""Asks sources in turn until there is a rate to believe, within one time for all of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic

import msgspec

from keysat_adapters.outbound.http import HTTPSender
from keysat_adapters.rates.source import Source, SourceFailed
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate
from keysat_core.domain.rate_trust import Inquiry, chosen
from keysat_core.limits import RATE_SOURCE_SECONDS


@dataclass(frozen=True, kw_only=True, slots=True)
class Asked:
    """What came of asking: the believed rate, all that was said, and what was wrong by source."""

    rate: Rate | None = None
    inquiry: Inquiry = field(default_factory=Inquiry)
    problems: dict[str, str] = field(default_factory=dict)


def ask_in_turn(
    sources: Sequence[Source],
    sender: HTTPSender,
    currency: Currency,
    *,
    previous: Rate | None,
    ends_at: float,
    elapsed: Callable[[], float] = monotonic,
) -> Asked:
    """Ask one source after the other until a rate may be believed; ``ends_at`` is on ``elapsed``."""
    inquiry = Inquiry(previous=previous)
    problems: dict[str, str] = {}
    for source in sources:
        left = ends_at - elapsed()
        if left <= 0:
            problems[source.name] = "not asked, the time was over"
            continue
        try:
            rate = source.ask(sender, currency, seconds=min(RATE_SOURCE_SECONDS, left))
        except SourceFailed as exc:
            problems[source.name] = str(exc)
            continue
        inquiry = msgspec.structs.replace(inquiry, answers=(*inquiry.answers, rate))
        if (believed := chosen(inquiry)) is not None:
            return Asked(rate=believed, inquiry=inquiry, problems=problems)
    for rate in inquiry.answers:
        problems[rate.source] = f"{rate.units_per_btc} was not confirmed"
    return Asked(inquiry=inquiry, problems=problems)
