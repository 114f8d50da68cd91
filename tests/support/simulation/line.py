"""The line between a server and the payment service, and everything that befalls a call on it."""

from collections.abc import Callable, Mapping
from typing import Final, TypeVar

from keysat_core.domain.ids import InvoiceId
from keysat_core.domain.merchant import ProviderAccount, ProviderKind
from keysat_core.domain.payment import (
    InvoiceOrder,
    LightningPayment,
    ProviderInvoice,
    ProviderNotice,
    ProviderReport,
)
from keysat_core.ports.payments import PaymentProvider
from tests.support.scripted_provider import Fault, ScriptedProvider
from tests.support.simulation.stage import Stage
from tests.support.simulation.tips import OUTCOMES

FAULTS: Final = {
    "provider_refused": Fault.REFUSED,
    "provider_unavailable": Fault.UNAVAILABLE,
    "answer_lost": Fault.LOST,
}

SLOW_SECONDS: Final = 60

_Answer = TypeVar("_Answer")


class SimulatedLine:
    """Implements ``ports.payments.PaymentProvider``: others go on before and after every call."""

    def __init__(self, provider: ScriptedProvider, stage: Stage) -> None:
        self._provider = provider
        self._stage = stage
        self._rng = stage.rng("line")

    def create_invoice(self, order: InvoiceOrder) -> ProviderInvoice:
        return self._call("create invoice", lambda: self._provider.create_invoice(order))

    def invoice_status(self, provider_invoice_id: str) -> ProviderReport:
        return self._call(
            f"ask about {provider_invoice_id}",
            lambda: self._provider.invoice_status(provider_invoice_id),
        )

    def find_by_external_id(self, invoice_id: InvoiceId) -> ProviderInvoice | None:
        return self._call(
            f"look for {invoice_id}", lambda: self._provider.find_by_external_id(invoice_id)
        )

    def parse_webhook(self, headers: Mapping[str, str], body: bytes) -> ProviderNotice:
        return self._provider.parse_webhook(headers, body)

    def probe(self) -> None:
        self._call("probe", self._provider.probe)

    def pay_bolt11(self, bolt11: str) -> LightningPayment:
        self._provider.pay_outcomes.append(self._rng.choice(OUTCOMES))
        return self._call("pay bolt11", lambda: self._provider.pay_bolt11(bolt11))

    def lightning_payment(self, payment_hash: str) -> LightningPayment:
        return self._call(
            "read lightning payment", lambda: self._provider.lightning_payment(payment_hash)
        )

    def _call(self, what: str, call: Callable[[], _Answer]) -> _Answer:
        stage, provider = self._stage, self._provider
        stage.pause(what)
        stage.may_die()
        if stage.strikes("provider_slow"):
            stage.sleep(self._rng.randint(1, SLOW_SECONDS))
        fault = next((fault for name, fault in FAULTS.items() if stage.strikes(name)), None)
        provider.faults.append(fault)
        provider.is_stale = stage.strikes("answer_stale")
        try:
            return call()
        finally:
            provider.is_stale = False
            stage.pause(f"answered: {what}")
            stage.may_die()


class SimulatedProviders:
    """Implements ``ports.payments.PaymentProviders`` with one line, for every account."""

    def __init__(self, line: PaymentProvider) -> None:
        self._line = line

    def kinds(self) -> frozenset[ProviderKind]:
        return frozenset({ProviderKind.BTCPAY})

    def provider_for(self, account: ProviderAccount) -> PaymentProvider:
        return self._line
