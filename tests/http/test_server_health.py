"""How the server is, as its operator is told."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from keysat_core.domain.finding import Finding, Health, failing, ok
from keysat_core.domain.instant import Instant
from keysat_core.domain.lease import Lease
from keysat_core.domain.webhook_delivery import DeliveryCounts
from keysat_core.ports.checkup import FileSize, Looked
from keysat_core.testing.actors import OPERATOR
from keysat_core.use_cases.server.show_health import ServerHealth, show_health
from keysat_http.meters import TickMeter
from keysat_http.views.health import health_view
from tests.support.builders import later, make_endpoint, make_event
from tests.support.http import START
from tests.support.shop import Shop, running_shop


@dataclass(kw_only=True)
class ToldCheckup:
    """A checkup that finds what it is told to."""

    findings: Sequence[Finding]

    def look(self) -> list[Looked]:
        return [Looked("disk space", self.findings[0].health, self.findings)]

    def file_sizes(self) -> list[FileSize]:
        return [FileSize("keysat.db", 4_096)]


def test_a_server_in_memory_has_nothing_to_check_and_says_the_rest() -> None:
    with running_shop() as shop:
        shop.pin_rate("EUR", "60000")
        told = shop.admin("GET", "/health")
        assert (told["ok"], told["checks"]) == (True, None)
        assert set(told["backup"].values()) == {None}
        assert told["database"]["files"] == []
        assert told["database"]["counts"]["licenses_total"] == 0
        assert [one["currency"] for one in told["rates"]] == ["EUR"]


def test_it_is_not_well_while_a_check_fails() -> None:
    with running_shop() as shop:
        for findings, is_well in ((ok("fine"), True), ([failing("full", "make room")], False)):
            told = health_view(shown(shop, ToldCheckup(findings=findings)), {})
            assert told.ok is is_well
            assert told.checks is not None
            assert told.checks[0].findings == findings
            assert (told.checks[0].health is Health.FAILING) is not is_well
            assert told.database.files[0].size_bytes == 4_096


def test_jobs_are_those_of_the_database_and_of_this_process() -> None:
    with running_shop() as shop:
        at = shop.clock.now()
        with shop.ports.store.writing() as tx:
            tx.leases.put_lease(Lease(name="purge", finished_at=Instant(at - 5)))
            tx.leases.put_lease(Lease(name="tips", holder="h", held_until=Instant(at + 5)))
        meter = TickMeter(last_success=Instant(at - 9))
        meter.note_failure(0.1, at)
        jobs = {one.name: one for one in health_view(shown(shop), {"purge": meter}).jobs}
        assert jobs["purge"].last_success == "2027-01-15T07:59:55Z"
        assert jobs["purge"].last_failure == "2027-01-15T08:00:00Z"
        assert (jobs["purge"].failures, jobs["purge"].is_running) == (1, False)
        assert (jobs["tips"].last_success, jobs["tips"].is_running) == (None, True)
        assert at == START


def test_what_waits_for_an_endpoint_is_told() -> None:
    with running_shop() as shop:
        endpoint = make_endpoint()
        with shop.ports.store.writing() as tx:
            tx.webhooks.put_endpoint(endpoint)
            tx.trail.append_event(make_event(occurred_at=later(0)))
        (told,) = shop.admin("GET", "/health")["deliveries"]
        assert told == {"endpoint_id": endpoint.id, "waiting": 1, "dead": 0}
        assert shown(shop).deliveries == (DeliveryCounts(endpoint_id=endpoint.id, queued=1),)


def shown(shop: Shop, checkup: ToldCheckup | None = None) -> ServerHealth:
    ports = replace(shop.ports, checkup=checkup)
    return show_health(
        OPERATOR, store=ports.store, rates=ports.rates, clock=ports.clock, checkup=ports.checkup
    )
