"""The server runs on the ports that test suites get: they are whole."""

from litestar.testing import TestClient

from keysat_adapters.system.seal import SecretBoxSeal
from keysat_core.domain.product import PriceInput
from keysat_core.testing import OPERATOR, sandbox_ports
from keysat_core.use_cases.products.create_product import CreateProduct, create_product
from keysat_http.app import create_app
from keysat_http.endpoints import route_dependencies, route_handlers
from tests.support.http import FromPeer, settings


def test_a_key_sold_in_memory_validates_over_http() -> None:
    with sandbox_ports() as shop:
        new = CreateProduct(slug="app", name="App", price=PriceInput(price_sats=50_000))
        shop.run(create_product, OPERATOR, new)
        key = shop.sell("app").key
        ports = shop.as_ports()
        app = create_app(
            ports,
            settings(),
            seal=SecretBoxSeal(),
            route_handlers=route_handlers(ports),
            dependencies=route_dependencies(),
        )
        with TestClient(FromPeer(app=app, peer="203.0.113.9")) as client:
            answer = client.post("/v1/validate", json={"key": key, "product_slug": "app"}).json()
            refusal = client.post("/v1/validate", json={"key": key[:-8]}).json()
    assert answer["ok"] is True
    assert refusal["reason"] == "bad_format"
