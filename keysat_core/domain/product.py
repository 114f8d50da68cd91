"""Products: what is sold, and its listed price (lifecycles 5)."""

import msgspec

from keysat_core.domain.document import JSONValue, checked_document
from keysat_core.domain.entitlement import Catalog
from keysat_core.domain.ids import MerchantProfileId, ProductId, is_uuid_text
from keysat_core.domain.instant import Instant
from keysat_core.domain.money import Currency, Money, parse_currency
from keysat_core.domain.text import checked_range, checked_text
from keysat_core.errors import InvariantError
from keysat_core.limits import AMOUNT_MAX, DESCRIPTION_CHARS_MAX, NAME_CHARS_MAX


class Product(msgspec.Struct, frozen=True, kw_only=True):
    """A product. ``slug`` never changes; ``merchant_profile_id`` None means the default profile."""

    id: ProductId
    slug: str
    name: str
    description: str = ""
    price: Money
    active: bool = True
    metadata: JSONValue = msgspec.field(default_factory=dict)
    entitlements_catalog: Catalog = ()
    merchant_profile_id: MerchantProfileId | None = None
    created_at: Instant
    updated_at: Instant

    def __post_init__(self) -> None:
        if not is_uuid_text(self.id):
            raise InvariantError("id", "must be a lower-case UUID: license keys pack it")
        checked_text(self.name, field="name", chars_max=NAME_CHARS_MAX, required=True)
        checked_text(self.description, field="description", chars_max=DESCRIPTION_CHARS_MAX)
        checked_document(self.metadata, field="metadata")

    @property
    def price_sats(self) -> int:
        """The price if it is listed in sats, else 0 (lifecycles 5)."""
        return self.price.amount if self.price.currency is Currency.SAT else 0


class PriceInput(msgspec.Struct, frozen=True, kw_only=True):
    """A price as operators send it: the typed pair, or the older ``price_sats`` alone."""

    price_currency: str | None = None
    price_value: int | None = None
    price_sats: int | None = None


def read_price(sent: PriceInput) -> Money | None:
    """Turn the three fields into one price; None when no field was sent.

    Source: lifecycles 5, table of price input.

    Raises:
        InvariantError: only half of the pair, an unknown currency, or fields that disagree.
    """
    match (sent.price_currency, sent.price_value, sent.price_sats):
        case (None, None, None):
            return None
        case (None, None, int(sats)):
            return _price(Currency.SAT, sats, field="price_sats")
        case (str(code), int(value), sats):
            price = _price(parse_currency(code), value, field="price_value")
            if sats is not None and (price.currency is not Currency.SAT or sats != value):
                raise InvariantError(
                    "price_sats", "leave it out, or send it equal to price_value with SAT"
                )
            return price
        case _:
            raise InvariantError("price_value", "send price_currency and price_value together")


def read_new_price(sent: PriceInput) -> Money:
    """Like ``read_price`` for a new product, which must have a price above 0.

    Raises:
        InvariantError: as ``read_price``, or no price, or a price of 0.
    """
    price = read_price(sent)
    if price is None:
        raise InvariantError("price_value", "a product needs price_currency and price_value")
    if price.amount == 0:
        raise InvariantError(
            "price_value",
            "must be above 0; for a free tier set price_sats_override of a policy to 0",
        )
    return price


def _price(currency: Currency, amount: int, *, field: str) -> Money:
    return Money(
        currency=currency, amount=checked_range(amount, field=field, low=0, high=AMOUNT_MAX)
    )
