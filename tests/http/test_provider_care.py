"""Looking after connected providers: probes, what operators are told, webhooks that went astray."""

import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.ids import RandomIds
from keysat_core.domain.instant import rfc3339
from keysat_core.domain.secret import Secret
from keysat_core.use_cases.connections.disconnect_btcpay import disconnect_btcpay
from keysat_core.use_cases.connections.seed_btcpay import BTCPaySeed, seed_btcpay
from keysat_core.use_cases.connections.show_providers import list_account_health
from keysat_core.use_cases.server.prepare_server import prepare_server
from keysat_http.provider_ticks import check_webhooks, probe_providers, provider_ticks
from tests.simulators.fault_plan import Answer, Timeout
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.http import PUBLIC_URL, START, TurnedClock
from tests.support.trade import OPERATOR

MINUTES = 60


def told(opened: BTCPayShop) -> list[str]:
    events = [event.event_type for event in opened.shop.events()]
    return [name for name in events if name.startswith("payment_provider.")]


def state(opened: BTCPayShop) -> str:
    ports = opened.shop.ports
    (found,) = list_account_health(store=ports.store, clock=ports.clock)
    return found.state


def test_a_provider_that_is_down_is_told_once_and_so_is_its_recovery() -> None:
    with running_btcpay_shop() as opened:
        assert probe_providers(opened.shop.ports).items == 1
        assert state(opened) == "ok"
        opened.fake.faults.on_call("get_store", Timeout(), count=3)
        for _ in range(3):
            assert probe_providers(opened.shop.ports).failed == 1
            opened.clock.turn(15 * MINUTES)
        assert state(opened) == "unreachable"
        assert told(opened) == ["payment_provider.connected", "payment_provider.failing"]
        assert opened.shop.client.get("/readyz").status_code == 200
        assert probe_providers(opened.shop.ports).items == 1
        assert state(opened) == "ok"
        assert told(opened)[-1] == "payment_provider.recovered"
        assert opened.shop.audited("payment_provider.failing") == 1


def test_a_key_revoked_there_shows_and_sells_nothing() -> None:
    with running_btcpay_shop() as opened:
        key = opened.account().api_key
        assert key is not None
        opened.fake.revoke_key(key.reveal())
        refused = opened.shop.post("/v1/purchase", product="app")
        assert refused.status_code == 502
        assert key.reveal() not in refused.text
        assert state(opened) == "credential_dead"
        probe_providers(opened.shop.ports)
        assert told(opened)[-1] == "payment_provider.failing"


def test_a_key_that_may_not_sell_is_told_until_it_sells() -> None:
    with running_btcpay_shop() as opened:
        barred = Answer(403, {"code": "missing-permission", "message": "no"})
        opened.fake.faults.on_call("create_invoice", barred)
        assert opened.shop.post("/v1/purchase", product="app").status_code == 502
        assert state(opened) == "cannot_sell"
        probe_providers(opened.shop.ports)
        assert state(opened) == "cannot_sell"
        opened.buy()
        assert state(opened) == "ok"


def test_readiness_tells_of_a_provider_without_depending_on_it() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_call("create_invoice", Answer(401))
        opened.shop.post("/v1/purchase", product="app")
        ready = opened.shop.client.get("/readyz")
        assert ready.status_code == 200
        (shown,) = ready.json()["providers"]
        assert shown == {
            "kind": "btcpay",
            "state": "credential_dead",
            "failures": 1,
            "last_ok": rfc3339(START),
            "webhook_problem": None,
        }


# --- webhooks (payments 14) ---------------------------------------------------------------------


def check(opened: BTCPayShop, public_url: str = PUBLIC_URL) -> int:
    return check_webhooks(opened.shop.ports, public_url).items


def test_a_webhook_that_is_gone_is_registered_anew_with_the_same_secret() -> None:
    with running_btcpay_shop() as opened:
        before = opened.account()
        assert before.webhook_id is not None
        opened.fake.delete_webhook(before.webhook_id)
        assert check(opened) == 1
        after = opened.account()
        assert after.webhook_id != before.webhook_id
        assert after.webhook_secret == before.webhook_secret
        purchase = opened.buy()
        opened.pay(purchase)
        assert opened.status(purchase) == "settled"
        assert check(opened) == 1
        assert opened.account() == after
        assert opened.shop.audited("payment_provider.webhook_registered") == 1


def test_a_webhook_moves_with_our_address_and_keeps_its_secret() -> None:
    with running_btcpay_shop() as opened:
        check(opened)
        assert check(opened, "https://new.example") == 1
        (webhook,) = opened.fake.world.webhooks.values()
        account = opened.account()
        assert webhook.url == f"https://new.example/v1/btcpay/webhook/{account.id}"
        assert account.webhook_secret == Secret(webhook.secret)
        assert set(webhook.specific_events) >= {"InvoiceSettled", "InvoiceProcessing"}
        assert opened.shop.audited("payment_provider.webhook_moved") == 1


def test_the_status_names_the_store_and_what_waits_there() -> None:
    with running_btcpay_shop() as opened:
        opened.buy()
        status = opened.shop.admin("GET", "/btcpay/status")
        assert (status["store_name"], status["store_id"]) == (opened.store.name, opened.store.id)
        assert (status["state"], status["detail"], status["pending_invoices"]) == ("ok", None, 1)


def test_a_check_that_fails_is_made_again_for_the_same_address() -> None:
    with running_btcpay_shop() as opened:
        check(opened)
        opened.fake.faults.on_call("get_webhook", Answer(500), count=2)
        assert check_webhooks(opened.shop.ports, "https://new.example").failed == 1
        assert check(opened, "https://new.example") == 1
        assert opened.shop.audited("payment_provider.webhook_moved") == 1


def test_without_a_known_address_webhooks_are_not_looked_at() -> None:
    with running_btcpay_shop() as opened:
        known = provider_ticks(opened.shop.ports, public_url=PUBLIC_URL)
        unknown = provider_ticks(opened.shop.ports, public_url=None)
        assert [tick.name for tick in known] == ["provider_probe", "webhook_check"]
        assert [tick.name for tick in unknown] == ["provider_probe"]
        assert all(tick.has_work is not None and tick.has_work() for tick in known)


# --- old installs (B-30) ------------------------------------------------------------------------


@pytest.mark.betters("B-30")
def test_the_store_of_an_old_install_is_taken_over_once() -> None:
    seed = BTCPaySeed(api_key=Secret("k"), store_id="s", webhook_secret=Secret("w"))
    clock, ids = TurnedClock(), RandomIds()
    with SQLiteStore.open() as store:
        assert seed_btcpay(seed, base_url="http://b", store=store, clock=clock, ids=ids) is None
        prepare_server(operator_name=None, is_sandbox=False, store=store, clock=clock, ids=ids)
        account = seed_btcpay(seed, base_url="http://b", store=store, clock=clock, ids=ids)
        assert account is not None
        assert (account.store_id, account.api_key) == ("s", Secret("k"))
        assert seed_btcpay(seed, base_url="http://b", store=store, clock=clock, ids=ids) is None
        disconnect_btcpay(OPERATOR, account.id, store=store, clock=clock, ids=ids, btcpay=None)
        assert seed_btcpay(seed, base_url="http://b", store=store, clock=clock, ids=ids) is None
