"""Keys and the password of the admin pages from the command line."""

from hashlib import sha256
from pathlib import Path
from typing import Final

import pytest

from keysat_adapters.sqlite.store import SQLiteStore
from keysat_adapters.system.passwords import Argon2Passwords
from keysat_core.domain.secret import Secret
from keysat_core.domain.setting import WEB_PASSWORD_HASH
from tests.support.builders import make_web_session
from tests.support.program import Program

PASSWORD: Final = "correct horse battery"  # noqa: S105


@pytest.fixture
def program(tmp_path: Path) -> Program:
    program = Program(folder=tmp_path)
    program.text("migrate")
    return program


def password_hash(program: Program) -> str | None:
    with SQLiteStore.open(program.db_path) as store, store.reading() as tx:
        return tx.settings.find_setting(WEB_PASSWORD_HASH)


def test_a_key_is_made_listed_and_revoked(program: Program) -> None:
    assert "No API keys." in program.text("api-key", "list")
    made = program.json(
        "api-key", "create", "deploy bot", "--role", "license-issuer",
        "--scope", "payment_providers:write",
    )  # fmt: skip
    assert made["scopes"] == ["payment_providers:write"]
    with SQLiteStore.open(program.db_path) as store, store.reading() as tx:
        assert tx.api_keys.find_by_token_hash(sha256(made["token"].encode()).hexdigest())
    listed = program.json("api-key", "list")
    assert (listed["total"], listed["api_keys"][0]["id"]) == (1, made["id"])
    table = program.text("api-key", "list")
    assert "deploy bot" in table
    assert made["token"] not in table
    assert program.json("api-key", "revoke", made["id"], "--yes")["revoked_at"]
    again = program.json("api-key", "revoke", made["id"], "--yes")
    assert again == {"ok": True, "already_revoked": True}
    assert program.refusal("api-key", "revoke", "nobody", "--yes")[0] == 3
    assert program.refusal("api-key", "create", "x" * 81, "--role", "support")[0] == 4
    assert program.refusal("api-key", "create", "x", "--role", "boss")[0] == 2


def test_a_token_is_shown_with_a_word_of_warning(program: Program) -> None:
    result = program.run("api-key", "create", "CI", "--role", "read-only")
    assert "ks_" in result.stdout
    assert "never shown again" in result.stderr


def test_the_password_is_set_from_stdin_and_cleared(program: Program) -> None:
    with SQLiteStore.open(program.db_path) as store, store.writing() as tx:
        tx.web_sessions.put_session(make_web_session())
    said = program.text("password", "set", stdin=f"{PASSWORD}\n")
    assert "Sessions ended: 1." in said
    assert PASSWORD not in said
    stored = password_hash(program)
    assert stored is not None
    Argon2Passwords().verify_password(Secret(PASSWORD), password_hash=stored)
    assert program.refusal("password", "clear")[0] == 2
    assert program.json("password", "clear", "--yes") == {"ok": True}
    assert password_hash(program) is None


@pytest.mark.parametrize("given", ["", "short\n", "é" * 513 + "\n", "x" * 5_000])
def test_a_password_too_short_or_too_long_is_refused(program: Program, given: str) -> None:
    result = program.run("password", "set", stdin=given)
    assert result.exit_code == 4, result.output
    assert password_hash(program) is None
