"""How the published Python client reports what goes wrong. Source: public-api 17.3 and 17.5."""

from base64 import b32decode, b32encode
from collections.abc import Callable, Iterator
from typing import Any, Final

import pytest
from keysat_licensing_client import (  # type: ignore[import-untyped]
    Client,
    LicensingError,
    PublicKey,
    StartPurchaseOptions,
    Verifier,
    parse_license_key,
)

from tests.support.broken_proxy import LONG_PAGE, broken_proxy
from tests.support.live_server import LiveServer, free_port


@pytest.fixture(scope="module")
def proxy() -> Iterator[str]:
    with broken_proxy() as url:
        yield url


@pytest.fixture(scope="module")
def license_key(client: Client) -> str:
    session = client.start_purchase("widget", StartPurchaseOptions(policy_slug="free"))
    return str(client.wait_for_license(session.invoice_id, timeout_s=1))


def failure(call: Callable[..., object], *arguments: object, **named: object) -> tuple[str, str]:
    """Make a call that must fail; give the kind and the message of its error."""
    with pytest.raises(LicensingError) as caught:
        call(*arguments, **named)
    return caught.value.kind, str(caught.value)


def test_a_server_that_is_not_there_is_a_network_error(proxy: str) -> None:
    nobody = Client(f"http://127.0.0.1:{free_port()}", timeout=2)
    assert failure(nobody.fetch_pubkey_pem)[0] == "network"
    slow = Client(f"{proxy}/hangs", timeout=0.2)
    assert failure(slow.fetch_pubkey_pem)[0] == "network"


def test_a_refusal_is_a_server_error_with_the_start_of_the_answer(
    client: Client, proxy: str
) -> None:
    kind, said = failure(client.redeem_free_license, "widget", "NOSUCH")
    assert kind == "server_error"
    assert "HTTP 400" in said
    # Users see no more than 200 characters, so ours must be complete within them.
    assert said.endswith("}")
    assert '"error":"bad_request"' in said
    kind, said = failure(Client(f"{proxy}/gone").fetch_pubkey_pem)
    assert kind == "server_error"
    assert said.endswith(f"HTTP 502 — {LONG_PAGE[:200]}")


@pytest.mark.parametrize("what", ["moved", "page"])
def test_an_answer_that_is_not_json_is_a_server_error(proxy: str, what: str) -> None:
    kind, said = failure(Client(f"{proxy}/{what}").fetch_pubkey_pem)
    assert (kind, "not JSON" in said) == ("server_error", True)


def test_waiting_ends_with_the_invoice_or_with_its_time(server: LiveServer, client: Client) -> None:
    session = client.start_purchase("widget", StartPurchaseOptions(policy_slug="pro"))
    patience = {"interval_s": 0.05, "timeout_s": 0.01}
    kind, said = failure(client.wait_for_license, session.invoice_id, **patience)
    assert (kind, "timed out" in said) == ("server_error", True)
    assert server.client.post(f"{session.checkout_url}/expire").status_code == 303
    kind, said = failure(client.wait_for_license, session.invoice_id, interval_s=0.1)
    assert (kind, said) == ("server_error", "invoice ended in status expired")


def test_a_bad_public_key_is_bad_format() -> None:
    assert failure(PublicKey.from_pem, "no PEM")[0] == "bad_format"
    assert failure(PublicKey.from_raw, bytes(31))[0] == "bad_format"


def test_a_key_of_another_issuer_is_a_bad_signature(client: Client, license_key: str) -> None:
    stranger = Verifier(PublicKey.from_raw(bytes(32)))
    assert failure(stranger.verify, license_key)[0] == "bad_signature"
    prefix, payload, signature = license_key.split("-")
    altered = "-".join([prefix, payload, ("A" if signature[0] != "A" else "B") + signature[1:]])
    own = Verifier(PublicKey.from_pem(client.fetch_pubkey_pem()))
    assert failure(own.verify, altered)[0] == "bad_signature"
    assert client.validate(altered).reason == "bad_signature"


def with_payload(change: Callable[[bytes], bytes]) -> Callable[[str], str]:
    """Alter the bytes of a key's payload; what its signature says then is never looked at."""

    def altered(key: str) -> str:
        prefix, payload, signature = key.split("-")
        raw = change(b32decode(payload + "=" * (-len(payload) % 8)))
        return "-".join([prefix, b32encode(raw).decode().rstrip("="), signature])

    return altered


def with_a_spare_bit(key: str) -> str:
    """A signature of 64 bytes leaves 3 bits of its last character unused."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    return key[:-1] + alphabet[alphabet.index(key[-1]) | 1]


SAME_KEY: Final[dict[str, Callable[[str], str]]] = {
    "outer white space": lambda key: f" \n{key}\t\n",
    "lower case behind the prefix": lambda key: "LIC1" + key[4:].lower(),
}
REFUSED_BY_BOTH: Final[dict[str, Callable[[str], str]]] = {
    "lower-case prefix": lambda key: "lic1" + key[4:],
    "a space inside": lambda key: key[:20] + " " + key[20:],
    "a line break inside": lambda key: key[:20] + "\n" + key[20:],
    "the character 0": lambda key: key[:20] + "0" + key[21:],
    "the character 1": lambda key: key[:20] + "1" + key[21:],
    "the character 8": lambda key: key[:20] + "8" + key[21:],
    "the character 9": lambda key: key[:20] + "9" + key[21:],
    "four parts": lambda key: key + "-AAAA",
    "a signature of 63 bytes": lambda key: key[:-2],
    "a signature of 65 bytes": lambda key: key + "A",
    "an unknown version": with_payload(lambda raw: b"\x03" + raw[1:]),
    "bytes behind the entitlements": with_payload(lambda raw: raw + b"\x00"),
}


@pytest.mark.parametrize("variant", SAME_KEY)
def test_the_client_and_the_server_read_the_same_key(
    client: Client, license_key: str, variant: str
) -> None:
    text = SAME_KEY[variant](license_key)
    assert text != license_key
    assert parse_license_key(text) == parse_license_key(license_key)
    assert client.validate(text).ok


@pytest.mark.parametrize("variant", REFUSED_BY_BOTH)
def test_the_client_and_the_server_refuse_the_same_text(
    client: Client, license_key: str, variant: str
) -> None:
    text = REFUSED_BY_BOTH[variant](license_key)
    assert failure(parse_license_key, text)[0] == "bad_format"
    assert client.validate(text).reason == "bad_format"


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        pytest.param(with_a_spare_bit, None, id="a spare bit is set"),
        pytest.param(lambda key: key + "=", None, id="padding that happens to fit"),
        pytest.param(lambda key: key + "========", "bad_format", id="padding that does not"),
        pytest.param(
            with_payload(lambda raw: raw[:82] + b"\x01\x01\xff"),
            UnicodeDecodeError,
            id="an entitlement that is not UTF-8",
        ),
    ],
)
def test_where_the_client_is_laxer_the_server_refuses(
    client: Client, license_key: str, change: Callable[[str], str], outcome: Any
) -> None:
    text = change(license_key)
    if outcome is None:
        assert parse_license_key(text) == parse_license_key(license_key)
    elif isinstance(outcome, str):
        assert failure(parse_license_key, text)[0] == outcome
    else:
        with pytest.raises(outcome):
            parse_license_key(text)
    assert client.validate(text).reason == "bad_format"
