"""What an operator asks of and tells the server itself: name, retention, analytics, database, key."""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

import httpx
import msgspec
import pytest

from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.actor import Scope
from keysat_core.domain.ids import is_uuid_text
from keysat_core.domain.instant import DAY_SECONDS
from keysat_core.domain.webhook_delivery import Reply
from keysat_core.errors import BadKeySignature
from keysat_core.limits import RETENTION_DAYS_MAX
from keysat_core.signing import SigningKey, Verifier
from keysat_http.leasing import LeaseKeeper, Outcome
from keysat_http.server_ticks import server_ticks
from keysat_http.settling import purge
from keysat_http.ticks import Tick, perform
from tests.support.builders import make_endpoint, make_event
from tests.support.http import ADMIN, START
from tests.support.shop import Shop, running_shop

NAME: Final = "/settings/operator-name"
RETENTION: Final = "/settings/retention"
ANALYTICS: Final = "/community-analytics"
IMPORT: Final = "/v1/admin/import-issuer-key"
COLLECTOR: Final = "https://collect.example/v1/beat"
NOBODY: Final = "00000000-0000-0000-0000-000000000000"


@pytest.fixture
def shop() -> Iterator[Shop]:
    with running_shop() as shop:
        yield shop


# --- the seller's name --------------------------------------------------------------------------


def test_the_sellers_name_is_live_and_a_blank_one_gives_the_configured_one(shop: Shop) -> None:
    configured = {
        "stored": None,
        "effective": "Configured Shop",
        "fallback_env": "Configured Shop",
    }
    assert shop.admin("GET", NAME) == configured
    for given, stored, shown in (
        ("  Ada's Software ", "Ada's Software", "Ada's Software"),
        ("   ", None, "Configured Shop"),
    ):
        answer = shop.admin("POST", NAME, json={"name": given})
        assert answer == {"ok": True, "operator_name": stored}
        assert shop.admin("GET", NAME)["effective"] == shown
        assert shop.client.get("/").json()["operator"] == shown
    assert shop.audited("operator_name.set") == 2
    answer = shop.admin("POST", NAME, ok=False, json={"name": "x" * 201})
    assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "name")


# --- retention ----------------------------------------------------------------------------------


@pytest.mark.betters("B-47")
def test_how_long_logs_are_kept_is_chosen_by_parts(shop: Shop) -> None:
    assert shop.admin("GET", RETENTION) == {"validation_days": 90, "delivery_days": None}
    changes: list[tuple[dict[str, Any], dict[str, Any]]] = [
        ({"delivery_days": 30}, {"validation_days": 90, "delivery_days": 30}),
        ({"validation_days": None}, {"validation_days": None, "delivery_days": 30}),
        ({}, {"validation_days": None, "delivery_days": 30}),
        ({"validation_days": 1, "delivery_days": None}, {"validation_days": 1}),
    ]
    for body, expected in changes:
        assert shop.admin("PUT", RETENTION, json=body).items() >= expected.items()
        assert shop.admin("GET", RETENTION).items() >= expected.items()
    assert shop.audited("setting.retention") == 3
    for days in (0, -1, RETENTION_DAYS_MAX + 1):
        answer = shop.admin("PUT", RETENTION, ok=False, json={"delivery_days": days})
        assert (answer.status_code, answer.json()["detail"][0]["field"]) == (400, "delivery_days")


@pytest.mark.betters("B-47")
def test_finished_deliveries_go_when_their_time_is_over_and_audit_rows_never(shop: Shop) -> None:
    endpoint = make_endpoint()
    store = shop.ports.store
    with store.writing() as tx:
        tx.webhooks.put_endpoint(endpoint)
        for _ in range(3):
            tx.trail.append_event(make_event())
        one, other, waiting = tx.deliveries.list_queued(endpoint.id, 3)
        change = msgspec.structs.replace
        aged: dict[str, Any] = {"created_at": START, "next_attempt_at": None, "attempts": 1}
        tx.deliveries.put_deliveries(
            [
                change(one, status=type(one.status)("delivered"), delivered_at=START, **aged),
                change(other, status=type(one.status)("dead"), **aged),
                change(waiting, created_at=START),
            ]
        )

    def left() -> set[str]:
        with store.reading() as tx:
            return {row.id for row in tx.deliveries.find_deliveries([one.id, other.id, waiting.id])}

    shop.clock.turn(40 * DAY_SECONDS)
    purge(shop.ports)
    assert len(left()) == 3
    shop.admin("PUT", RETENTION, json={"delivery_days": 41})
    purge(shop.ports)
    assert len(left()) == 3
    shop.admin("PUT", RETENTION, json={"delivery_days": 39})
    kept = audits(shop)
    purge(shop.ports)
    assert left() == {waiting.id}
    assert audits(shop) == kept


# --- community analytics ------------------------------------------------------------------------


@dataclass(kw_only=True)
class Collector:
    """Takes heartbeats, or refuses them."""

    reply: Reply = field(default_factory=lambda: Reply(status_code=204))
    calls: list[tuple[str, bytes]] = field(default_factory=list)

    def send(self, url: str, headers: object, body: bytes) -> Reply:
        assert headers == {"content-type": "application/json"}
        self.calls.append((url, body))
        return self.reply


def heartbeat_of(shop: Shop, collector: Collector) -> Tick:
    ports = replace(shop.ports, webhooks=collector)
    (_, tick) = server_ticks(ports, version="9.9.9", started_at=START)
    return tick


def beat(shop: Shop, tick: Tick) -> Outcome:
    return perform(tick, LeaseKeeper(shop.ports.store, shop.clock, RandomIds())).outcome


def test_nothing_is_sent_before_an_operator_wants_it_and_says_where(shop: Shop) -> None:
    collector = Collector()
    tick = heartbeat_of(shop, collector)
    assert (tick.first_after_seconds, tick.every_seconds, tick.is_shared) == (300, 86_400, True)
    assert beat(shop, tick) is Outcome.IDLE
    shop.admin("POST", ANALYTICS, json={"enabled": True})
    assert beat(shop, tick) is Outcome.IDLE
    shop.admin("POST", ANALYTICS, json={"enabled": False, "collector_url": COLLECTOR})
    assert beat(shop, tick) is Outcome.IDLE
    assert collector.calls == []


def test_the_preview_is_what_is_sent(shop: Shop) -> None:
    before = shop.admin("GET", ANALYTICS)
    assert before == {
        "enabled": False,
        "collector_url": None,
        "install_uuid": None,
        "preview_heartbeat": {
            "install_uuid": NOBODY,
            "daemon_version": "9.9.9",
            "tier": "patron",
            "counts": {"products": 0, "active_licenses": 0, "settled_invoices": 0},
            "uptime_bucket": "<1d",
            "schema_version": 1,
        },
    }
    answer = shop.admin(
        "POST", ANALYTICS, json={"enabled": True, "collector_url": f" {COLLECTOR} "}
    )
    assert answer == {"enabled": True, "collector_url": COLLECTOR}
    after = shop.admin("GET", ANALYTICS)
    assert is_uuid_text(after["install_uuid"])
    assert after["install_uuid"] != NOBODY
    collector = Collector()
    assert beat(shop, heartbeat_of(shop, collector)) is Outcome.DONE
    ((url, body),) = collector.calls
    assert url == COLLECTOR
    assert msgspec.json.decode(body) == after["preview_heartbeat"]


def test_two_servers_send_one_heartbeat_a_day(shop: Shop) -> None:
    shop.admin("POST", ANALYTICS, json={"enabled": True, "collector_url": COLLECTOR})
    collector = Collector()
    ticks = [heartbeat_of(shop, collector) for _ in range(2)]
    assert [beat(shop, tick) for tick in ticks] == [Outcome.DONE, Outcome.NOT_DUE]
    shop.clock.turn(DAY_SECONDS)
    assert [beat(shop, tick) for tick in ticks] == [Outcome.DONE, Outcome.NOT_DUE]
    assert len(collector.calls) == 2


def test_a_collector_that_fails_is_asked_again_a_day_later(shop: Shop) -> None:
    shop.admin("POST", ANALYTICS, json={"enabled": True, "collector_url": COLLECTOR})
    collector = Collector(reply=Reply(status_code=None, text="gone"))
    tick = heartbeat_of(shop, collector)
    keeper = LeaseKeeper(shop.ports.store, shop.clock, RandomIds())
    assert perform(tick, keeper).work.failed == 1
    assert beat(shop, tick) is Outcome.NOT_DUE


@pytest.mark.betters("B-42")
def test_the_collectors_url_stays_unless_it_is_named(shop: Shop) -> None:
    def choose(**body: object) -> object:
        return shop.admin("POST", ANALYTICS, json=body)["collector_url"]

    assert choose(enabled=True, collector_url=COLLECTOR) == COLLECTOR
    assert choose(enabled=False) == COLLECTOR
    assert choose(enabled=True, collector_url=" ") is None
    assert choose(enabled=True, collector_url=COLLECTOR) == COLLECTOR
    assert choose(enabled=True, collector_url=None) is None
    for url in ("ftp://x.example", "collect.example", "javascript:alert(1)"):
        body = {"enabled": True, "collector_url": url}
        answer = shop.admin("POST", ANALYTICS, ok=False, json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    (newest, *_) = (row for row in audits(shop) if row.action.startswith("community_analytics"))
    assert (newest.action, newest.target_id) == (
        "community_analytics.enable",
        "community_analytics_enabled",
    )
    assert dict(newest.details) == {"enabled": True, "collector_url_set": False}


def test_the_id_is_kept_until_it_is_reset_and_then_made_anew(shop: Shop) -> None:
    def known() -> Any:
        return shop.admin("GET", ANALYTICS)["install_uuid"]

    shop.admin("POST", ANALYTICS, json={"enabled": True, "collector_url": COLLECTOR})
    first = known()
    shop.admin("POST", ANALYTICS, json={"enabled": False})
    shop.admin("POST", ANALYTICS, json={"enabled": True})
    assert known() == first
    assert shop.admin("POST", f"{ANALYTICS}/reset") == {"ok": True}
    assert known() is None
    collector = Collector()
    assert beat(shop, heartbeat_of(shop, collector)) is Outcome.DONE
    assert known() not in {None, first}
    assert known() in collector.calls[0][1].decode()
    assert shop.audited("community_analytics.reset") == 1


def test_only_the_master_key_resets_the_id() -> None:
    with running_shop(scopes=frozenset(Scope) - {Scope.MASTER}) as shop:
        scoped = {"authorization": "Bearer scoped"}
        path = f"/v1/admin{ANALYTICS}"
        on = shop.client.post(path, json={"enabled": True}, headers=scoped)
        assert on.status_code == 200
        assert shop.client.post(f"{path}/reset", headers=scoped).status_code == 403


def test_a_heartbeat_tells_nothing_of_the_shop_but_rough_numbers(shop: Shop) -> None:
    secrets = ["Zebra", "zebra-pro", "hooks.zebra.example", "b@zebra.example"]
    shop.admin("POST", NAME, json={"name": "Zebra"})
    for number in range(7):
        shop.add_product(f"zebra-pro-{number}", name="Zebra")
    sold = [shop.issue("zebra-pro-0", buyer_email="b@zebra.example") for _ in range(12)]
    shop.sell("zebra-pro-1")
    shop.admin("POST", ANALYTICS, json={"enabled": True, "collector_url": COLLECTOR})
    shop.clock.turn(8 * DAY_SECONDS)
    collector = Collector()
    beat(shop, heartbeat_of(shop, collector))
    text = collector.calls[0][1].decode()
    told = msgspec.json.decode(text)
    assert set(told) == {
        "install_uuid", "daemon_version", "tier", "counts", "uptime_bucket", "schema_version",
    }  # fmt: skip
    assert told["counts"] == {"products": 5, "active_licenses": 10, "settled_invoices": 0}
    assert told["uptime_bucket"] == "1-4w"
    ids = [value for one in sold for value in (one["license_id"], one["license_key"])]
    assert [one for one in (*secrets, *ids, COLLECTOR) if one in text] == []


# --- the database -------------------------------------------------------------------------------


def test_the_database_is_told_with_its_rows(shop: Shop) -> None:
    shop.add_product()
    shop.add_policy("pro")
    issued = shop.issue()
    shop.issue()
    shop.admin("POST", f"/licenses/{issued['license_id']}/revoke", json={"reason": "x"})
    shop.sell()
    shop.buy()
    shop.clock.turn(60)
    shop.admin("POST", NAME, json={"name": "X"})
    told = shop.admin("GET", "/db-info")
    counts = told.pop("counts")
    with shop.ports.store.reading() as tx:
        assert counts.pop("audit_log") == tx.audit_log.last_id()
    assert counts == {
        "products": 1,
        "policies": 1,
        "licenses_total": 3,
        "licenses_active": 2,
        "invoices_total": 2,
        "invoices_settled": 1,
        "machines_active": 0,
        "discount_codes": 0,
    }
    assert told.pop("db_size_bytes") > 100_000
    assert told.pop("schema_version") >= 13
    assert told == {
        "db_path": ":memory:",
        "wal_size_bytes": 0,
        "last_write_at": "2027-01-15T08:01:00Z",
    }


# --- the signing key ----------------------------------------------------------------------------

OTHER: Final = SigningKey.from_seed(bytes(32))


def upload(shop: Shop, content: bytes, **headers: str) -> httpx.Response:
    return shop.client.post(IMPORT, content=content, headers={**ADMIN, **headers})


@pytest.fixture
def keyed() -> Iterator[Shop]:
    """A shop whose key is in its store."""
    with running_shop(has_stored_key=True) as shop:
        yield shop


@pytest.mark.parametrize(
    "kind", ["application/x-pem-file", "text/plain", "application/json", "image/png"]
)
@pytest.mark.betters("B-40")
def test_a_key_is_taken_over_at_once_whatever_its_type_says(keyed: Shop, kind: str) -> None:
    before = keyed.client.get("/v1/issuer/public-key").json()["public_key_pem"]
    pem = OTHER.to_pem().replace("\n", "\r\n").encode()
    answer = upload(keyed, pem, **{"content-type": kind})
    public = OTHER.verify_key.to_pem()
    assert answer.json() == {
        "ok": True,
        "public_key_pem": public,
        "restart_required": False,
        "message": "licenses are signed with this key from now on; no restart is needed",
    }
    assert keyed.client.get("/v1/issuer/public-key").json() == {
        "public_key_pem": public,
        "key_algorithm": "ed25519",
        "key_format_version": 2,
    }
    keyed.add_product()
    key = keyed.issue()["license_key"]
    assert Verifier.from_pem(public).verify(key).payload.license_id
    with pytest.raises(BadKeySignature):
        Verifier.from_pem(before).verify(key)
    assert keyed.validate(key)["ok"]
    (row,) = (row for row in audits(keyed) if row.action == "issuer_key.import")
    assert (row.target_kind, row.target_id) == ("server_key", None)
    assert row.details["public_key_pem"] == public


def test_an_imported_key_leaves_no_trace_of_its_private_half(
    keyed: Shop, capfd: pytest.CaptureFixture[str]
) -> None:
    secret = OTHER.to_pem().splitlines()[1]
    answer = upload(keyed, OTHER.to_pem().encode())
    assert answer.status_code == 200
    spoiled = upload(keyed, OTHER.to_pem().replace("END", "ENDE").encode())
    assert spoiled.status_code == 400
    broken = upload(keyed, OTHER.to_pem().encode() + b"\xff")
    assert broken.status_code == 400
    captured = capfd.readouterr()
    told = repr((answer.text, spoiled.text, broken.text, audits(keyed), keyed.events()))
    assert secret not in told + captured.out + captured.err
    assert secret[20:40] not in told + captured.out + captured.err


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"  \n",
        b"\xff\xfe",
        b"no key",
        OTHER.verify_key.to_pem().encode(),
        OTHER.to_pem().replace("MC4", "MC5").encode(),
        b"x" * 20_000,
    ],
)
def test_what_is_no_private_key_is_refused_and_changes_nothing(keyed: Shop, content: bytes) -> None:
    before = keyed.client.get("/v1/pubkey").json()
    answer = upload(keyed, content)
    assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
    assert keyed.client.get("/v1/pubkey").json() == before
    assert keyed.audited("issuer_key.import") == 0


def test_once_a_license_was_issued_no_other_key_is_taken(keyed: Shop) -> None:
    keyed.add_product()
    issued = keyed.issue()
    keyed.admin("POST", f"/licenses/{issued['license_id']}/revoke", json={"reason": "x"})
    answer = upload(keyed, OTHER.to_pem().encode())
    assert (answer.status_code, answer.json()["error"]) == (409, "conflict")
    assert keyed.client.get("/v1/pubkey").json()["public_key_pem"] != OTHER.verify_key.to_pem()


def test_a_wrong_count_lets_no_other_key_in(keyed: Shop) -> None:
    keyed.add_product()
    keyed.issue()
    connection = keyed.ports.store._writer.session.connection  # type: ignore[attr-defined]
    connection.execute("UPDATE row_counts SET row_count = 0").fetchall()
    assert upload(keyed, OTHER.to_pem().encode()).status_code == 409
    assert keyed.client.get("/v1/pubkey").json()["public_key_pem"] != OTHER.verify_key.to_pem()


def test_only_the_master_key_may_import_a_key() -> None:
    with running_shop(scopes=frozenset(Scope) - {Scope.MASTER}) as shop:
        scoped = {"authorization": "Bearer scoped"}
        answer = shop.client.post(IMPORT, content=OTHER.to_pem().encode(), headers=scoped)
        assert answer.status_code == 403


def audits(shop: Shop) -> list[Any]:
    with shop.ports.store.reading() as tx:
        return list(tx.trail.list_audit(action=None, limit=500))
