"""The lightning-address double answers as LUD-06 and LUD-16 say, or wrongly in one chosen way."""

import hashlib
import json
from typing import Any

import httpx
import pytest

from keysat_core.testing import START
from tests.simulators.fault_plan import Answer, Timeout
from tests.simulators.lightning_address.bolt11 import ALPHABET
from tests.simulators.lightning_address.conduct import MISCONDUCT, Conduct
from tests.simulators.lightning_address.fake_host import FakeLightningAddressHost
from tests.simulators.transport import ServiceTransport
from tests.simulators.virtual_clock import VirtualClock


@pytest.fixture
def host() -> FakeLightningAddressHost:
    host = FakeLightningAddressHost(VirtualClock(), seed=3)
    assert host.add_user("ada") == "ada@tips.example"
    return host


def get(host: FakeLightningAddressHost, url: str) -> httpx.Response:
    return httpx.Client(transport=ServiceTransport(host)).get(url)


def metadata(host: FakeLightningAddressHost, user: str = "ada") -> dict[str, Any]:
    answer = get(host, f"https://tips.example/.well-known/lnurlp/{user}")
    assert answer.status_code == 200
    return dict(answer.json())


def asked(host: FakeLightningAddressHost, amount: object = 5_000) -> dict[str, Any]:
    """Ask for an invoice at the callback, whatever query that has."""
    callback = metadata(host)["callback"]
    answer = get(host, f"{callback}{'&' if '?' in callback else '?'}amount={amount}")
    assert answer.status_code == 200
    return dict(answer.json())


def tagged(bolt11: str) -> dict[str, list[int]]:
    """Take the tagged fields out of an invoice, unchecked."""
    words = [ALPHABET.index(letter) for letter in bolt11.rpartition("1")[2]][7:-110]
    fields = {}
    while words:
        length = words[1] * 32 + words[2]
        fields[ALPHABET[words[0]]] = words[3 : 3 + length]
        words = words[3 + length :]
    return fields


def as_bytes(words: list[int]) -> bytes:
    bits = "".join(f"{word:05b}" for word in words)
    return bytes(int(bits[at : at + 8], 2) for at in range(0, len(bits) - 7, 8))


def test_an_honest_host_says_where_and_how_much(host: FakeLightningAddressHost) -> None:
    assert metadata(host) == {
        "tag": "payRequest",
        "callback": "https://tips.example/lnurlp/ada/callback",
        "minSendable": 1_000,
        "maxSendable": 100_000_000_000,
        "metadata": host.metadata("ada"),
        "commentAllowed": 0,
    }
    assert json.loads(host.metadata("ada"))[1] == ["text/identifier", "ada@tips.example"]


def test_an_honest_invoice_asks_for_what_was_offered(host: FakeLightningAddressHost) -> None:
    bolt11 = asked(host, 5_000)["pr"]
    assert bolt11.startswith("lnbc50n1")
    fields = tagged(bolt11)
    described = hashlib.sha256(host.metadata("ada").encode()).digest()
    assert as_bytes(fields["h"]) == described
    [issued] = host.issued
    assert (issued.bolt11, issued.amount_msat, issued.created_at) == (bolt11, 5_000, START)
    assert as_bytes(fields["p"]).hex() == issued.payment_hash
    assert hashlib.sha256(bytes.fromhex(issued.preimage)).hexdigest() == issued.payment_hash


def test_every_invoice_has_a_hash_of_its_own(host: FakeLightningAddressHost) -> None:
    assert asked(host) != asked(host)
    assert len({issued.payment_hash for issued in host.issued}) == 2


@pytest.mark.parametrize("amount", ["", "abc", "-5", "999", "100000000001", "5000&amount=6000"])
def test_an_amount_out_of_bounds_is_refused(host: FakeLightningAddressHost, amount: str) -> None:
    assert asked(host, amount)["status"] == "ERROR"
    assert host.issued == []


@pytest.mark.parametrize("path", [".well-known/lnurlp/bob", "lnurlp/bob/callback", ""])
def test_nobody_else_is_found(host: FakeLightningAddressHost, path: str) -> None:
    answer = get(host, f"https://tips.example/{path}")
    assert (answer.status_code, answer.json()["status"]) == (404, "ERROR")


def test_a_callback_that_has_a_query_wants_it_back(host: FakeLightningAddressHost) -> None:
    host.add_user("ada", Conduct(callback_query="token=a%26b"))
    assert metadata(host)["callback"].endswith("/lnurlp/ada/callback?token=a%26b")
    assert "pr" in asked(host)
    answer = get(host, "https://tips.example/lnurlp/ada/callback?amount=5000").json()
    assert answer["status"] == "ERROR"
    doubled = f"{metadata(host)['callback']}?amount=5000"
    assert get(host, doubled).json()["status"] == "ERROR"


def test_the_first_step_goes_wrong_as_told(host: FakeLightningAddressHost) -> None:
    host.add_user("ada", MISCONDUCT["metadata_error"])
    assert metadata(host) == {"status": "ERROR", "reason": "Recipient is closed"}
    host.add_user("ada", MISCONDUCT["wrong_tag"])
    assert metadata(host)["tag"] == "withdrawRequest"
    host.add_user("ada", Conduct(tag=None))
    assert "tag" not in metadata(host)
    host.add_user("ada", MISCONDUCT["plain_http_callback"])
    assert metadata(host)["callback"].startswith("http://")
    for name in ("loopback_callback", "private_callback", "link_local_callback"):
        host.add_user("ada", MISCONDUCT[name])
        assert metadata(host)["callback"] == MISCONDUCT[name].callback
    host.add_user("ada", MISCONDUCT["metadata_redirect"])
    answer = get(host, "https://tips.example/.well-known/lnurlp/ada")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://127.0.0.1/")


def test_the_second_step_goes_wrong_as_told(host: FakeLightningAddressHost) -> None:
    host.add_user("ada", MISCONDUCT["callback_error"])
    assert asked(host) == {"status": "ERROR", "reason": "Node is offline"}
    host.add_user("ada", MISCONDUCT["callback_redirect"])
    answer = get(host, "https://tips.example/lnurlp/ada/callback?amount=5000")
    assert (answer.status_code, answer.headers["location"]) == (302, "https://127.0.0.1/")


@pytest.mark.parametrize(
    ("name", "start"),
    [
        ("other_amount", "lnbc100n1"),
        ("amount_one_msat_more", "lnbc50010p1"),
        ("no_amount", "lnbc1p"),
        ("other_network", "lntb50n1"),
    ],
)
def test_an_invoice_is_not_what_was_asked_for(
    host: FakeLightningAddressHost, name: str, start: str
) -> None:
    host.add_user("ada", MISCONDUCT[name])
    assert asked(host)["pr"].startswith(start)


def test_an_invoice_is_old_or_about_something_else(host: FakeLightningAddressHost) -> None:
    host.add_user("ada", MISCONDUCT["expired_invoice"])
    bolt11 = asked(host)["pr"]
    made_at = 0
    for letter in bolt11.rpartition("1")[2][:7]:
        made_at = made_at * 32 + ALPHABET.index(letter)
    lasts = tagged(bolt11)["x"]
    assert made_at + lasts[0] * 1_024 + lasts[1] * 32 + lasts[2] == START - 3_600
    host.add_user("ada", MISCONDUCT["other_description"])
    assert as_bytes(tagged(asked(host)["pr"])["h"]) == hashlib.sha256(b"[]").digest()
    host.add_user("ada", MISCONDUCT["no_description_hash"])
    fields = tagged(asked(host)["pr"])
    assert ("h" in fields, as_bytes(fields["d"])) == (False, b"Sats")


def test_the_network_may_fail_as_well(host: FakeLightningAddressHost) -> None:
    host.faults.on_call("read_metadata", Answer(503))
    host.faults.on_call("get_invoice", Timeout())
    assert get(host, "https://tips.example/.well-known/lnurlp/ada").status_code == 503
    with pytest.raises(httpx.ReadTimeout):
        asked(host)
    assert host.faults.unused() == []
    assert [call.fault for call in host.journal.calls()] == ["Answer", "", "Timeout"]


def test_the_same_seed_gives_the_same_invoices() -> None:
    def first(seed: int) -> str:
        host = FakeLightningAddressHost(VirtualClock(), seed)
        host.add_user("ada")
        return str(asked(host)["pr"])

    assert first(1) == first(1) != first(2)
