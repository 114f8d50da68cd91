"""What a webhook's address and the record of its deliveries make operators see. Source: payments 14."""

import httpx

from keysat_core.domain.instant import Instant
from keysat_http.provider_ticks import check_webhooks
from tests.simulators.fault_plan import Answer, RefuseConnection
from tests.support.btcpay_accounts import add_profile
from tests.support.btcpay_shop import BTCPayShop, running_btcpay_shop
from tests.support.http import PUBLIC_URL
from tests.support.sale_outcome import assert_sold_once

MINUTES = 60
ELSEWHERE = "https://elsewhere.example/hook"


def check(opened: BTCPayShop, public_url: str = PUBLIC_URL) -> int:
    return check_webhooks(opened.shop.ports, public_url).items


def told(opened: BTCPayShop) -> list[str]:
    events = [event.event_type for event in opened.shop.events()]
    return [name for name in events if name.startswith("payment_provider.")]


def wait(opened: BTCPayShop, minutes: int) -> None:
    """Let time pass as it does, so that what is sent again is."""
    for _ in range(minutes):
        opened.clock.turn(MINUTES)


def test_what_the_operator_changed_there_is_told_and_left_alone() -> None:
    with running_btcpay_shop() as opened:
        check(opened)
        webhook_id = opened.account().webhook_id
        assert webhook_id is not None
        opened.fake.disable_webhook(webhook_id)
        assert check(opened) == 1
        assert not opened.fake.webhook(webhook_id).is_enabled
        assert trouble(opened) == ("switched_off", None)
        assert opened.shop.audited("payment_provider.webhook_failing") == 1


def trouble(opened: BTCPayShop) -> tuple[str, str | None] | None:
    """What the operator's status says of the webhook."""
    told = opened.shop.admin("GET", "/btcpay/status")["webhook_trouble"]
    return None if told is None else (told["problem"], told["detail"])


def test_a_webhook_that_leads_elsewhere_is_told_and_left_alone() -> None:
    with running_btcpay_shop() as opened:
        check(opened)
        opened.fake.webhook(opened.webhook_id()).url = "https://elsewhere.example/hook"
        check(opened)
        assert trouble(opened) == ("elsewhere", None)
        assert opened.fake.webhook(opened.webhook_id()).url == "https://elsewhere.example/hook"


def test_a_trouble_is_told_once_until_it_passes_or_becomes_another() -> None:
    with running_btcpay_shop() as opened:
        webhook = opened.fake.webhook(opened.webhook_id())
        opened.fake.disable_webhook(webhook.id)
        check(opened)
        since = opened.shop.admin("GET", "/btcpay/status")["webhook_trouble"]["since"]
        opened.clock.turn(15 * MINUTES)
        check(opened)
        assert opened.shop.admin("GET", "/btcpay/status")["webhook_trouble"]["since"] == since
        assert told(opened)[1:] == ["payment_provider.webhook_failing"]
        webhook.url, webhook.is_enabled = "https://elsewhere.example/hook", True
        check(opened)
        assert opened.shop.admin("GET", "/btcpay/status")["webhook_trouble"]["since"] != since
        assert told(opened)[1:] == ["payment_provider.webhook_failing"] * 2
        webhook.url = f"{PUBLIC_URL}/v1/btcpay/webhook/{opened.account().id}"
        for _ in range(2):
            check(opened)
        assert trouble(opened) is None
        assert told(opened)[3:] == ["payment_provider.webhook_recovered"]
        assert opened.shop.audited("payment_provider.webhook_recovered") == 1


def test_a_secret_that_is_restored_ends_the_warning_with_the_next_delivery() -> None:
    with running_btcpay_shop() as opened:
        own = opened.fake.webhook(opened.webhook_id()).secret
        opened.fake.rotate_secret(opened.webhook_id())
        opened.pay(opened.buy())
        check(opened)
        assert trouble(opened) is not None
        opened.fake.rotate_secret(opened.webhook_id(), own)
        opened.clock.turn(MINUTES)
        opened.pay(opened.buy())
        opened.clock.turn(15 * MINUTES)
        check(opened)
        assert trouble(opened) is None


def test_deliveries_that_get_no_answer_for_ten_minutes_are_told() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery("InvoiceSettled", RefuseConnection(), count=99)
        opened.pay(opened.buy())
        for minutes, is_told in ((5, False), (12, True)):
            for _ in range(minutes):
                opened.clock.turn(MINUTES)
            check(opened)
            assert (trouble(opened) is not None) is is_told
        found = trouble(opened)
        assert found is not None
        assert (found[0], found[1] is not None and found[1].endswith("got no answer")) == (
            "undelivered",
            True,
        )


def test_what_failed_before_a_webhook_was_moved_says_nothing_of_it() -> None:
    with running_btcpay_shop() as opened:
        check(opened)
        opened.fake.rotate_secret(opened.webhook_id())
        opened.pay(opened.buy())
        opened.clock.turn(MINUTES)
        for _ in range(2):
            check(opened, "https://new.example")
        assert trouble(opened) is None


def test_a_trouble_shows_on_readiness_and_goes_with_its_account() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.disable_webhook(opened.webhook_id())
        check(opened)
        (shown,) = opened.shop.client.get("/readyz").json()["providers"]
        assert (shown["state"], shown["webhook_problem"]) == ("ok", "switched_off")
        opened.shop.admin("POST", "/btcpay/disconnect")
        ports = opened.shop.ports
        with ports.store.reading() as tx:
            assert tx.connections.list_troubles() == []


def troubles(opened: BTCPayShop) -> list[str]:
    """What is wrong with the webhooks of all accounts."""
    with opened.shop.ports.store.reading() as tx:
        return [str(one.problem) for one in tx.connections.list_troubles()]


def test_a_second_delivery_that_is_refused_is_the_same_trouble() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.rotate_secret(opened.webhook_id())
        seen = set()
        for _ in range(2):
            opened.pay(opened.buy())
            check(opened)
            seen.add(trouble(opened))
            opened.clock.turn(MINUTES)
        assert len(seen) == 2, "each names its own delivery"
        assert told(opened)[1:] == ["payment_provider.webhook_failing"]
        assert opened.shop.audited("payment_provider.webhook_failing") == 1


def test_the_address_of_old_versions_is_no_trouble() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.webhook(opened.webhook_id()).url = f"{PUBLIC_URL}/v1/btcpay/webhook"
        purchase = opened.buy()
        opened.pay(purchase)
        assert_sold_once(opened, purchase)
        check(opened)
        assert trouble(opened) is None


def test_it_moves_with_our_address() -> None:
    with running_btcpay_shop() as opened:
        webhook = opened.fake.webhook(opened.webhook_id())
        webhook.url = f"{PUBLIC_URL}/v1/btcpay/webhook"
        check(opened, "https://new.example")
        assert webhook.url == f"https://new.example/v1/btcpay/webhook/{opened.account().id}"


def test_a_webhook_follows_each_of_two_moves_though_another_account_fails() -> None:
    with running_btcpay_shop() as opened:
        opened.clock.turn(1)
        other = opened.connect(merchant_profile_id=add_profile(opened, "Two"))
        assert other.api_key is not None
        opened.fake.revoke_key(other.api_key.reveal())
        first = next(one for one in opened.fake.webhooks() if one.id != other.webhook_id)
        for address in ("https://one.example", "https://two.example"):
            assert check_webhooks(opened.shop.ports, address).failed == 1
            assert first.url.startswith(f"{address}/v1/btcpay/webhook/")


def test_what_was_sent_elsewhere_is_not_held_against_a_webhook_that_leads_here_again() -> None:
    with running_btcpay_shop() as opened:
        webhook = opened.fake.webhook(opened.webhook_id())
        own = webhook.url
        opened.clock.turn(1)
        # Where it is signed with a secret that is not the one of that account.
        other = opened.connect(merchant_profile_id=add_profile(opened, "Two"))
        webhook.url = f"{PUBLIC_URL}/v1/btcpay/webhook/{other.id}"
        opened.pay(opened.buy())
        check(opened)
        assert troubles(opened) == ["elsewhere"]
        opened.clock.turn(MINUTES)
        webhook.url = own
        for _ in range(2):
            check(opened)
            assert troubles(opened) == []
        wait(opened, 24 * 60)
        check(opened)
        assert troubles(opened) == []


def test_what_failed_while_the_server_was_down_is_no_trouble() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery("InvoiceSettled", RefuseConnection(), count=99)
        opened.pay(opened.buy())
        wait(opened, 30)
        started_at = Instant(opened.clock.now())
        check_webhooks(opened.shop.ports, PUBLIC_URL, awake_since=started_at)
        assert trouble(opened) is None
        check(opened)
        assert trouble(opened) is not None


def test_a_warning_ends_without_a_sale_because_the_lost_delivery_is_asked_for_again() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.faults.on_delivery("InvoiceSettled", RefuseConnection(), count=9)
        opened.pay(opened.buy())
        wait(opened, 60)
        check(opened)
        assert trouble(opened) is not None
        wait(opened, 120)
        sent = len(opened.fake.deliveries(opened.webhook_id()))
        for _ in range(2):
            check(opened)
            opened.clock.turn(15 * MINUTES)
        assert len(opened.fake.deliveries(opened.webhook_id())) == sent + 1
        check(opened)
        assert trouble(opened) is None


def test_a_delivery_that_btcpay_forgot_is_not_asked_for_in_vain() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.rotate_secret(opened.webhook_id())
        opened.pay(opened.buy())
        wait(opened, 180)
        opened.fake.faults.on_call("redeliver", Answer(409), count=9)
        assert check(opened) == 1
        assert trouble(opened) is not None


def test_an_account_that_is_being_connected_gets_no_second_webhook() -> None:
    with running_btcpay_shop(is_connected=False) as opened:

        def look(request: httpx.Request) -> None:
            if request.method == "POST" and request.url.path.endswith("/webhooks"):
                opened.line.before = lambda _: None
                check(opened)

        opened.line.before = look
        opened.connect()
        assert len(opened.fake.webhooks()) == 1


def test_a_webhook_registered_for_an_account_that_was_disconnected_meanwhile_is_removed() -> None:
    with running_btcpay_shop() as opened:
        opened.fake.delete_webhook(opened.webhook_id())

        def disconnect(request: httpx.Request) -> None:
            if request.method == "POST" and request.url.path.endswith("/webhooks"):
                opened.line.after = lambda _: None
                opened.fake.faults.on_call("revoke_current_key", Answer(500))
                opened.shop.admin("POST", "/btcpay/disconnect")

        opened.line.after = disconnect
        check(opened)
        assert not opened.account().is_connected
        assert opened.fake.webhooks() == []
