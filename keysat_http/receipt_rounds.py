"""Rounds over the webhook receipts whose invoice is to be looked at again: after 5 s, 30 s, 2 min.

Each account by itself, and a round waits only a moment for one that hangs. An account that is left
alone for a while keeps its receipts, as due as they were, until then. Source: payments 1.2 and 10.
"""

from collections import Counter
from threading import Lock
from typing import Final

from keysat_core.domain.actor import SYSTEM
from keysat_core.domain.ids import ProviderAccountId
from keysat_core.domain.provider_health import ProviderHealth
from keysat_core.domain.receipt import WebhookReceipt
from keysat_core.limits import RECEIPTS_BATCH
from keysat_core.ports.bundle import Ports
from keysat_core.use_cases.purchases.note_webhook import list_noted_receipts
from keysat_http.rounds import (
    PROVIDERS_AT_ONCE,
    FanOut,
    Job,
    Tally,
    failures_max,
    in_threads,
    in_threads_for,
    share,
    shown,
)
from keysat_http.settling import Pass, pass_of, settle_receipt

ROUND_SECONDS: Final = 4.0
"""How long a round waits for its accounts, so that the next one is not late for the others."""


def settle_noted_receipts(ports: Ports, *, fan_out: FanOut = in_threads) -> Pass:
    """Look at the invoices of webhooks that were not cleared up yet and are due; wait for all."""
    return ReceiptRounds(ports, fan_out=fan_out, among_accounts=fan_out).run()


class ReceiptRounds:
    """One process's rounds. An account that an earlier one still waits for is passed over."""

    def __init__(
        self,
        ports: Ports,
        *,
        fan_out: FanOut = in_threads,
        among_accounts: FanOut | None = None,
    ) -> None:
        self._ports = ports
        self._fan_out = fan_out
        self._among_accounts = among_accounts or in_threads_for(ROUND_SECONDS)
        self._lock = Lock()
        self._busy: set[ProviderAccountId] = set()

    def has_work(self) -> bool:
        """Look whether anything is due of an account that may be asked now."""
        return bool(self._due(1))

    def run(self) -> Pass:
        """Look at a bounded number of invoices; what is left over stays due."""
        batches: dict[ProviderAccountId, list[WebhookReceipt]] = {}
        for receipt in self._due(RECEIPTS_BATCH):
            batches.setdefault(receipt.provider_account_id, []).append(receipt)
        health = self._health()
        tally: Tally = Counter()
        for done in self._among_accounts(
            [
                self._share_of(account_id, batch, health.get(account_id))
                for account_id, batch in list(batches.items())[: self._room()]
            ],
            PROVIDERS_AT_ONCE,
        ):
            tally.update(done)
        return pass_of("receipts_settled", +tally)

    def _due(self, limit: int) -> list[WebhookReceipt]:
        with self._lock:
            busy = frozenset(self._busy)
        return list_noted_receipts(
            limit=limit, busy=busy, store=self._ports.store, clock=self._ports.clock
        )

    def _room(self) -> int:
        with self._lock:
            return max(0, PROVIDERS_AT_ONCE - len(self._busy))

    def _share_of(
        self,
        account_id: ProviderAccountId,
        batch: list[WebhookReceipt],
        health: ProviderHealth | None,
    ) -> Job:
        def run() -> Tally:
            with self._lock:
                self._busy.add(account_id)
            try:
                return share(
                    [self._job(receipt) for receipt in batch],
                    failures_max=failures_max(health),
                    fan_out=self._fan_out,
                )
            finally:
                with self._lock:
                    self._busy.discard(account_id)

        return Job(run=run, ids={"account": shown(account_id)})

    def _job(self, receipt: WebhookReceipt) -> Job:
        return Job(
            run=lambda: Counter([settle_receipt(self._ports, SYSTEM, receipt)]),
            ids={
                "account": shown(receipt.provider_account_id),
                "invoice": shown(receipt.invoice_id),
            },
        )

    def _health(self) -> dict[ProviderAccountId, ProviderHealth]:
        with self._ports.store.reading() as tx:
            return {one.account_id: one for one in tx.connections.list_health()}
