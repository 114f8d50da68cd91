"""A client is generated from the OpenAPI document, and called: that is what the document is for."""

import json
import subprocess
import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Final

import httpx
import pytest

from tests.support.http import ADMIN
from tests.support.shop import Shop, running_shop

PACKAGE: Final = "generated_keysat_client"
LEFT_OUT: Final = [
    "WARNING parsing GET /thank-you/license.svg within pages.",
    "WARNING parsing POST /v1/admin/import-issuer-key within server. Endpoint will not be generated.",
]
"""What is no JSON: a picture, and a file with a signing key, which an operator sends by hand."""


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with running_shop() as running:
        yield running


@pytest.fixture(scope="module")
def generated(shop: Shop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Generate the client and let it be imported."""
    folder = tmp_path_factory.mktemp("client")
    document, config = folder / "openapi.json", folder / "config.json"
    document.write_bytes(shop.client.get("/v1/openapi.json").content)
    # What it would run afterwards only makes the code look nicer.
    config.write_text(json.dumps({"post_hooks": []}))
    generator = [sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"]
    done = subprocess.run(  # noqa: S603
        [
            *generator,
            "--path",
            str(document),
            "--config",
            str(config),
            "--output-path",
            str(folder / PACKAGE),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said = [
        line
        for line in (done.stdout + done.stderr).splitlines()
        if line.startswith(("WARNING", "ERROR"))
    ]
    assert said == LEFT_OUT, done.stderr
    sys.path.insert(0, str(folder))
    try:
        yield PACKAGE
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
            del sys.modules[name]


@pytest.fixture
def client(shop: Shop, generated: str) -> Any:
    """A client of the shop in this process, with the admin key."""
    made = import_module(f"{generated}.client").AuthenticatedClient(
        base_url="http://shop", token=ADMIN["authorization"].removeprefix("Bearer ")
    )
    inner = httpx.Client(
        base_url="http://shop",
        headers=ADMIN,
        transport=shop.client._transport,
    )
    return made.set_httpx_client(inner)


def of(generated: str, path: str) -> Any:
    return import_module(f"{generated}.{path}")


def test_every_operation_is_in_the_client(shop: Shop, generated: str) -> None:
    document = shop.client.get("/v1/openapi.json").json()
    folder = Path(of(generated, "api").__file__).parent
    made = {path.stem for path in folder.glob("*/*.py")}
    wanted = {one["operationId"] for item in document["paths"].values() for one in item.values()}
    assert wanted - made == {"import_issuer_key"}
    for path in sorted(folder.glob("*/*.py")):
        of(generated, f"api.{path.parent.name}.{path.stem}")


def test_a_product_is_made_sold_and_its_license_validated(client: Any, generated: str) -> None:
    models = of(generated, "models")
    product = of(generated, "api.products.create_product").sync(
        client=client,
        body=models.NewProduct(slug="editor", name="Editor", price_sats=50_000),
    )
    assert (product.slug, product.price_sats) == ("editor", 50_000)
    issued = [
        of(generated, "api.licenses.issue_license").sync_detailed(
            client=client,
            body=models.NewLicense(product_slug="editor", buyer_email="ada@example.com"),
            idempotency_key="issue-1",
        )
        for _ in range(2)
    ]
    assert issued[0].parsed.license_id == issued[1].parsed.license_id
    assert issued[1].headers["idempotent-replayed"] == "true"
    said = of(generated, "api.licenses.validate").sync(
        client=client, body=models.ValidateRequest(key=issued[0].parsed.license_key)
    )
    assert said.ok is True
    listed = of(generated, "api.licenses.list_licenses").sync(client=client, limit=10)
    assert [one.id for one in listed.licenses] == [issued[0].parsed.license_id]
    assert listed.licenses[0].issued_at.tzinfo is not None
    purchase = of(generated, "api.purchase.start_purchase").sync(
        client=client, body=models.PurchaseRequest(product="editor")
    )
    assert purchase.checkout_url


def test_an_error_is_read_as_one(client: Any, generated: str) -> None:
    answer = of(generated, "api.licenses.get_license").sync(license_id="nope", client=client)
    assert isinstance(answer, of(generated, "models").Error)
    assert (answer.error, answer.code) == ("not_found", "not_found")
