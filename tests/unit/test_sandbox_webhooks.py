import pytest

from keysat_adapters.sandbox.webhook import SIGNATURE_HEADER, read_webhook, sign
from keysat_core.domain.secret import Secret
from keysat_core.errors import InvariantError, NotAuthentic
from keysat_core.ports.sandbox import PretendPayment
from tests.support.sandbox_shop import ACCOUNT, START, open_shop, order_of

SECRET = Secret("topsecret")
BODY = b'{"type":"InvoiceSettled","invoiceId":"abc"}'
# Source: payments 6.8, the test vector.
SIGNATURE = "sha256=cf4253bd2c4c0e6d819e04370e107f7b478ac1231b672559880a38254b538f9e"


def signed(body: bytes) -> dict[str, str]:
    return {SIGNATURE_HEADER: sign(SECRET, body)}


def test_the_known_answer_is_given() -> None:
    assert sign(SECRET, BODY) == SIGNATURE


def test_an_authentic_webhook_is_read() -> None:
    notice = read_webhook(SECRET, {SIGNATURE_HEADER: SIGNATURE}, BODY)
    assert (notice.type, notice.provider_invoice_id) == ("InvoiceSettled", "abc")
    assert notice.delivery_id is None


def test_upper_case_digits_are_read_too() -> None:
    header = "sha256=" + SIGNATURE.removeprefix("sha256=").upper()
    assert read_webhook(SECRET, {SIGNATURE_HEADER: header}, BODY).type == "InvoiceSettled"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "sha256=",
        SIGNATURE[:-1],
        SIGNATURE[:-2],
        SIGNATURE + "00",
        SIGNATURE + "\n",
        " " + SIGNATURE,
        SIGNATURE.removeprefix("sha256="),
        SIGNATURE.replace("sha256", "SHA256"),
        SIGNATURE.replace("sha256", "sha1"),
        SIGNATURE[:-1] + "g",
        SIGNATURE[:-1] + "f",
        SIGNATURE[:-2] + "é9",
        "sha256=" + "0" * 64,
    ],
)
def test_a_damaged_signature_is_refused(header: str) -> None:
    with pytest.raises(NotAuthentic):
        read_webhook(SECRET, {SIGNATURE_HEADER: header}, BODY)


def test_a_webhook_without_signature_is_refused() -> None:
    with pytest.raises(NotAuthentic):
        read_webhook(SECRET, {}, BODY)


@pytest.mark.parametrize(
    "body", [BODY + b" ", BODY[:-1], BODY.replace(b"abc", b"abd"), b"", BODY.replace(b":", b": ")]
)
def test_an_altered_body_is_refused(body: bytes) -> None:
    with pytest.raises(NotAuthentic):
        read_webhook(SECRET, {SIGNATURE_HEADER: SIGNATURE}, body)


def test_another_secret_is_refused() -> None:
    with pytest.raises(NotAuthentic):
        read_webhook(Secret("topsecreu"), {SIGNATURE_HEADER: SIGNATURE}, BODY)


def test_an_empty_secret_proves_nothing() -> None:
    # HMAC-SHA256 of BODY under the empty key, as a forger would send it.
    forged = "sha256=ce34e05d20b35ea4733a8fd2b5dccca7bb1fbc5cd2a60cf400a7d96aa90fc22b"
    with pytest.raises(NotAuthentic):
        read_webhook(Secret(""), {SIGNATURE_HEADER: forged}, BODY)
    with pytest.raises(InvariantError):
        sign(Secret(""), BODY)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'{"type":1}', b'{"type":"x","invoiceId":7}', b"\xff{"]
)
def test_a_signed_body_that_cannot_be_read_is_refused(body: bytes) -> None:
    with pytest.raises(NotAuthentic):
        read_webhook(SECRET, signed(body), body)


@pytest.mark.parametrize(
    "body",
    [b'{"type":"Ping"}', b'{"type":"Ping","invoiceId":null}', b'{"type":"x","invoiceId":""}'],
)
def test_a_signed_body_without_an_invoice_is_a_notice_of_nothing(body: bytes) -> None:
    assert read_webhook(SECRET, signed(body), body).provider_invoice_id is None


def test_a_sent_body_looks_as_the_real_ones_do() -> None:
    shop = open_shop(delivers_at_once=True)
    id_ = shop.sell()
    shop.sandbox.till.act(id_, PretendPayment.MARK_SETTLED)
    letter = shop.receiver.letters[0]
    delivery_id = letter.fields["deliveryId"]
    assert letter.path == f"/v1/sandbox/webhook/{ACCOUNT.id}"
    assert letter.headers["content-type"] == "application/json"
    assert (
        letter.body.decode()
        == f"""{{
  "manuallyMarked": true,
  "overPaid": false,
  "deliveryId": "{delivery_id}",
  "webhookId": "sandbox",
  "originalDeliveryId": "{delivery_id}",
  "isRedelivery": false,
  "type": "InvoiceSettled",
  "timestamp": {START},
  "storeId": "sandbox",
  "invoiceId": "{id_}",
  "metadata": {{
    "orderId": "{order_of().invoice_id}"
  }}
}}"""
    )
