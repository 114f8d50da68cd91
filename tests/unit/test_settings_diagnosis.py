"""Settings that are each right and together wrong."""

from typing import Any

import pytest

from keysat_core.domain.finding import Health
from keysat_core.domain.secret import Secret
from keysat_core.domain.settings_diagnosis import (
    SettingsFacts,
    is_own_host,
    is_public_host,
    judge_settings,
)

STRONG = "0123456789abcdef0123456789abcdef"
SOUND: dict[str, Any] = {
    "public_scheme": "https",
    "public_host": "shop.example",
    "bind_host": "::",
    "is_behind_proxy": True,
    "admin_key": Secret(STRONG),
    "other_secrets": {"KEYSAT_LICENSE": Secret("LIC1-A-B")},
    "license_variable": Secret("LIC1-A-B"),
    "license_file": Secret("LIC1-A-B\n"),
    "has_real_sales": True,
}


def test_settings_that_agree_are_fine() -> None:
    for facts in (SettingsFacts(), SettingsFacts(**SOUND)):
        (found,) = judge_settings(facts)
        assert (found.health, found.remedy) == (Health.OK, None)


@pytest.mark.parametrize(
    ("fields", "health", "said"),
    [
        ({"problem": "KEYSAT_BIND: bad"}, Health.FAILING, "KEYSAT_BIND"),
        ({"legacy_conflicts": ("KEYSAT_BIND",)}, Health.FAILING, "LICENSING_BIND differ"),
        ({"is_sandbox": True}, Health.FAILING, "sandbox mode is on"),
        ({"has_pretend_sales": True}, Health.FAILING, "sandbox mode is off"),
        ({"admin_key": Secret("a" * 40)}, Health.FAILING, "guessed"),
        ({"other_secrets": {"BTCPAY_API_KEY": Secret(STRONG)}}, Health.FAILING, "BTCPAY_API_KEY"),
        ({"public_scheme": "http"}, Health.WARNING, "in the clear"),
        ({"public_host": "localhost"}, Health.WARNING, "their own machine"),
        ({"public_host": "127.0.0.1", "bind_host": "::"}, Health.WARNING, "their own machine"),
        ({"has_proxy_list": True}, Health.WARNING, "KEYSAT_BEHIND_PROXY is on"),
        (
            {"has_proxy_list": True, "is_behind_proxy": False},
            Health.WARNING,
            "KEYSAT_BEHIND_PROXY is off",
        ),
        ({"is_behind_proxy": None}, Health.WARNING, "share one rate limit"),
        ({"license_file": Secret("LIC1-C-D")}, Health.WARNING, "different licenses"),
    ],
)
def test_a_contradiction_is_found_alone(fields: dict[str, Any], health: Health, said: str) -> None:
    (found,) = judge_settings(SettingsFacts(**SOUND | fields))
    assert found.health is health
    assert said in found.text
    assert found.remedy


@pytest.mark.parametrize(
    "fields",
    [
        {"public_scheme": "http", "public_host": "10.0.0.7"},
        {"public_scheme": "http", "public_host": "shop.local"},
        {"public_scheme": "http", "public_host": "abc.onion"},
        {"public_scheme": "http", "public_host": "localhost", "bind_host": "127.0.0.1"},
        {"is_behind_proxy": None, "has_proxy_list": True},
        {"license_file": None},
        {"license_variable": None},
        {"admin_key": None, "other_secrets": {"A": Secret("")}},
        {"has_real_sales": False, "has_pretend_sales": True, "is_sandbox": True},
    ],
)
def test_what_only_looks_odd_is_fine(fields: dict[str, Any]) -> None:
    assert [one.health for one in judge_settings(SettingsFacts(**SOUND | fields))] == [Health.OK]


def test_no_finding_shows_a_secret() -> None:
    facts = SettingsFacts(
        **SOUND
        | {"admin_key": Secret("secret" * 6), "other_secrets": {"A": Secret("secret" * 6)}}
        | {"license_file": Secret("LIC1-hidden")}
    )
    said = " ".join(f"{one.text} {one.remedy}" for one in judge_settings(facts))
    assert "secretsecret" not in said
    assert "LIC1" not in said


@pytest.mark.parametrize(
    ("host", "is_public", "is_own"),
    [
        ("shop.example", True, False),
        ("8.8.8.8", True, False),
        ("192.168.1.1", False, False),
        ("nas", False, False),
        ("localhost", False, True),
        ("app.localhost", False, True),
        ("::1", False, True),
    ],
)
def test_hosts_are_told_apart(host: str, *, is_public: bool, is_own: bool) -> None:
    assert (is_public_host(host), is_own_host(host)) == (is_public, is_own)
