"""Exchange rates as operators see them, and what is kept of them."""

from decimal import Decimal
from typing import Final

from keysat_core.domain.actor import SYSTEM, Actor, Scope, authorize
from keysat_core.domain.audit import audited
from keysat_core.domain.events import RateDoubted, RateRefreshed, outbox_event
from keysat_core.domain.ids import EventId
from keysat_core.domain.money import Currency, parse_currency
from keysat_core.domain.rate import SATS_PER_BTC, FetchedRate, Rate
from keysat_core.domain.rate_trust import (
    Inquiry,
    chosen,
    read_fetched,
    spell_fetched,
    unconfirmed,
)
from keysat_core.domain.setting import RATE_LAST_PREFIX
from keysat_core.ports.clock import Clock
from keysat_core.ports.ids import Ids
from keysat_core.ports.rates import Rates
from keysat_core.ports.store import Store

IDENTITY: Final = "identity"
"""The source of what one bitcoin is in sats. Source: payments 12.1."""

BITCOIN_NAMES: Final = frozenset({"BTC", Currency.SAT})
"""Names under which bitcoin's own rate may be asked for. Source: admin-api 2.17."""


def list_rates(actor: Actor, *, rates: Rates) -> list[FetchedRate]:
    """Give what is known of exchange rates, without calling out (admin-api 2.17).

    Raises:
        Forbidden: the actor lacks ``rates:read``.
    """
    authorize(actor, Scope.RATES_READ)
    return rates.list_rates()


def refresh_rate(
    actor: Actor, code: str, *, rates: Rates, store: Store, clock: Clock, ids: Ids
) -> Rate:
    """Ask the sources for a rate, whatever is known. SAT and BTC answer 10^8 without asking.

    Source: admin-api 2.17, B-41: what was known before stays when nobody answers.

    Raises:
        Forbidden: the actor lacks ``rates:write``.
        InvariantError: no currency of ours.
        RateUnavailable: no source answers, or they contradict each other.
    """
    authorize(actor, Scope.RATES_WRITE)
    asked = code.upper()
    if asked in BITCOIN_NAMES:
        rate = Rate(currency=Currency.SAT, units_per_btc=Decimal(SATS_PER_BTC), source=IDENTITY)
    else:
        rate = rates.refresh(parse_currency(code, field="currency"))
    now = clock.now()
    with store.writing() as tx:
        tx.trail.append_audit(
            audited(
                actor,
                "rate.refresh",
                now,
                target=("rate", asked),
                currency=asked,
                source=rate.source,
                units_per_btc=str(rate.units_per_btc),
            )
        )
        refreshed = RateRefreshed(
            currency=asked, units_per_btc=str(rate.units_per_btc), source=rate.source
        )
        tx.trail.append_event(outbox_event(refreshed, event_id=EventId(ids.new()), now=now))
    return rate


def find_kept_rate(currency: Currency, *, store: Store) -> FetchedRate | None:
    """Give the rate the sources gave last, by any process and however old."""
    with store.reading() as tx:
        text = tx.settings.find_setting(RATE_LAST_PREFIX + currency)
    kept = None if text is None else read_fetched(text)
    return kept if kept is not None and kept.rate.currency is currency else None


def keep_rate(fetched: FetchedRate, *, store: Store, clock: Clock) -> None:
    """Keep a rate for the next process. It is no change of anybody's, so no audit row says so."""
    with store.writing() as tx:
        tx.settings.put_setting(
            RATE_LAST_PREFIX + fetched.rate.currency, spell_fetched(fetched), clock.now()
        )


def note_outliers(
    currency: Currency, inquiry: Inquiry, *, store: Store, clock: Clock, ids: Ids
) -> None:
    """Leave word of rates that were not believed (payments 12.1)."""
    now = clock.now()
    believed = chosen(inquiry)
    entry = audited(
        SYSTEM,
        "rate.outlier",
        now,
        target=("rate", currency),
        currency=str(currency),
        outliers={rate.source: str(rate.units_per_btc) for rate in unconfirmed(inquiry)},
        previous=None if inquiry.previous is None else str(inquiry.previous.units_per_btc),
        believed=None if believed is None else believed.source,
    )
    doubted = RateDoubted(currency=currency, believed=None if believed is None else believed.source)
    with store.writing() as tx:
        tx.trail.append_audit(entry)
        tx.trail.append_event(outbox_event(doubted, event_id=EventId(ids.new()), now=now))
