"""Lightning addresses over HTTPS."""

from keysat_adapters.lightning.bolt11 import UnreadableInvoice, decode_bolt11
from keysat_adapters.lightning.fetch import Fetcher, Unanswered
from keysat_adapters.lightning.wire import address_url, invoice_url, read_invoice, read_offer
from keysat_core.domain.lightning import LightningAddress, LightningInvoice, PayOffer
from keysat_core.errors import RecipientFailed


class HTTPSLightningAddresses:
    """Implements ``ports.lightning.LightningAddresses``."""

    def __init__(self, fetcher: Fetcher | None = None) -> None:
        self._fetcher = fetcher or Fetcher()

    def resolve(self, address: LightningAddress) -> PayOffer:
        """Ask an address what it takes."""
        return read_offer(self._get(address_url(address)))

    def request_invoice(self, offer: PayOffer, amount_msat: int) -> LightningInvoice:
        """Have an invoice written, and decode it."""
        text = read_invoice(self._get(invoice_url(offer.callback, amount_msat)))
        try:
            return decode_bolt11(text)
        except UnreadableInvoice as exc:
            raise RecipientFailed(f"its invoice cannot be read: {exc}") from exc

    def _get(self, url: str) -> bytes:
        try:
            return self._fetcher.get(url)
        except Unanswered as exc:
            raise RecipientFailed(str(exc)) from exc
