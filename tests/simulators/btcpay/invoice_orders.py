"""Turns a request to create an invoice into an invoice, or refuses it.

Source: Greenfield ``Invoices_CreateInvoice``. What the document leaves open (which numbers are
refused with 422, and 400 for a store that nobody can pay) is as published servers do it.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_HALF_UP, Decimal
from typing import Any, Final

from tests.simulators.btcpay import bodies
from tests.simulators.btcpay.invoices import SATS_PER_BTC, Invoice, Rail
from tests.simulators.btcpay.modes import OLD_METHOD_NAMES, Traits
from tests.simulators.btcpay.problems import invalid, problem
from tests.simulators.btcpay.stores import CONFIRMATIONS, Store
from tests.simulators.btcpay.world import World

EXPIRY_SECONDS_MIN: Final = 30
DEFAULT_CURRENCY: Final = "USD"
DECIMALS: Final = {"BTC": 8, "SATS": 0}
FIAT_DECIMALS: Final = 2
NO_METHOD: Final = (
    "Error while initializing invoice: no payment method of the store can be used at the moment"
)


def invoice_from(world: World, store: Store, fields: bodies.Fields) -> Invoice:
    """Read and check a request; the invoice is not in the world yet.

    Raises:
        Refused: 422 for a field, 400 for a store without a method that works now.
    """
    amount = bodies.decimal(fields, "amount", path="amount")
    if amount is not None and amount < 0:
        raise invalid("Amount", "The amount should be 0 or more.")
    currency = bodies.text(fields, "currency", DEFAULT_CURRENCY).upper()
    checkout = _checkout(world.traits, store, bodies.mapping(fields, "checkout"))
    metadata = bodies.mapping(fields, "metadata")
    email = metadata.get("buyerEmail")
    if email is not None and "@" not in str(email):
        raise problem(400, "generic-error", "Invalid email")
    if amount is not None:
        amount = _rounded(amount, DECIMALS.get(currency, FIAT_DECIMALS))
    sats_per_unit = _sats_per_unit(store, currency)
    destinations = {}
    if sats_per_unit is not None:
        destinations = _destinations(world, store, checkout["paymentMethods"])
    if sats_per_unit is None or (not destinations and amount != 0):
        raise problem(400, "generic-error", NO_METHOD)
    now = world.now()
    expires_at = now + int(checkout["expirationMinutes"] * 60)
    due = None if amount is None else _sats(amount * sats_per_unit)
    tolerated = 1 - Decimal(str(checkout["paymentTolerance"])) / 100
    return Invoice(
        id=world.ids.short(),
        store_id=store.id,
        amount=amount,
        currency=currency,
        due_sats=due,
        tolerated_sats=0 if due is None else _sats(due * tolerated),
        sats_per_unit=sats_per_unit,
        created_at=now,
        expires_at=expires_at,
        monitored_until=expires_at + int(checkout["monitoringMinutes"] * 60),
        confirmations_needed=CONFIRMATIONS[checkout["speedPolicy"]],
        metadata=metadata,
        checkout=checkout,
        destinations=destinations,
    )


def _rounded(amount: Decimal, decimals: int) -> Decimal:
    """Round to the currency's decimals and keep fewer as they were written."""
    exponent = amount.as_tuple().exponent
    if isinstance(exponent, int) and -decimals <= exponent <= 0:
        return amount
    return amount.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_HALF_UP)


def _sats(amount: Decimal) -> int:
    """Round up, except for what a rate that does not divide evenly leaves over."""
    return int(amount.quantize(Decimal("0.000001")).to_integral_value(rounding=ROUND_CEILING))


def _sats_per_unit(store: Store, currency: str) -> Decimal | None:
    """Give the rate, or None for a currency without one, which no method can be priced in."""
    if currency == "BTC":
        return Decimal(SATS_PER_BTC)
    if currency == "SATS":
        return Decimal(1)
    if currency not in store.rates:
        return None
    return Decimal(SATS_PER_BTC) / store.rates[currency]


def _checkout(traits: Traits, store: Store, given: Mapping[str, Any]) -> dict[str, Any]:
    """Check the options and fill in the store's settings."""
    speed_policy = bodies.text(given, "speedPolicy", store.speed_policy)
    if speed_policy not in CONFIRMATIONS:
        raise invalid("checkout.speedPolicy", "Unknown speed policy")
    expiry = bodies.decimal(given, "expirationMinutes")
    if expiry is not None and expiry * 60 < EXPIRY_SECONDS_MIN:
        raise invalid("checkout.expirationMinutes", "Expiration time must be at least 30 seconds")
    monitoring = bodies.decimal(given, "monitoringMinutes")
    tolerance = bodies.decimal(given, "paymentTolerance")
    if tolerance is not None and not 0 <= tolerance <= 100:
        message = "PaymentTolerance can only be between 0 and 100 percent"
        raise invalid("checkout.paymentTolerance", message)
    methods = bodies.texts(given, "paymentMethods", path="checkout.paymentMethods")
    default_method = bodies.text(given, "defaultPaymentMethod")
    return {
        "speedPolicy": speed_policy,
        "paymentMethods": _methods(traits, store, methods),
        "defaultPaymentMethod": default_method or None,
        "lazyPaymentMethods": bodies.flag(given, "lazyPaymentMethods", default=False),
        "expirationMinutes": _number(expiry, store.expiry_seconds),
        "monitoringMinutes": _number(monitoring, store.monitoring_seconds),
        "paymentTolerance": float(store.tolerance_percent if tolerance is None else tolerance),
        "redirectURL": bodies.text(given, "redirectURL") or None,
        "redirectAutomatically": bodies.flag(given, "redirectAutomatically", default=False),
        "defaultLanguage": bodies.text(given, "defaultLanguage") or None,
    }


def _number(minutes: Decimal | None, default_seconds: int) -> int | float:
    if minutes is None:
        return default_seconds // 60
    return int(minutes) if minutes == minutes.to_integral_value() else float(minutes)


def method_id(traits: Traits, name: str) -> str | None:
    """Give the version's own id of a payment method it can read, or None."""
    own = {traits.on_chain, traits.lightning, traits.lnurl}
    if name.upper() in {known.upper() for known in own}:
        return next(known for known in own if known.upper() == name.upper())
    modern = OLD_METHOD_NAMES.get(name.upper())
    return modern if modern in own else None


def _methods(traits: Traits, store: Store, asked: list[str] | None) -> list[str]:
    """List the ids an invoice may be paid by: those asked for that the store has."""
    enabled = enabled_methods(traits, store)
    if asked is None:
        return enabled
    found = []
    for index, name in enumerate(asked):
        known = method_id(traits, name)
        if known is None:
            raise invalid(f"checkout.paymentMethods[{index}]", "Invalid PaymentMethodId")
        found.append(known)
    return [known for known in enabled if known in found]


def enabled_methods(traits: Traits, store: Store) -> list[str]:
    """List what the store has set up, whether it works at the moment or not."""
    on_chain = [traits.on_chain] if store.has_wallet else []
    return on_chain + ([traits.lightning] if store.lightning is not None else [])


def _destinations(world: World, store: Store, methods: list[str]) -> dict[Rail, str]:
    """Give an address and a BOLT11 of its own to each method that works now."""
    found = {}
    if world.traits.on_chain in methods and store.is_node_synced:
        found[Rail.ON_CHAIN] = world.ids.address(store.network)
    node = store.lightning
    if world.traits.lightning in methods and node is not None and node.is_available:
        prefix = {"mainnet": "lnbc", "testnet": "lntb"}.get(store.network, "lnbcrt")
        found[Rail.LIGHTNING] = prefix + world.ids.hexadecimal(40)
    return found
