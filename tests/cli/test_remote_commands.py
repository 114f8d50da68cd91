"""Every command that a server elsewhere can carry out is carried out there, and says the same."""

from pathlib import Path
from typing import Any, Final

import msgspec

from keysat_cli.exit_codes import ExitCode
from keysat_cli.remote.table import LOCAL_ONLY, REMOTE
from keysat_core.ports.sandbox import PretendPayment
from keysat_http.endpoints import ADMIN
from tests.cli.test_command_tree import ALL_COMMANDS
from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.server import serving
from tests.simulators.virtual_clock import VirtualClock
from tests.simulators.wall_clock import WallClock
from tests.simulators.zaprite.fake_zaprite import FakeZaprite
from tests.support.own_license import SIGNER, TRUST_ROOT, operators_license
from tests.support.program import ADMIN_KEY
from tests.support.remote_shop import RemoteShop, remote_shop

SHORTER_PAGES: Final = {"search_licenses"}
"""The list of licenses under another name; one command needs only one of them."""

CAPABILITIES: Final = (
    "unlimited_products", "unlimited_policies", "unlimited_codes", "unlimited_merchant_profiles",
    "recurring_billing", "zaprite_payments",
)  # fmt: skip


def test_every_command_runs_there_or_says_why_it_cannot() -> None:
    commands = {" ".join(words) for words in ALL_COMMANDS}
    assert REMOTE.keys() & LOCAL_ONLY.keys() == set()
    assert REMOTE.keys() | LOCAL_ONLY.keys() == commands
    assert all(entry.reason for entry in LOCAL_ONLY.values())


def test_every_admin_operation_can_be_reached_by_a_command(tmp_path: Path) -> None:
    btcpay, zaprite = FakeBTCPay(VirtualClock()), FakeZaprite(WallClock())
    store = btcpay.add_store("My shop")
    with (
        serving(btcpay) as btcpay_url,
        serving(zaprite) as zaprite_url,
        remote_shop(
            tmp_path,
            BTCPAY_URL=btcpay_url,
            KEYSAT_LICENSE=operators_license(*CAPABILITIES),
            KEYSAT_TRUST_ROOT_PEM=TRUST_ROOT,
        ) as shop,
    ):
        _sell_things(shop)
        _look_after_licenses(shop)
        _take_payments(shop)
        _tell_of_events(shop)
        _keep_profiles(shop, btcpay.add_key(store.id), zaprite.live.api_key, zaprite_url)
        _keep_logos(shop, shop.same("profile", "list")["profiles"][0]["id"], tmp_path)
        _export(shop)
        _let_others_in(shop)
        _look_after_the_server(shop, tmp_path)
        _clear_away(shop)
        assert REMOTE.keys() - shop.used == set()
        names = {str(handler.handler_name) for handler in ADMIN if hasattr(handler, "handler_name")}
        assert len(names) == len(ADMIN)
        assert names - shop.door.operations == SHORTER_PAGES
        assert not any(ADMIN_KEY in str(one.query) for one in shop.door.requests)
    assert not (tmp_path / "far" / "keysat.db").exists()


def _sell_things(shop: RemoteShop) -> None:
    made = shop.run("product", "create", "w", "--name", "W", "--price-value", "100")
    assert shop.same("product", "show", "w") == made
    entry = msgspec.json.encode([{"slug": "sync", "name": "Sync"}]).decode()
    changed = shop.run(
        "product", "update", "w", "--name", "Widget", "--price-value", "2500", "--price-currency",
        "USD", "--catalog", entry,
    )  # fmt: skip
    assert (changed["name"], changed["price_value"]) == ("Widget", 2500)
    assert changed["entitlements_catalog"][0]["slug"] == "sync"
    assert shop.far.refusal("product", "update", "w", "--metadata", "{}")[0] == 2
    assert shop.run("product", "update", "w", "--no-catalog")["entitlements_catalog"] is None
    assert shop.run("product", "update", "w", "--price-value", "9")["price_currency"] == "USD"
    shop.run("product", "update", "w", "--price-value", "5000", "--price-currency", "SAT")
    assert shop.run("product", "deactivate", "w")["active"] is False
    assert shop.same("product", "list")["products"] == []
    assert shop.run("product", "activate", "w")["active"] is True
    for slug, rank in (("basic", "1"), ("pro", "2")):
        shop.run(
            "policy", "create", f"w/{slug}", "--name", slug.title(), "--tier-rank", rank,
            "--recurring", "--renewal-period-days", "30", "--duration-seconds", "30d",
        )  # fmt: skip
    shop.run("policy", "create", "w/once", "--name", "Once", "--max-machines", "3")
    assert shop.run("policy", "update", "w/once", "--entitlement", "sync")["entitlements"] == [
        "sync"
    ]
    assert shop.run("policy", "update", "w/once", "--no-entitlements")["entitlements"] == []
    assert shop.run("policy", "archive", "w/once", "--dry-run")["dry_run"] is True
    for verb, field, value in (
        ("deactivate", "active", False), ("activate", "active", True),
        ("hide", "public", False), ("publish", "public", True),
    ):  # fmt: skip
        assert shop.run("policy", verb, "w/once")[field] is value
    assert shop.run("policy", "archive", "w/once")["archived_at"]
    assert shop.run("policy", "unarchive", "w/once")["archived_at"] is None
    ordered = shop.run("policy", "reorder", "w", "once", "basic", "pro")
    assert [one["slug"] for one in ordered["policies"]] == ["once", "basic", "pro"]
    tip = ("--tip-recipient", "a@example.com", "--tip-pct-bps", "100")
    assert shop.run("policy", "set-tip", "w/once", *tip)["tip_pct_bps"] == 100
    shop.same("policy", "list", "w", "--all")
    shop.same("policy", "show", "w/pro")
    code = shop.run(
        "code", "create", "x", "--kind", "percent", "--amount", "1000", "--product", "w"
    )
    assert shop.run(
        "code", "update", "X", "--max-uses", "5", "--expires-at", "2090-01-01T00:00:00Z"
    )
    assert shop.run("code", "update", "X", "--never-expires")["expires_at"] is None
    assert shop.run("code", "disable", "x")["active"] is False
    assert shop.run("code", "enable", code["id"])["active"] is True
    shop.same("code", "list")
    shop.same("code", "show", "X")
    assert shop.same("code", "preview", "X", "--product", "w")["valid"] is True
    shop.same("code", "attribution", "--since", "2020-01-01T00:00:00Z")
    shop.same("key", "public")
    assert shop.same("tier", "show")["tier"] == "pro"


def _look_after_licenses(shop: RemoteShop) -> None:
    issued = shop.run("license", "issue", "w/once", "--expires-at", "2090-01-01T00:00:00Z")
    license_id = issued["license_id"]
    assert issued["license_key"].startswith("LIC1-")
    machine = shop.ask(
        "POST", "/v1/machines/activate", key=issued["license_key"], fingerprint="machine-1"
    )
    shop.same("machine", "list")
    assert shop.run("machine", "deactivate", machine["machine_id"], "--yes") == {"ok": True}
    assert shop.run("license", "suspend", license_id, "--reason", "a")["suspension_reason"] == "a"
    assert shop.run("license", "unsuspend", license_id)["status"] == "active"
    tried = shop.run("license", "revoke", license_id, "--dry-run")
    assert tried == {"ok": True, "dry_run": True}
    revoked = shop.run("license", "revoke", license_id, "--yes")
    assert revoked == {
        name: value
        for name, value in shop.near.json("license", "show", license_id).items()
        if name != "tier_changes"
    }
    for words in ((), ("--product", "w"), ("--policy", "w/once"), ("--status", "revoked")):
        assert len(shop.same("license", "list", *words)["licenses"]) == 1
    shop.same("license", "show", license_id)
    shop.same("license", "summary")
    shop.same("license", "counts")
    table = "product_slug,quantity\nw,2\n"
    assert shop.run("license", "import", "-", stdin=table)["issued"] == 2
    assert (
        shop.run("audit", "list", "--action", "license.issue_manual", "--limit", "1")["total"] > 2
    )
    tiered = shop.run("license", "issue", "w/pro")["license_id"]
    shop.same("tier", "quote", tiered, "basic")
    assert shop.run("tier", "change", tiered, "basic", "--dry-run")["dry_run"] is True
    assert shop.run("tier", "change", tiered, "basic", "--yes")["applied"] is True
    assert len(shop.same("tier", "history", tiered)["tier_changes"]) == 1


def _buy(shop: RemoteShop, policy: str, payment: PretendPayment) -> str:
    bought = shop.ask(
        "POST", "/v1/purchase", product="w", policy_slug=policy, buyer_email="a@example.com"
    )
    shop.sandbox.till.act(bought["btcpay_invoice_id"], payment)
    invoice_id: str = bought["invoice_id"]
    return invoice_id


def _take_payments(shop: RemoteShop) -> None:
    paid = _buy(shop, "pro", PretendPayment.PAY)
    sold = shop.run("invoice", "settle", paid)["license_id"]
    expired = _buy(shop, "once", PretendPayment.EXPIRE)
    assert shop.run("invoice", "settle", expired, "--reason", "cash", "--force", "--yes")["ok"]
    assert len(shop.same("invoice", "list", "--product", "w")["invoices"]) == 2
    shop.same("invoice", "show", paid)
    assert shop.same("invoice", "revenue")["settled_paid_invoice_count"] == 2
    assert shop.run("invoice", "late-payments", "accept") == {"enabled": True}
    shop.same("invoice", "late-payments")
    assert shop.run("license", "recover", paid, "a@example.com")["license_key"]
    assert shop.same("subscription", "list")["total"] >= 1
    [subscription] = shop.same("subscription", "list", "--license", sold)["subscriptions"]
    shop.same("subscription", "show", subscription["id"])
    scheduled = shop.run(
        "tier", "change", subscription["license_id"], "basic", "--apply-at", "next_cycle", "--yes"
    )
    change_id = scheduled["tier_change_id"]
    assert shop.run("tier", "cancel", subscription["license_id"], change_id) == {"ok": True}
    assert shop.run("subscription", "cancel", subscription["id"], "--yes")["ok"] is True
    shop.same("tip", "list")
    assert shop.run("tip", "cap", "500")["tips_daily_cap_sats"] == 500
    shop.same("tip", "cap")
    shop.same("zaprite", "saved")
    assert shop.refused("zaprite", "charge", paid, "--with", paid, "--yes")["ok"] is False
    pinned = shop.run("rates", "pin", "USD", "65000")
    assert pinned["rates"][0]["units_per_btc"] == 65000
    assert shop.run("rates", "refresh", "USD")["source"]
    assert len(shop.run("rates", "show")["rates"]) == 1


def _export(shop: RemoteShop) -> None:
    for what in ("licenses", "invoices", "audit"):
        for format_ in ("csv", "jsonl"):
            far, near = (side.folder / f"{what}.{format_}" for side in (shop.far, shop.near))
            words = ("export", what, "--format", format_, "--until", "2090-01-01T00:00:00Z")
            made = shop.run(*words, "--output", str(far))
            shop.near.json(*words, "--output", str(near))
            assert far.read_bytes() == near.read_bytes(), what
            assert far.stat().st_mode & 0o777 == 0o600
            assert made["bytes"] == far.stat().st_size > 0
    far, near = (side.folder / "codes.csv" for side in (shop.far, shop.near))
    shop.run("export", "codes", "--active", "--output", str(far))
    shop.near.json("export", "codes", "--active", "--output", str(near))
    assert far.read_bytes() == near.read_bytes()


def _let_others_in(shop: RemoteShop) -> None:
    made = shop.run("api-key", "create", "agent", "--role", "support")
    assert made["token"].startswith("ks_")
    listed = shop.same("api-key", "list")
    assert [one["id"] for one in listed["api_keys"]] == [made["id"]]
    assert shop.run("api-key", "revoke", made["id"], "--yes")["ok"] is True
    assert shop.run("password", "set", stdin="correct horse battery\n") == {"ok": True}
    for _ in range(3):
        shop.door.client.post("/admin/login", json={"api_key": ADMIN_KEY})
        shop.door.client.cookies.clear()
    first, second, *_ = shop.run("session", "list")["sessions"]
    assert shop.run("session", "end", first["name"], "--yes")["name"] == first["name"]
    assert shop.run("session", "end-others", second["name"], "--yes")["ended"] == 1


def _tell_of_events(shop: RemoteShop) -> None:
    made = shop.run(
        "webhook", "create", "https://hooks.example.com", "--secret-stdin", stdin="s" * 40 + "\n"
    )
    assert made["secret"] == "s" * 40
    endpoint_id = made["id"]
    shop.same("webhook", "list")
    words = ("listen", "--since", "2020-01-01T00:00:00Z", "--limit", "3", "--json")
    heard = [msgspec.json.decode(line) for line in shop.hear(*words)]
    assert len(heard) == 3
    assert heard == [msgspec.json.decode(line) for line in shop.near.text(*words).splitlines()]
    assert "secret" not in shop.same("webhook", "show", endpoint_id)
    assert shop.same("webhook", "show", endpoint_id, "--secret")["secret"] == "s" * 40
    assert shop.run("webhook", "update", endpoint_id, "--description", "d")["description"] == "d"
    assert shop.run("webhook", "disable", endpoint_id)["active"] is False
    assert shop.run("webhook", "enable", endpoint_id)["active"] is True
    assert shop.run("webhook", "rotate-secret", endpoint_id)["secret"] != "s" * 40
    tested = shop.run("webhook", "test", endpoint_id)
    assert shop.same("delivery", "show", tested["id"]) == tested
    replayed = shop.run("webhook", "replay", endpoint_id, "--since", "2020-01-01T00:00:00Z")
    assert replayed["queued"] > 0
    assert shop.run("webhook", "disable", endpoint_id)["active"] is False
    first = shop.same("delivery", "list", "--limit", "1")["deliveries"][0]
    shop.same("delivery", "show", first["id"])
    assert shop.run("delivery", "retry", first["id"])["id"] == first["id"]
    assert shop.run("webhook", "delete", endpoint_id, "--yes")["id"] == endpoint_id


def _keep_logos(shop: RemoteShop, profile_id: str, tmp_path: Path) -> None:
    picture = tmp_path / "logo"
    picture.write_bytes(b"\x89PNG\r\n\x1a\nx")
    set_ = shop.run("profile", "set-logo", profile_id, str(picture))
    assert (set_["media_type"], set_["size"]) == ("image/png", 9)
    assert shop.same("profile", "show", profile_id)["logo_url"] == set_["logo_url"]
    picture.write_bytes(b"<svg/>")
    assert shop.far.refusal("profile", "set-logo", profile_id, str(picture))[0] == ExitCode.REFUSED
    assert shop.run("profile", "clear-logo", profile_id)["ok"] is True


def _keep_profiles(shop: RemoteShop, btcpay_key: str, zaprite_key: str, zaprite_url: str) -> None:
    default = shop.same("profile", "list")["profiles"][0]
    profile_id = shop.run("profile", "create", "Second")["id"]
    changed = shop.run(
        "profile", "update", profile_id, "--legal-name", "L", "--smtp-host", "mail.example.com",
        "--smtp-password-file", "-", stdin="secret\n",
    )  # fmt: skip
    assert (changed["legal_name"], changed["smtp_host"]) == ("L", "mail.example.com")
    assert shop.run("profile", "update", profile_id, "--clear", "legal-name")["legal_name"] is None
    shop.same("profile", "show", profile_id)
    rail = ("lightning", default["providers"][0]["id"])
    assert shop.run("profile", "prefer", default["id"], *rail)["ok"] is True
    assert shop.run("profile", "unprefer", default["id"], "lightning")["ok"] is True
    shop.same("profile", "providers")
    shop.run("profile", "set-default", profile_id)
    shop.run("profile", "set-default", default["id"])
    started = shop.run("btcpay", "connect", "--label", "Node")
    assert started["authorize_url"]
    shop.near.json("btcpay", "connect", "--api-key-stdin", stdin=f"{btcpay_key}\n")
    assert shop.same("btcpay", "status")["connected"] is True
    assert shop.same("btcpay", "methods")["count"] >= 0
    gone = shop.run("btcpay", "disconnect", "--dry-run")
    assert (gone["noop"], gone["dry_run"]) == (False, True)
    assert shop.run("btcpay", "disconnect", "--yes")["noop"] is False
    connected = shop.run(
        "zaprite", "connect", "--base-url", zaprite_url, "--profile", profile_id,
        stdin=f"{zaprite_key}\n",
    )  # fmt: skip
    assert connected["ok"] is True
    assert shop.same("zaprite", "status")["connected"] is True
    which = ("--provider", connected["provider_id"])
    assert shop.run("zaprite", "disconnect", *which, "--yes")["noop"] is False
    assert shop.run("profile", "delete", profile_id, "--yes")["ok"] is True


def _look_after_the_server(shop: RemoteShop, folder: Path) -> None:
    assert shop.same("self-license", "show")["tier"] == "licensed"
    assert shop.same("self-license", "refresh")["tier"] == "licensed"
    kept = shop.run("self-license", "activate", "-", stdin=operators_license("patron"))
    assert "KEYSAT_LICENSE" in kept["message"]
    shop.same("settings", "show")
    for name, value in (
        ("operator-name", "Far"), ("accept-late-payments", "off"), ("keep-validations", "keep"),
        ("keep-deliveries", "30"),
    ):  # fmt: skip
        shop.run("settings", "set", name, value)
    changed = shop.same("settings", "show")
    assert changed["operator_name"]["stored"] == "Far"
    assert changed["retention"] == {"validation_days": None, "delivery_days": 30}
    url = ("--collector-url", "https://collect.example")
    assert shop.run("analytics", "enable", *url)["collector_url"] == url[1]
    assert shop.run("analytics", "reset") == {"ok": True}
    assert shop.run("analytics", "disable")["enabled"] is False
    assert shop.same("analytics", "show")["collector_url"] == url[1]
    assert shop.same("db-info")["counts"]["licenses_total"] > 0
    well = shop.run("health")
    assert (well["ok"], well["database"]["counts"]["products"]) == (True, 1)
    assert shop.same("figures", "--days", "90")["licenses"]["active"] > 0
    assert shop.same("search", "w")["hits"][-1]["title"] == "w"
    pem = folder / "key.pem"
    pem.write_text(SIGNER.to_pem())
    assert shop.refused("key", "import", str(pem))["code"] == "still_referenced"


def _clear_away(shop: RemoteShop) -> None:
    assert shop.run("code", "delete", "X", "--yes")["deleted"] == "X"
    gone = shop.run("policy", "delete", "w/once", "--force", "--yes")
    assert gone["cascaded_licenses"] == 2
    refused: tuple[int, Any] = shop.far.refusal("product", "delete", "w", "--yes")
    assert (refused[0], refused[1]["code"]) == (5, "still_referenced")
    assert "--force" in refused[1]["message"]
    assert shop.run("product", "delete", "w", "--force", "--yes")["deleted"] == "w"
