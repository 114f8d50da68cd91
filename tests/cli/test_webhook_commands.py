"""Subscribers, deliveries and the live view of events from the command line."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest
from standardwebhooks.webhooks import Webhook

from tests.support.program import Program, clean_environment, shop_with_a_tier
from tests.support.subscriber import real_subscriber

URL: Final = "https://hooks.example/keysat"
CHOSEN: Final = "a secret from a pipe"


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return shop_with_a_tier(tmp_path)


def subscribed(program: Program, *words: str, stdin: str = "") -> Any:
    return program.json("webhook", "create", URL, *words, stdin=stdin)


def happen(program: Program, slug: str) -> None:
    program.json("product", "create", slug, "--name", slug, "--price-value", "1000")


def test_an_endpoint_is_created_listed_and_shown(program: Program) -> None:
    assert "No endpoints." in program.text("webhook", "list")
    made = subscribed(program, "--event", "license.issued", "--description", "CRM")
    assert (made["event_types"], made["description"]) == (["license.issued"], "CRM")
    (listed,) = program.json("webhook", "list")["endpoints"]
    assert (listed["id"], "secret" in listed) == (made["id"], False)
    assert URL in program.text("webhook", "list")
    assert made["secret"] not in program.text("webhook", "show", made["id"])
    shown = program.text("webhook", "show", made["id"], "--secret")
    assert made["secret"] in shown
    assert made["signing_secret"] in shown
    assert program.json("webhook", "show", made["id"], "--secret") == made


def test_a_secret_is_read_from_stdin(program: Program) -> None:
    made = subscribed(program, "--secret-stdin", stdin=f"{CHOSEN}\n")
    assert made["secret"] == CHOSEN
    code, envelope = program.refusal("webhook", "create", "ftp://hooks.example")
    assert (code, envelope["error"]) == (4, "bad_request")


def test_an_endpoint_is_changed_switched_and_deleted(program: Program) -> None:
    made = subscribed(program)
    words = ("webhook", "update", made["id"], "--event", "*", "--event", "invoice.paid")
    changed = program.json(*words, "--url", f"{URL}/2", "--description", "D", "--secret-stdin",
                           stdin=f"{CHOSEN}\n")  # fmt: skip
    assert (changed["url"], changed["event_types"]) == (f"{URL}/2", ["*", "invoice.paid"])
    again = program.json("webhook", "show", made["id"], "--secret")
    assert again["secret"] == CHOSEN
    assert program.json("webhook", "update", made["id"]) == changed
    assert program.json("webhook", "disable", made["id"])["active"] is False
    assert "yes" in program.text("webhook", "enable", made["id"])
    assert program.run("webhook", "delete", made["id"]).exit_code == 2
    assert "Deleted" in program.text("webhook", "delete", made["id"], "--yes")
    code, envelope = program.refusal("webhook", "show", made["id"])
    assert (code, envelope["error"]) == (3, "not_found")


def test_deliveries_are_listed_shown_and_retried(program: Program) -> None:
    assert "No deliveries." in program.text("delivery", "list")
    made = subscribed(program)
    happen(program, "one")
    happen(program, "two")
    page = program.run("delivery", "list", "--limit", "1")
    assert "2 match" in page.stderr
    assert "product.created" in page.stdout
    assert program.json("delivery", "list", "--status", "failed")["total"] == 0
    listed = program.json("delivery", "list", "--endpoint", made["id"])["deliveries"]
    assert len(listed) == 2
    assert program.json("delivery", "show", listed[0]["id"]) == listed[0]
    assert '"slug":"two"' in program.text("delivery", "show", listed[0]["id"])
    assert program.json("delivery", "retry", listed[0]["id"])["status"] == "pending"
    assert "pending" in program.text("delivery", "retry", listed[0]["id"])
    assert program.refusal("delivery", "show", "nope")[0] == 3


def test_a_secret_is_rotated_and_a_test_sent(program: Program) -> None:
    made = subscribed(program)
    rotated = program.json("webhook", "rotate-secret", made["id"])
    assert rotated["secret"] != made["secret"]
    chosen = ("webhook", "rotate-secret", made["id"], "--secret-stdin")
    assert "s" * 40 in program.text(*chosen, stdin="s" * 40 + "\n")
    assert "old secret until" in program.text("webhook", "show", made["id"])
    delivery = program.json("webhook", "test", made["id"])
    assert delivery["event_type"] == "webhook.test"
    assert program.json("delivery", "show", delivery["id"]) == delivery
    assert "Queued delivery" in program.text("webhook", "test", made["id"])


def test_events_of_a_time_are_replayed(program: Program) -> None:
    happen(program, "one")
    made = subscribed(program)
    replay = ("webhook", "replay", made["id"], "--since", "2020-01-01T00:00:00Z")
    assert program.json(*replay)["queued"] > 0
    assert program.text(*replay).strip() == "Queued 0 events."
    assert program.refusal(*replay, "--until", "2019-01-01T00:00:00Z")[0] == 4


@pytest.mark.betters("B-46")
def test_the_worker_delivers_once_where_private_targets_are_allowed(program: Program) -> None:
    with real_subscriber() as subscriber:
        made = program.json("webhook", "create", subscriber.url)
        happen(program, "one")
        once = ("worker", "--once", "--job", "deliveries")
        refused = program.process(*once)
        assert refused.returncode == 10, "nothing on this machine is a subscriber by default"
        (delivery,) = program.json("delivery", "list")["deliveries"]
        assert delivery["last_error"] == "request error: it is not on the public internet"
        assert subscriber.posts == []
        program.json("delivery", "retry", delivery["id"])
        program.variables["KEYSAT_WEBHOOK_ALLOW_PRIVATE"] = "1"
        assert program.process(*once).returncode == 0
        (post,) = subscriber.posts
        assert Webhook(made["signing_secret"]).verify(post.body, dict(post.headers))
        (delivery,) = program.json("delivery", "list", "--status", "delivered")["deliveries"]
        again = program.run("delivery", "retry", delivery["id"])
        assert (again.exit_code, "has it already" in again.stderr) == (0, True)
        assert "has it already" not in program.run("delivery", "retry", delivery["id"]).stderr


@contextmanager
def listening(program: Program, *words: str) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(  # noqa: S603  the words are the test's own
        [sys.executable, "-m", "keysat_cli", "listen", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=program.folder,
        env=clean_environment(**program.settings),
    ) as process:
        assert process.stderr is not None
        assert "Listening" in process.stderr.readline()
        try:
            yield process
        finally:
            process.kill()


def test_listen_prints_what_others_commit_and_stops_at_sigterm(program: Program) -> None:
    with listening(program, "--json") as process:
        happen(program, "one")
        assert process.stdout is not None
        heard = msgspec.json.decode(process.stdout.readline())
        assert heard["event_type"] == heard["body"]["event_type"] == "product.created"
        assert heard["forwarded"] is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_listen_forwards_signed_events_and_prints_the_answer(program: Program) -> None:
    with (
        real_subscriber() as subscriber,
        listening(program, "--forward-to", subscriber.url) as process,
    ):
        assert process.stderr is not None
        assert process.stdout is not None
        assert subscriber.url in process.stderr.readline()
        secret = process.stderr.readline().split()[-1]
        happen(program, "one")
        assert "product.created" in (line := process.stdout.readline())
        assert line.rstrip().endswith("-> 200")
        subscriber.status, subscriber.answer = 500, b"broken"
        happen(program, "two")
        assert process.stdout.readline().rstrip().endswith("-> 500 broken")
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0
    for post in subscriber.posts:
        assert Webhook(secret).verify(post.body, dict(post.headers))


def test_listen_begins_where_it_is_told_and_filters(program: Program) -> None:
    happen(program, "one")
    since = ("--since", "2020-01-01T00:00:00Z")
    result = program.run("listen", *since, "--events", "product.created", "--limit", "2", "--json")
    assert result.exit_code == 0, result.output
    heard = [msgspec.json.decode(line) for line in result.stdout.splitlines()]
    assert [one["event_type"] for one in heard] == ["product.created"] * 2
    assert heard[0]["sequence"] < heard[1]["sequence"]
    told = program.run(
        "listen", *since, "--limit", "1", "--json", "--forward-to", "http://127.0.0.1:9/"
    )
    (line,) = told.stdout.splitlines()
    assert msgspec.json.decode(line)["forwarded"]["status"] is None
    assert program.refusal("listen", "--events", "nope", "--limit", "1")[0] == 4
    assert program.refusal("listen", "--forward-to", "ftp://x", "--limit", "1")[0] == 4
