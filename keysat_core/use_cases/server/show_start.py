"""Tell how far a new shop has been set up.

It is read from what is stored, every time: a flag that says "done" could lie.
"""

from enum import StrEnum

import msgspec

from keysat_core.domain.actor import Actor, Scope, authorize
from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.listing import InvoiceFilter
from keysat_core.domain.merchant import ProviderKind
from keysat_core.domain.setting import OPERATOR_NAME
from keysat_core.ports.store import Store, Transaction


class StartStep(StrEnum):
    """What leads from an empty install to the first sale, in this order."""

    NAME = "name"
    PROVIDER = "provider"
    PRODUCT = "product"
    TIERS = "tiers"
    SALE = "sale"


class Start(msgspec.Struct, frozen=True, kw_only=True):
    """Which steps are done, and which the shop can do without."""

    done: frozenset[StartStep]
    needless: frozenset[StartStep]

    @property
    def is_empty(self) -> bool:
        """Tell whether there is nothing to sell and nothing was sold."""
        return not self.done & {StartStep.PRODUCT, StartStep.SALE}

    @property
    def is_finished(self) -> bool:
        """Tell whether everything that is needed is there."""
        return self.done | self.needless >= frozenset(StartStep)

    @property
    def next_step(self) -> StartStep | None:
        """Give what to do next. What is needless is passed over once something after it is done."""
        passed = [step for step in StartStep if step in self.done]
        behind = list(StartStep)[: list(StartStep).index(passed[-1])] if passed else []
        for step in StartStep:
            is_passed_over = step in self.needless and step in behind
            if step not in self.done and not is_passed_over:
                return step
        return None


def show_start(
    actor: Actor, *, configured_name: str | None, is_sandbox: bool, store: Store
) -> Start:
    """Look which steps of the first run are done.

    Pretend money needs no provider, and a product without tiers sells at its own price.

    Raises:
        Forbidden: the actor lacks ``tier:read``.
    """
    authorize(actor, Scope.TIER_READ)
    needless = {StartStep.TIERS} | ({StartStep.PROVIDER} if is_sandbox else set())
    with store.reading() as tx:
        is_there = {
            StartStep.NAME: bool(tx.settings.find_setting(OPERATOR_NAME) or configured_name),
            StartStep.PROVIDER: _has_provider(tx),
            StartStep.PRODUCT: tx.products.count_products() > 0,
            StartStep.TIERS: _has_tier(tx),
            StartStep.SALE: _has_sale(tx),
        }
    done = frozenset(step for step, is_done in is_there.items() if is_done)
    return Start(done=done, needless=frozenset(needless))


def _has_provider(tx: Transaction) -> bool:
    accounts = tx.merchants.list_all_accounts(is_disconnected_included=False)
    return any(account.kind is not ProviderKind.SANDBOX for account in accounts)


def _has_tier(tx: Transaction) -> bool:
    products = tx.products.list_products(is_inactive_included=True)
    return any(tx.policies.count_policies(product.id) for product in products)


def _has_sale(tx: Transaction) -> bool:
    settled = InvoiceFilter(status=InvoiceStatus.SETTLED, limit=1)
    return bool(tx.invoices.list_invoice_rows(settled))
