"""What ``keysat doctor`` asks of others and of the operator's own license: each broken alone."""

import time
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from tests.simulators.btcpay.fake import FakeBTCPay
from tests.simulators.exchange import Request, Response
from tests.simulators.server import serving
from tests.simulators.virtual_clock import VirtualClock
from tests.support.own_license import SIGNER, TRUST_ROOT, operators_license
from tests.support.patient import change, examine, healthy, unwell
from tests.support.program import Program

DAY = 86_400


@pytest.fixture
def program(tmp_path: Path) -> Program:
    return healthy(tmp_path)


def told(program: Program, **variables: str) -> Program:
    return Program(folder=program.folder, variables=variables)


def text_of(document: Any, name: str) -> str:
    [check] = [one for one in document["checks"] if one["name"] == name]
    found: str = check["findings"][0]["text"]
    return found


class Fixed:
    """Answers everything alike."""

    def __init__(self, answer: Response) -> None:
        self._answer = answer
        self.paths: list[str] = []

    def handle(self, request: Request) -> Response:
        self.paths.append(request.path)
        return self._answer


# --- payment providers ---------------------------------------------------------------------------


def test_a_provider_that_answers_is_well_and_one_that_does_not_fails(program: Program) -> None:
    fake = FakeBTCPay(VirtualClock())
    store = fake.add_store("My shop")
    key = fake.add_key(store.id)
    with serving(fake) as base_url:
        seller = told(program, BTCPAY_URL=base_url, KEYSAT_PUBLIC_URL="https://x.invalid")
        seller.text("btcpay", "connect", "--api-key-stdin", stdin=f"{key}\n")
        alone = told(program, BTCPAY_URL=base_url)
        document = examine(alone)
        assert unwell(document) == {}
        assert text_of(document, "providers answer") == "1 asked, all answer"
        del fake.world.keys[key]
        document = examine(alone)
        assert unwell(document) == {"providers answer": "failing"}
        assert document["exit_code"] == 37
        assert key not in str(document)
    document = examine(alone)
    assert unwell(document) == {"providers answer": "failing"}
    assert "does not answer" in text_of(document, "providers answer")
    assert unwell(examine(alone, "--offline")) == {}


# --- the public address --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("answer", "health", "code"),
    [
        (Response(status=200, body=b'{"ok":true}'), None, 0),
        (Response(status=200, body=b"<html>"), "failing", 38),
        (Response(status=404, body=b'{"ok":false}'), "failing", 38),
        (Response(status=502, body=b""), "failing", 38),
    ],
)
def test_what_answers_at_the_public_address_must_be_keysat(
    program: Program, answer: Response, health: str | None, code: int
) -> None:
    service = Fixed(answer)
    with serving(service) as url:
        shop = told(program, KEYSAT_PUBLIC_URL=url, KEYSAT_BIND="127.0.0.1:1")
        document = examine(shop)
        assert unwell(document) == ({} if health is None else {"public address": health})
        assert document["exit_code"] == code
        assert service.paths == ["/healthz"]
        examine(shop, "--offline")
        assert service.paths == ["/healthz"]


def test_nobody_at_the_public_address_can_wait(program: Program) -> None:
    shop = told(program, KEYSAT_PUBLIC_URL="http://127.0.0.1:1", KEYSAT_BIND="127.0.0.1:1")
    assert unwell(examine(shop)) == {"public address": "warning"}
    assert examine(shop, "--strict")["exit_code"] == 38


# --- the trust root and the own license ----------------------------------------------------------


def test_the_trust_root_is_shown_and_who_set_it(program: Program) -> None:
    assert "Keysat's own" in text_of(examine(program), "trust root")
    shown = text_of(examine(told(program, KEYSAT_TRUST_ROOT_PEM=TRUST_ROOT)), "trust root")
    assert sha256(SIGNER.verify_key.raw).hexdigest() in shown
    assert "KEYSAT_TRUST_ROOT_PEM" in shown


def test_a_trust_root_nobody_can_read_is_found_and_hides_nothing_else(program: Program) -> None:
    document = examine(told(program, KEYSAT_TRUST_ROOT_PEM="nonsense"))
    assert unwell(document) == {"trust root": "failing"}
    assert document["exit_code"] == 39
    assert len(document["checks"]) > 20


@pytest.mark.parametrize(
    ("license_key", "health", "code", "said"),
    [
        (operators_license("unlimited_products"), "ok", 0, "Pro, never expires"),
        (operators_license(expires_at=2_500_000_000), "ok", 0, "until 2049"),
        ("LIC1-A-B", "failing", 40, "does not verify"),
        (operators_license(expires_at=1_600_000_000), "failing", 40, "does not verify"),
        (operators_license(expires_at=int(time.time()) + 5 * DAY), "warning", 0, "expires at"),
    ],
    ids=["perpetual", "far", "garbage", "expired", "soon"],
)
def test_the_own_license_is_verified(
    program: Program, license_key: str, health: str, code: int, said: str
) -> None:
    operator = told(program, KEYSAT_TRUST_ROOT_PEM=TRUST_ROOT, KEYSAT_LICENSE=license_key)
    document = examine(operator)
    assert unwell(document) == ({} if health == "ok" else {"own license": health})
    assert document["exit_code"] == code
    assert said in text_of(document, "own license")
    if health == "warning":
        assert examine(operator, "--strict")["exit_code"] == 40


@pytest.mark.parametrize("status", ["revoked", "suspended"])
def test_one_that_this_server_took_back_is_found(program: Program, status: str) -> None:
    issued = program.json("license", "list")["licenses"][0]["id"]
    key = operators_license(license_id=issued)
    operator = told(program, KEYSAT_TRUST_ROOT_PEM=TRUST_ROOT, KEYSAT_LICENSE=key)
    assert unwell(examine(operator)) == {}
    verb = {"revoked": "revoke", "suspended": "suspend"}[status]
    program.text("license", verb, issued, *(["--yes"] if verb == "revoke" else []))
    document = examine(operator)
    assert unwell(document) == {"own license": "failing"}
    assert f"is {status}" in text_of(document, "own license")


# --- deliveries that are tried again -------------------------------------------------------------


def test_deliveries_that_fail_are_a_warning(program: Program) -> None:
    program.json("webhook", "create", "https://hooks.example.com")
    program.text("license", "issue", "widget/pro")
    assert unwell(examine(program)) == {}
    change(program, "UPDATE webhook_deliveries SET attempts = 2 WHERE status = 'queued'")
    change(
        program,
        "INSERT INTO webhook_deliveries SELECT NULL, 'x', e.id, o.id, 'queued', 1, 1, 500, 'no',"
        " NULL, 0 FROM webhook_endpoints e, outbox o LIMIT 1",
    )
    document = examine(program)
    assert unwell(document) == {"webhooks": "warning"}
    assert "failed and are tried again" in text_of(document, "webhooks")
