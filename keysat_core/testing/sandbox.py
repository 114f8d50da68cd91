"""A whole shop in memory, for test suites: every port there is, and nothing left when it closes.

What the ports are made of is the composition root's business, which the core does not import. It is
found by its entry point, and needs the libraries of ``keysat[server]``.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields
from importlib.metadata import EntryPoints, entry_points
from inspect import Parameter, signature
from typing import Any, Final, Protocol, TypeVar, cast

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.buyer import BuyerRequest
from keysat_core.domain.invoice import Invoice
from keysat_core.domain.license import License
from keysat_core.domain.payment import ProviderStatus
from keysat_core.errors import NotInstalled
from keysat_core.limits import RECONCILE_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.ports.sandbox import PretendInvoice, PretendPayment, SandboxTill
from keysat_core.testing.actors import BUYER
from keysat_core.testing.clock import START, FixedClock
from keysat_core.use_cases.purchases.note_webhook import list_due_invoices
from keysat_core.use_cases.purchases.open_purchase import open_purchase
from keysat_core.use_cases.purchases.poll_purchase import poll_purchase
from keysat_core.use_cases.purchases.request_payment import request_payment
from keysat_core.use_cases.purchases.settle_invoice import settle_invoice

ENTRY_POINT_GROUP: Final = "keysat.testing"
"""Where a composition root announces what it makes for test suites (``pyproject.toml``)."""

PUBLIC_URL: Final = "https://sandbox.example"
"""Where a sandbox's pages would be; nothing listens there."""

_Result = TypeVar("_Result")


@dataclass(frozen=True, kw_only=True, slots=True)
class Sold:
    """A sale that went well: the invoice, settled, and the license with its key."""

    invoice: Invoice
    license: License
    key: str


@dataclass(frozen=True, kw_only=True, slots=True)
class SandboxPorts(Ports):
    """A whole ``Ports`` whose time and money are in the test's hands.

    ``sandbox`` is the till of the pretend payment service; what is done there is settled before the
    call returns. To exchange a port, use ``dataclasses.replace``; the
    server's own license is ``self_licenses=MemorySelfLicenses(SelfLicense(...))``.
    """

    clock: FixedClock
    sandbox: SandboxTill

    def run(
        self, use_case: Callable[..., _Result], /, *arguments: object, **options: object
    ) -> _Result:
        """Call a use case with its command and with the ports it asks for by name.

        A port that a later version of the use case asks for is then there too. Options win.
        """
        known = {field.name for field in fields(self)} | {"self_license"}
        asked = {
            parameter.name: getattr(self, parameter.name)
            for parameter in signature(use_case).parameters.values()
            if parameter.kind is Parameter.KEYWORD_ONLY and parameter.name in known
        }
        return use_case(*arguments, **(asked | options))

    def buy(self, product_slug: str, **request: Any) -> PretendInvoice:
        """Open a purchase and ask for the payment, which is then to be made at the till.

        ``request``: further fields of ``BuyerRequest``.

        Raises:
            NotFound: nothing is to be paid; or as ``open_purchase``.
            InvariantError, PurchaseRefused, RateUnavailable: as ``open_purchase``.
        """
        return self._ask_for_payment(self._open(product_slug, request))

    def sell(self, product_slug: str, **request: Any) -> Sold:
        """Buy a product and pay for it, if it costs anything; arguments as for ``buy``.

        Raises:
            NotFound, InvariantError, PurchaseRefused, RateUnavailable: as ``open_purchase``.
        """
        invoice = self._open(product_slug, request)
        if not invoice.is_free:
            pretend = self._ask_for_payment(invoice)
            paid = self.sandbox.act(pretend.id, PretendPayment.PAY)
            if paid.status is ProviderStatus.PENDING:
                # On the chain the first hand pays and the second confirms.
                self.sandbox.act(pretend.id, PretendPayment.PAY)
        done = self.run(poll_purchase, invoice.id)
        return Sold(
            invoice=done.invoice,
            license=cast("License", done.license),
            key=cast("str", done.key),
        )

    def _open(self, product_slug: str, request: dict[str, Any]) -> Invoice:
        wanted = BuyerRequest(product_slug=product_slug, **request)
        return self.run(open_purchase, BUYER, wanted, public_url=PUBLIC_URL).invoice

    def _ask_for_payment(self, invoice: Invoice) -> PretendInvoice:
        asked = self.run(request_payment, BUYER, invoice.id, is_first_try=True)
        return self.sandbox.show(cast("str", asked.provider_invoice_id))

    def as_ports(self) -> Ports:
        """Give the same ports as a plain ``Ports``: the HTTP shell takes no subclass of it."""
        return Ports(**{field.name: getattr(self, field.name) for field in fields(Ports)})

    def reconcile(self) -> int:
        """Ask about invoices that are due, as a server does every minute; give how many changed.

        It is what lets unpaid invoices expire after the clock was advanced.
        """
        due = self.run(list_due_invoices, limit=RECONCILE_BATCH)
        settled = [self.run(settle_invoice, SYSTEM, one.id) for one in due]
        return sum(each.is_changed for each in settled)


class Composition(Protocol):
    """What stands behind the entry point ``sandbox_ports``."""

    def __call__(self, *, seed: int | str, now: int) -> AbstractContextManager[SandboxPorts]:
        """Open the ports; leaving the context closes them."""
        ...


def sandbox_ports(*, seed: int | str = 0, now: int = START) -> AbstractContextManager[SandboxPorts]:
    """Open a shop in memory with pretend money, a signing key, pinned rates and no tier caps.

    The same seed gives the same ids, keys and license keys on every run, byte for byte, as long as
    the calls come in the same order.

    Raises:
        NotInstalled: the server's part of Keysat is missing.
    """
    return composition(entry_points(group=ENTRY_POINT_GROUP))(seed=seed, now=now)


def composition(points: EntryPoints) -> Composition:
    """Load what makes the ports.

    Raises:
        NotInstalled: nobody announces it, or a library it needs is missing.
    """
    for point in points.select(name="sandbox_ports"):
        try:
            return cast("Composition", point.load())
        except ModuleNotFoundError as exc:
            raise NotInstalled("the sandbox of keysat_core.testing", extra="server") from exc
    raise NotInstalled("the sandbox of keysat_core.testing", extra="server")
