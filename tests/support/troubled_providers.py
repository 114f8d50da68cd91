"""Payment providers that fail, hang or all say the same, as a test wants it."""

from dataclasses import dataclass
from threading import Event

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.payment import InvoiceOrder, ProviderInvoice, ProviderReport
from keysat_core.errors import KeysatError
from keysat_core.ports.payments import PaymentProvider, PaymentProviders


@dataclass(kw_only=True)
class TroubledProviders:
    """Providers that fail with ``failure``, or hold every call until ``gate`` opens.

    With ``held_account_id`` only the calls to that account are held; ``held`` counts those that wait.
    ``failure_of_status`` befalls only the question how an invoice stands, and ``report`` is given
    in place of the answer to it.
    """

    inner: PaymentProviders
    failure: KeysatError | None = None
    failure_of_status: KeysatError | None = None
    report: ProviderReport | None = None
    gate: Event | None = None
    held_account_id: str | None = None
    held: int = 0

    def kinds(self) -> frozenset[ProviderKind]:
        return self.inner.kinds()

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        if self.failure is not None:
            raise self.failure
        provider = self.inner.provider_for(account)
        if self.gate is not None and self.held_account_id in {None, account.id}:
            return _Held(provider, self, self.gate)
        said = self.failure_of_status or self.report
        return _Saying(provider, said) if said else provider


class _Held:
    """A provider whose calls over the network wait at the gate."""

    def __init__(self, inner: PaymentProvider, providers: TroubledProviders, gate: Event) -> None:
        self._inner = inner
        self._providers = providers
        self._gate = gate
        self.parse_webhook = inner.parse_webhook
        self.probe = inner.probe
        self.pay_bolt11 = inner.pay_bolt11
        self.lightning_payment = inner.lightning_payment

    def create_invoice(self, order: InvoiceOrder) -> ProviderInvoice:
        self._wait()
        return self._inner.create_invoice(order)

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        self._wait()
        return self._inner.invoice_status(provider_invoice_id)

    def find_by_external_id(self, invoice_id: InvoiceId) -> ProviderInvoice | None:
        self._wait()
        return self._inner.find_by_external_id(invoice_id)

    def _wait(self) -> None:
        self._providers.held += 1
        self._gate.wait(timeout=30)
        self._providers.held -= 1


class _Saying:
    """A provider that says the same of every invoice."""

    def __init__(self, inner: PaymentProvider, said: KeysatError | ProviderReport) -> None:
        self._said = said
        self.create_invoice = inner.create_invoice
        self.find_by_external_id = inner.find_by_external_id
        self.parse_webhook = inner.parse_webhook
        self.probe = inner.probe
        self.pay_bolt11 = inner.pay_bolt11
        self.lightning_payment = inner.lightning_payment

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        if isinstance(self._said, KeysatError):
            raise self._said
        return self._said
