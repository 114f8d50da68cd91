"""The same thing at the same instant: threads and processes on one database file."""

from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from typing import Final, TypeVar

import pytest

from keysat_core.domain.invoice import InvoiceStatus
from keysat_core.domain.self_license import PRODUCTS_CAP
from keysat_core.domain.validation import Valid
from keysat_core.errors import CodeRefused, RequestInFlight
from keysat_core.use_cases.codes.create_code import CreateCode, create_code
from tests.support.contenders import in_processes
from tests.support.nursery import Household, Nursery, open_nursery
from tests.support.seat_watch import watched_seats
from tests.support.trade import KEY, OPERATOR, PATRON, Trade, open_trade

THREADS: Final = 8
ROUNDS: Final = 5

PROCESSES: Final = 20
TURNS: Final = 12
MACHINES: Final = 8

_Answer = TypeVar("_Answer")


def at_once(*works: Callable[[], _Answer]) -> list[_Answer]:
    """Run all works in threads that start together; an exception in one fails the test."""
    start = Barrier(len(works))

    def run(work: Callable[[], _Answer]) -> _Answer:
        start.wait(30)
        return work()

    with ThreadPoolExecutor(len(works)) as pool:
        return list(pool.map(run, works))


@pytest.fixture
def trade(tmp_path: Path) -> Trade:
    return open_trade(tmp_path / "keysat.db")


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_settling_one_invoice_at_once_issues_one_license(trade: Trade, round_number: int) -> None:
    invoice = trade.sell()
    trade.provider.pay(invoice.id)
    answers = at_once(*[lambda: trade.settle(invoice.id)] * THREADS)
    assert {answer.invoice.status for answer in answers} == {InvoiceStatus.SETTLED}
    assert [answer.is_changed for answer in answers].count(True) == 1
    assert len(trade.licenses()) == 1
    for event_type in ("license.issued", "invoice.paid", "invoice.settled"):
        assert len(trade.events(event_type)) == 1
    assert len(trade.audits("license.issue")) == len(trade.audits("invoice.settle")) == 1


@pytest.mark.defects("D21")
@pytest.mark.parametrize("cap", [1, 2, 5])
def test_machines_claiming_seats_at_once_never_exceed_the_cap(trade: Trade, cap: int) -> None:
    key = trade.issue(max_machines=cap).key

    def validated(name: str) -> Callable[[], bool]:
        return lambda: isinstance(trade.validate(key, name).verdict, Valid)

    def activated(name: str) -> Callable[[], bool]:
        return lambda: trade.activate(key, name).reason is None

    admitted = at_once(
        *(validated(f"v{number}") for number in range(THREADS)),
        *(activated(f"a{number}") for number in range(THREADS)),
    )
    assert admitted.count(True) == cap
    assert len(trade.machines(trade.licenses()[0].id)) == cap
    assert len(trade.events("machine.activated")) == cap


@pytest.mark.defects("D21")
@pytest.mark.parametrize("cap", [0, 1, 2])
def test_one_machine_asking_many_times_at_once_takes_one_seat(trade: Trade, cap: int) -> None:
    key = trade.issue(max_machines=cap).key
    asks: list[Callable[[], bool]] = [
        lambda: isinstance(trade.validate(key, "same").verdict, Valid),
        lambda: trade.activate(key, "same").reason is None,
    ]
    assert all(at_once(*asks * (THREADS // 2)))
    assert len(trade.machines(trade.licenses()[0].id)) == 1
    assert len(trade.events("machine.activated")) == 1


@pytest.mark.parametrize("round_number", range(ROUNDS))
def test_purchases_with_one_idempotency_key_at_once_open_one_invoice(
    trade: Trade, round_number: int
) -> None:
    answers = at_once(*[lambda: trade.open(idempotency_key=KEY)] * THREADS)
    assert len({answer.invoice.id for answer in answers}) == 1
    assert [answer.is_replayed for answer in answers].count(False) == 1
    assert len(trade.events("invoice.opened")) == 1


@pytest.mark.parametrize("cap", [1, 3])
def test_a_code_used_at_once_is_never_used_more_often_than_it_may_be(
    trade: Trade, cap: int
) -> None:
    command = CreateCode(code="SAVE", kind="percent", amount=5_000, max_uses=cap)
    code = create_code(
        OPERATOR,
        command,
        store=trade.store,
        clock=trade.clock,
        ids=trade.ids,
        self_license=PATRON,
    )

    def buy() -> str:
        try:
            trade.open(code="SAVE")
        except CodeRefused as refused:
            return refused.reason
        return "used"

    answers = Counter(at_once(*[buy] * THREADS))
    assert answers == {"used": cap, "exhausted": THREADS - cap}
    with trade.store.reading() as tx:
        assert tx.codes.get_code(code.id).used_count == tx.codes.count_redemptions(code.id) == cap


def test_a_free_purchase_repeated_at_once_issues_one_license(trade: Trade) -> None:
    trade.put_policy(slug="free", price_sats_override=0)
    answers = at_once(*[lambda: trade.open(idempotency_key=KEY, policy_slug="free")] * THREADS)
    assert len({answer.key for answer in answers}) == 1
    assert len(trade.licenses()) == 1


def test_payment_asked_for_at_once_makes_one_invoice_at_the_provider(trade: Trade) -> None:
    opened = trade.open().invoice

    def again() -> str | None:
        try:
            return trade.request(opened.id, is_first_try=False).checkout_url
        except RequestInFlight:
            return None

    links = at_once(lambda: trade.request(opened.id).checkout_url, *[again] * 5)
    recorded = trade.invoice(opened.id)
    assert set(links) - {None} == {recorded.checkout_url}
    assert len(trade.provider.orders) == 1
    assert len(trade.audits("invoice.record_provider_invoice")) == 1


def test_webhooks_reconciler_and_buyer_at_once_end_as_one_would(trade: Trade) -> None:
    opened = trade.open().invoice
    trade.request(opened.id)
    trade.provider.pay(opened.id)
    body = trade.provider.webhook_of(opened.id)
    works: list[Callable[[], object]] = [
        lambda: trade.note(body),
        lambda: trade.settle(opened.id),
        trade.reconcile,
        lambda: trade.request(opened.id, is_first_try=False),
    ]
    at_once(*works * 2)
    trade.reconcile()
    assert len(trade.licenses()) == 1
    assert len(trade.events("license.issued")) == 1


# --- processes ----------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def nursery(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nursery]:
    with open_nursery(tmp_path_factory.mktemp("nursery")) as nursery:
        yield nursery


@pytest.fixture
def home(nursery: Nursery, tmp_path: Path) -> Household:
    return Household(nursery=nursery, folder=tmp_path)


def test_twenty_processes_settling_one_invoice_issue_one_license(
    trade: Trade, home: Household
) -> None:
    invoice = trade.sell()
    changed = in_processes(home, "settle", *[(invoice.id,)] * PROCESSES)
    assert sorted(changed) == [False] * (PROCESSES - 1) + [True]
    assert trade.invoice(invoice.id).status is InvoiceStatus.SETTLED
    assert len(trade.licenses()) == len(trade.events("license.issued")) == 1


def test_twenty_processes_claiming_seats_never_exceed_the_cap(
    trade: Trade, home: Household
) -> None:
    key = trade.issue(max_machines=3).key
    names = [[f"{side} {number}" for number in range(3)] for side in range(PROCESSES)]
    answers = in_processes(home, "claim", *[(key, each) for each in names])
    admitted = [is_in for answer in answers for is_in in answer]
    assert len(admitted) == 3 * PROCESSES
    assert admitted.count(True) == 3
    assert len(trade.machines(trade.licenses()[0].id)) == 3
    assert len(trade.events("machine.activated")) == 3


@pytest.mark.parametrize("cap", [0, 1, 2, 5])
def test_twenty_processes_coming_and_going_leave_what_the_trail_tells(
    trade: Trade, home: Household, cap: int
) -> None:
    """Every change a process was told of is in the trail once, and the seats are what is left."""
    license = trade.issue(max_machines=cap)
    turns = [(seed, license.key, MACHINES, TURNS) for seed in range(PROCESSES)]
    counted: Counter[str] = Counter()
    with watched_seats(home.db_path) as worst:
        for answer in in_processes(home, "crowd", *turns):
            counted.update(answer)
    live = len(trade.machines(license.license.id))
    came, left = trade.audits("machine.activate"), trade.audits("machine.deactivate")
    assert len(came) - len(left) == live
    assert len(left) == counted["left True"] == len(trade.events("machine.deactivated"))
    assert len(came) == len(trade.events("machine.activated"))
    assert sum(counted.values()) == PROCESSES * TURNS
    assert counted["left True"] > 0
    assert counted["validated True"] > 0
    if cap:
        assert max(worst.values()) <= cap
        assert counted["activated False"] > 0
    assert max(worst.values()) > 0


def test_processes_creating_products_at_once_never_exceed_the_cap(
    trade: Trade, home: Household
) -> None:
    made = in_processes(home, "stock", *[(f"side-{side}", 3) for side in range(PROCESSES)])
    with trade.store.reading() as tx:
        assert tx.products.count_products() == PRODUCTS_CAP
    assert sum(made) == PRODUCTS_CAP - 1
