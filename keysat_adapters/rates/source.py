"""One public price source: where to ask, and how to read its answer."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from http import HTTPStatus

import msgspec

from keysat_adapters.outbound.answer import NoAnswer
from keysat_adapters.outbound.http import HTTPSender
from keysat_core.domain.money import Currency
from keysat_core.domain.rate import Rate
from keysat_core.domain.rate_trust import is_plausible
from keysat_core.limits import RATE_ANSWER_BYTES_MAX


class SourceFailed(Exception):
    """A source gave no rate that may be looked at; the message says why, in few words of ours."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A source of rates.

    Attributes:
        name: How invoices name it.
        base_url: Its address, without a slash at the end.
        path: Gives what to ask for a currency: path and query.
        price: Reads the price of one bitcoin out of an answer. Raises ``SourceFailed``, and
            ``msgspec.MsgspecError`` for an answer of another form.
    """

    name: str
    base_url: str
    path: Callable[[Currency], str]
    price: Callable[[bytes, Currency], Decimal]

    def ask(self, sender: HTTPSender, currency: Currency, *, seconds: float) -> Rate:
        """Ask once for the price of a bitcoin.

        Raises:
            SourceFailed: no answer in time, or none that is a price of a bitcoin.
        """
        url = self.base_url + self.path(currency)
        try:
            answer = sender.send("GET", url, seconds=seconds)
        except NoAnswer as exc:
            raise SourceFailed(
                f"no answer within {seconds:.1f} s" if exc.is_slow else str(exc)
            ) from exc
        if answer.status != HTTPStatus.OK:
            raise SourceFailed(f"HTTP {answer.status}")
        if len(answer.body) > RATE_ANSWER_BYTES_MAX:
            raise SourceFailed("the answer is too long")
        try:
            price = self.price(answer.body, currency)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as exc:
            raise SourceFailed("the answer cannot be read") from exc
        if not is_plausible(price):
            raise SourceFailed(f"{str(price)[:40]} is no price of a bitcoin")
        return Rate(currency=currency, units_per_btc=price, source=self.name)
