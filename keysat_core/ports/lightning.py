"""Lightning addresses of people who are tipped."""

from typing import Protocol

from keysat_core.domain.lightning import LightningAddress, LightningInvoice, PayOffer


class LightningAddresses(Protocol):
    """Asks the servers of lightning addresses. Both methods call out: never in a transaction.

    A server may be anybody's: it is given 10 s in all per call, a bounded answer, and no way to
    another network than the public one. Nothing is judged here but whether an answer can be read.
    """

    def resolve(self, address: LightningAddress) -> PayOffer:
        """Ask an address what it takes.

        Raises:
            RecipientFailed: no answer, one that refuses, or one that cannot be used.
        """
        ...

    def request_invoice(self, offer: PayOffer, amount_msat: int) -> LightningInvoice:
        """Have an invoice written. It is decoded, and not yet known to be what was asked for.

        Raises:
            RecipientFailed: as ``resolve``; also when the invoice cannot be decoded.
        """
        ...
