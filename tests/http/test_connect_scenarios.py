"""Connecting BTCPay Server when things go wrong or happen at once. Source: payments 6.9 and 17."""

from collections.abc import Callable
from threading import Barrier
from typing import Any

import httpx
import pytest

from keysat_core.domain.merchant import ProviderKind
from keysat_core.use_cases.connections.check_webhook import CONNECT_SECONDS
from keysat_http.provider_ticks import check_webhooks
from tests.simulators.fault_plan import Answer, CallAction, Cut, Html, Timeout
from tests.support.btcpay_accounts import add_profile
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.http import PUBLIC_URL
from tests.support.sale_outcome import assert_sold_once
from tests.support.server_pair import at_once

CALLBACK = "/v1/btcpay/authorize/callback"


def nothing_is_left(opened: BTCPayShop, keys: int = 0) -> bool:
    """Neither a webhook nor a key of ours is at BTCPay, and nothing is connected here."""
    is_tidy = opened.fake.webhooks() == [] and len(opened.fake.world.keys) == keys
    return is_tidy and opened.shop.admin("GET", "/btcpay/status") == {"connected": False}


def is_reading_key(request: httpx.Request) -> bool:
    return request.method == "GET" and request.url.path.endswith("/api-keys/current")


@pytest.mark.rows(30)
def test_a_state_nobody_gave_out_registers_nothing() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        key = opened.fake.add_key(opened.store.id)
        answer = opened.shop.client.get(CALLBACK, params={"state": "A" * 32, "apiKey": key})
        assert answer.status_code == 401
        assert opened.fake.journal.calls() == []
        assert opened.fake.webhooks() == []


@pytest.mark.rows(30)
def test_a_link_of_another_profile_that_is_gone_connects_nothing() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        profile_id = add_profile(opened, "other")
        link = opened.begin(merchant_profile_id=profile_id)
        with opened.shop.ports.store.writing() as tx:
            tx.merchants.remove_profile(profile_id)
        answer = opened.consent(link)
        assert answer.status_code == 400
        assert "profile" in answer.text
        assert nothing_is_left(opened)
        assert opened.consent(link).status_code == 401


@pytest.mark.rows(30)
def test_a_profile_that_goes_while_btcpay_is_asked_leaves_nothing_there() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        profile_id = add_profile(opened, "other")

        def remove(request: httpx.Request) -> None:
            if is_reading_key(request):
                with opened.shop.ports.store.writing() as tx:
                    tx.merchants.remove_profile(profile_id)

        opened.line.after = remove
        answer = opened.consent(opened.begin(merchant_profile_id=profile_id))
        assert answer.status_code == 400
        assert nothing_is_left(opened)


@pytest.mark.rows(30)
def test_a_used_link_does_not_touch_what_it_connected() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        link = opened.begin()
        form = opened.fake.approve(link["authorize_url"], [opened.store.id])
        path = form.target.removeprefix(PUBLIC_URL)
        headers = {"content-type": "application/x-www-form-urlencoded"}
        for status in (200, 401, 401):
            answer = opened.shop.client.post(path, content=form.body, headers=headers)
            assert answer.status_code == status
        assert len(opened.fake.webhooks()) == 1
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)


@pytest.mark.rows(30)
def test_of_many_who_use_one_link_at_once_one_connects() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        link = opened.begin()
        works: list[Callable[[], Any]] = [lambda: opened.consent(link).status_code] * 6
        assert sorted(at_once(works)) == [200, 401, 401, 401, 401, 401]
        assert len(opened.fake.webhooks()) == 1


@pytest.mark.rows(33)
def test_of_two_connects_at_once_one_wins_and_the_other_leaves_nothing_behind() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        links = [opened.begin(), opened.begin()]
        # Both have seen that they may before either is recorded.
        together = Barrier(2)
        opened.line.after = lambda request: is_reading_key(request) and together.wait(20)
        works: list[Callable[[], Any]] = [
            lambda link=link: opened.consent(link).status_code  # type: ignore[misc]
            for link in links
        ]
        assert sorted(at_once(works)) == [200, 409]
        (webhook,) = opened.fake.webhooks()
        (key,) = opened.fake.world.keys
        account = opened.account()
        assert account.webhook_id == webhook.id
        assert account.api_key is not None
        assert account.api_key.reveal() == key
        with opened.shop.ports.store.reading() as tx:
            accounts = tx.merchants.list_all_accounts(is_disconnected_included=True)
        assert [one.kind for one in accounts] == [ProviderKind.BTCPAY]
        assert opened.shop.audited("payment_provider.connect") == 1
        opened.line.after = lambda _: None
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)


@pytest.mark.parametrize("operation", ["list_stores", "get_server_info", "get_current_key"])
@pytest.mark.parametrize("trouble", [Timeout(), Answer(403, {"code": "missing-permission"})])
def test_a_step_that_is_refused_or_hangs_leaves_nothing(
    operation: str, trouble: CallAction
) -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        opened.fake.faults.on_call(operation, trouble)
        assert opened.consent(opened.begin()).status_code == 502
        assert nothing_is_left(opened)


@pytest.mark.parametrize("trouble", [Timeout(after_acting=True), Cut(after_acting=True), Html()])
def test_a_webhook_registered_without_an_answer_does_not_stay(trouble: CallAction) -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        opened.fake.faults.on_call("create_webhook", trouble)
        assert opened.consent(opened.begin()).status_code == 502
        assert nothing_is_left(opened)


class Crash(BaseException):
    """The process ends here, and nothing tidies up."""


@pytest.mark.parametrize("is_registered", [True, False])
def test_after_a_crash_around_the_webhook_nothing_is_there_that_nobody_knows_of(
    *, is_registered: bool
) -> None:
    with running_btcpay_shop(is_connected=False) as opened:

        def crash(request: httpx.Request) -> None:
            if request.method == "POST" and request.url.path.endswith("/webhooks"):
                raise Crash

        if is_registered:
            opened.line.after = crash
        else:
            opened.line.before = crash
        assert opened.consent(opened.begin()).status_code == 500
        opened.line.after = opened.line.before = lambda _: None
        assert len(opened.fake.webhooks()) == is_registered
        account = opened.account()
        (key,) = opened.fake.world.keys
        assert account.api_key is not None
        assert account.api_key.reveal() == key
        assert opened.shop.audited("payment_provider.connect") == 1
        # What a server does 45 s after its start, unless an account is perhaps being connected.
        check_webhooks(opened.shop.ports, PUBLIC_URL)
        assert len(opened.fake.webhooks()) == is_registered
        opened.clock.turn(CONNECT_SECONDS)
        check_webhooks(opened.shop.ports, PUBLIC_URL)
        (webhook,) = opened.fake.webhooks()
        assert webhook.id == opened.webhook_id()
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        opened.shop.admin("POST", "/btcpay/disconnect")
        assert nothing_is_left(opened)


def test_a_connect_that_failed_at_the_webhook_is_told_as_one_that_was_undone() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        opened.fake.faults.on_call("create_webhook", Answer(422))
        assert opened.consent(opened.begin()).status_code == 502
        assert nothing_is_left(opened)
        account = opened.account()
        assert (account.is_connected, account.api_key) == (False, None)
        assert account.webhook_secret is None
        assert opened.shop.audited("payment_provider.disconnect") == 1
        opened.connect()


def test_an_account_disconnected_while_its_webhook_is_registered_stays_so() -> None:
    with running_btcpay_shop(is_connected=False) as opened:

        def disconnect(request: httpx.Request) -> None:
            if request.method == "POST" and request.url.path.endswith("/webhooks"):
                opened.line.after = lambda _: None
                opened.shop.admin("POST", "/btcpay/disconnect")

        opened.line.after = disconnect
        assert opened.consent(opened.begin()).status_code == 404
        assert not opened.account().is_connected
        assert opened.shop.audited("payment_provider.disconnect") == 1


def test_a_webhook_of_a_former_life_at_the_same_address_makes_room() -> None:
    with running_btcpay_shop() as opened:
        first = opened.account()
        opened.shop.admin("POST", "/btcpay/disconnect")
        opened.clock.turn(1)
        second = opened.connect()
        assert first.id != second.id
        assert [one.id for one in opened.fake.webhooks()] == [second.webhook_id]


def test_a_webhook_follows_an_address_that_changed_before_it_was_ever_checked() -> None:
    """The check runs 45 s after a start with something connected, then every six hours."""
    with running_btcpay_shop() as opened:
        other = "https://moved.example.com"
        check_webhooks(opened.shop.ports, other)
        (webhook,) = opened.fake.webhooks()
        assert webhook.url == f"{other}/v1/btcpay/webhook/{opened.account().id}"
        assert opened.shop.audited("payment_provider.webhook_moved") == 1
