"""A BTCPay Server on the same StartOS box: addresses that go stale, and where it reports to."""

import httpx
import msgspec
import pytest

from keysat_cli.environment import Environment
from keysat_cli.settings import find_problem, read_webhook_base
from keysat_core.domain.merchant import ProviderAccount
from keysat_core.domain.provider_address import asked_at, webhook_base
from keysat_core.domain.setting import webhook_base_of
from keysat_http.provider_ticks import check_webhooks
from tests.support.btcpay_shop import BASE, BTCPayShop, running_btcpay_shop
from tests.support.http import START

NOW = "http://10.0.3.1:49152"


@pytest.mark.parametrize(
    ("stored", "asked"),
    [
        ("http://btcpayserver.startos:23000", NOW),
        ("http://BTCPayServer.StartOS.", NOW),
        ("http://10.0.3.1:42000", NOW),
        ("http://10.0.3.254", NOW),
        ("http://10.0.4.1:42000", "http://10.0.4.1:42000"),
        ("http://[2001:db8::1]:23000", "http://[2001:db8::1]:23000"),
        ("https://btcpay.example.com", "https://btcpay.example.com"),
        ("http://btcpayserver.startos.example.com", "http://btcpayserver.startos.example.com"),
        ("http://[broken", "http://[broken"),
    ],
)
def test_a_stored_address_that_goes_stale_gives_way(stored: str, asked: str) -> None:
    assert asked_at(stored, NOW) == asked
    assert asked_at(stored, None) == stored


def test_a_provider_reports_to_the_box_unless_the_public_name_is_public() -> None:
    for public in ("https://licenses.example.com", "http://licenses.example.com:8443/shop"):
        assert webhook_base(public, NOW) == public
    for private in (
        "https://box.local",
        "http://abcdef.onion",
        "http://localhost:8080",
        "https://keysat.lan",
        "https://192.168.1.5:49101",
        "https://[2001:db8::1]",
        "https://keysat",
    ):
        assert webhook_base(private, NOW) == NOW
        assert webhook_base(private, None) == private


def test_the_internal_address_is_read_and_checked() -> None:
    box = Environment({"KEYSAT_INTERNAL_URL": f"{NOW}/"})
    assert read_webhook_base(box, "https://box.local") == NOW
    assert read_webhook_base(Environment({"KEYSAT_INTERNAL_URL": ""}), "http://a.b") == "http://a.b"
    assert "KEYSAT_INTERNAL_URL" in (
        find_problem(Environment({"KEYSAT_INTERNAL_URL": "box"})) or ""
    )


def change_account(opened: BTCPayShop, **changes: object) -> ProviderAccount:
    account = msgspec.structs.replace(opened.account(), **changes)
    with opened.shop.ports.store.writing() as tx:
        tx.merchants.put_account(account)
    return account


def test_a_sale_through_a_stale_row_is_asked_for_where_btcpay_is_now() -> None:
    with running_btcpay_shop() as opened:
        change_account(opened, base_url="http://btcpayserver.startos:23000")
        hosts = set()

        def note(request: httpx.Request) -> None:
            hosts.add(f"{request.url.scheme}://{request.url.netloc.decode()}")

        opened.line.before = note
        purchase = opened.buy()
        opened.pay(purchase)
        assert opened.status(purchase) == "settled"
        assert hosts == {BASE}


def test_a_webhook_moves_to_the_box_and_from_where_an_old_database_left_it() -> None:
    with running_btcpay_shop() as opened:

        def check(public_url: str, internal_url: str | None) -> str:
            found = check_webhooks(opened.shop.ports, public_url, internal_url=internal_url)
            assert (found.items, found.failed) == (1, 0)
            (webhook,) = opened.fake.world.webhooks.values()
            return webhook.url

        account_id = opened.account().id
        landing = f"/v1/btcpay/webhook/{account_id}"
        assert check("https://box.local", NOW) == NOW + landing
        assert check("https://a.example.com", NOW) == f"https://a.example.com{landing}"
        # An old database does not say what address its webhook was registered for.
        with opened.shop.ports.store.writing() as tx:
            tx.settings.put_setting(webhook_base_of(account_id), None, START)
        assert (
            check("https://box.local", "http://10.0.3.1:50000") == f"http://10.0.3.1:50000{landing}"
        )
        assert opened.shop.audited("payment_provider.webhook_moved") == 3
