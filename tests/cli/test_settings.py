"""Settings: every variable, its legacy name, its default, and what is wrong with it in words."""

from collections.abc import Callable
from ipaddress import ip_network
from pathlib import Path
from typing import Final

import pytest

from keysat_cli.bind import Bind, parse_bind
from keysat_cli.environment import Environment, load_environment
from keysat_cli.rate_sources import RATE_SOURCES_DEFAULT
from keysat_cli.rates import SOURCES
from keysat_cli.settings import (
    ServeSettings,
    StoreSettings,
    read_serve_settings,
    read_store_settings,
)
from keysat_core.domain.self_license import TRUST_ROOT_PEM, UPGRADE_BASE_URL
from keysat_core.errors import ConfigurationError
from keysat_core.signing import SigningKey
from keysat_http.settings import PRIVATE_NETWORKS

EVERYWHERE: Final = "0.0.0.0"  # noqa: S104  read, never bound
KEY: Final = "k" * 32
NEEDED: Final = {"KEYSAT_ADMIN_API_KEY": KEY, "KEYSAT_PUBLIC_URL": "https://shop.example"}
OTHER_PEM: Final = SigningKey.from_seed(bytes(32)).verify_key.to_pem()


def store_settings(**variables: str) -> StoreSettings:
    return read_store_settings(Environment(variables))


def serve_settings(**variables: str) -> ServeSettings:
    return read_serve_settings(Environment(NEEDED | variables))


def problem_of(read: Callable[[], object]) -> ConfigurationError:
    with pytest.raises(ConfigurationError) as caught:
        read()
    return caught.value


def test_without_any_setting_the_database_is_in_the_data_folder() -> None:
    settings = store_settings()
    assert settings.db_path == Path("data/keysat.db")
    assert not settings.is_sandbox
    assert (settings.operator_name, settings.self_license_key) == (None, None)
    assert (settings.trust_root_pem, settings.upgrade_url) == (TRUST_ROOT_PEM, UPGRADE_BASE_URL)


def test_without_more_than_it_needs_the_server_listens_everywhere() -> None:
    settings = serve_settings()
    assert settings.bind == Bind(host=EVERYWHERE, port=8080)
    assert settings.admin_api_key.reveal() == KEY
    assert (settings.public_url, settings.log_level) == ("https://shop.example", "info")
    assert settings.trusted_proxies == ()


def test_every_variable_is_read() -> None:
    settings = serve_settings(
        KEYSAT_BIND="127.0.0.1:9000",
        KEYSAT_DB_PATH="/srv/shop/k.db",
        KEYSAT_PUBLIC_URL="https://shop.example/keysat/",
        KEYSAT_OPERATOR_NAME="Shop & Sons",
        KEYSAT_SANDBOX_MODE="Yes",
        KEYSAT_LICENSE=" LIC1-A-B ",
        KEYSAT_TRUST_ROOT_PEM=OTHER_PEM.replace("\n", "\\n"),
        KEYSAT_UPGRADE_URL="https://up.example/buy",
        KEYSAT_LOG_LEVEL="debug",
        KEYSAT_INSECURE_COOKIES="1",
        KEYSAT_TRUSTED_PROXIES="10.0.0.0/8, 192.0.2.7 ,::1",
    )
    assert settings.bind == Bind(host="127.0.0.1", port=9000)
    assert settings.public_url == "https://shop.example/keysat"
    assert settings.log_level == "debug"
    assert not settings.is_cookie_secure
    assert serve_settings().is_cookie_secure
    expected = tuple(ip_network(cidr) for cidr in ("10.0.0.0/8", "192.0.2.7/32", "::1/128"))
    assert settings.trusted_proxies == expected
    store = settings.store
    assert store.db_path == Path("/srv/shop/k.db")
    assert store.operator_name == "Shop & Sons"
    assert store.is_sandbox
    assert store.self_license_key is not None
    assert store.self_license_key.reveal() == "LIC1-A-B"
    assert store.trust_root_pem == OTHER_PEM
    assert store.upgrade_url == "https://up.example/buy"


def test_files_of_keysat_lie_beside_the_database() -> None:
    assert store_settings(KEYSAT_DB_PATH="/data/keysat.db").self_license_path == Path(
        "/data/keysat-license.txt"
    )
    elsewhere = store_settings(KEYSAT_DB_PATH="/srv/a/shop.db")
    assert elsewhere.self_license_path == Path("/srv/a/keysat-license.txt")
    assert elsewhere.sandbox_path == Path("/srv/a/shop-sandbox.db")


def test_legacy_names_are_a_fallback() -> None:
    legacy = {
        "LICENSING_BIND": "127.0.0.1:1",
        "LICENSING_DB_PATH": "/old/k.db",
        "LICENSING_ADMIN_API_KEY": "o" * 40,
        "LICENSING_PUBLIC_URL": "http://old.example",
        "LICENSING_OPERATOR_NAME": "Old",
    }
    settings = read_serve_settings(Environment(legacy))
    assert settings.bind.port == 1
    assert settings.store.db_path == Path("/old/k.db")
    assert settings.admin_api_key.reveal() == "o" * 40
    assert settings.public_url == "http://old.example"
    assert settings.store.operator_name == "Old"
    both = read_serve_settings(Environment(legacy | NEEDED))
    assert both.public_url == NEEDED["KEYSAT_PUBLIC_URL"]


def test_other_variables_have_no_legacy_name() -> None:
    assert not store_settings(LICENSING_SANDBOX_MODE="1").is_sandbox


def test_an_empty_value_counts_as_unset() -> None:
    settings = serve_settings(
        KEYSAT_BIND="", KEYSAT_OPERATOR_NAME="  ", KEYSAT_SANDBOX_MODE="", KEYSAT_LICENSE=""
    )
    assert settings.bind.port == 8080
    assert settings.store.operator_name is None
    assert not settings.store.is_sandbox
    assert settings.store.self_license_key is None


def test_settings_of_btcpay_are_accepted() -> None:
    assert serve_settings(BTCPAY_URL="", BTCPAY_API_KEY="x").store == store_settings()


@pytest.mark.parametrize("word", ["1", "true", "TRUE", "yes", "On"])
def test_sandbox_mode_is_on_for_a_yes(word: str) -> None:
    assert store_settings(KEYSAT_SANDBOX_MODE=word).is_sandbox


@pytest.mark.parametrize("word", ["0", "false", "No", "off", "ture", "2"])
def test_sandbox_mode_is_off_for_anything_but_a_yes(word: str) -> None:
    assert not store_settings(KEYSAT_SANDBOX_MODE=word).is_sandbox


def test_the_sources_of_rates_are_chosen_and_put_in_order() -> None:
    def chosen(**variables: str) -> list[tuple[str, str | None]]:
        sources = store_settings(**variables).rate_sources
        return [(source.name, source.base_url) for source in sources]

    every = [("kraken", None), ("coinbase", None), ("coingecko", None)]
    assert chosen() == every
    assert list(SOURCES) == list(RATE_SOURCES_DEFAULT)
    assert chosen(KEYSAT_SANDBOX_MODE="1") == []
    assert chosen(KEYSAT_RATE_SOURCES="None") == []
    told = "CoinGecko, kraken = https://mirror.example/k/ ,"
    assert chosen(KEYSAT_SANDBOX_MODE="1", KEYSAT_RATE_SOURCES=told) == [
        ("coingecko", None),
        ("kraken", "https://mirror.example/k"),
    ]


def test_a_word_that_is_neither_is_refused() -> None:
    problem = problem_of(lambda: serve_settings(KEYSAT_BEHIND_PROXY="ture"))
    assert problem.setting == "KEYSAT_BEHIND_PROXY"


def test_a_server_behind_a_proxy_trusts_private_networks() -> None:
    assert serve_settings(KEYSAT_BEHIND_PROXY="1").trusted_proxies == PRIVATE_NETWORKS
    chosen = serve_settings(KEYSAT_BEHIND_PROXY="1", KEYSAT_TRUSTED_PROXIES="192.0.2.0/24")
    assert chosen.trusted_proxies == (ip_network("192.0.2.0/24"),)


@pytest.mark.parametrize(
    ("text", "host", "port", "own_host"),
    [
        ("0.0.0.0:8080", EVERYWHERE, 8080, "127.0.0.1"),
        ("127.0.0.1:0", "127.0.0.1", 0, "127.0.0.1"),
        ("localhost:81", "localhost", 81, "localhost"),
        ("[::]:8080", "::", 8080, "[::1]"),
        ("[::1]:8080", "::1", 8080, "[::1]"),
        ("[fd00::1]:65535", "fd00::1", 65535, "[fd00::1]"),
    ],
)
def test_addresses_of_both_families_are_read(
    text: str, host: str, port: int, own_host: str
) -> None:
    bind = parse_bind(text)
    assert (bind.host, bind.port, bind.own_host) == (host, port, own_host)


@pytest.mark.parametrize(
    "text",
    [
        "8080", ":8080", EVERYWHERE, "0.0.0.0:", "0.0.0.0:http", "0.0.0.0:65536", "0.0.0.0:-1",
        "::1:8080", "[127.0.0.1]:80", "[::1]", "shop.example:80", "unix:/run/keysat.sock",
        "0.0.0.0:\N{FULLWIDTH DIGIT EIGHT}",
    ],
)  # fmt: skip
def test_what_is_no_address_is_refused(text: str) -> None:
    problem = problem_of(lambda: parse_bind(text))
    assert problem.setting == "KEYSAT_BIND"
    assert "0.0.0.0:8080" in problem.problem


@pytest.mark.parametrize(
    ("variables", "setting", "said"),
    [
        ({"KEYSAT_ADMIN_API_KEY": ""}, "KEYSAT_ADMIN_API_KEY", "is not set"),
        ({"KEYSAT_ADMIN_API_KEY": "k" * 31}, "KEYSAT_ADMIN_API_KEY", "at least 32 bytes"),
        ({"KEYSAT_ADMIN_API_KEY": "change-me" + "k" * 30}, "KEYSAT_ADMIN_API_KEY", "an example"),
        ({"KEYSAT_ADMIN_API_KEY": "k" * 20 + " " + "k" * 20}, "KEYSAT_ADMIN_API_KEY", "spaces"),
        ({"KEYSAT_ADMIN_API_KEY": "ü" * 32}, "KEYSAT_ADMIN_API_KEY", "plain characters"),
        ({"KEYSAT_PUBLIC_URL": ""}, "KEYSAT_PUBLIC_URL", "is not set"),
        ({"KEYSAT_PUBLIC_URL": "shop.example"}, "KEYSAT_PUBLIC_URL", "http(s)"),
        ({"KEYSAT_PUBLIC_URL": "ftp://shop.example"}, "KEYSAT_PUBLIC_URL", "http(s)"),
        ({"KEYSAT_PUBLIC_URL": "https://"}, "KEYSAT_PUBLIC_URL", "http(s)"),
        ({"KEYSAT_PUBLIC_URL": "https://a:b:c"}, "KEYSAT_PUBLIC_URL", "http(s)"),
        ({"KEYSAT_PUBLIC_URL": "https://a\nb"}, "KEYSAT_PUBLIC_URL", "http(s)"),
        ({"KEYSAT_PUBLIC_URL": "https://a/?b"}, "KEYSAT_PUBLIC_URL", "neither"),
        ({"KEYSAT_PUBLIC_URL": "https://u@a/"}, "KEYSAT_PUBLIC_URL", "neither"),
        ({"KEYSAT_UPGRADE_URL": "nowhere"}, "KEYSAT_UPGRADE_URL", "http(s)"),
        ({"KEYSAT_BIND": "eth0"}, "KEYSAT_BIND", "address"),
        ({"KEYSAT_DB_PATH": "/"}, "KEYSAT_DB_PATH", "file"),
        ({"KEYSAT_DB_PATH": ":memory:"}, "KEYSAT_DB_PATH", "file"),
        ({"KEYSAT_TRUST_ROOT_PEM": "no pem"}, "KEYSAT_TRUST_ROOT_PEM", "PUBLIC KEY"),
        ({"KEYSAT_TRUSTED_PROXIES": "10.0.0.1/8"}, "KEYSAT_TRUSTED_PROXIES", "10.0.0.1/8"),
        ({"KEYSAT_BEHIND_PROXY": "perhaps"}, "KEYSAT_BEHIND_PROXY", "yes"),
        ({"KEYSAT_RATE_SOURCES": "kraken,bitstamp"}, "KEYSAT_RATE_SOURCES", "bitstamp"),
        ({"KEYSAT_RATE_SOURCES": "kraken, kraken"}, "KEYSAT_RATE_SOURCES", "once"),
        ({"KEYSAT_RATE_SOURCES": "kraken,none"}, "KEYSAT_RATE_SOURCES", "none"),
        ({"KEYSAT_RATE_SOURCES": "kraken=nowhere"}, "KEYSAT_RATE_SOURCES", "http(s)"),
        ({"KEYSAT_RATE_SOURCES": "kraken="}, "KEYSAT_RATE_SOURCES", "http(s)"),
    ],
)
def test_a_wrong_setting_is_named_with_the_remedy(
    variables: dict[str, str], setting: str, said: str
) -> None:
    problem = problem_of(lambda: serve_settings(**variables))
    assert problem.setting == setting
    assert said in problem.problem
    assert "kkk" not in str(problem)


def test_the_environment_wins_over_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEYSAT_BIND=127.0.0.1:1\nKEYSAT_DB_PATH=from-file.db\n")
    environment = load_environment({"KEYSAT_BIND": "127.0.0.1:2"}, tmp_path)
    assert environment.find("KEYSAT_BIND") == "127.0.0.1:2"
    assert environment.find("KEYSAT_DB_PATH") == "from-file.db"


def test_an_empty_variable_leaves_the_word_to_the_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("KEYSAT_BIND=127.0.0.1:1\n")
    assert load_environment({"KEYSAT_BIND": ""}, tmp_path).find("KEYSAT_BIND") == "127.0.0.1:1"


def test_no_setting_shows_a_secret() -> None:
    settings = serve_settings(KEYSAT_LICENSE="LIC1-SECRET-KEY")
    assert KEY not in repr(settings)
    assert "SECRET" not in repr(settings)


@pytest.mark.parametrize(
    ("word", "is_sent"), [("On", True), ("1", True), ("", False), ("no", False)]
)
def test_btcpay_is_told_who_buys_only_on_demand(word: str, *, is_sent: bool) -> None:
    assert store_settings(BTCPAY_SEND_BUYER_EMAIL=word).btcpay.sends_buyer_email is is_sent


@pytest.mark.parametrize(
    ("text", "is_private"),
    [
        ("localhost:1", True), ("127.0.0.1:1", True), ("10.1.2.3:1", True), ("[::1]:1", True),
        ("[fd00::1]:1", True), ("0.0.0.0:1", False), ("[::]:1", False), ("8.8.8.8:1", False),
    ],
)  # fmt: skip
def test_an_address_that_strangers_may_reach_is_told_from_a_private_one(
    text: str, *, is_private: bool
) -> None:
    assert parse_bind(text).is_private is is_private
