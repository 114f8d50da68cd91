"""Every row of public-api 18 that concerns the routes there are, by the row's own words."""

from typing import Any, Final

import pytest

from keysat_core.limits import BODY_BYTES_MAX, KEY_CHARS_MAX
from tests.support.http import ADMIN
from tests.support.keys import signed
from tests.support.shop import Shop

JSON: Final = {"content-type": "application/json"}
KEYED: Final = ("/v1/machines/activate", "/v1/machines/heartbeat", "/v1/machines/deactivate")
PUBLIC_JSON: Final = ("/v1/purchase", "/v1/validate", *KEYED)
ADMIN_JSON: Final = ("/v1/admin/products", "/v1/admin/policies", "/v1/admin/licenses")
UNKNOWN_ID: Final = "00000000-0000-4000-8000-000000000000"


def send(shop: Shop, path: str, content: bytes, headers: dict[str, str] | None = None) -> Any:
    return shop.client.post(path, content=content, headers=JSON if headers is None else headers)


def assert_refused(response: Any, status: int = 400, error: str = "bad_request") -> None:
    assert response.status_code == status, response.text
    body = response.json()
    assert body["ok"] is False
    assert body["error"] == error
    assert body["message"]


@pytest.fixture
def stocked(shop: Shop) -> Shop:
    shop.add_product(price_sats=1_000)
    shop.add_policy("default")
    return shop


@pytest.mark.parametrize("path", PUBLIC_JSON)
@pytest.mark.parametrize(
    "content",
    [
        pytest.param(b"{", id="not valid JSON"),
        pytest.param(b"", id="empty body"),
        pytest.param(b'{"key": "\xff"}', id="invalid UTF-8"),
        pytest.param(b'{"key": "\\ud800", "fingerprint": "m"}', id="lone surrogate escape"),
        pytest.param(b'{"key": "k", "fingerprint": "\\udfff"}', id="lone low surrogate"),
        pytest.param(b"[]", id="not an object"),
        pytest.param(b'"text"', id="a string"),
        pytest.param(b"null", id="null"),
        pytest.param(b"{}", id="required field missing"),
        pytest.param(
            b'{"key": null, "fingerprint": null, "product": null}', id="required field null"
        ),
        pytest.param(b'{"key": 1, "fingerprint": 1, "product": 1}', id="required field ill-typed"),
        pytest.param(
            b'{"key": "k", "fingerprint": "m", "product": "p"} x', id="bytes after the value"
        ),
    ],
)
def test_a_body_that_cannot_be_read_is_400(shop: Shop, path: str, content: bytes) -> None:
    assert_refused(send(shop, path, content))


@pytest.mark.parametrize("path", PUBLIC_JSON)
@pytest.mark.parametrize("content_type", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_a_body_that_is_not_declared_json_is_415(
    shop: Shop, path: str, content_type: str | None
) -> None:
    headers = {} if content_type is None else {"content-type": content_type}
    assert_refused(send(shop, path, b"{}", headers), 415)


@pytest.mark.parametrize(
    "content_type",
    ["application/json; charset=utf-8", "APPLICATION/JSON", "application/vnd.keysat+json"],
)
def test_json_under_its_other_names_is_read(shop: Shop, content_type: str) -> None:
    response = send(shop, "/v1/validate", b'{"key":"k"}', {"content-type": content_type})
    assert response.json() == {"ok": False, "reason": "bad_format"}


@pytest.mark.parametrize("path", PUBLIC_JSON)
def test_a_body_over_2_mib_is_413(shop: Shop, path: str) -> None:
    assert_refused(send(shop, path, b" " * (BODY_BYTES_MAX + 1)), 413)


@pytest.mark.parametrize("path", ADMIN_JSON)
@pytest.mark.parametrize(
    ("content", "status"),
    [(b"", 400), (b"{", 400), (b"[]", 400), (b"{}", 400), (b" " * (BODY_BYTES_MAX + 1), 413)],
)
def test_operators_get_the_same_refusals(
    shop: Shop, path: str, content: bytes, status: int
) -> None:
    assert_refused(send(shop, path, content, ADMIN | JSON), status)


def test_unknown_fields_are_ignored_everywhere(stocked: Shop) -> None:
    key = stocked.issue(surprise=[1])["license_key"]
    assert stocked.validate(key, product="another")["ok"] is True
    assert stocked.buy(email="x@example.com", npub="n")["checkout_url"]
    for path in KEYED:
        response = stocked.post(path, key=key, fingerprint="m", product_slug="no")
        assert response.json()["ok"] is True


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v1/products/nope", id="unknown product"),
        pytest.param("/v1/products/nope/policies", id="tiers of an unknown product"),
        pytest.param(f"/v1/purchase/{UNKNOWN_ID}", id="unknown invoice"),
        pytest.param("/v1/products/APP", id="upper-case slug"),
        pytest.param("/v1/products/%20app", id="padded slug"),
        pytest.param("/v1/purchase/%20", id="blank invoice id"),
        pytest.param(f"/v1/products/{'a' * 129}", id="slug over the limit"),
        pytest.param(f"/v1/purchase/{'a' * 129}", id="id over the limit"),
        pytest.param("/v1/products/a%00b", id="NUL in a slug"),
        pytest.param("/v1/purchase/a%00b", id="NUL in an id"),
        pytest.param("/v1/products/", id="trailing slash"),
        pytest.param("/v1/nope", id="unknown route"),
    ],
)
def test_what_is_not_there_is_404(stocked: Shop, path: str) -> None:
    assert_refused(stocked.client.get(path), 404, "not_found")


def test_an_upper_case_invoice_id_is_404(stocked: Shop) -> None:
    invoice_id = stocked.buy()["invoice_id"].upper()
    assert_refused(stocked.client.get(f"/v1/purchase/{invoice_id}"), 404, "not_found")


@pytest.mark.parametrize("slug", ["nope", "DEFAULT", " default", "a" * 129])
def test_an_unknown_policy_is_404(stocked: Shop, slug: str) -> None:
    response = stocked.post("/v1/purchase", product="app", policy_slug=slug)
    assert_refused(response, 404, "not_found")


def test_a_path_that_is_not_utf8_is_400(shop: Shop) -> None:
    assert_refused(shop.client.get("/v1/products/%ff"), 400)


@pytest.mark.parametrize("code", ["SAVE10", "save10", "  save10 ", "x" * 65, "x" * 10_000])
def test_an_unknown_discount_code_is_400(stocked: Shop, code: str) -> None:
    response = stocked.post("/v1/purchase", product="app", code=code)
    assert_refused(response)
    assert response.json()["code"] == "code_refused"


@pytest.mark.parametrize("field", ["policy_slug", "code", "redirect_url", "rail", "buyer_email"])
def test_an_empty_option_of_a_purchase_is_absent(stocked: Shop, field: str) -> None:
    assert stocked.buy(**{field: ""})["checkout_url"]


def test_an_empty_product_slug_fails_closed(stocked: Shop) -> None:
    key = stocked.issue()["license_key"]
    assert stocked.validate(key, product_slug="")["reason"] == "product_mismatch"


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_a_blank_fingerprint_is_absent_in_validate(stocked: Shop, blank: str) -> None:
    key = stocked.issue()["license_key"]
    assert "machine_id" not in stocked.validate(key, fingerprint=blank)


@pytest.mark.parametrize("path", KEYED)
@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_a_blank_fingerprint_is_400_for_machines(stocked: Shop, path: str, blank: str) -> None:
    key = stocked.issue()["license_key"]
    assert_refused(stocked.post(path, key=key, fingerprint=blank))


@pytest.mark.parametrize("rail", ["paypal", "LIGHTNING", "x" * 5_000])
def test_an_unknown_rail_is_ignored(stocked: Shop, rail: str) -> None:
    assert stocked.buy(rail=rail)["checkout_url"]


def test_a_malformed_email_is_accepted_and_trimmed(stocked: Shop) -> None:
    purchase = stocked.buy(buyer_email="  nobody at nowhere ")
    assert stocked.invoice(purchase["invoice_id"]).buyer_email == "nobody at nowhere"


@pytest.mark.parametrize(
    "key",
    [
        pytest.param("nonsense", id="malformed key"),
        pytest.param("LIC1-" + "A" * KEY_CHARS_MAX, id="key over the limit"),
        pytest.param("LIC1-\u017f-A", id="letters that up-case into the alphabet"),
    ],
)
def test_a_malformed_key(shop: Shop, key: str) -> None:
    assert shop.validate(key) == {"ok": False, "reason": "bad_format"}
    for path in KEYED:
        assert_refused(shop.post(path, key=key, fingerprint="m"))


def test_outer_whitespace_of_a_key_is_trimmed(stocked: Shop) -> None:
    key = stocked.issue()["license_key"]
    assert stocked.validate(f"  {key}\n")["ok"] is True


def test_the_key_of_another_server(shop: Shop) -> None:
    key = signed(seed=b"\7" * 32)
    assert shop.validate(key) == {"ok": False, "reason": "bad_signature"}
    for path in KEYED:
        assert_refused(shop.post(path, key=key, fingerprint="m"))


def test_a_well_signed_key_of_a_deleted_license(shop: Shop) -> None:
    answers = [shop.post(path, key=signed(), fingerprint="m") for path in KEYED]
    assert shop.validate(signed()) == {"ok": False, "reason": "not_found"}
    assert_refused(answers[0], 404, "not_found")
    assert answers[1].json() == {"ok": False, "reason": "not_activated"}
    assert answers[2].json() == {"ok": False, "reason": "not_found"}


@pytest.mark.parametrize(("action", "status"), [("suspend", "suspended"), ("revoke", "revoked")])
def test_a_suspended_or_revoked_license(stocked: Shop, action: str, status: str) -> None:
    sold = stocked.sell()
    stocked.admin("POST", f"/licenses/{sold['license_id']}/{action}", json={})
    assert stocked.validate(sold["license_key"])["reason"] == status
    activated = stocked.post(KEYED[0], key=sold["license_key"], fingerprint="m").json()
    assert (activated["ok"], activated["reason"]) == (False, status)
    polled = stocked.poll(sold["invoice_id"])
    assert (polled["license_key"], polled["license_id"]) == (None, sold["license_id"])


def test_an_expired_license(stocked: Shop) -> None:
    stocked.add_policy("minute", duration_seconds=60, grace_seconds=60)
    sold = stocked.sell(policy_slug="minute")
    stocked.clock.turn(119)
    assert stocked.validate(sold["license_key"])["in_grace_period"] is True
    stocked.clock.turn(1)
    assert stocked.validate(sold["license_key"])["reason"] == "expired"
    assert stocked.poll(sold["invoice_id"])["license_key"] == sold["license_key"]


# --- the limits ---------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/validate", *KEYED])
def test_a_fingerprint_over_4096_characters_is_400(stocked: Shop, path: str) -> None:
    key = stocked.issue()["license_key"]
    assert stocked.post(path, key=key, fingerprint="f" * 4_096).status_code == 200
    assert_refused(stocked.post(path, key=key, fingerprint="f" * 4_097))


@pytest.mark.parametrize("path", ["/v1/validate", KEYED[0]])
@pytest.mark.parametrize("field", ["hostname", "platform"])
def test_what_a_machine_says_of_itself_is_cut(stocked: Shop, path: str, field: str) -> None:
    key = stocked.issue()["license_key"]
    stocked.post(path, key=key, fingerprint="m", **{field: "é" * 300})
    (machine,) = stocked.admin("GET", "/machines")["machines"]
    assert machine[field] == "é" * 255


@pytest.mark.parametrize(
    ("field", "chars"), [("buyer_email", 320), ("buyer_note", 2_000), ("redirect_url", 2_048)]
)
def test_a_field_of_a_purchase_over_its_limit_is_400(stocked: Shop, field: str, chars: int) -> None:
    start = "https://example.com/"
    assert stocked.buy(**{field: start.ljust(chars, "x")})["checkout_url"]
    assert_refused(
        stocked.post("/v1/purchase", product="app", **{field: start.ljust(chars + 1, "x")})
    )


def test_an_idempotency_key_over_255_characters_is_400(stocked: Shop) -> None:
    for chars, status in ((255, 200), (256, 400)):
        response = stocked.client.post(
            "/v1/purchase", json={"product": "app"}, headers={"idempotency-key": "k" * chars}
        )
        assert response.status_code == status


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JAVASCRIPT:alert(1)",
        "data:text/html,x",
        "vbscript:x",
        "file:///etc/passwd",
        "/relative",
        "//host/path",
        "https:///path",
        "http://a b",
        "http://a\nb",
        "not a url",
        "http://[",
    ],
)
def test_a_redirect_that_leads_nowhere_safe_is_400(stocked: Shop, url: str) -> None:
    assert_refused(stocked.post("/v1/purchase", product="app", redirect_url=url))


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/purchase", {"product": "app", "buyer_email": "a\0b"}),
        ("/v1/purchase", {"product": "app", "buyer_note": "a\0b"}),
        ("/v1/purchase", {"product": "app", "redirect_url": "https://a\0b"}),
        ("/v1/purchase", {"product": "a\0b"}),
        ("/v1/validate", {"fingerprint": "a\0b"}),
        ("/v1/validate", {"fingerprint": "m", "hostname": "a\0b"}),
        ("/v1/machines/activate", {"fingerprint": "a\0b"}),
        ("/v1/machines/activate", {"fingerprint": "m", "platform": "a\0b"}),
        ("/v1/machines/deactivate", {"fingerprint": "m", "reason": "a\0b"}),
    ],
)
def test_nul_in_a_stored_string_is_400(stocked: Shop, path: str, body: dict[str, str]) -> None:
    key = stocked.issue()["license_key"]
    stocked.post("/v1/machines/activate", key=key, fingerprint="m")
    assert_refused(stocked.post(path, **({"key": key} | body)))


def test_a_query_that_cannot_be_read_is_400(shop: Shop) -> None:
    for path in ("/machines?limit=x", "/licenses?offset=1.5", "/products?include_inactive=on"):
        assert_refused(shop.admin("GET", path, ok=False))
