"""The license a running server works on: its tier, live, and the three odd refusals."""

from pathlib import Path
from typing import Any

import pytest

from keysat_adapters.system.license_file import LicenseFile
from keysat_core.domain.actor import Scope
from keysat_core.domain.instant import Instant
from keysat_core.domain.secret import Secret
from keysat_core.domain.self_license import MERCHANT_PROFILES_CAP, PRODUCTS_CAP
from keysat_core.signing import Verifier
from keysat_http.server_ticks import server_ticks
from tests.support.http import START
from tests.support.own_licenses import OWN_ID, PATRON, PRO, SOLD, TRUSTED, own_key
from tests.support.shop import Shop, running_shop

PATH = "/self-license"
LICENSED = {
    "tier": "licensed",
    "license_id": OWN_ID,
    "product_id": SOLD.product_id,
    "expires_at": 0,
    "entitlements": list(SOLD.entitlements),
}


def own_file(folder: Path, *, variable: str | None = None) -> LicenseFile:
    return LicenseFile(
        folder / "keysat-license.txt",
        variable=Secret(variable) if variable else None,
        trust_root=Verifier(TRUSTED.verify_key),
        upgrade_base_url="https://up.example/buy",
    )


def activate(shop: Shop, key: object) -> Any:
    return shop.admin("POST", PATH, json={"license_key": key})


def refused(shop: Shop, body: object) -> tuple[int, dict[str, Any]]:
    answer = shop.admin("POST", PATH, ok=False, json=body)
    return answer.status_code, answer.json()


@pytest.mark.betters("B-08")
def test_a_license_is_shown_activated_and_gives_its_tier_at_once(tmp_path: Path) -> None:
    with running_shop(self_licenses=own_file(tmp_path)) as shop:
        assert shop.admin("GET", PATH) == {
            "tier": "unlicensed",
            "reason": "there is no license key",
        }
        assert shop.admin("GET", "/tier") == {
            "tier": "creator",
            "tier_name": "Creator",
            "sandbox": True,
            "entitlements": [],
            "usage": {"products": 0, "active_codes": 0, "merchant_profiles": 1},
            "caps": {
                "products": 5,
                "policies_per_product": 5,
                "active_codes": 10,
                "merchant_profiles": 1,
            },
            "next_tier": "pro",
            "upgrade_url": "https://up.example/buy?policy=pro",
        }
        activated = activate(shop, f" {PRO}\n")
        assert activated == {
            "ok": True,
            "tier": LICENSED,
            "message": "the license is active; no restart is needed",
        }
        assert shop.admin("GET", PATH) == LICENSED == shop.admin("POST", PATH + "/refresh")
        tier = shop.admin("GET", "/tier")
        assert (tier["tier"], tier["tier_name"], tier["next_tier"]) == ("pro", "Pro", "patron")
        assert tier["caps"]["products"] is None
        assert tier["caps"]["merchant_profiles"] == MERCHANT_PROFILES_CAP
        activate(shop, PATRON)
        tier = shop.admin("GET", "/tier")
        assert (tier["tier"], tier["next_tier"], tier["upgrade_url"]) == ("patron", None, None)
        assert shop.audited("self_license.activate") == 2
        audit = repr(list(shop.events())) + repr(shop.admin("GET", PATH))
        assert PRO not in audit


def test_a_cap_is_lifted_and_comes_back_without_a_restart(tmp_path: Path) -> None:
    ends = own_key(expires_at=Instant(START + 60))
    with running_shop(self_licenses=own_file(tmp_path)) as shop:
        for number in range(PRODUCTS_CAP):
            shop.add_product(f"p{number}")
        body = {"slug": "more", "name": "More", "price_sats": 1}
        answer = shop.admin("POST", "/products", ok=False, json=body)
        assert (answer.status_code, answer.json()["error"]) == (402, "tier_cap")
        assert answer.json()["upgrade_url"] == "https://up.example/buy?policy=pro"
        activate(shop, ends)
        shop.admin("POST", "/products", json=body)
        shop.clock.turn(60)
        assert shop.admin("GET", PATH)["reason"] == "the license has expired"
        again = body | {"slug": "again"}
        assert shop.admin("POST", "/products", ok=False, json=again).status_code == 402
        assert shop.admin("GET", "/tier")["usage"]["products"] == PRODUCTS_CAP + 1


@pytest.mark.parametrize("body", [{}, {"license_key": ""}, {"license_key": None}])
def test_without_a_key_the_refusal_has_its_own_shape(tmp_path: Path, body: object) -> None:
    with running_shop(self_licenses=own_file(tmp_path)) as shop:
        assert refused(shop, body) == (
            400,
            {
                "ok": False,
                "error": "license_key is required",
                "message": "bad request: license_key is required",
                "code": "invalid_field",
            },
        )


@pytest.mark.parametrize(
    ("key", "code"),
    [
        ("nonsense", "bad_format"),
        (own_key(expires_at=Instant(START - 1)), "expired"),
    ],
)
def test_a_key_that_is_none_is_refused_with_the_reason(tmp_path: Path, key: str, code: str) -> None:
    with running_shop(self_licenses=own_file(tmp_path)) as shop:
        status, said = refused(shop, {"license_key": key})
        assert (status, said["error"], said["code"]) == (400, "license_invalid", code)
        assert said["message"] == f"bad request: {said['detail']}"
        assert not (tmp_path / "keysat-license.txt").exists()


def test_a_folder_that_is_gone_is_a_failed_write(tmp_path: Path) -> None:
    with running_shop(self_licenses=own_file(tmp_path / "gone")) as shop:
        status, said = refused(shop, {"license_key": PRO})
        assert (status, said["error"]) == (500, "write_failed")
        assert said["detail"] == "No such file or directory"
        assert str(tmp_path) not in repr(said)
        assert shop.admin("GET", PATH)["tier"] == "unlicensed"


@pytest.mark.betters("B-29")
def test_beside_the_variable_the_message_says_which_key_counts(tmp_path: Path) -> None:
    with running_shop(self_licenses=own_file(tmp_path, variable=PRO)) as shop:
        activated = activate(shop, PATRON)
        assert activated["tier"] == LICENSED
        assert "KEYSAT_LICENSE" in activated["message"]
        assert (tmp_path / "keysat-license.txt").read_text() == f"{PATRON}\n"


def test_a_running_server_notices_what_a_command_wrote(tmp_path: Path) -> None:
    with running_shop(self_licenses=own_file(tmp_path)) as shop:
        (tick, _) = server_ticks(shop.ports, version="1", started_at=START)
        own_file(tmp_path).write_key(Secret(PRO))
        assert shop.admin("GET", PATH)["tier"] == "unlicensed"
        assert tick.run() == 1
        assert shop.admin("GET", PATH) == LICENSED
        assert tick.run() == 0


@pytest.mark.betters("B-01")
def test_only_the_master_key_exchanges_the_license(tmp_path: Path) -> None:
    scopes = frozenset(Scope) - {Scope.MASTER}
    with running_shop(self_licenses=own_file(tmp_path), scopes=scopes) as shop:
        scoped = {"authorization": "Bearer scoped"}
        send = shop.client.request
        path = f"/v1/admin{PATH}"
        assert send("POST", path, headers=scoped, json={"license_key": PRO}).status_code == 403
        assert send("GET", path, headers=scoped).status_code == 200
        assert send("POST", f"{path}/refresh", headers=scoped).status_code == 200


def test_the_tier_of_the_license_it_runs_on_is_not_changed_here(tmp_path: Path) -> None:
    with running_shop(self_licenses=own_file(tmp_path)) as shop:
        shop.add_product()
        issued = shop.issue()
        path = f"/licenses/{issued['license_id']}/change-tier"
        body = {"to_policy_slug": "x"}
        assert shop.admin("POST", path, ok=False, json=body).status_code == 404
        activate(shop, own_key(id=issued["license_id"]))
        answer = shop.admin("POST", path, ok=False, json=body)
        assert (answer.status_code, answer.json()["error"]) == (400, "bad_request")
        assert "this server runs on this license" in answer.json()["message"]
