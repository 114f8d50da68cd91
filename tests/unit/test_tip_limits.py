"""What bounds tips: the network of the store that pays them, and the operator's daily cap."""

import pytest

from keysat_core.domain.actor import Scope
from keysat_core.domain.connecting import BitcoinNetwork
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.payment import LightningStatus
from keysat_core.domain.setting import TIPS_DAILY_CAP_SATS
from keysat_core.domain.tip import TipStatus
from keysat_core.errors import Forbidden, InvariantError, ProviderNotLoaded
from keysat_core.use_cases.server.settings import cap_tips, find_tips_cap
from tests.support.tip_jar import TipJar, meanwhile, open_tip_jar
from tests.support.trade import OPERATOR, operator_without


@pytest.fixture
def jar() -> TipJar:
    return open_tip_jar()


# --- the network of the store -------------------------------------------------------------------


class Networks:
    """Implements as much of ``ports.connecting.BTCPayServer`` as is asked."""

    def __init__(self, network: BitcoinNetwork | None) -> None:
        self._network = network

    def stores_of(self, account: object) -> "Networks":
        if self._network is None:
            raise ProviderNotLoaded("btcpay", "connect it")
        return self

    def network(self, store_id: str) -> BitcoinNetwork:
        assert store_id == "store"
        assert self._network is not None
        return self._network


@pytest.mark.parametrize(
    ("network", "prefix", "status"),
    [
        (BitcoinNetwork.MAINNET, "bc", TipStatus.SENT),
        (BitcoinNetwork.MAINNET, "bcrt", TipStatus.FAILED),
        (BitcoinNetwork.TESTNET, "tb", TipStatus.SENT),
        (BitcoinNetwork.TESTNET, "tbs", TipStatus.SENT),
        (BitcoinNetwork.TESTNET, "bc", TipStatus.FAILED),
        (BitcoinNetwork.REGTEST, "bcrt", TipStatus.SENT),
        (BitcoinNetwork.REGTEST, "bc", TipStatus.FAILED),
        (BitcoinNetwork.UNDETERMINED, "bc", TipStatus.SENT),
        (BitcoinNetwork.UNDETERMINED, "bcrt", TipStatus.FAILED),
        (None, "bc", TipStatus.SENT),
        (None, "bcrt", TipStatus.FAILED),
    ],
)
def test_only_an_invoice_of_the_stores_network_is_paid(
    jar: TipJar, network: BitcoinNetwork | None, prefix: str, status: TipStatus
) -> None:
    jar.btcpay = Networks(network)  # type: ignore[assignment]
    jar.lightning.twist = {"network": prefix}
    jar.sell()
    jar.work()
    assert jar.tip().status is status
    assert len(jar.trade.provider.told_to_pay) == int(status is TipStatus.SENT)


# --- the daily cap ------------------------------------------------------------------------------


def test_tips_stop_at_the_daily_cap(jar: TipJar) -> None:
    jar.cap(2_500)
    for _ in range(3):
        jar.sell()
        jar.work()
    assert sorted(tip.status for tip in jar.tips()) == ["sent", "sent", "skipped"]
    assert len(jar.lightning.asked) == 2
    jar.trade.clock.advance(DAY_SECONDS)
    jar.sell()
    jar.work()
    assert [tip.status for tip in jar.tips()].count(TipStatus.SENT) == 3


def test_a_payment_that_may_have_been_made_counts_and_one_that_failed_does_not(
    jar: TipJar,
) -> None:
    jar.cap(1_250)
    jar.trade.provider.pay_outcomes.extend((LightningStatus.FAILED, LightningStatus.PENDING))
    for _ in range(3):
        jar.sell()
        jar.work()
    assert sorted(tip.status for tip in jar.tips()) == ["failed", "paying", "skipped"]


def test_the_cap_holds_between_workers(jar: TipJar) -> None:
    jar.cap(1_250)
    jar.sell()
    jar.sell()
    first, second = jar.tips()
    meanwhile(jar, lambda: jar.begin(first))
    begun = jar.begin(second)
    assert begun.payer is None
    assert begun.tip is not None
    assert begun.tip.detail == "over the daily cap of 1250 sats"


def test_a_cap_of_nothing_stops_tips_and_one_nobody_can_read_too(jar: TipJar) -> None:
    for cap in ("0", "much", "-5"):
        with jar.trade.store.writing() as tx:
            tx.settings.put_setting(TIPS_DAILY_CAP_SATS, cap, jar.trade.clock.now())
        jar.sell()
        jar.work()
    assert {tip.status for tip in jar.tips()} == {TipStatus.SKIPPED}


def test_an_operator_sets_and_lifts_the_cap(jar: TipJar) -> None:
    store, clock = jar.trade.store, jar.trade.clock
    assert find_tips_cap(OPERATOR, store=store) is None
    jar.cap(5_000)
    assert find_tips_cap(OPERATOR, store=store) == 5_000
    jar.cap(None)
    assert find_tips_cap(OPERATOR, store=store) is None
    assert [entry.details for entry in jar.trade.audits("tips.cap")] == [
        {"daily_cap_sats": 5_000, "before": None, "after": 5_000},
        {"daily_cap_sats": None, "before": 5_000, "after": None},
    ]
    with pytest.raises(InvariantError):
        jar.cap(-1)
    tipper = operator_without(Scope.MASTER)
    with pytest.raises(Forbidden):
        cap_tips(tipper, 1, store=store, clock=clock, ids=jar.trade.ids)
