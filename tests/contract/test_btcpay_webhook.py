"""BTCPay's signatures, what its webhooks say, and the links it gives: bytes and values only."""

import pytest

from keysat_adapters.btcpay.provider import buyer_reachable
from keysat_adapters.btcpay.webhook import read_webhook, sign
from keysat_core.domain.payment import ProviderStatus
from keysat_core.domain.secret import Secret
from keysat_core.errors import NotAuthentic

SECRET = Secret("topsecret")

# --- webhooks (payments 6.8) --------------------------------------------------------------------

KNOWN_BODY = b'{"type":"InvoiceSettled","invoiceId":"abc"}'
KNOWN_SIGNATURE = "cf4253bd2c4c0e6d819e04370e107f7b478ac1231b672559880a38254b538f9e"


def test_the_known_signature_is_taken_in_either_case() -> None:
    assert sign(SECRET, KNOWN_BODY) == f"sha256={KNOWN_SIGNATURE}"
    for text in (KNOWN_SIGNATURE, KNOWN_SIGNATURE.upper()):
        headers = {"btcpay-sig": f"sha256={text}"}
        notice = read_webhook(SECRET, "store", headers, KNOWN_BODY)
        assert notice.provider_invoice_id == "abc"
        assert notice.claim is ProviderStatus.SETTLED


@pytest.mark.parametrize(
    "header",
    [
        None,
        "",
        KNOWN_SIGNATURE,
        f"SHA256={KNOWN_SIGNATURE}",
        f"sha1={KNOWN_SIGNATURE}",
        f"sha256={KNOWN_SIGNATURE[:-2]}",
        f"sha256={KNOWN_SIGNATURE}00",
        f"sha256={KNOWN_SIGNATURE[:-1]}g",
        f"sha256= {KNOWN_SIGNATURE}",
        "sha256=" + "0" * 64,
    ],
)
def test_any_other_signature_is_refused(header: str | None) -> None:
    headers = {} if header is None else {"btcpay-sig": header}
    with pytest.raises(NotAuthentic):
        read_webhook(SECRET, "store", headers, KNOWN_BODY)


@pytest.mark.parametrize("body", [KNOWN_BODY + b" ", KNOWN_BODY[:-1], b"[]", b"\xff", b""])
def test_another_body_is_refused(body: bytes) -> None:
    with pytest.raises(NotAuthentic):
        read_webhook(SECRET, "store", {"btcpay-sig": f"sha256={KNOWN_SIGNATURE}"}, body)


@pytest.mark.parametrize("secret", [None, Secret("")])
def test_without_a_secret_nothing_is_authentic(secret: Secret | None) -> None:
    headers = {"btcpay-sig": sign(Secret(""), KNOWN_BODY)}
    with pytest.raises(NotAuthentic):
        read_webhook(secret, "store", headers, KNOWN_BODY)


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"InvoiceSettled"}',
        b'{"type":"InvoiceSettled","invoiceId":"abc","storeId":"another"}',
        b'{"type":"InvoiceCreated","invoiceId":"abc"}',
        b'{"type":"PayoutCreated","payoutId":"abc"}',
    ],
)
def test_what_is_signed_but_not_about_an_invoice_of_ours_is_no_claim(body: bytes) -> None:
    notice = read_webhook(SECRET, "store", {"btcpay-sig": sign(SECRET, body)}, body)
    assert notice.provider_invoice_id is None


# --- links (payments 6.6) -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("link", "base", "reachable"),
    [
        ("http://btcpay.internal:23000/i/x", None, "http://btcpay.internal:23000/i/x"),
        ("http://in:1/i/x?a=b#c", "https://pay.example", "https://pay.example/i/x?a=b#c"),
        ("http://in/i/x", "https://pay.example:8443", "https://pay.example:8443/i/x"),
        ("http://in/i/x", "https://pay.example/btcpay", "https://pay.example/btcpay/i/x"),
        ("http://in/btcpay/i/x", "https://pay.example/btcpay", "https://pay.example/btcpay/i/x"),
        ("http://in/btcpayed/i", "https://p.example/btcpay", "https://p.example/btcpay/btcpayed/i"),
        ("not a link", "https://pay.example", "not a link"),
        ("http://in/i/x", "nonsense", "http://in/i/x"),
        ("http://in/i/x", "https://pay.example:port", "http://in/i/x"),
        ("http://[bad/i/x", "https://pay.example", "http://[bad/i/x"),
    ],
)
def test_a_checkout_link_is_put_where_buyers_reach_it(
    link: str, base: str | None, reachable: str
) -> None:
    assert buyer_reachable(link, base) == reachable
