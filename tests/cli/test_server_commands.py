"""What an operator asks of and tells the server itself, by commands: beside it, or without one."""

import stat
from pathlib import Path

import pytest

from keysat_cli.settings import StoreSettings
from keysat_cli.wiring import open_ports
from keysat_core.signing import SigningKey
from keysat_http.server_ticks import server_ticks
from tests.support.own_licenses import OWN_ID, PATRON, PRO, TRUST_ROOT_PEM
from tests.support.program import Program, shop_with_a_tier

OTHER = SigningKey.from_seed(bytes(32))


@pytest.fixture
def program(tmp_path: Path) -> Program:
    shop = shop_with_a_tier(tmp_path)
    shop.variables["KEYSAT_TRUST_ROOT_PEM"] = TRUST_ROOT_PEM
    return shop


# --- the own license ----------------------------------------------------------------------------


def test_a_license_is_activated_for_every_process(program: Program) -> None:
    settings = StoreSettings(db_path=program.db_path, trust_root_pem=TRUST_ROOT_PEM)
    with open_ports(settings) as running:
        (tick, _) = server_ticks(running, version="1", started_at=running.clock.now())
        assert program.json("self-license", "show")["tier"] == "unlicensed"
        assert "Unlicensed: there is no license key." in program.text("self-license", "show")
        activated = program.json("self-license", "activate", "-", stdin=f"{PRO}\n")
        assert activated["tier"]["license_id"] == OWN_ID
        file = program.folder / "keysat-license.txt"
        assert file.read_text() == f"{PRO}\n"
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert running.self_license.tier == "creator"
        tick.run()
        assert running.self_license.tier == "pro"
    assert program.json("self-license", "refresh") == activated["tier"]
    assert "unlimited_products" in program.text("self-license", "show")
    shown = program.json("tier", "show")
    assert (shown["tier"], shown["usage"]["products"], shown["caps"]["products"]) == (
        "pro",
        1,
        None,
    )
    (row,) = (
        row
        for row in program.json("audit", "list")["entries"]
        if row["action"] == "self_license.activate"
    )
    assert row["actor_kind"] == "cli"


def test_a_key_that_is_none_ends_in_its_exit_code(program: Program) -> None:
    code, said = program.refusal("self-license", "activate", "nonsense")
    assert (code, said["code"]) == (8, "bad_format")
    assert program.refusal("self-license", "activate", " ")[0] == 4


def test_the_variable_is_said_to_win(program: Program) -> None:
    program.variables["KEYSAT_LICENSE"] = PATRON
    result = program.run("self-license", "activate", PRO)
    assert result.exit_code == 0
    assert "KEYSAT_LICENSE is set and wins" in result.stderr
    assert program.json("tier", "show")["tier"] == "patron"


# --- settings -----------------------------------------------------------------------------------


def test_settings_are_shown_and_set(program: Program) -> None:
    program.variables["KEYSAT_OPERATOR_NAME"] = "From the environment"
    shown = program.json("settings", "show")
    assert shown["operator_name"]["effective"] == "From the environment"
    assert shown["retention"] == {"validation_days": 90, "delivery_days": None}
    program.text("settings", "set", "operator-name", " Ada ")
    program.text("settings", "set", "accept-late-payments", "on")
    program.text("settings", "set", "keep-validations", "keep")
    changed = program.json("settings", "set", "keep-deliveries", "30")
    assert changed == {
        "operator_name": {
            "stored": "Ada",
            "effective": "Ada",
            "fallback_env": "From the environment",
        },
        "accept_late_payments": True,
        "retention": {"validation_days": None, "delivery_days": 30},
    }
    text = program.text("settings", "set", "operator-name", "")
    assert "From the environment" in text
    assert program.text("settings", "set", "accept-late-payments", "off").count("off") == 1


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("accept-late-payments", "perhaps"), 2),
        (("keep-deliveries", "soon"), 2),
        (("keep-deliveries", "0"), 4),
        (("another", "1"), 2),
    ],
)
def test_a_setting_takes_only_what_it_can_be(
    program: Program, words: tuple[str, ...], code: int
) -> None:
    assert program.refusal("settings", "set", *words)[0] == code


# --- analytics ----------------------------------------------------------------------------------


def test_analytics_are_off_until_they_are_wanted(program: Program) -> None:
    assert "Nothing is sent." in program.text("analytics", "show")
    assert program.json("analytics", "show")["enabled"] is False
    url = "https://collect.example"
    on = program.json("analytics", "enable", "--collector-url", url)
    assert on == {"enabled": True, "collector_url": url}
    shown = program.text("analytics", "show")
    assert '"install_uuid"' in shown
    assert "Nothing is sent." not in shown
    first = program.json("analytics", "show")["install_uuid"]
    assert first
    assert program.json("analytics", "reset") == {"ok": True}
    assert program.json("analytics", "show")["install_uuid"] is None
    assert program.json("analytics", "disable") == {"enabled": False, "collector_url": url}
    assert program.json("analytics", "disable", "--forget-url")["collector_url"] is None
    assert program.refusal("analytics", "enable", "--collector-url", "nowhere")[0] == 4


# --- the database -------------------------------------------------------------------------------


def test_the_database_is_told(program: Program) -> None:
    info = program.json("db-info")
    assert info["db_path"] == str(program.db_path)
    assert info["counts"]["products"] == 1
    assert info["db_size_bytes"] > 0
    assert "licenses total" in program.text("db-info")


# --- the signing key ----------------------------------------------------------------------------


def test_a_key_is_imported_for_every_process_before_the_first_license(program: Program) -> None:
    file = program.folder / "key.pem"
    file.write_text(OTHER.to_pem())
    settings = StoreSettings(db_path=program.db_path)
    with open_ports(settings) as running:
        before = running.keys.signing_key()
        imported = program.json("key", "import", str(file))
        assert imported["public_key_pem"] == OTHER.verify_key.to_pem()
        assert running.keys.signing_key() == OTHER != before
    assert program.json("key", "public")["public_key_pem"] == OTHER.verify_key.to_pem()
    key = program.json("license", "issue", "widget/pro")["license_key"]
    assert program.run("key", "verify", key).exit_code == 0
    code, said = program.refusal("key", "import", str(file))
    assert (code, said["error"]) == (5, "conflict")
    assert OTHER.to_pem().splitlines()[1] not in repr(said)


def test_a_new_shop_may_begin_with_the_key_of_another(tmp_path: Path) -> None:
    program = Program(folder=tmp_path)
    assert "PUBLIC KEY" in program.text("key", "import", "-", stdin=OTHER.to_pem())
    assert program.json("key", "public")["public_key_pem"] == OTHER.verify_key.to_pem()


@pytest.mark.parametrize("content", ["", "no key", OTHER.verify_key.to_pem(), "x" * 20_000])
def test_what_is_no_private_key_is_not_imported(program: Program, content: str) -> None:
    file = program.folder / "key.pem"
    file.write_text(content)
    assert program.refusal("key", "import", str(file))[0] == 4
    assert program.refusal("key", "import", str(program.folder / "gone"))[0] == 6
