"""The pretend provider's books, which die or fill up at a planned statement."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, cast

from keysat_adapters.sandbox.deliveries import SandboxDeliveries, Send
from keysat_adapters.sandbox.gate import WEBHOOK_PATH, Sandbox
from keysat_adapters.sandbox.ledger import Ledger
from keysat_adapters.sandbox.permit import Permit
from keysat_adapters.sandbox.provider import SandboxProvider
from keysat_adapters.sandbox.till import PretendTill
from keysat_adapters.system.entropy import SystemEntropy
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.ports.clock import Clock
from tests.support.fault_plan import Act, FaultPlan, Site

FULL: Final = "database or disk is full"


def load_faulty_sandbox(
    plan: FaultPlan, path: Path, *, clock: Clock, send: Send, after_act: Callable[[], None]
) -> Sandbox:
    """Build what ``keysat_adapters.sandbox.gate.load_sandbox`` builds, on faulty books."""
    permit = Permit(is_sandbox_mode=True)
    ledger = FaultyLedger(permit, path, plan=plan)

    def provider_for(account: ProviderAccount) -> SandboxProvider:
        return SandboxProvider(
            permit,
            account_id=account.id,
            ledger=ledger,
            public_base="http://keysat.example",
            clock=clock,
        )

    return Sandbox(
        provider_for=provider_for,
        till=PretendTill(permit, ledger=ledger, clock=clock, after_act=after_act),
        deliveries=SandboxDeliveries(permit, ledger=ledger, send=send, webhook_path=WEBHOOK_PATH),
        close=ledger.close,
    )


class FaultyLedger(Ledger):
    def __init__(self, permit: Permit, path: Path, *, plan: FaultPlan) -> None:
        self._plan = plan
        super().__init__(permit, path, entropy=SystemEntropy())

    @contextmanager
    def _connection(self, operation: str) -> Iterator[sqlite3.Connection]:
        with super()._connection(operation) as books:
            yield cast(sqlite3.Connection, _FaultyBooks(books, self._plan))


class _FaultyBooks:
    """A connection that passes by the plan before each statement and before its commit."""

    def __init__(self, books: sqlite3.Connection, plan: FaultPlan) -> None:
        self._books = books
        self._plan = plan

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if not sql.lstrip().startswith(("SELECT", "BEGIN")):
            self._pass_by()
        return self._books.execute(sql, *values)

    def __enter__(self) -> None:
        self._books.__enter__()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if exc_type is None and self._books.total_changes:
            try:
                self._pass_by()
            except sqlite3.OperationalError:
                self._books.rollback()
                raise
        self._books.__exit__(exc_type, exc, traceback)

    def _pass_by(self) -> None:
        if self._plan.step(Site.BOOKS) is Act.FULL:
            raise sqlite3.OperationalError(FULL)
