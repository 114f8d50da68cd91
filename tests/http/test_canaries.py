"""Canaries: recognisable secrets go into the shop, everything is called, and nothing sings.

A secret may appear in the one answer that is meant to show it; anywhere else is a leak: answers and
errors, logs, metrics, events, audit rows, kept answers, what the command line prints, and the bytes of
the database for what must never be stored in clear.
"""

import io
import json
import logging
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import apsw
import click
import httpx
import pytest
import structlog
from click.testing import CliRunner

from keysat_cli.main import cli
from keysat_core.domain.access import Role
from tests.support.http import ADMIN_KEY, SEED
from tests.support.operation_calls import Stock, stocked_shop
from tests.support.role_tokens import RoleTokens

MAIL_PASSWORD: Final = "canary-of-the-mail-server"  # noqa: S105  made up
WEB_PASSWORD: Final = "canary-of-the-web-password"  # noqa: S105  made up
ENDPOINT_SECRET: Final = "canary-of-a-webhook-endpoint"  # noqa: S105  made up
WRONG_TOKEN: Final = "ks_canary-of-a-token-nobody-knows"  # noqa: S105  made up
MASTER: Final = {"authorization": f"Bearer {ADMIN_KEY}"}
READING: Final = frozenset(
    {
        "list",
        "show",
        "status",
        "search",
        "counts",
        "summary",
        "revenue",
        "deliveries",
        "audit",
        "cap",
    }
)
"""Names of commands that only read."""

SHOWN_BY: Final[Mapping[str, frozenset[str]]] = {
    "license key": frozenset(
        {"issue_license", "issue_licenses_in_bulk", "start_purchase", "get_purchase"}
    ),
    "endpoint secret": frozenset(
        {"create_webhook_endpoint", "get_webhook_endpoint", "list_webhook_endpoints"}
    ),
    "consent state": frozenset({"start_btcpay_connect"}),
    "API key": frozenset({"create_api_key", "rotate_api_key"}),
}
"""The operations that are meant to show a secret to an operator."""

IN_COLUMNS: Final = {
    "provider key": {("payment_providers", "api_key")},
    "provider webhook secret": {("payment_providers", "webhook_secret")},
    "endpoint secret": {("webhook_endpoints", "secret"), ("webhook_endpoints", "previous_secret")},
    "mail password": {("merchant_profiles", "smtp_password")},
}
"""What must be stored as it is, because it is used again, and the one column it is in."""


@dataclass(kw_only=True)
class Aviary:
    """The shop, the canaries in it by what they are, and all that was said."""

    stock: Stock
    canaries: dict[str, set[str]] = field(default_factory=dict)
    answers: list[tuple[str, str]] = field(default_factory=list)
    logs: io.StringIO = field(default_factory=io.StringIO)
    lines: list[Any] = field(default_factory=list)

    def plant(self, kind: str, *secrets: str) -> None:
        self.canaries.setdefault(kind, set()).update(secrets)

    def found_in(self, text: str) -> set[str]:
        return {
            kind for kind, secrets in self.canaries.items() if any(one in text for one in secrets)
        }

    def note(self, operation: str, answer: httpx.Response) -> None:
        self.answers.append((operation, repr(answer.headers) + answer.text))

    def database(self) -> bytes:
        with self.stock.shop.ports.store.writing() as tx:
            session: Any = tx.answers
            image: bytes = session._session.connection.serialize("main")
        return image


@contextmanager
def listening(aviary: Aviary) -> Iterator[None]:
    """Keep every line of a log, before anything is hidden from it."""
    handler = logging.StreamHandler(aviary.logs)
    logging.getLogger().addHandler(handler)
    try:
        with structlog.testing.capture_logs() as lines:
            aviary.lines = lines
            yield
    finally:
        logging.getLogger().removeHandler(handler)


@pytest.fixture(scope="module")
def aviary() -> Iterator[Aviary]:
    with stocked_shop(credentials=[RoleTokens()]) as stock:
        filled = Aviary(stock=stock)
        with listening(filled):
            plant(filled)
            call_everything(filled)
            yield filled


def plant(aviary: Aviary) -> None:
    shop, stock = aviary.stock.shop, aviary.stock
    aviary.plant("master key", ADMIN_KEY)
    aviary.plant("license key", stock.names["license_key"])
    aviary.plant("signing key", shop.keys.key.to_pem(), b64encode(SEED).decode())
    aviary.plant("mail password", MAIL_PASSWORD)
    aviary.plant("endpoint secret", ENDPOINT_SECRET)
    aviary.plant("API key", WRONG_TOKEN)
    (profile, *_) = shop.admin("GET", "/merchant-profiles")["profiles"]
    patch = {"smtp_host": "mail.example", "smtp_password": MAIL_PASSWORD}
    shop.admin("PATCH", f"/merchant-profiles/{profile['id']}", json=patch)
    endpoint = {"url": "https://hooks.example/2", "secret": ENDPOINT_SECRET}
    shop.admin("POST", "/webhook-endpoints", json=endpoint)
    with shop.ports.store.reading() as tx:
        for account in tx.merchants.list_all_accounts(is_disconnected_included=True):
            for kind, secret in (
                ("provider key", account.api_key),
                ("provider webhook secret", account.webhook_secret),
            ):
                if secret is not None:
                    aviary.plant(kind, secret.reveal())


def call_everything(aviary: Aviary) -> None:
    """Every operation of the admin API, and what is public."""
    shop, routes = aviary.stock.shop, aviary.stock.routes()
    last = ("revoke", "disconnect", "stop", "delete", "clear", "cancel")
    for operation in sorted(routes, key=lambda name: (name.startswith(last), name)):
        call_once(aviary, operation, *routes[operation])
    for path in ("/", "/readyz", "/metrics", "/v1/openapi.json", "/v1/pubkey"):
        aviary.note(path, shop.client.get(path, headers=MASTER))
    for key_text in sorted(aviary.canaries["license key"]):
        for path in ("/v1/validate", "/v1/machines/activate", "/v1/machines/heartbeat"):
            for slug in (7, None):
                sent = {"key": key_text, "fingerprint": "f", "product_slug": slug}
                aviary.note(path, shop.client.post(path, json=sent))


def call_once(aviary: Aviary, operation: str, method: str, path: str) -> None:
    """Call it well, once more under its key, by a stranger, and with bodies that are wrong."""
    stock = aviary.stock
    key = {"idempotency-key": f"canary-{operation}"} if method != "GET" else {}
    answer = stock.call(operation, headers=MASTER | key)
    if answer.status_code == 200:
        learn(aviary, operation, answer)
    aviary.note(operation, answer)
    aviary.note(operation, stock.call(operation, headers=MASTER | key))
    for bearer in (WRONG_TOKEN, *(Role if method == "GET" else ())):
        stranger = {"authorization": f"Bearer {bearer}"}
        aviary.note(operation, stock.call(operation, headers=stranger))
    nowhere = "/".join("x" if part.startswith("{") else part for part in path.split("/"))
    for body in bad_bodies(aviary):
        sent = stock.shop.client.request(method, nowhere, content=body, headers=MASTER)
        aviary.note(operation, sent)


def learn(aviary: Aviary, operation: str, answer: httpx.Response) -> None:
    """Remember what an answer was meant to show."""
    if operation == "issue_license":
        aviary.plant("license key", answer.json()["license_key"])
    elif operation == "issue_licenses_in_bulk":
        for row in answer.json()["rows"]:
            aviary.plant("license key", *(one["license_key"] for one in row["licenses"]))
    elif operation == "start_btcpay_connect":
        aviary.plant("consent state", answer.json()["state"])
    elif operation in SHOWN_BY["API key"]:
        aviary.plant("API key", answer.json()["token"])


def bad_bodies(aviary: Aviary) -> list[bytes]:
    """Secrets where they belong, in bodies that are wrong in another place or cannot be read."""
    (provider_key, *_) = aviary.canaries["provider key"]
    secrets = {
        "api_key": provider_key,
        "smtp_password": MAIL_PASSWORD,
        "secret": ENDPOINT_SECRET,
        "password": WEB_PASSWORD,
        "license_key": aviary.stock.names["license_key"],
        "key": aviary.stock.names["license_key"],
    }
    wrong = {"base_url": 7, "smtp_port": "x", "url": 7, "name": 7, "slug": 7, "to_policy_slug": 7}
    whole = json.dumps(secrets | wrong).encode()
    return [whole, whole[:-1], json.dumps(secrets).encode(), json.dumps([secrets]).encode()]


def test_an_answer_shows_a_secret_only_where_it_is_meant_to(aviary: Aviary) -> None:
    assert len(aviary.answers) > 500
    leaks = {
        (operation, kind)
        for operation, text in aviary.answers
        for kind in aviary.found_in(text)
        if operation not in SHOWN_BY.get(kind, ())
    }
    assert leaks == set()


def test_every_kind_of_canary_was_there_to_be_found(aviary: Aviary) -> None:
    shown = {kind for _, text in aviary.answers for kind in aviary.found_in(text)}
    assert {"license key", "consent state"} <= shown
    assert aviary.canaries.keys() >= {
        *("master key", "license key", "signing key", "mail password", "endpoint secret"),
        *("provider key", "provider webhook secret", "consent state", "API key"),
    }


def test_no_secret_is_in_a_log(aviary: Aviary) -> None:
    assert aviary.lines
    assert aviary.found_in(aviary.logs.getvalue()) == set()
    assert aviary.found_in(repr(aviary.lines)) == set()


def test_no_secret_is_in_a_row_but_in_the_column_that_is_for_it(
    aviary: Aviary, tmp_path: Path
) -> None:
    database = tmp_path / "keysat.db"
    database.write_bytes(aviary.database())
    with closing(apsw.Connection(str(database))) as connection:
        tables = [
            str(name)
            for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
        ]
        assert {"audit_log", "outbox", "idempotent_answers"} <= set(tables)
        for table in tables:
            columns = [
                str(name)
                for (name,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
            ]
            for row in connection.execute(f'SELECT * FROM "{table}"'):  # noqa: S608  names of ours
                for column, value in zip(columns, row, strict=True):
                    text = value.decode("latin-1") if isinstance(value, bytes) else str(value)
                    leaked = {
                        kind
                        for kind in aviary.found_in(text)
                        if (table, column) not in IN_COLUMNS.get(kind, set())
                    }
                    assert leaked == set(), (table, column)


def test_what_is_only_kept_sealed_or_hashed_is_nowhere_in_the_file(aviary: Aviary) -> None:
    image = aviary.database()
    assert len(image) > 100_000
    for kind, secrets in aviary.canaries.items():
        if kind not in IN_COLUMNS:
            assert not [kind for one in secrets if one.encode() in image], kind


def test_the_command_line_prints_none_of_them(
    aviary: Aviary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    database = tmp_path / "keysat.db"
    database.write_bytes(aviary.database())
    monkeypatch.setenv("KEYSAT_DB_PATH", str(database))
    monkeypatch.setenv("KEYSAT_ADMIN_API_KEY", ADMIN_KEY)
    monkeypatch.chdir(tmp_path)
    called = 0
    for path, command in reading_commands(cli):
        values = [given(aviary.stock, one) for one in command.params if one.required]
        if None in values:
            continue
        result = CliRunner().invoke(cli, [*path, *map(str, values), "--json"])
        assert aviary.found_in(result.output) == set(), path
        called += result.exit_code == 0
    assert called >= 15


def reading_commands(
    group: click.Command, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if not isinstance(group, click.Group):
        if path[-1] in READING:
            yield path, group
        return
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        assert command is not None
        yield from reading_commands(command, (*path, name))


def given(stock: Stock, parameter: click.Parameter) -> Any:
    """Give an argument its value by its name; None when there is none."""
    return stock.names.get(parameter.name or "") or stock.names.get(f"{parameter.name}_id")
