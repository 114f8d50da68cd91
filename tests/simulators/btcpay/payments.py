"""Buyers' and miners' hands: money arrives, confirms, or is taken back."""

from tests.simulators.btcpay.invoice_machine import confirm, receive, replace
from tests.simulators.btcpay.invoices import Invoice, Payment, Rail
from tests.simulators.btcpay.world import World


def pay_invoice(
    world: World, invoice: Invoice, sats: int, rail: Rail, *, is_confirmed: bool
) -> None:
    """Pay an invoice. Lightning is final at once; on chain it is when confirmed."""
    now = world.now()
    payment = Payment(
        id=world.ids.hexadecimal(32) + ("-0" if rail is Rail.ON_CHAIN else ""),
        rail=rail,
        sats=sats,
        received_at=now,
        destination=invoice.destinations[rail],
        is_late=now > invoice.expires_at,
    )
    world.announce(invoice, receive(invoice, payment, now=now, traits=world.traits))
    if is_confirmed and payment.status == "Processing":
        confirm_invoice(world, invoice, invoice.confirmations_needed)


def confirm_invoice(world: World, invoice: Invoice, blocks: int) -> None:
    """Mine blocks on what is unconfirmed."""
    world.announce(invoice, confirm(invoice, blocks, now=world.now(), traits=world.traits))


def replace_payments(world: World, invoice: Invoice) -> None:
    """Double-spend what is unconfirmed."""
    world.announce(invoice, replace(invoice, now=world.now(), traits=world.traits))
