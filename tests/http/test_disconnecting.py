"""Which account is disconnected, and what is said when it is none. Source: admin-api 2.15 and 2.16."""

from typing import Any

import pytest

from tests.support.btcpay_shop import running_btcpay_shop
from tests.support.shop import Shop
from tests.support.zaprite_shop import running_zaprite_shop


def second_profile(shop: Shop) -> str:
    """A profile beside the default one."""
    made = shop.admin("POST", "/merchant-profiles", json={"name": "Second"})
    return str(made["id"])


def test_an_empty_id_is_no_btcpay_servers() -> None:
    with running_btcpay_shop() as opened:
        gone = opened.shop.admin("POST", "/btcpay/disconnect", json={"provider_id": ""})
        assert gone == {
            "ok": True,
            "noop": True,
            "message": "no connected BTCPay Server has the id ''",
        }
        assert opened.account().is_connected
        gone = opened.shop.admin("POST", "/btcpay/disconnect", json={"provider_id": None})
        assert gone["noop"] is False


def test_an_empty_id_is_no_zaprite_accounts() -> None:
    with running_zaprite_shop() as opened:
        refused = opened.shop.admin(
            "POST", "/zaprite/disconnect", ok=False, json={"provider_id": ""}
        )
        assert refused.status_code == 404
        assert "no connected Zaprite account" in refused.json()["message"]
        assert opened.account().is_connected


@pytest.mark.parametrize("body", [{"merchant_profile_id": ""}, {"store_id": ""}, {"store_id": " "}])
def test_an_empty_name_chooses_nothing_to_connect(body: dict[str, Any]) -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        refused = opened.shop.admin("POST", "/btcpay/connect", ok=False, json=body)
        assert refused.status_code == 400
        (field,) = body
        assert [problem["field"] for problem in refused.json()["detail"]] == [field]


def test_an_empty_profile_is_not_connected_to_zaprite() -> None:
    with running_zaprite_shop(is_connected=False) as opened:
        refused = opened.connect(ok=False, merchant_profile_id="")
        assert refused.status_code == 400
        assert "no such merchant profile" in refused.json()["message"]
        assert opened.calls("list_orders") == 0


def test_where_the_default_profile_has_no_btcpay_server_the_others_are_named() -> None:
    with running_btcpay_shop(is_connected=False) as opened:
        nothing = opened.shop.admin("POST", "/btcpay/disconnect")
        assert nothing["message"] == "no BTCPay Server was connected"
        account = opened.connect(merchant_profile_id=second_profile(opened.shop))
        gone = opened.shop.admin("POST", "/btcpay/disconnect")
        assert (gone["ok"], gone["noop"]) == (True, True)
        assert "the default merchant profile has no BTCPay Server" in gone["message"]
        assert gone["message"].endswith(f"with provider_id: {account.id} (BTCPay — Second)")
        assert opened.account().is_connected
        chosen = {"provider_id": account.id}
        assert opened.shop.admin("POST", "/btcpay/disconnect", json=chosen)["noop"] is False


def test_an_id_nobody_has_is_said_to_be_nobodys() -> None:
    with running_btcpay_shop() as opened:
        gone = opened.shop.admin("POST", "/btcpay/disconnect", json={"provider_id": "x"})
        assert gone["noop"] is True
        assert gone["message"] == "no connected BTCPay Server has the id 'x'"


def test_where_the_default_profile_has_no_zaprite_account_the_others_are_named() -> None:
    with running_zaprite_shop(is_connected=False) as opened:
        told = opened.connect(merchant_profile_id=second_profile(opened.shop))
        gone = opened.shop.admin("POST", "/zaprite/disconnect")
        assert gone["noop"] is True
        assert gone["message"].endswith(
            f"with provider_id: {told['provider_id']} ({told['label']})"
        )
        assert opened.account().is_connected


def test_a_sentence_names_ten_accounts_at_most() -> None:
    with running_zaprite_shop(is_connected=False) as opened:
        for _ in range(12):
            opened.connect(merchant_profile_id=second_profile(opened.shop))
        gone = opened.shop.admin("POST", "/zaprite/disconnect")
        assert gone["message"].count("Zaprite — Second") == 10
        assert gone["message"].endswith("and 2 more")
