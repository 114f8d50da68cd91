"""Behaviours that clients' own tests pin. Source: public-api 19, by number.

Missing: 9-13, 17 and 18 are about routes that do not exist yet.
"""

from collections.abc import Mapping

import pytest

from keysat_core.domain.money import Currency, Money
from keysat_core.domain.payment import ProviderReport, ProviderStatus
from keysat_core.errors import ProviderUnavailable
from keysat_core.ports.sandbox import PretendPayment
from tests.support.http import PUBLIC_URL
from tests.support.shop import Shop, running_shop


def test_1_healthz(shop: Shop) -> None:
    assert shop.client.get("/healthz").status_code == 200


def test_2_validate_garbage_and_a_good_key(shop: Shop) -> None:
    assert shop.validate("garbage") == {"ok": False, "reason": "bad_format"}
    product = shop.add_product()
    issued = shop.issue()
    answer = shop.validate(issued["license_key"])
    assert (answer["ok"], answer["status"]) == (True, "active")
    assert (answer["license_id"], answer["product_id"]) == (issued["license_id"], product["id"])


def test_3_a_zero_price_tier_without_a_provider() -> None:
    with running_shop(is_sandbox=False) as shop:
        shop.add_product()
        shop.add_policy("free", price_sats_override=0)
        purchase = shop.buy(policy_slug="free")
        assert (purchase["amount_sats"], purchase["checkout_url"]) == (0, "")
        assert shop.validate(purchase["license_key"])["ok"] is True
        assert len(shop.licenses()) == 1


def test_4_a_paid_purchase(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    assert shop.sandbox is not None
    at_provider = shop.sandbox.till.show(purchase["btcpay_invoice_id"])
    assert at_provider.invoice_id == purchase["invoice_id"]
    assert purchase["checkout_url"] == f"{PUBLIC_URL}/sandbox/checkout/{at_provider.id}"
    assert "license_key" not in purchase
    assert shop.poll(purchase["invoice_id"])["status"] == "pending"
    assert shop.licenses() == []


def test_5_a_price_in_dollars(shop: Shop) -> None:
    shop.add_product(price_currency="USD", price_value=4_900)
    shop.pin_rate("USD", "50000")
    purchase = shop.buy()
    assert purchase["amount_sats"] == 98_000
    invoice = shop.invoice(purchase["invoice_id"])
    assert (
        invoice.listed_currency,
        invoice.listed_value,
        invoice.exchange_rate_centibps,
        invoice.exchange_rate_source,
    ) == (Currency.USD, 4_900, 500_000_000, "manual_pin")


@pytest.mark.parametrize("answer", ["pending", "unreachable"])
def test_6_a_settle_event_alone_proves_nothing(shop: Shop, answer: str) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    if answer == "pending":
        shop.providers.report = ProviderReport(status=ProviderStatus.PENDING, raw_status="New")
    else:
        shop.providers.failure_of_status = ProviderUnavailable("read invoice", "timeout")
    assert shop.deliver() > 0
    assert shop.poll(purchase["invoice_id"])["status"] == "pending"
    assert shop.licenses() == []


def test_7_a_confirmed_settlement_issues_once(shop: Shop) -> None:
    shop.add_product()
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    letters: list[tuple[str, dict[str, str], bytes]] = []
    send = shop.wire.send

    def note_and_send(path: str, headers: Mapping[str, str], body: bytes) -> int | None:
        letters.append((path, dict(headers), body))
        return send(path, headers, body)

    shop.wire.send = note_and_send
    shop.deliver()
    for path, headers, body in letters * 2:
        assert shop.client.post(path, headers=headers, content=body).status_code == 200
    assert len(shop.licenses()) == 1
    assert shop.poll(purchase["invoice_id"])["license_key"] is not None


@pytest.mark.parametrize(
    ("price", "audits"),
    [
        (Money(currency=Currency.SAT, amount=1), 1),
        (Money(currency=Currency.SAT, amount=50_000), 0),
        (Money(currency=Currency.USD, amount=1), 0),
        (None, 0),
    ],
)
def test_8_an_amount_that_differs_is_told_and_sold(
    shop: Shop, price: Money | None, audits: int
) -> None:
    shop.add_product(price_sats=50_000)
    purchase = shop.buy()
    shop.act(purchase, PretendPayment.PAY)
    shop.providers.report = ProviderReport(
        status=ProviderStatus.SETTLED, price=price, raw_status="Settled"
    )
    shop.deliver()
    assert len(shop.licenses()) == 1
    assert shop.audited("invoice.amount_mismatch") == audits


def test_14_the_openapi_document(shop: Shop) -> None:
    response = shop.client.get("/v1/openapi.json", headers={"origin": "https://elsewhere.example"})
    document = response.json()
    assert response.status_code == 200
    assert response.headers["access-control-allow-origin"] == "*"
    assert "access-control-allow-credentials" not in response.headers
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "Keysat"
    assert len(document["paths"]) > 5
    assert {"/v1/admin/licenses", "/v1/validate"} <= document["paths"].keys()
    assert {"Error", "License", "Product", "Policy", "ValidateResponse"} <= document["components"][
        "schemas"
    ].keys()
    assert document["components"]["securitySchemes"]["bearerAuth"]["scheme"] == "bearer"
    assert document["paths"]["/v1/validate"]["post"]["security"] == []


def test_15_a_preflight_needs_no_credential(shop: Shop) -> None:
    response = shop.client.options(
        "/v1/admin/products",
        headers={
            "origin": "https://elsewhere.example",
            "access-control-request-method": "POST",
        },
    )
    assert response.is_success
    assert response.headers["access-control-allow-origin"] == "*"


def test_16_a_catalog_comes_back_in_order(shop: Shop) -> None:
    catalog = [
        {"slug": slug, "name": slug.title(), "description": ""} for slug in ("zip", "api", "csv")
    ]
    shop.add_product(entitlements_catalog=catalog)
    (product,) = shop.client.get("/v1/products").json()["products"]
    assert product["entitlements_catalog"] == catalog
