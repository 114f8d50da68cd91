"""How one answer leads to the next request: OpenAPI links, for clients and tests that follow them.

A thing's id, wherever an answer says it, fits every operation with a path parameter for it.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = dict[str, Any]

_SOURCES: Final[Mapping[str, Mapping[str, str]]] = {
    "create_product": {"product_id": "/id"},
    "create_policy": {"policy_id": "/id", "product_id": "/product_id"},
    "create_discount_code": {"code_id": "/id"},
    "create_merchant_profile": {"profile_id": "/id"},
    "create_webhook_endpoint": {"endpoint_id": "/id"},
    "issue_license": {"license_id": "/license_id"},
    "start_purchase": {"invoice_id": "/invoice_id"},
    "list_products": {"product_id": "/products/0/id"},
    "list_policies": {"policy_id": "/policies/0/id"},
    "list_licenses": {"license_id": "/licenses/0/id"},
    "list_invoices": {"invoice_id": "/invoices/0/id"},
    "list_machines": {"machine_id": "/machines/0/id"},
    "list_discount_codes": {"code_id": "/codes/0/id"},
    "list_subscriptions": {"subscription_id": "/subscriptions/0/id"},
    "list_merchant_profiles": {"profile_id": "/profiles/0/id"},
    "list_webhook_endpoints": {"endpoint_id": "/endpoints/0/id"},
    "list_webhook_deliveries": {"delivery_id": "/deliveries/0/id"},
}
"""Which operation says which id, and where in its answer."""


def add_links(document: Schema) -> None:
    """Link every answer that says an id to the operations that take one."""
    takers = [
        (operation["operationId"], names)
        for operation in _operations(document)
        if (names := _path_parameters(operation))
    ]
    for operation in _operations(document):
        said = _SOURCES.get(operation["operationId"])
        if said is None:
            continue
        operation["responses"]["200"]["links"] = {
            taker: {
                "operationId": taker,
                "parameters": {name: f"$response.body#{said[name]}" for name in sorted(names)},
            }
            for taker, names in takers
            if names <= said.keys()
        }


def _operations(document: Schema) -> Iterator[Schema]:
    for item in document["paths"].values():
        yield from item.values()


def _path_parameters(operation: Schema) -> set[str]:
    return {one["name"] for one in operation.get("parameters", ()) if one["in"] == "path"}
